"""Fitting the post-filter of a picture (:mod:`.post_filter`) by least squares, on samples of the picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from itertools import product
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from ...parallel import SMALL_PRODUCT
from ...rectangle import Rectangle
from ..payload.header import EXACT_SIDE
from .post_filter import ACTIVITY_STEP, ACTIVITY_STEPS, BLOCK, FEATURES, HALF, REACH, SHIFTS, Filter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..symbols.entropy_coding import CdfTable

__all__ = ["FilterFit", "samples"]

_SIDE = 112
_COUNT = 8
_FEW_PIXELS = 1 << 20  # of a picture that is its own sample
_ORIGIN = Rectangle(0, 0, 0, 0)
_EVERY = 2  # row of blocks
_FEWEST = 3  # samples that can judge each other
_LARGEST = 1024
_TOGETHER = SMALL_PRODUCT // (2 * FEATURES) ** 2  # pixels of a row
# Mean squares of features over training pictures: of a colour, and of the difference of another colour to it.
# With one set they are those of all blocks; with two, those of even and of busy blocks. A share of them draws
# weights towards zero. So samples without edges or colours do not decide what happens to edges and colours
# elsewhere.
_USUAL = {1: ((150.0, 4.5),), 2: ((5.0, 1.0), (140.0, 2.6))}
_RIDGE = 0.02
_OFFSETS_PER_LEVEL = 64
_USUAL_OFFSET = 1 / 32
"""By how many levels pictures come out too dark as a rule: the median of 19 photos. It is much the same for
all colours and for qualities 30, 50 and 75."""


def samples(
    rgb: NDArray[np.uint8],
    blocks: list[Rectangle],
    whole: Rectangle,
    margin: int,
    exact: NDArray[np.bool_] | None = None,
) -> dict[Rectangle, float]:
    """The parts of a picture to fit its filter on, and how much of the picture each stands for.

    A small picture is its own sample. Of a larger one they are squares, more of them where it is busier. Each
    lies in one block, together with the pixels that the synthesis sees around it, to be decoded at once.

    Args:
        rgb: the picture.
        blocks: what it is coded in.
        whole: the coded area.
        margin: how many pixels the synthesis and the filter see around one.
        exact: ``(H / 8, W / 8)`` rounded up, blocks that the filter does not show; ``None`` for none.
    """
    height, width = (size // BLOCK * BLOCK for size in rgb.shape[:2])
    if not width or not height:
        return {}
    if width * height <= _FEW_PIXELS and blocks == [whole]:
        return {Rectangle(0, 0, width, height): 1.0}
    w, h = min(_SIDE, width), min(_SIDE, height)
    squares = []
    for block in blocks:
        inner = Rectangle(
            block.left + margin * (block.left > 0),
            block.top + margin * (block.top > 0),
            min(width, block.right - margin * (block.right < whole.right)),
            min(height, block.bottom - margin * (block.bottom < whole.bottom)),
        )
        corners = product(
            range(inner.top, inner.bottom - h + 1, h), range(inner.left, inner.right - w + 1, w)
        )
        squares += [Rectangle(x, y, x + w, y + h) for y, x in corners]
    if len(squares) < _FEWEST:
        return {}
    busy = np.array([_differences(rgb[box.top : box.bottom : 4, box.left : box.right, 1]) for box in squares])
    if exact is not None:
        busy *= [1 - exact[box.reduced(EXACT_SIDE).inside(_ORIGIN)].mean() for box in squares]
        if not busy.any():
            return {}
    places = np.searchsorted(np.cumsum(busy), (np.arange(_COUNT) + 0.5) / _COUNT * busy.sum())
    chosen = Counter(places.tolist())
    shares = {squares[i]: float(times * busy.mean() / busy[i]) for i, times in chosen.items()}
    return shares if len(shares) >= _FEWEST else {}


def _differences(rows: NDArray[np.uint8]) -> float:
    """How much neighbours in rows differ, in grey levels; at least 1."""
    return max(1.0, float(np.abs(np.diff(rows.astype(np.int16))).mean()))


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of samples: weighted products of features with each other and with the errors.

    Attributes:
        squares: ``(features, features)``.
        products: ``(features, 3)``.
        errors: ``(3,)``, their weighted sums.
        weight: sum of the weights.
        small: ``(3,)``, the errors of the small rendering, with this weight.
        pixels: how many pixels they stand for.
    """

    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    errors: NDArray[np.float64]
    weight: float
    small: NDArray[np.float64]
    pixels: float

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.squares + other.squares,
            self.products + other.products,
            self.errors + other.errors,
            self.weight + other.weight,
            self.small + other.small,
            self.pixels + other.pixels,
        )

    def of_one_set(self) -> _Sums:
        """The same, for features without regard to activity."""
        squares = self.squares.reshape(2, FEATURES, 2, FEATURES).sum((0, 2))
        products = self.products.reshape(2, FEATURES, 3).sum(0)
        return replace(self, squares=squares, products=products)

    def solve(self) -> NDArray[np.float64]:
        """Least squares, ``(features, 3)``, drawn towards zero."""
        out = np.empty_like(self.products)
        for colour in range(3):
            full, usual = _mixed(len(self.squares) // FEATURES, colour)
            squares = full.T @ self.squares @ full + np.diag(_RIDGE * self.weight * usual)
            out[:, colour] = full @ np.linalg.solve(squares, full.T @ self.products[:, colour])
        return out

    def gain(self, weights: NDArray[np.float64]) -> float:
        """By how much weights of features lessen the squared error, averaged over colours, in all pixels."""
        less = 2 * np.sum(weights * self.products) - np.sum(weights * (self.squares @ weights))
        return float(less / 3)


@lru_cache
def _mixed(sets: int, colour: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From weights of a colour and of others' differences from it to weights of all colours; mean squares."""
    others = np.arange(3) != colour
    mix = np.eye(3) - np.outer(~others, others)
    full = np.kron(np.eye(sets), np.kron(mix, np.eye(len(HALF))))
    usual = [pair[other] for pair in _USUAL[sets] for other in others.astype(int)]
    return full, np.repeat(usual, len(HALF))


class FilterFit:
    """Collects what least squares need to know of decoded pixels and of the originals."""

    def __init__(self) -> None:
        self._parts: list[_Sums] = []

    def add(
        self,
        decoded: NDArray[np.uint8],
        original: NDArray[np.uint8],
        importance: NDArray[np.float32],
        share: float,
        small: NDArray[np.float64] | None = None,
    ) -> None:
        """Take in a part of the picture.

        Args:
            decoded: ``(H + 2, W + 2, 3)``, with the pixel around that the filter sees; ``H`` and ``W``
                are multiples of 4.
            original: ``(H, W, 3)``.
            importance: ``(H, W)``, how much the errors of its pixels count.
            share: how much of the picture it stands for.
            small: its mean error in the small rendering, ``(3,)``; as for all parts, or ``None``.
        """
        levels = decoded.astype(np.float32)
        blocks = np.arange(0, original.shape[0] // BLOCK, _EVERY)
        rows = BLOCK * blocks + blocks // _EVERY % BLOCK  # Few of them: neighbours tell much the same.
        if not importance[rows].any():
            return
        features, inner = _features(levels, rows)
        busy = features * _activity(levels)[blocks][:, None]
        features = np.concatenate([features - busy, busy], 1)
        weighted = features * importance[rows, None]
        known, errors = features.transpose(0, 2, 1), original[rows] - inner
        squares, products = np.zeros((2 * FEATURES, 2 * FEATURES)), np.zeros((2 * FEATURES, 3))
        for at in range(0, features.shape[2], _TOGETHER):
            part = slice(at, at + _TOGETHER)
            squares += (weighted[:, :, part] @ known[:, part]).sum(0, dtype=np.float64)
            products += (weighted[:, :, part] @ errors[:, part]).sum(0, dtype=np.float64)
        weight = share * float(importance[rows].sum(dtype=np.float64))
        self._parts.append(
            _Sums(
                share * squares,
                share * products,
                weight * _mean_error(levels, original, importance),
                weight,
                weight * (np.zeros(3) if small is None else small),
                share * inner[..., 0].size,
            )
        )

    def best(
        self, cdfs: CdfTable, error_weight: float, pixels: int, small: NDArray[np.float64] | None = None
    ) -> Filter | None:
        """The filter that is most worth its bits, or ``None`` where none is.

        Each sample judges what the others would choose: a filter must be good for what it has not seen, too.
        A single sample is all of the picture.

        Args:
            cdfs: codes it.
            error_weight: bits that a squared error is worth, averaged over colours, in one pixel.
            pixels: of the whole picture, for which the samples stand.
            small: the mean error of the small rendering of the whole picture, ``(3,)``.
        """
        if not self._parts:
            return None
        found, least = Filter(np.zeros((0, FEATURES, 3), np.int16), SHIFTS[0]), 0.0
        scale = error_weight * pixels / sum(part.pixels for part in self._parts)
        for parts in ([part.of_one_set() for part in self._parts], self._parts):
            whole = reduce(add, parts)
            exact = whole.solve()
            doubt = whole.gain(exact) - _unseen_gain(parts) if len(parts) > 1 else 0.0
            for shift in SHIFTS:
                weights = np.clip(np.rint(exact * 2.0**shift), -_LARGEST, _LARGEST)
                candidate = Filter(weights.astype(np.int16).reshape(-1, FEATURES, 3), shift)
                gain = whole.gain(weights * 2.0**-shift) - doubt
                cost = candidate.bits(cdfs) - scale * gain
                if cost < least:
                    found, least = candidate, cost
        found = replace(found, offsets=_offsets(self._parts, np.zeros(3) if small is None else small))
        return found if len(found.weights) or any(found.offsets) else None


def _mean_error(
    levels: NDArray[np.float32], original: NDArray[np.uint8], importance: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The mean error of all pixels of a part, not only of those that decide on the filter."""
    errors = original - levels[REACH:-REACH, REACH:-REACH]
    sums = np.einsum("yxc,yx->c", errors, importance, dtype=np.float64)
    mean: NDArray[np.float64] = sums / importance.sum(dtype=np.float64)
    return mean


def _offsets(parts: list[_Sums], small: NDArray[np.float64]) -> tuple[int, int, int]:
    """The mean error, in 64ths of a level; the usual one where samples disagree.

    By how much samples are worse than all of the picture in the small rendering, they are in the full size.
    A filter has no part in it: it adds differences of neighbours, which cancel each other over a picture.
    """
    shares = np.array([part.weight for part in parts])
    left = np.array([part.errors - part.small for part in parts]) + shares[:, None] * small
    mean = left.sum(0) / shares.sum()
    if len(parts) > 1:
        apart = left / shares[:, None] - mean
        doubt = (shares[:, None] * np.square(apart)).sum(0) / shares.sum() / (len(parts) - 1)
        unusual = mean - _USUAL_OFFSET
        mean = _USUAL_OFFSET + unusual**3 / np.maximum(unusual**2 + doubt, 1e-9)
    red, green, blue = np.clip(np.rint(_OFFSETS_PER_LEVEL * mean), -128, 127).astype(int).tolist()
    return red, green, blue


def _unseen_gain(parts: list[_Sums]) -> float:
    """What each part gains by the filter of the others, together."""
    rests = (reduce(add, parts[:i] + parts[i + 1 :]) for i in range(len(parts)))
    return sum(part.gain(rest.solve()) for part, rest in zip(parts, rests, strict=True))


def _features(
    levels: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features ``(rows, FEATURES, W)`` and levels ``(rows, W, 3)`` of some rows."""
    width = levels.shape[1] - 2 * REACH

    def shifted(dy: int, dx: int) -> NDArray[np.float32]:
        return levels[rows + REACH + dy, REACH + dx : REACH + dx + width].transpose(0, 2, 1)

    inner = shifted(0, 0)
    taps = np.empty((len(rows), 3, len(HALF), width), np.float32)
    for tap, (dy, dx) in enumerate(HALF):
        taps[:, :, tap] = shifted(dy, dx) + shifted(-dy, -dx) - 2 * inner
    return taps.reshape(len(rows), FEATURES, width), inner.transpose(0, 2, 1)


def _activity(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """As the network ``filter`` has it: 0 to 1, ``(H / 4, W)``."""
    grey = levels.sum(2)
    rows = grey[:-2] + grey[1:-1] + grey[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    busy = np.abs(9 * grey[1:-1, 1:-1] - around)
    height, width = busy.shape
    mean = busy.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((1, 3), dtype=np.float32)
    steps = np.minimum(np.floor(mean / ACTIVITY_STEP), ACTIVITY_STEPS)
    return np.repeat(steps / np.float32(ACTIVITY_STEPS), BLOCK, 1)
