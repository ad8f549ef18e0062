"""How well decoded pictures are recognised, beside the originals: one figure each, and their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Box", "Difference", "Kind", "Seen", "difference_of", "edit_distance", "seen_from_maps", "text_of"]

Kind: TypeAlias = Literal["boxes", "text", "label"]
"""Boxes are scored by average precision, texts by edit distance, labels by whether the first one is right."""

_IOU = 0.5
_SURE = 0.5
_ROUNDS = 1000
_SEED = 20

Box: TypeAlias = "tuple[float, float, float, float]"


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that was recognised, or that is there in truth.

    Attributes:
        label: class, or text.
        box: left, top, right, bottom in pixels.
        score: 0 to 1; 1 in truth.
    """

    label: str
    box: Box
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Difference:
    """What coding costs a recogniser.

    Attributes:
        pictures: how many were judged.
        original: its figure on the originals, 0 to 1: mean average precision at IoU 0.5, mean share of the
            text that is right, or share of pictures whose label is right.
        decoded: the same on the decoded pictures.
        lost: per cent of the figure that is lost; below 0 where the decoded pictures do better.
        low: lower end of its 95 % interval, by bootstrap over pictures.
        high: upper end.
    """

    pictures: int
    original: float
    decoded: float
    lost: float
    low: float
    high: float


def difference_of(
    kind: Kind,
    original: Sequence[Sequence[Seen]],
    decoded: Sequence[Sequence[Seen]],
    truth: Sequence[Sequence[Seen]] | None = None,
) -> Difference:
    """Compare what was seen in each picture.

    Args:
        kind: how it is scored.
        original: what was seen in each original.
        decoded: what was seen in each decoded picture, in the same order.
        truth: what is there; without it, what was seen in the original with a score of at least 0.5.
    """
    if truth is None:
        truth = [[seen for seen in each if kind != "boxes" or seen.score >= _SURE] for each in original]
    count = len(truth)
    scorer = _Boxes if kind == "boxes" else _Means
    scores = [scorer(kind, each, truth) for each in (original, decoded)]
    everything = np.arange(count)
    first, second = (score.figure(everything) for score in scores)
    generator = np.random.default_rng(_SEED)
    drawn = [generator.integers(0, count, count) for _ in range(_ROUNDS)] if count else []
    losses = [_lost(*(score.figure(picks) for score in scores)) for picks in drawn]
    known = [loss for loss in losses if not math.isnan(loss)]
    low, high = np.percentile(known, [2.5, 97.5]) if known else (math.nan, math.nan)
    return Difference(count, first, second, _lost(first, second), float(low), float(high))


def _lost(original: float, decoded: float) -> float:
    return 100 * (original - decoded) / original if original > 0 else math.nan


class _Means:
    """A figure that is a mean over pictures."""

    def __init__(self, kind: Kind, seen: Sequence[Sequence[Seen]], truth: Sequence[Sequence[Seen]]) -> None:
        right = _text_share if kind == "text" else _same_label
        self._values = np.array([right(a, b) for a, b in zip(seen, truth, strict=True)], float)

    def figure(self, picks: NDArray[np.intp]) -> float:
        """The mean over these pictures; those without anything to see do not count."""
        values = self._values[picks]
        values = values[~np.isnan(values)]
        return float(values.mean()) if values.size else math.nan


def _same_label(seen: Sequence[Seen], truth: Sequence[Seen]) -> float:
    if not truth:
        return math.nan
    first = max(seen, key=lambda s: s.score, default=None)
    return float(first is not None and first.label == max(truth, key=lambda s: s.score).label)


def text_of(seen: Sequence[Seen]) -> str:
    """All text, line by line from top to bottom, and in a line from left to right; blanks left out."""
    ordered = sorted(seen, key=lambda s: (round(s.box[1] / max(1.0, s.box[3] - s.box[1])), s.box[0]))
    return "".join("".join(s.label.split()) for s in ordered)


def _text_share(seen: Sequence[Seen], truth: Sequence[Seen]) -> float:
    """Share of the characters that are right; line by line where it is known where the lines are."""
    want = sum(len(text_of([line])) for line in truth)
    if not want:
        return math.nan
    if all(_area(line.box) <= 1 for line in truth):  # known as a whole, without places
        wrong = edit_distance(text_of(seen), text_of(truth))
    else:
        wrong = _wrong_by_place(seen, truth)
    return max(0.0, 1 - wrong / want)


def _wrong_by_place(seen: Sequence[Seen], truth: Sequence[Seen]) -> int:
    """Wrong characters, where each line that is seen counts for the line that it overlaps most.

    Half of the smaller box must be shared: readers draw theirs wider than the letters. Dials and panels have
    no order of reading: joined, one line that moves by a pixel would change all.
    """
    assigned: list[list[Seen]] = [[] for _ in truth]
    wrong = 0
    for line in seen:
        best = max(range(len(truth)), key=lambda i: _overlap(line.box, truth[i].box))
        smaller = min(_area(line.box), _area(truth[best].box))
        if _shared(line.box, truth[best].box) >= _IOU * max(smaller, 1e-9):
            assigned[best].append(line)
        else:
            wrong += len(text_of([line]))
    for found, line in zip(assigned, truth, strict=True):
        across = "".join(text_of([part]) for part in sorted(found, key=lambda s: s.box[0]))
        wrong += edit_distance(across, text_of([line]))
    return wrong


def edit_distance(first: str, second: str) -> int:
    """Insertions, deletions and replacements of characters that make one of the other (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


class _Boxes:
    """Mean average precision over the labels that are there."""

    def __init__(self, kind: Kind, seen: Sequence[Sequence[Seen]], truth: Sequence[Sequence[Seen]]) -> None:
        del kind
        self._count = len(truth)
        labels = sorted({each.label for picture in truth for each in picture})
        self._found = [_Label.of(label, seen, truth) for label in labels]

    def figure(self, picks: NDArray[np.intp]) -> float:
        """Mean average precision over these pictures."""
        times = np.bincount(picks, minlength=self._count)
        values = [found.average_precision(times) for found in self._found]
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan


@dataclass(frozen=True, slots=True)
class _Label:
    """What was seen of one label in all pictures, surest first.

    Attributes:
        pictures: number of each box's picture.
        right: whether it is there.
        there: how many boxes each picture has in truth.
    """

    pictures: NDArray[np.intp]
    right: NDArray[np.bool_]
    there: NDArray[np.intp]

    @staticmethod
    def of(label: str, seen: Sequence[Sequence[Seen]], truth: Sequence[Sequence[Seen]]) -> _Label:
        """The boxes of a label, each picture's matched with its truth."""
        boxes: list[tuple[float, int, bool]] = []
        there = []
        for number, (found, known) in enumerate(zip(seen, truth, strict=True)):
            mine = [t for t in known if t.label == label]
            there.append(len(mine))
            boxes += [
                (score, number, right)
                for score, right in _matched([s for s in found if s.label == label], mine)
            ]
        boxes.sort(key=lambda box: -box[0])
        return _Label(
            np.array([number for _, number, _ in boxes], np.intp),
            np.array([right for *_, right in boxes], bool),
            np.array(there, np.intp),
        )

    def average_precision(self, times: NDArray[np.intp]) -> float:
        """Area under precision over recall, precision made falling (as in PASCAL VOC since 2010).

        Args:
            times: how often each picture counts.
        """
        there = int(self.there @ times)
        if not there:
            return math.nan
        taken = times[self.pictures]
        hits = np.cumsum(taken * self.right)
        precision = hits / np.maximum(np.cumsum(taken), 1)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        return float((falling * taken * self.right).sum() / there)


def _matched(seen: Sequence[Seen], there: Sequence[Seen]) -> list[tuple[float, bool]]:
    """Score of each box, and whether it is right: the surest takes the best of what is left of the truth."""
    left = list(there)
    found = []
    for each in sorted(seen, key=lambda s: -s.score):
        best = max(left, key=lambda t: _overlap(each.box, t.box), default=None)
        right = best is not None and _overlap(each.box, best.box) >= _IOU
        if right and best is not None:
            left.remove(best)
        found.append((each.score, right))
    return found


def _overlap(a: Box, b: Box) -> float:
    both = _shared(a, b)
    return both / (_area(a) + _area(b) - both) if both else 0.0


def _shared(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def seen_from_maps(maps: Sequence[Mapping[str, Any]]) -> list[Seen]:
    """Annotations of a recogniser, as :func:`pgic_core.hooks.recognise_objects` gives them."""
    found = []
    for each in maps:
        if "box" in each:
            left, top, right, bottom = (float(v) for v in each["box"])
        else:
            points = np.asarray(each["polygon"], float).reshape(-1, 2)
            (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        found.append(Seen(str(each["label"]), (left, top, right, bottom), float(each.get("score", 1.0))))
    return found
