"""Pictures as the detector sees them: no frequency and no place stands out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .pattern import TILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .pattern import Carrier

__all__ = ["BLOCK", "blocks_of", "box_mean", "flattened", "local_rms", "luma_of", "waves_in"]

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
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    ring = np.minimum((radius * _RINGS).astype(np.int64), _RINGS)
    power = (spectrum.real**2 + spectrum.imag**2) / (height * width)
    count = np.maximum(np.bincount(ring.ravel(), minlength=_RINGS + 1), 1)
    mean = np.bincount(ring.ravel(), power.ravel(), _RINGS + 1) / count
    gain = 1 / np.sqrt(mean + _FLOOR)
    gain[:_LOWEST] = gain[_HIGHEST:] = 0
    flat = np.fft.irfft2(spectrum * gain[ring], (height, width)).astype(np.float32)
    local = local_rms(flat)
    even = flat / (local + _QUIET * local.mean() + 1e-9)
    return np.asarray(np.clip(even, -_CLIP, _CLIP), np.float32)


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
    flat: NDArray[np.float32],
    carrier: Carrier,
    scale: tuple[float, float] = (1.0, 1.0),
    origin: tuple[int, int] = (0, 0),
) -> NDArray[np.complex128]:
    """Sums of a part of a picture with the waves of a carrier.

    Args:
        flat: (H, W).
        carrier: the waves.
        scale: horizontal and vertical size of the tile, in sizes of :data:`TILE`.
        origin: x and y of the part in the picture.

    Returns:
        (K,).
    """
    height, width = flat.shape
    reach = int(carrier.v.max())
    u, v = np.arange(-reach, reach + 1), np.arange(reach + 1)
    x = (np.arange(width) + origin[0]) / (TILE * scale[0])
    y = (np.arange(height) + origin[1]) / (TILE * scale[1])
    across = np.exp(-2j * np.pi * np.outer(x, u)).astype(np.complex64)
    down = np.exp(-2j * np.pi * np.outer(v, y)).astype(np.complex64)
    sums = down @ (flat @ across)
    return np.asarray(sums[carrier.v, carrier.u + reach], np.complex128)
