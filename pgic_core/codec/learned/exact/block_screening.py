"""A first look at a whole picture for blocks that a model may code badly, by operations on bytes.

It takes coarse second differences of neighbouring pixels. What passes is measured by :mod:`.hard_blocks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..payload.header import EXACT_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CELL", "HIGH_CONTRAST", "Screened", "screen"]

HIGH_CONTRAST = 2000.0
"""The mean square, in grey levels, of contrast beyond what integer layers hold."""
# How many grey levels a step of the bytes is in which the screening takes differences.
_CHROMA_LEVEL, _CORNER_LEVEL, _CONTRAST_LEVEL = 8, 1, 4
CELL = 8
"""Side in blocks of a cell, the area in which a block may stand out."""
_POINT, _CALM = 80.0, 12.0
"""Grey levels: the least contrast of a block that stands out; and the most that its area may have, as the
root of the mean square. In busy areas a point is not missed."""
_DETAIL, _DETAIL_GROUND = 25.0, 0.03
"""A cell has details on a calm ground if its largest contrast is so many times that of its calmest quarter
plus the second number times the root of the promised error."""


class Screened(NamedTuple):
    """What the first look finds in an area, maps of booleans.

    Attributes:
        blocks: which blocks are worth measuring, ``(H / 8, W / 8)``.
        alone: which of them stand out from the others around them, of that shape.
        details: mean contrast of those cells of 64 x 64 pixels that show details on a calm ground, in steps
            of 4 grey levels, and NaN for the others, ``(H / 64, W / 64)`` rounded up.
    """

    blocks: NDArray[np.bool_]
    alone: NDArray[np.bool_]
    details: NDArray[np.float32]


def screen(pixels: NDArray[np.uint8], least: float, promised: float, points: bool) -> Screened:
    """Find the blocks of an area that are worth measuring, and the cells that a model may smooth.

    Args:
        pixels: ``(H + 2, W + 2, 3)``, an area with the pixel around it; H and W are multiples of 8.
        least: the mean squared error from which on a block is suspected.
        promised: that of busy parts of photographs.
        points: look for single points and for details too.
    """
    chroma = _chroma_peaks(pixels)
    corner, contrast, repeated, peak = _luma_measures(pixels, points)
    alone = _stand_out(peak) if points else np.zeros(peak.shape, np.bool_)
    screened: NDArray[np.bool_] = (
        (chroma >= max(2.0, 6 * least**0.5 / _CHROMA_LEVEL))
        | (corner >= max(3.0, 0.5 * least**0.5 / _CORNER_LEVEL))
        | (contrast >= 2 * HIGH_CONTRAST**0.5 / _CONTRAST_LEVEL)
        | (repeated & ((contrast >= 8 / _CONTRAST_LEVEL) | (chroma >= 32 / _CHROMA_LEVEL)))
        | alone
    )
    details = np.zeros((0, 0), np.float32)
    if points:
        details = _details(contrast, peak, promised)
    return Screened(screened, alone, details)


def _details(contrast: NDArray[np.float32], peaks: NDArray[np.int8], promised: float) -> NDArray[np.float32]:
    """:attr:`Screened.details`, from measures of blocks, ``(rows, columns)`` each."""
    by_cell = _by_cell(contrast)
    ground = np.partition(by_cell, CELL**2 // 4, axis=2)[:, :, CELL**2 // 4]
    ground += np.float32(_DETAIL_GROUND * promised**0.5)
    found = _by_cell(peaks).max(2) > _DETAIL * ground
    return np.where(found, by_cell.mean(2), np.float32(np.nan))


def _by_cell(values: NDArray[Any]) -> NDArray[Any]:
    """Values of blocks by cell, ``(rows, columns, 64)``; beyond the area its last ones are repeated."""
    rows, columns = (-(-size // CELL) for size in values.shape)
    beyond = [(0, -size % CELL) for size in values.shape]
    whole = np.pad(values, beyond, mode="edge") if any(after for _, after in beyond) else values
    return whole.reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3).reshape(rows, columns, CELL**2)


def _peaks(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """The largest of each 8 columns."""
    for _ in range(3):
        values = np.maximum(values[:, 0::2], values[:, 1::2])
    return values


def _chroma_peaks(pixels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The largest second difference of red or blue less green in each block."""
    height, width = pixels.shape[0] - 2, pixels.shape[1] - 2
    row = 3 * (width + 2)
    # All rows in one run, and two buffers in turn: to allocate takes longer than to subtract. Colours stay
    # beside each other, so every third difference means nothing, like those from row to row.
    one, two = np.empty((2, pixels.size), np.int8)
    np.right_shift(pixels.reshape(-1), 3, out=one.view(np.uint8))
    np.subtract(one[1:], one[:-1], out=two[:-1])
    # Every row is held against its neighbours: that finds all that is small, and what goes across. What goes
    # down is long enough to show in two of eight rows.
    long = two.reshape(-1, row)[3::4]
    first = long[:, 3:] - long[:, :-3]
    across = np.abs(first[:, 3:-1] - first[:, :-4])
    np.subtract(two[row:], two[:-row], out=one[:-row])
    np.subtract(one[row:], one[:-row], out=two[:-row])
    down = two[: height * row]
    np.abs(down, out=down)
    lines = down.reshape(height // EXACT_SIDE, EXACT_SIDE, row).max(1)[:, 3:-4]
    lines = np.maximum(lines, across.reshape(height // EXACT_SIDE, 2, -1).max(1))
    return _peaks(np.maximum(lines[:, 0::3], lines[:, 1::3])[:, :width])


def _luma_measures(
    pixels: NDArray[np.uint8], points: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.int8]]:
    """Of green: pattern along both axes, contrast, do pixels repeat; and the largest contrast across.

    Two rows in eight are enough for the first three, since patterns go on. The last is of all rows if
    ``points`` is true, since a star may be a single pixel.
    """
    by_block = pixels[1:-1].reshape(-1, EXACT_SIDE, pixels.shape[1], 3)
    green = np.ascontiguousarray(by_block[..., 1] if points else by_block[:, 2:6, :, 1])
    quarter = np.right_shift(green, 2).view(np.int8)
    across = _along_rows(quarter)
    first = green.shape[1] // 2 - 1
    two, four = slice(first, first + 2), slice(first - 1, first + 3)
    down = np.abs(_across_rows(quarter[:, four])[..., 1:-1])
    corner = np.abs(_across_rows(across[:, four] >> 2))
    np.abs(across, out=across)
    contrast = np.maximum(across[:, two], down)
    inner = green[:, two, 1:-1]
    same = (inner == green[:, first - 1 : first + 1, 1:-1]) | (inner == green[:, two, :-2])
    return _means(corner), _means(contrast), _means(same) > 0.5, _peaks(across.max(1))


def _stand_out(peaks: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Blocks whose largest contrast is far above that of the blocks around them, as that of a star is.

    Args:
        peaks: ``(rows, columns)``, contrast in steps of the screening.
    """
    if not (peaks > _POINT / _CONTRAST_LEVEL).any():
        return np.zeros(peaks.shape, np.bool_)
    # A point may lie in several blocks, so what stands out counts for no more than half of that.
    squares = np.square(np.minimum(peaks, int(_POINT / _CONTRAST_LEVEL / 2)), dtype=np.float32)
    rows, columns = (np.arange(0, size, CELL) for size in squares.shape)
    sums = np.add.reduceat(np.add.reduceat(squares, rows, 0), columns, 1)
    counts = np.outer(
        *(np.diff([*at, size]) for at, size in zip((rows, columns), squares.shape, strict=True))
    )
    calm = sums < (_CALM / _CONTRAST_LEVEL) ** 2 * counts
    calm = calm.repeat(CELL, 0).repeat(CELL, 1)[: squares.shape[0], : squares.shape[1]]
    alone: NDArray[np.bool_] = calm & (peaks > _POINT / _CONTRAST_LEVEL)
    return alone


def _along_rows(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """Second differences within rows, ``(n, k, W - 2)`` of ``(n, k, W)``."""
    # All rows in one run; the last two of each row, which mean nothing, are cut off.
    run = values.reshape(-1)
    second = np.empty(run.size, np.int8)
    first = run[1:] - run[:-1]
    np.subtract(first[1:], first[:-1], out=second[:-2])
    return second.reshape(values.shape)[..., :-2]


def _across_rows(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """Second differences of four rows, ``(n, 2, W)`` of ``(n, 4, W)``."""
    differences = values[:, 1:] - values[:, :-1]
    second: NDArray[np.int8] = differences[:, 1:] - differences[:, :-1]
    return second


def _means(values: NDArray[Any]) -> NDArray[np.float32]:
    """Of two rows and 8 columns, ``(n, W / 8)`` of ``(n, 2, W)``."""
    sums = np.add(values[:, 0], values[:, 1], dtype=np.int16)
    for _ in range(3):
        sums = sums[:, 0::2] + sums[:, 1::2]
    means: NDArray[np.float32] = np.multiply(sums, 1 / (2 * EXACT_SIDE), dtype=np.float32)
    return means
