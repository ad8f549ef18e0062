"""Finding the filter that corrects most of a picture (see :mod:`.filter`), from samples of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from .filter import BLOCK, FEATURES, HALF, REACH, Filter
from .geometry import UNIT, Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .entropy import Bank

__all__ = ["FilterFit", "samples"]

_SIDE = 192
_COUNT = 5
_FEW_PIXELS = 1 << 19  # of a picture that is its own sample
_SHIFTS = range(5, 10)
_LARGEST = 1024
# Mean squares of features over training pictures, of a colour and of another's difference from it:
# everywhere, and by how even and how busy a block is. A share of them draws weights towards zero, so that
# samples without edges, or without colours, do not decide what is done to edges and colours elsewhere.
_USUAL = {1: ((300.0, 12.0),), 2: ((12.0, 2.5), (265.0, 7.0))}
_RIDGE = 0.02


def samples(rgb: NDArray[np.uint8], blocks: list[Box], whole: Box) -> dict[Box, float]:
    """The parts of a picture that its filter is found from, with how much each stands for.

    That is all of a small picture, else squares spread over it, more of them where it is busier. Each lies in
    one block with what the synthesis sees around it, so that it can be decoded at once.

    Args:
        rgb: the picture.
        blocks: what it is coded in.
        whole: the coded area.
    """
    height, width = (size // BLOCK * BLOCK for size in rgb.shape[:2])
    if not width or not height:
        return {}
    if width * height <= _FEW_PIXELS and blocks == [whole]:
        return {Box(0, 0, width, height): 1.0}
    w, h = min(_SIDE, width), min(_SIDE, height)
    squares = []
    for block in blocks:
        left, top = block.left + UNIT * (block.left > 0), block.top + UNIT * (block.top > 0)
        right = min(width, block.right - UNIT * (block.right < whole.right))
        bottom = min(height, block.bottom - UNIT * (block.bottom < whole.bottom))
        corners = product(range(top, bottom - h + 1, h), range(left, right - w + 1, w))
        squares += [Box(x, y, x + w, y + h) for y, x in corners]
    if not squares:
        return {}
    busy = np.array([_differences(rgb[box.top : box.bottom : 4, box.left : box.right, 1]) for box in squares])
    places = np.searchsorted(np.cumsum(busy), (np.arange(_COUNT) + 0.5) / _COUNT * busy.sum())
    return {squares[i]: float(busy.mean() / busy[i]) for i in places.tolist()}


def _differences(rows: NDArray[np.uint8]) -> float:
    """How much neighbours in rows differ, in grey levels; at least 1."""
    return max(1.0, float(np.abs(np.diff(rows.astype(np.int16))).mean()))


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of samples: products of features with each other and with the errors, and how many there are."""

    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    samples: float

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.squares + other.squares, self.products + other.products, self.samples + other.samples
        )

    def all(self) -> _Sums:
        """Of features wherever they are."""
        squares = self.squares.reshape(2, FEATURES, 2, FEATURES).sum((0, 2))
        return _Sums(squares, self.products.reshape(2, FEATURES, 3).sum(0), self.samples)

    def solve(self) -> NDArray[np.float64]:
        """Least squares, ``(features, 3)``, drawn towards zero."""
        out = np.empty_like(self.products)
        sets, taps = len(self.squares) // FEATURES, len(HALF)
        for colour in range(3):
            others = np.arange(3) != colour
            # From weights of the colour and of others' differences from it, to weights of all colours.
            mix = np.eye(3) - np.outer(~others, others)
            full = np.kron(np.eye(sets), np.kron(mix, np.eye(taps)))
            usual = [
                (own, difference)[other] for own, difference in _USUAL[sets] for other in others.astype(int)
            ]
            damping = _RIDGE * self.samples * np.repeat(usual, taps)
            squares = full.T @ self.squares @ full + np.diag(damping)
            out[:, colour] = full @ np.linalg.solve(squares, full.T @ self.products[:, colour])
        return out

    def gain(self, weights: NDArray[np.float64]) -> float:
        """By how much weights lessen the squared error of a sample, averaged over colours."""
        less = 2 * np.sum(weights * self.products) - np.sum(weights * (self.squares @ weights))
        return float(less / (3 * self.samples))


class FilterFit:
    """Collects what least squares need to know of decoded pixels and of the originals."""

    def __init__(self) -> None:
        self._parts: list[_Sums] = []

    def add(self, decoded: NDArray[np.uint8], original: NDArray[np.uint8], weight: float) -> None:
        """Take in a part of the picture.

        Args:
            decoded: ``(H + 4, W + 4, 3)``, with the two pixels around that the filter sees; ``H`` and ``W``
                are multiples of 4.
            original: ``(H, W, 3)``.
            weight: how much of the picture it stands for.
        """
        levels = decoded.astype(np.float32)
        blocks = np.arange(original.shape[0] // BLOCK)
        rows = BLOCK * blocks + blocks % BLOCK  # One of each block's: neighbours tell much the same.
        features = np.empty((2, FEATURES, rows.size, original.shape[1]), np.float32)
        inner = _features(levels, rows, features[0])
        np.multiply(features[0], _activity(levels), out=features[1])
        features[0] -= features[1]
        features = features.reshape(2 * FEATURES, -1)
        error = (original[rows] - inner).reshape(-1, 3)
        squares, products = (weight * (features @ other).astype(np.float64) for other in (features.T, error))
        self._parts.append(_Sums(squares, products, weight * len(error)))

    def best(self, bank: Bank, error_weight: float, pixels: int) -> Filter | None:
        """The filter that is most worth its bits, or ``None`` where none is.

        Each sample judges what the others would choose: a filter must be good for what it has not seen, too.
        A single sample is all of the picture.

        Args:
            bank: codes it.
            error_weight: bits that a squared error is worth, averaged over colours, in one pixel.
            pixels: of the whole picture, for which the samples stand.
        """
        if not self._parts:
            return None
        whole = reduce(add, self._parts)
        found, least = None, 0.0
        for sums in (whole.all(), whole):
            exact = sums.solve()
            for shift in _SHIFTS:
                weights = np.clip(np.rint(exact * 2.0**shift), -_LARGEST, _LARGEST)
                candidate = Filter(weights.astype(np.int16).reshape(-1, FEATURES, 3), shift)
                gain = sums.gain(weights * 2.0**-shift)
                cost = candidate.bits(bank) - error_weight * pixels * gain
                if cost < least:
                    found, least = candidate, cost
        return found


def _features(
    levels: NDArray[np.float32], rows: NDArray[np.int64], out: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Put the features of some rows into ``(FEATURES, rows, W)``; returns their levels, ``(rows, W, 3)``."""
    width = levels.shape[1] - 2 * REACH

    def shifted(dy: int, dx: int) -> NDArray[np.float32]:
        return levels[rows + REACH + dy, REACH + dx : REACH + dx + width].transpose(2, 0, 1)

    inner = shifted(0, 0)
    taps = out.reshape(3, len(HALF), len(rows), width)
    for tap, (dy, dx) in enumerate(HALF):
        taps[:, tap] = shifted(dy, dx) + shifted(-dy, -dx) - 2 * inner
    return inner.transpose(1, 2, 0)


def _activity(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """As the network ``filter`` has it: 0 to 1 in 64ths, ``(H / 4, W)``."""
    grey = levels.sum(2)[1:-1, 1:-1]
    rows = grey[:-2] + grey[1:-1] + grey[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    busy = np.abs(9 * grey[1:-1, 1:-1] - around)
    height, width = busy.shape
    mean = busy.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((1, 3), dtype=np.float32)
    activity = np.minimum(np.floor(mean / 2) / 64, 1)
    return np.repeat(activity, BLOCK, 1)
