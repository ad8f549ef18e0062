"""What a picture shows whatever the key: sizes that a tile may have, and its waves there (WATERMARK.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .pattern import TILE, WAVES
from .whitening import flattened, luma_of, ring_means, sums_across, waves_down, waves_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["LEAST_SIDE", "SIZES", "TURNS", "Evidence", "Size"]

LEAST_SIDE = 128
"""Pixels of the shorter side of a picture in which a watermark is looked for."""

# What is looked at of a large picture: its middle.
_MOST_SIDE = 3072
_SEARCH_SIDE = 2048
_STEP = 0.0007
_MOST_STRIDE = 4
_CANDIDATES = 6
# Of a single frequency, in means around it.
_MOST_POWER = 8.0
# Steps of the scale around each, in which it is held against the others, and in which there is no second.
_AROUND, _APART = 96, 16

SIZES = 1 + _CANDIDATES
"""Sizes of a tile that are tried."""
TURNS = 8
"""EXIF orientations."""


@dataclass(frozen=True, slots=True)
class Size:
    """A size that the tile may have in a picture.

    Attributes:
        scale: horizontal and vertical, in sizes of the tile as it was put in.
        waves: (TURNS, K), sums of the picture with the waves of such a tile, after each EXIF orientation is
            undone, up to the position of the tile.
    """

    scale: tuple[float, float]
    waves: NDArray[np.complex128]


class Evidence:
    """What a picture shows whatever the key.

    To look for many keys in one picture costs little more than to look for one.

    Args:
        image: (H, W) or (H, W, 3), 0 to 255.
    """

    def __init__(self, image: NDArray[Any]) -> None:
        height, width = image.shape[:2]
        self.origin = max(width - _MOST_SIDE, 0) // 2, max(height - _MOST_SIDE, 0) // 2
        self._known: list[Size] = []
        left, top = self.origin
        middle = image[top : top + _MOST_SIDE, left : left + _MOST_SIDE]
        self._rest = iter(()) if min(height, width) < LEAST_SIDE else _sizes(middle)

    def sizes(self) -> Iterator[Size]:
        """At most :data:`SIZES` of them: as the tile was put in, then those at which its waves stand out."""
        yield from self._known
        for size in self._rest:
            self._known.append(size)
            yield size


def _sizes(image: NDArray[Any]) -> Iterator[Size]:
    flat = flattened(luma_of(image))
    for scale in _scales(flat):
        yield Size(scale, _turned(waves_in(flat, scale)))


def _scales(flat: NDArray[np.float32]) -> Iterator[tuple[float, float]]:
    yield 1.0, 1.0
    height, width = flat.shape
    top, left = max(height - _SEARCH_SIDE, 0) // 2, max(width - _SEARCH_SIDE, 0) // 2
    part = flat[top : top + _SEARCH_SIDE, left : left + _SEARCH_SIDE]
    # A small picture tells frequencies apart less finely.
    stride = min(max(_SEARCH_SIDE // max(part.shape), 1), _MOST_STRIDE)
    scales = np.exp(np.arange(np.log(0.4), np.log(2.6), stride * _STEP))
    score = _comb(part, scales, _AROUND // stride)
    apart = _APART // stride
    for _ in range(_CANDIDATES):
        best = int(score.argmax())
        score[max(best - apart, 0) : best + apart + 1] = -np.inf
        yield _refined(flat, float(scales[best]), stride * _STEP)


def _comb(part: NDArray[np.float32], scales: NDArray[np.float64], around: int) -> NDArray[np.float64]:
    """(scales,), how much the waves of a tile stand out of the spectrum at each scale."""
    height, width = part.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    spectrum = np.fft.rfft2(part * window)
    amplitude = np.abs(spectrum)
    ring, mean = ring_means(amplitude, width)
    # Coding leaves lines at the frequencies of its grid; without a limit they would drown 252 weak waves.
    power = np.minimum((amplitude / np.maximum(mean, 1e-12)[ring]) ** 2, _MOST_POWER)
    weight = WAVES.weight**2
    score = np.empty(len(scales))
    for start in range(0, len(scales), 64):
        tile = TILE * scales[start : start + 64, None]
        y = np.rint(WAVES.v * height / tile).astype(np.int64) % height
        x = np.rint(WAVES.u * width / tile).astype(np.int64)
        y, x = np.where(x < 0, -y % height, y), np.abs(x)
        inside = (x < power.shape[1]) * weight
        sums = (power[y, np.minimum(x, power.shape[1] - 1)] * inside).sum(axis=1)
        score[start : start + 64] = sums / np.maximum(inside.sum(axis=1), 1e-9)
    # The spectrum is not quite flat: each scale is held against those around it.
    padded = np.pad(score, around, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1)[::8]
    usual = np.interp(np.arange(len(score)), np.arange(len(windows)) * 8, np.median(windows, axis=1))
    return np.asarray(score / np.maximum(usual, 1e-12))


def _refined(flat: NDArray[np.float32], scale: float, step: float) -> tuple[float, float]:
    """The size of the tile near a scale at which its waves are strongest; its sides may differ a little."""

    @lru_cache(maxsize=4)
    def rows(across: float) -> NDArray[np.complex64]:
        return sums_across(flat, across)

    def energy(across: float, down: float) -> float:
        return float((np.abs(waves_down(rows(across), down)) ** 2 * WAVES.weight**2).sum())

    across = down = scale
    best = energy(across, down)
    for size in (step, step / 2, step / 4):
        for _ in range(2):
            for dx, dy in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
                there = across * (1 + dx * size), down * (1 + dy * size)
                value = energy(*there)
                if value > best:
                    best, (across, down) = value, there
                    break
            else:
                break
    return across, down


def _turned(waves: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """(TURNS, K), the waves of a picture after each EXIF orientation is undone, up to its position."""
    index, conjugated = _turns()
    return np.where(conjugated, waves.conj()[index], waves[index])


@lru_cache(maxsize=1)
def _turns() -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(TURNS, K) each: which wave lies where another is after turning, and whether as its conjugate."""
    reach, count = WAVES.reach, len(WAVES.u)
    # From 1 on, negative for the conjugate, which stands at the opposite frequency.
    plane = np.zeros((2 * reach + 1, 2 * reach + 1), np.int64)
    plane[WAVES.v + reach, WAVES.u + reach] = np.arange(1, count + 1)
    plane[reach - WAVES.v, reach - WAVES.u] = -np.arange(1, count + 1)
    turned = []
    for orientation in range(1, TURNS + 1):
        there = plane
        if orientation in (2, 3, 6, 7):
            there = there[:, ::-1]
        if orientation in (3, 4, 7, 8):
            there = there[::-1]
        if orientation >= 5:
            there = there.T
        turned.append(there[WAVES.v + reach, WAVES.u + reach])
    return np.abs(turned) - 1, np.array(turned) < 0
