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
    height = pixels.shape[0] - 2
    least = _SUSPECTED_ERROR_RATIO * promised_error(error_weight)
    chroma = _chroma_peaks(pixels)
    # Two of eight rows are enough for patterns, which go on: they, and the rows beside them.
    rows = (np.ascontiguousarray(pixels[k : k + height : EXACT_SIDE, :, 1]) for k in (3, 4, 5, 6))
    corner, contrast, repeated = _luma_means(*rows)
    screened: NDArray[np.bool_] = (
        (chroma >= max(2.0, 6 * least**0.5 / _CHROMA_LEVEL))
        | (corner >= max(3.0, 0.5 * least**0.5 / _CORNER_LEVEL))
        | (contrast >= 2 * _HIGH_CONTRAST**0.5 / _CONTRAST_LEVEL)
        | (repeated & ((contrast >= 8 / _CONTRAST_LEVEL) | (chroma >= 32 / _CHROMA_LEVEL)))
    )
    return screened


# How many grey levels a step of the bytes is in which the screening takes differences.
_CHROMA_LEVEL, _CORNER_LEVEL, _CONTRAST_LEVEL = 8, 1, 4


def _second(values: NDArray[np.int8], step: int = 1) -> NDArray[np.int8]:
    """Second differences between columns ``step`` apart, for all but those at the ends."""
    first = values[:, step:] - values[:, :-step]
    second: NDArray[np.int8] = first[:, step:] - first[:, :-step]
    return second


def _peaks(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """The largest of each 8 columns."""
    for _ in range(3):
        values = np.maximum(values[:, 0::2], values[:, 1::2])
    return values


def _chroma_peaks(pixels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The largest second difference of red or blue less green in each block."""
    height, width = pixels.shape[0] - 2, pixels.shape[1] - 2
    # Colours stay beside each other: every third difference is between pixels and means nothing.
    eighth = (pixels.reshape(height + 2, -1) >> 3).view(np.int8)
    chroma = eighth[:, 1:] - eighth[:, :-1]
    # Every row is held against its neighbours: that finds all that is small, and what goes across. What goes
    # down is long enough to show in two of eight rows.
    first = chroma[1:] - chroma[:-1]
    down = first[1:, 3:-3] - first[:-1, 3:-3]
    across = _second(chroma[3::4], 3)
    peaks = [
        np.abs(each, out=each).reshape(len(down) // EXACT_SIDE, -1, each.shape[1]).max(1)
        for each in (down, across)
    ]
    rows = np.maximum(*peaks)
    return _peaks(np.maximum(rows[:, 0::3], rows[:, 1::3])[:, :width])


def _luma_means(
    *rows: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Of the two inner of four rows of each block: pattern along both axes, contrast, do pixels repeat."""
    quarter = [(row >> 2).view(np.int8) for row in rows]
    across = [_second(row) for row in quarter]
    contrast = corner = same = np.zeros((1, 1), np.int16)
    for k in (1, 2):
        above, here, below = (quarter[k + d][:, 1:-1] for d in (-1, 0, 1))
        down = above + below - here - here
        sixteenth = [across[k + d] >> 2 for d in (-1, 0, 1)]
        both = sixteenth[0] + sixteenth[2] - sixteenth[1] - sixteenth[1]
        contrast = contrast + np.maximum(np.abs(across[k]), np.abs(down))
        corner = corner + np.abs(both)
        inner = rows[k][:, 1:-1]
        same = same + ((inner == rows[k - 1][:, 1:-1]) | (inner == rows[k][:, :-2]))
    return _means(corner), _means(contrast), _means(same) > 0.5


def _means(values: NDArray[np.int16]) -> NDArray[np.float32]:
    """Of 8 columns, where two rows were added up."""
    for _ in range(3):
        values = values[:, 0::2] + values[:, 1::2]
    return np.multiply(values, 1 / (2 * EXACT_SIDE), dtype=np.float32)


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
    whole = planes.var((2, 3)).mean(0)
    bits = np.zeros(len(green), np.float32)
    tried = far | (whole > np.maximum(promised, _FIXED_BITS / error_weight))
    bits[tried] = _bits(planes[:, tried], depth)
    drawn = np.zeros(len(green), np.bool_)
    drawn[tried] = _entropy(planes[:, tried, 1:-1, 1:-1]).max(0) < _DRAWN_ENTROPY
    printed = _printed(planes[:, :, 1:-1, 1:-1])
    drawn &= error_weight * np.where(printed, INK_WEIGHT, 1) * whole > bits
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
