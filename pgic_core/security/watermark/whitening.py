"""Pictures as the detector sees them: no frequency and no place stands out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .pattern import TILE, WAVES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "blocks_of",
    "box_mean",
    "flattened",
    "local_rms",
    "luma_of",
    "ring_means",
    "sums_across",
    "waves_down",
    "waves_in",
]

BLOCK = 2048
"""Pixels along one side of what is worked on at a time; it bounds the memory."""

_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
_BOX = 9
_CLIP = 1.5
# A quiet place counts less: what was put there is what coding removes first.
_QUIET = 0.5
_RINGS = 256
# Below 1/85 of a period a pixel there is no watermark, nor above 2/5, also in a picture that was halved.
_LOWEST, _HIGHEST = 3, 100
# Energy that is taken for none, so that what coding removed is not blown up.
_FLOOR = 0.2


def luma_of(image: NDArray[Any]) -> NDArray[np.float32]:
    """(H, W), luma of an RGB picture (H, W, 3), or grey (H, W) as it is."""
    if image.ndim == 2:
        return image.astype(np.float32)
    return np.asarray(image[:, :, :3].astype(np.float32) @ _WEIGHTS, np.float32)


def blocks_of(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Parts of at most :data:`BLOCK` pixels a side that make up a picture, all of about the same size."""
    rows, columns = (np.linspace(0, side, -(-side // BLOCK) + 1).astype(int) for side in (height, width))
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield slice(top, bottom), slice(left, right)


def flattened(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W), the picture with about the same energy at every frequency and every place, clipped."""
    height, width = luma.shape
    spectrum = np.fft.rfft2(luma - luma.mean())
    power = (spectrum.real**2 + spectrum.imag**2) / (height * width)
    ring, mean = ring_means(power, width)
    gain = 1 / np.sqrt(mean + _FLOOR)
    gain[:_LOWEST] = gain[_HIGHEST:] = 0
    flat = np.fft.irfft2(spectrum * gain[ring], (height, width)).astype(np.float32)
    local = local_rms(flat)
    even = flat / (local + _QUIET * local.mean() + 1e-9)
    return np.asarray(np.clip(even, -_CLIP, _CLIP), np.float32)


def ring_means(
    values: NDArray[np.floating[Any]], width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Means over rings of about the same frequency.

    Args:
        values: (H, W // 2 + 1), for each frequency of a real picture.
        width: of the picture.

    Returns:
        (H, W // 2 + 1), the ring that each frequency lies in; and the mean of each.
    """
    radius = np.hypot(np.fft.fftfreq(len(values))[:, None], np.fft.rfftfreq(width)[None])
    ring = np.minimum((radius * _RINGS).astype(np.int64), _RINGS)
    count = np.maximum(np.bincount(ring.ravel(), minlength=_RINGS + 1), 1)
    return ring, np.bincount(ring.ravel(), values.ravel(), _RINGS + 1) / count


def local_rms(values: NDArray[np.float32], box: int = _BOX) -> NDArray[np.float32]:
    """(H, W), root mean square in a box around each pixel."""
    return np.asarray(np.sqrt(np.maximum(box_mean(values * values, box), 0)), np.float32)


def box_mean(values: NDArray[np.float32], box: int) -> NDArray[np.float32]:
    """(H, W), mean in a box around each pixel; the picture is mirrored at its edges."""
    for axis in (0, 1):
        side = values.shape[axis]
        half = min(box // 2, side - 1)
        pad = [(0, 0), (0, 0)]
        pad[axis] = (half + 1, half)
        sums = np.cumsum(np.pad(values, pad, mode="reflect"), axis=axis, dtype=np.float64)
        above = sums.take(np.arange(2 * half + 1, 2 * half + 1 + side), axis)
        below = sums.take(np.arange(side), axis)
        values = ((above - below) / (2 * half + 1)).astype(np.float32)
    return values


def waves_in(
    flat: NDArray[np.float32], scale: tuple[float, float] = (1.0, 1.0), origin: tuple[int, int] = (0, 0)
) -> NDArray[np.complex128]:
    """Sums of a part of a picture with the waves of a tile.

    Args:
        flat: (H, W).
        scale: horizontal and vertical size of the tile, in sizes of :data:`TILE`.
        origin: x and y of the part in the picture.

    Returns:
        (K,).
    """
    return waves_down(sums_across(flat, scale[0], origin[0]), scale[1], origin[1])


def sums_across(flat: NDArray[np.float32], scale: float, origin: int = 0) -> NDArray[np.complex64]:
    """(H, reach + 1), sums of each row with waves to the right; see :func:`waves_in`."""
    across = _waves_at(flat.shape[1], scale, origin)
    return np.asarray((flat @ across.view(np.float32)).view(np.complex64))


def waves_down(rows: NDArray[np.complex64], scale: float, origin: int = 0) -> NDArray[np.complex128]:
    """(K,), sums of :func:`sums_across` with waves downwards."""
    down = _waves_at(len(rows), scale, origin).T
    # The picture is real: in each row, a wave to the left is the conjugate of one to the right.
    right, left = down @ rows, down @ rows.conj()
    u = np.abs(WAVES.u)
    return np.where(WAVES.u < 0, left[WAVES.v, u], right[WAVES.v, u]).astype(np.complex128)


def _waves_at(count: int, scale: float, origin: int) -> NDArray[np.complex64]:
    """(count, reach + 1), waves of 0, 1, 2 ... periods in a tile at so many pixels in a row."""
    one = np.exp(-2j * np.pi * (np.arange(count) + origin) / (TILE * scale))
    powers = np.ones((count, WAVES.reach + 1), np.complex128)
    np.multiply.accumulate(np.broadcast_to(one[:, None], (count, WAVES.reach)), axis=1, out=powers[:, 1:])
    return powers.astype(np.complex64)
