"""Blocks that a model may code badly, found from their pixels alone.

Models learn from photographs, whose energy lies in coarse structure and in luma. They spend few channels or
none on three things: the finest luma pattern along both axes at once, fine patterns of colour, and contrast
beyond the range of their integer layers. All three show in second differences of neighbouring pixels. At low
qualities they also drop points on a calm ground, such as stars and lamps at night.

The search has two steps: :mod:`.block_screening` looks at the whole picture, and the few blocks that pass are
measured. Even these are only suspected: :mod:`.exact_search` decodes them and decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..payload.header import EXACT_SIDE
from .block_screening import HIGH_CONTRAST, screen

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "DEAREST",
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
# A lossless coder takes more than the entropy of its residuals: it also sends tables and block borders.
_OVERHEAD, _FIXED_BITS = 1.25, 0.1
DEAREST = 4.0
"""A block that is foreign to the model may cost so many times what its error is worth, by an estimate that
ignores repetition."""
_POINT_ERROR = 25.0
"""Models keep points where they promise a smaller error."""
_POINT_SHARE = 1 / 32
"""The mean squared error that a model makes of points, in units of the square of their contrast."""
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
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """Find the blocks of an area that are worth measuring, and the cells that a model may smooth.

    Args:
        pixels: ``(H + 2, W + 2, 3)``, an area with the pixel around it; H and W are multiples of 8.
        error_weight: how many bits a squared error is worth, averaged over colours, in one pixel.

    Returns:
        Rows and columns of the blocks, ``(n, 2)``; their pixels, as :func:`measure_blocks` takes them;
        which of them stand out from those around them, ``(n,)``; and :attr:`.Screened.details`, without rows
        where the quality loses no details.
    """
    promised = promised_error(error_weight)
    found = screen(pixels, _SUSPECTED_ERROR_RATIO * promised, promised, promised > _POINT_ERROR)
    places = np.argwhere(found.blocks)
    return places, _planes(pixels, places), found.alone[found.blocks], found.details


def measure_blocks(
    planes: NDArray[np.float32], alone: NDArray[np.bool_], error_weight: float, depth: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Estimate what blocks cost, and what a model may make of them.

    Args:
        planes: ``(3, n, 10, 10)``, colours of blocks and of the pixel around them.
        alone: ``(n,)``, as :func:`screen_blocks` gives it.
        error_weight: as for :func:`screen_blocks`.
        depth: bits of a sample that a lossless coder would take.

    Returns:
        Bits per pixel without loss, ``(n,)``, 0 for blocks that are not suspected; and the squared error,
        averaged over colours, that a model may leave, ``(n,)``.
    """
    bits, lost = np.zeros(planes.shape[1], np.float32), np.zeros(planes.shape[1], np.float32)
    for at in range(0, planes.shape[1], _CHUNK):
        part = slice(at, at + _CHUNK)
        bits[part], lost[part] = _measured(planes[:, part], alone[part], error_weight, depth)
    return bits, lost


def _measured(
    planes: NDArray[np.float32], alone: NDArray[np.bool_], error_weight: float, depth: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Bits of a pixel of those blocks that stay suspected, 0 of the others; and what they may lose."""
    green = planes[1]
    chroma = sum(_energy(planes[c] - green) for c in (0, 2))
    contrast = _energy(green)
    corner = np.square(_twice(_twice(green, 1), 2) / 16).mean((1, 2))
    lost = np.asarray(_CHROMA_LOST * chroma + _CORNER_LOST * corner, np.float32)
    lost += _CONTRAST_LOST * contrast * (contrast > HIGH_CONTRAST)
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
    tried = far | drawn | alone
    bits = np.zeros(len(green), np.float32)
    bits[tried] = _bits(planes[:, tried], depth)
    weights = error_weight * np.where(_printed(inner[:, drawn]), INK_WEIGHT, 1)
    drawn[drawn] = weights * whole[drawn] > bits[drawn]
    lost = np.where(drawn, np.maximum(whole, lost), lost)
    points = _POINT_SHARE * np.square(_twice(green[:, 1:-1], 2)).max((1, 2))
    alone = alone & (DEAREST * error_weight * points > bits)
    return bits * (far | drawn | alone), np.where(alone, np.maximum(points, lost), lost)


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
