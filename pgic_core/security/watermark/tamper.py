"""The semi-fragile part of a watermark: which blocks of a picture were changed since (WATERMARK.md).

Low coefficients of each block of 64 x 64 pixels are moved towards the nearest point of a lattice that key
and place determine. Coding and JPEG move them by less than half of the lattice's period; what is painted or
pasted over a block puts them anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .watermark_bits import keystream
from .whitening import luma_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["SIDE", "Edits", "energy_of_period", "period_of_quality", "put_lattice", "read_lattice"]

SIDE = 64
"""Pixels along one side of a block."""

# Vertical and horizontal frequency of the coefficients, in half periods of a block: below the pattern's.
_COEFFICIENTS = (
    *((1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (2, 3), (3, 2), (1, 4)),
    *((4, 1), (3, 3), (2, 4), (4, 2), (3, 4), (4, 3), (1, 5), (5, 1)),
)
_COUNT = len(_COEFFICIENTS)
_ROWS, _COLUMNS = (np.array(each) for each in zip(*_COEFFICIENTS, strict=True))
# Periods of the lattice, in grey levels of an orthonormal transform; a reader tries them all.
_PERIODS = 20.0 * 2.0 ** (np.arange(13) / 4)
# Coefficients go so much of the way to the lattice: the last tenth costs a fifth of the energy, for little.
_MOVED = 0.9
# Agreement of a block is 1 if all of its coefficients lie on the lattice, and 0 on average if none was moved.
_LEAST_USUAL = 0.3
# What a block may fall below the median of the picture: 4 deviations, within these shares of the median.
_DEVIATIONS, _LEAST_SHARE, _MOST_SHARE = 4.0, 0.3, 0.4
# A block that is black or white holds no lattice: there is no room below or above.
_DARK, _LIGHT, _CLIPPED = 2.0, 253.0, 0.05


@dataclass(frozen=True, slots=True)
class Edits:
    """What became of the blocks of a picture.

    Attributes:
        changed: (rows, columns), True for a block of 64 x 64 pixels that was changed.
        unknown: likewise, True where nothing can be told: most of the block is black or white.
        agreement: likewise, 0 to 1, how well each block agrees with what was put there.
    """

    changed: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    agreement: NDArray[np.float64]

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """x, y, width and height of each changed block."""
        return [(int(x) * SIDE, int(y) * SIDE, SIDE, SIDE) for y, x in np.argwhere(self.changed)]


def period_of_quality(quality: int) -> float:
    """The period of the lattice: coarser where coding is."""
    wanted = 67.0 * 2 ** ((50 - quality) / 30)
    return float(_PERIODS[np.abs(np.log(_PERIODS / wanted)).argmin()])


def energy_of_period(period: float, size: tuple[int, ...]) -> float:
    """Mean squared change of a pixel by a lattice, over a picture of some height and width."""
    height, width = size
    covered = (height // SIDE * SIDE) * (width // SIDE * SIDE) / (height * width)
    return covered * _COUNT * (_MOVED * period) ** 2 / 12 / SIDE**2


def put_lattice(image: NDArray[np.uint8], key: bytes, period: float) -> NDArray[np.uint8]:
    """A picture whose blocks lie near the lattice.

    Args:
        image: (H, W, 3); what is left of it beside whole blocks stays.
        key: of the watermark.
        period: of the lattice.
    """
    out = image.copy()
    basis = _basis()
    for row in range(image.shape[0] // SIDE):
        strip = image[row * SIDE : (row + 1) * SIDE, : image.shape[1] // SIDE * SIDE]
        found = _coefficients(strip)[0]
        wanted = _dither(key, row, found.shape[0]) * period
        moved = _MOVED * (wanted + period * np.rint((found - wanted) / period) - found)
        change = np.einsum("bk,kyx->ybx", moved, basis).reshape(SIDE, -1)
        out[row * SIDE : (row + 1) * SIDE, : strip.shape[1]] = np.clip(
            np.rint(strip + change[:, :, None]), 0, 255
        )
    return out


def read_lattice(image: NDArray[Any], key: bytes) -> Edits | None:
    """Which blocks lie on the lattice.

    Args:
        image: (H, W) or (H, W, 3), 0 to 255, of the size of the one that was marked.
        key: of the watermark.

    Returns:
        None if fewer than half of the blocks do, so that the picture was not marked with this key, or was
        scaled or cropped.
    """
    rows, columns = image.shape[0] // SIDE, image.shape[1] // SIDE
    if rows * columns == 0:
        return None
    found = _coefficients(image[: rows * SIDE, : columns * SIDE])
    dither = np.stack([_dither(key, row, columns) for row in range(rows)])
    agreements = [np.cos(2 * np.pi * (found / period - dither)).mean(axis=2) for period in _PERIODS]
    agreement = max(agreements, key=lambda each: float(np.median(each)))
    usual = float(np.median(agreement))
    if usual < _LEAST_USUAL:
        return None
    luma = luma_of(image[: rows * SIDE, : columns * SIDE])
    clipped = ((luma < _DARK) | (luma > _LIGHT)).reshape(rows, SIDE, columns, SIDE).mean(axis=(1, 3))
    unknown = clipped > _CLIPPED
    deviation = 1.4826 * float(np.median(np.abs(agreement - usual)))
    least = np.clip(usual - _DEVIATIONS * deviation, _LEAST_SHARE * usual, _MOST_SHARE * usual)
    changed = (agreement < least) & ~unknown
    return Edits(changed, unknown, agreement.clip(0, 1))


@lru_cache(maxsize=1)
def _basis() -> NDArray[np.float64]:
    """(coefficients, SIDE, SIDE), waves of the orthonormal cosine transform."""
    place = (2 * np.arange(SIDE) + 1) * np.pi / (2 * SIDE)
    down, across = np.cos(_ROWS[:, None] * place), np.cos(_COLUMNS[:, None] * place)
    return np.asarray(down[:, :, None] * across[:, None, :] * 2 / SIDE)


def _coefficients(image: NDArray[Any]) -> NDArray[np.float64]:
    """(rows, columns, coefficients) of a picture of whole blocks."""
    luma = luma_of(image)
    rows, columns = luma.shape[0] // SIDE, luma.shape[1] // SIDE
    blocks = luma.reshape(rows, SIDE, columns, SIDE)
    return np.asarray(np.einsum("rybx,kyx->rbk", blocks, _basis(), optimize=True), np.float64)


def _dither(key: bytes, row: int, columns: int) -> NDArray[np.float64]:
    """(columns, coefficients), where the lattice lies in a row of blocks, 0 to 1 period."""
    return keystream(key, f"lattice {row}", columns * _COUNT).reshape(columns, _COUNT) / 2.0**32
