"""What recognisers saw, put together: one row for every recogniser, size and codec (A-B.2d)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeVar

from ..bench.printed_tables import new_table
from ..recognition import Seen, difference_of, find_recogniser
from .recognition_task import ORIGINAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from ..recognition import Box, Difference

__all__ = ["MOST_LOST", "enough_table", "recognition_rows", "recognition_table"]

MOST_LOST = 5.0
"""Per cent that the standard allows."""
T = TypeVar("T")
_AGAINST = {"original": "what it saw before", "given": "what is there"}


def recognition_rows(
    rows: Sequence[Mapping[str, Any]],
    truth: Mapping[str, Sequence[Seen]] | None,
    places: Mapping[str, Box] | None = None,
) -> list[dict[str, Any]]:
    """The difference for every recogniser, size and codec.

    Args:
        rows: of :class:`~.recognition_task.RecognitionTask`, of all pictures.
        truth: as :func:`~pgic_core.lab.recognition.ground_truth.read_truth` gives it; pictures that
            it does not name are left out. None to take what was seen in the original.
        places: which part of a picture counts, as :func:`~pgic_core.lab.recognition.ground_truth.read_places`
            gives it; what is seen elsewhere is left out.
    """
    places = places or {}
    cells: dict[tuple[str, str], dict[str, dict[str, Mapping[str, Any]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        if truth is None or _named(truth, row["picture"]) is not None:
            cells[row["recogniser"], row["size"]][row["codec"]][row["picture"]] = row
    table = []
    for (recogniser, size), codecs in cells.items():
        originals = codecs[ORIGINAL]
        table += [
            {
                "recogniser": find_recogniser(recogniser).name,
                "kind": find_recogniser(recogniser).kind,
                "truth": "original" if truth is None else "given",
                "size": size,
                "jpeg_share": next(iter(originals.values()))["jpeg_share"],
                "codec": codec,
                **_compared(recogniser, originals, coded, truth, places),
            }
            for codec, coded in codecs.items()
            if codec != ORIGINAL
        ]
    return table


def _compared(
    recogniser: str,
    originals: Mapping[str, Mapping[str, Any]],
    coded: Mapping[str, Mapping[str, Any]],
    truth: Mapping[str, Sequence[Seen]] | None,
    places: Mapping[str, Box],
) -> dict[str, Any]:
    names = sorted(coded)
    there = None if truth is None else [_named(truth, name) or () for name in names]
    found: Difference = difference_of(
        find_recogniser(recogniser).kind,
        [_seen(originals[name], _named(places, name)) for name in names],
        [_seen(coded[name], _named(places, name)) for name in names],
        there,
    )
    return {
        "pictures": found.pictures,
        "quality": sum(coded[name]["quality"] for name in names) / max(1, len(names)),
        "bytes": sum(coded[name]["bytes"] for name in names) / max(1, len(names)),
        "bpp": 8 * sum(coded[n]["bytes"] for n in names) / sum(coded[n]["pixels"] for n in names),
        "share": sum(coded[n]["bytes"] for n in names) / sum(originals[n]["bytes"] for n in names),
        "original": found.original,
        "decoded": found.decoded,
        "lost": found.lost,
        "low": found.low,
        "high": found.high,
        "met": found.high < MOST_LOST,
    }


def _named(truth: Mapping[str, T], picture: str) -> T | None:
    """What truth says of a picture, by its whole name or by that of its file."""
    return truth.get(picture, truth.get(picture.rsplit("/", 1)[-1]))


def _seen(row: Mapping[str, Any], place: Box | None) -> list[Seen]:
    """What was seen; with a place, only what has its middle there."""
    return [
        Seen(label, (left, top, right, bottom), score)
        for label, left, top, right, bottom, score in row["seen"]
        if place is None
        or (place[0] <= (left + right) / 2 <= place[2] and place[1] <= (top + bottom) / 2 <= place[3])
    ]


def recognition_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Rows of :func:`recognition_rows` for people."""
    table = new_table(
        f"Recognition lost; met where the upper end of the interval lies below {MOST_LOST:g} %",
        ["recogniser", "against", "size", "codec"],
        ["pictures", "bytes", "original", "decoded", "lost", "95 % interval", "met"],
    )
    for row in rows:
        table.add_row(
            row["recogniser"],
            _AGAINST[row["truth"]],
            row["size"],
            row["codec"],
            str(row["pictures"]),
            f"{row['bytes']:,.0f}",
            f"{row['original']:.3f}",
            f"{row['decoded']:.3f}",
            f"{row['lost']:+.1f} %",
            f"{row['low']:+.1f} to {row['high']:+.1f}",
            "yes" if row["met"] else "no",
        )
    return table


def enough_table(rows: Sequence[Mapping[str, Any]]) -> Table | None:
    """From which share of JPEG 95 on the demand is met, for each recogniser and codec.

    Returns:
        One row each: the smallest measured share from which on all measured ones are met. None where rows of
        :func:`recognition_rows` hold fewer than two shares.
    """
    ladders: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted((r for r in rows if r["jpeg_share"] is not None), key=lambda r: r["jpeg_share"]):
        ladders[row["recogniser"], row["truth"], row["codec"]].append(row)
    if all(len(ladder) < 2 for ladder in ladders.values()):
        return None
    table = new_table(
        f"From where on less than {MOST_LOST:g} % of recognition is lost",
        ["recogniser", "against", "codec"],
        ["share of JPEG 95", "bytes", "bits per pixel", "quality", "lost", "95 % interval"],
    )
    for (recogniser, truth, codec), ladder in ladders.items():
        names = recogniser, _AGAINST[truth], codec
        enough = _enough(ladder)
        if enough is None:
            table.add_row(*names, f"above {100 * ladder[-1]['jpeg_share']:g} %", *[""] * 5)
            continue
        table.add_row(
            *names,
            f"{100 * enough['jpeg_share']:g} %",
            f"{enough['bytes']:,.0f}",
            f"{enough['bpp']:.2f}",
            f"{enough['quality']:.0f}",
            f"{enough['lost']:+.1f} %",
            f"{enough['low']:+.1f} to {enough['high']:+.1f}",
        )
    return table


def _enough(ladder: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first row, in rising order of size, from which on all rows are met."""
    enough = None
    for row in reversed(ladder):
        if not row["met"]:
            break
        enough = row
    return enough
