"""Blocks that a model may code badly, found from their pixels alone.

Models learn from photographs, whose energy lies in coarse structure and in luma. They spend few channels or
none on three things: the finest luma pattern along both axes at once, fine patterns of colour, and contrast
beyond the range of their integer layers. All three show in second differences of neighbouring pixels.

The search has two steps. A screening of the whole picture takes coarse differences with operations on bytes.
The few blocks that pass it are measured. Even these are only suspected: :mod:`.exact_search` decodes them and
decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .stream import EXACT_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "INK_WEIGHT",
    "are_printed",
    "have_ink",
    "lossless_bits",
    "measure_blocks",
    "promised_error",
    "screen_blocks",
]

_SUSPECTED_ERROR_RATIO = 4.0
"""A block is suspected if its estimated error is this many times the promised error, or more."""
_DRAWN_ENTROPY = 2.5
"""A block is drawn, not photographed, if its grey levels have at most this entropy: bits, up to 6."""
INK_WEIGHT = 2.0
"""How many times an error counts in printed blocks: in letters and marks each one is seen."""
_INK_SHARE = 1 / 8
"""A block has ink if more than this share of its pixels equals the pixel to the left."""
# The largest share of each measure that a model loses of the patterns it is made for.
_CHROMA_LOST, _CORNER_LOST, _CONTRAST_LOST = 0.7, 0.9, 0.1
_HIGH_CONTRAST = 2000.0
# A lossless coder takes more than the entropy of its residuals: it also sends tables and block borders.
_OVERHEAD, _FIXED_BITS = 1.25, 0.1
_MOST_COLOURS = 24
"""A lossless coder has a palette where blocks have so few colours, as lettering of two colours has."""
_CHUNK = 1024
_SAMPLES = EXACT_SIDE**2
_COUNTS = np.arange(_SAMPLES + 1, dtype=np.float32)
_BITS_OF_COUNT = _COUNTS * np.log2(_SAMPLES / np.maximum(_COUNTS, 1)) / _SAMPLES


def promised_error(error_weight: float) -> float:
    """The mean squared error of busy parts of photographs at a quality, averaged over colours.

    It falls with the 2/3 power of what an error is worth, over all qualities (measured on photographs).

    Args:
        error_weight: of :meth:`.Model.error_weight`.
    """
    return float(2.6 * error_weight ** (-2 / 3))


def screen_blocks(
    pixels: NDArray[np.uint8], error_weight: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Find the blocks of an area that are worth measuring.

    Args:
        pixels: ``(H + 2, W + 2, 3)``, an area with the pixel around it; H and W are multiples of 8.
        error_weight: how many bits a squared error is worth, averaged over colours, in one pixel.

    Returns:
        Rows and columns of the blocks, ``(n, 2)``; and their pixels, as :func:`measure_blocks` takes them.
    """
    places = np.argwhere(_screened(pixels, error_weight))
    return places, _planes(pixels, places)


def measure_blocks(
    planes: NDArray[np.float32], error_weight: float, depth: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Estimate what blocks cost, and what a model may make of them.

    Args:
        planes: ``(3, n, 10, 10)``, colours of blocks and of the pixel around them.
        error_weight: as for :func:`screen_blocks`.
        depth: bits of a sample that a lossless coder would take.

    Returns:
        Bits per pixel without loss, ``(n,)``, 0 for blocks that are not suspected; and the squared error,
        averaged over colours, that a model may leave, ``(n,)``.
    """
    bits, lost = np.zeros(planes.shape[1], np.float32), np.zeros(planes.shape[1], np.float32)
    for at in range(0, planes.shape[1], _CHUNK):
        part = slice(at, at + _CHUNK)
        bits[part], lost[part] = _measured(planes[:, part], error_weight, depth)
    return bits, lost


def _screened(pixels: NDArray[np.uint8], error_weight: float) -> NDArray[np.bool_]:
    """Blocks that are worth measuring, ``(H / 8, W / 8)``."""
    least = _SUSPECTED_ERROR_RATIO * promised_error(error_weight)
    chroma = _chroma_peaks(pixels)
    corner, contrast, repeated = _luma_means(pixels)
    screened: NDArray[np.bool_] = (
        (chroma >= max(2.0, 6 * least**0.5 / _CHROMA_LEVEL))
        | (corner >= max(3.0, 0.5 * least**0.5 / _CORNER_LEVEL))
        | (contrast >= 2 * _HIGH_CONTRAST**0.5 / _CONTRAST_LEVEL)
        | (repeated & ((contrast >= 8 / _CONTRAST_LEVEL) | (chroma >= 32 / _CHROMA_LEVEL)))
    )
    return screened


# How many grey levels a step of the bytes is in which the screening takes differences.
_CHROMA_LEVEL, _CORNER_LEVEL, _CONTRAST_LEVEL = 8, 1, 4


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


def _luma_means(
    pixels: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Of two rows in eight of green: pattern along both axes, contrast, do pixels repeat.

    That is enough for patterns, which go on.
    """
    by_block = pixels[1:-1].reshape(-1, EXACT_SIDE, pixels.shape[1], 3)
    green = np.ascontiguousarray(by_block[:, 2:6, :, 1])  # these rows and those beside them
    quarter = np.right_shift(green, 2).view(np.int8)
    across = quarter[..., 1:] - quarter[..., :-1]
    across = across[..., 1:] - across[..., :-1]
    down = np.abs(_across_rows(quarter)[..., 1:-1])
    contrast = np.maximum(np.abs(across[:, 1:3]), down)
    corner = np.abs(_across_rows(across >> 2))
    inner = green[:, 1:3, 1:-1]
    same = (inner == green[:, :2, 1:-1]) | (inner == green[:, 1:3, :-2])
    return _means(corner), _means(contrast), _means(same) > 0.5


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


def _measured(
    planes: NDArray[np.float32], error_weight: float, depth: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Bits of a pixel of those blocks that stay suspected, 0 of the others; and what they may lose."""
    green = planes[1]
    chroma = sum(_energy(planes[c] - green) for c in (0, 2))
    contrast = _energy(green)
    corner = np.square(_twice(_twice(green, 1), 2) / 16).mean((1, 2))
    lost = np.asarray(_CHROMA_LOST * chroma + _CORNER_LOST * corner, np.float32)
    lost += _CONTRAST_LOST * contrast * (contrast > _HIGH_CONTRAST)
    promised = promised_error(error_weight)
    far = lost > _SUSPECTED_ERROR_RATIO * promised
    # A thing that was drawn may be lost as a whole.
    samples = planes.reshape(*planes.shape[:2], -1)
    squares = np.einsum("cnk,cnk->n", samples, samples) / (3 * samples.shape[2])
    whole = np.asarray(squares - np.square(samples.mean(2)).mean(0), np.float32)
    inner = planes[:, :, 1:-1, 1:-1]
    drawn = whole > np.maximum(promised, _FIXED_BITS / error_weight)
    drawn[drawn] = np.maximum(*_equal_shares(inner[1, drawn])) > _INK_SHARE
    drawn[drawn] = _entropy(inner[:, drawn]).max(0) < _DRAWN_ENTROPY
    tried = far | drawn
    bits = np.zeros(len(green), np.float32)
    bits[tried] = _bits(planes[:, tried], depth)
    weights = error_weight * np.where(_printed(inner[:, drawn]), INK_WEIGHT, 1)
    drawn[drawn] = weights * whole[drawn] > bits[drawn]
    return bits * (far | drawn), np.where(drawn, np.maximum(whole, lost), lost)


def have_ink(blocks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether one colour fills a part of blocks, ``(..., 8, 8, 3)``."""
    ink: NDArray[np.bool_] = _repeated(np.moveaxis(blocks, -1, 0)).mean((-2, -1)) > _INK_SHARE
    return ink


def are_printed(blocks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether a colour other than black and white fills a part of blocks, ``(..., 8, 8, 3)``.

    Black and white also fill parts of photographs, where a camera saturates.
    """
    return _printed(np.moveaxis(blocks, -1, 0))


def _printed(planes: NDArray[Any], most: int = 255) -> NDArray[np.bool_]:
    """Likewise, of ``(3, ..., 8, 8)``; ``most`` stands for white."""
    saturated = (planes == 0).all(0) | (planes == most).all(0)
    printed: NDArray[np.bool_] = (_repeated(planes) & ~saturated[..., 1:]).mean((-2, -1)) > _INK_SHARE
    return printed


def _repeated(planes: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether pixels equal that to their left, ``(..., 8, 7)`` of ``(3, ..., 8, 8)``."""
    repeated: NDArray[np.bool_] = (planes[..., 1:] == planes[..., :-1]).all(0)
    return repeated


def _equal_shares(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many of ``(n, 8, 8)`` equal that to their left, and that above: shares, ``(n,)`` each."""
    across, down = values[:, :, 1:] == values[:, :, :-1], values[:, 1:] == values[:, :-1]
    return across.mean((1, 2)), down.mean((1, 2))


def _twice(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Second differences along an axis."""
    differences: NDArray[np.float32] = np.diff(values, 2, axis=axis)
    return differences


def _energy(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean square of a quarter of the second differences, across and down together, ``(n,)``."""
    across, down = _twice(values, 2)[:, 1:-1], _twice(values, 1)[:, :, 1:-1]
    energy: NDArray[np.float32] = (np.square(across).mean((1, 2)) + np.square(down).mean((1, 2))) / 16
    return energy


def _planes(pixels: NDArray[np.uint8], places: NDArray[np.intp]) -> NDArray[np.float32]:
    """Colours of blocks and of the pixel around them, ``(3, n, 10, 10)``."""
    around = np.arange(EXACT_SIDE + 2)
    rows, columns = (EXACT_SIDE * places[:, axis, None] + around for axis in (0, 1))
    planes: NDArray[np.float32] = pixels[rows[:, :, None], columns[:, None, :]].astype(np.float32)
    return planes.transpose(3, 0, 1, 2)


def lossless_bits(pixels: NDArray[np.uint8], places: NDArray[np.intp], depth: int) -> NDArray[np.float32]:
    """About how many bits a lossless coder takes for each pixel of blocks, ``(n,)``.

    Args:
        pixels: as for :func:`screen_blocks`.
        places: ``(n, 2)``, rows and columns of the blocks.
        depth: bits of a sample that it is given.
    """
    parts = [places[at : at + _CHUNK] for at in range(0, len(places), _CHUNK)]
    return np.concatenate([np.zeros(0, np.float32), *(_bits(_planes(pixels, p), depth) for p in parts)])


def _bits(planes: NDArray[np.float32], depth: int) -> NDArray[np.float32]:
    """Likewise, of :func:`_planes`."""
    planes = np.rint(planes * (((1 << depth) - 1) / 255))
    values = np.stack([planes[0] - planes[1], planes[1], planes[2] - planes[1]])
    left, above, corner = values[:, :, 1:-1, :-2], values[:, :, :-2, 1:-1], values[:, :, :-2, :-2]
    low, high = np.minimum(left, above), np.maximum(left, above)
    residuals = values[:, :, 1:-1, 1:-1] - np.clip(left + above - corner, low, high)
    bits: NDArray[np.float32] = _OVERHEAD * _entropy(residuals).sum(0)
    printed = _printed(planes[:, :, 1:-1, 1:-1], (1 << depth) - 1)
    bits[printed] = np.minimum(bits[printed], _palette_bits(values[:, printed, 1:-1, 1:-1]))
    bits += np.float32(_FIXED_BITS)
    return bits


def _palette_bits(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bits of a pixel that tell its colour from the others of its block, ``(n,)`` of ``(3, n, 8, 8)``.

    Infinite for blocks that have too many colours for a palette.
    """
    count = values.shape[1]
    # Two differences and a sample, each of at most 9 bits.
    first, second, third = values.astype(np.int32).reshape(3, count, _SAMPLES)
    colours = np.sort((((first & 511) << 9) + (second & 511) << 9) + (third & 511), axis=1)
    starts = np.ones(colours.shape, np.bool_)
    starts[:, 1:] = colours[:, 1:] != colours[:, :-1]
    at = np.flatnonzero(starts)
    bits = np.bincount(at // _SAMPLES, _BITS_OF_COUNT[np.diff(at, append=starts.size)], count)
    return np.where(starts.sum(1) <= _MOST_COLOURS, bits, np.inf).astype(np.float32)


def _entropy(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bits that tell one of the values of a block from the others, ``(k, n)`` of ``(k, n, 8, 8)``."""
    kinds, count = values.shape[:2]
    first = 256 * np.arange(kinds * count).reshape(kinds, count, 1, 1)
    counts = np.bincount((first + (values.astype(np.intp) & 255)).reshape(-1), minlength=256 * kinds * count)
    entropy: NDArray[np.float32] = _BITS_OF_COUNT[counts].reshape(kinds, count, 256).sum(2)
    return entropy
