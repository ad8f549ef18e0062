"""Putting a watermark into a picture (WATERMARK.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .code import encode_bits
from .flatten import blocks_of, box_mean, flattened, local_rms, luma_of, waves_in
from .pattern import TILE, carrier_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pattern import Carrier

__all__ = ["spread"]

# Where the picture itself is busy, more of the pattern fits in unseen.
_BUSY_BOX, _BUSY_MOST, _BUSY_LEAST, _BUSY_POWER = 17, 25.0, 1.0, 0.4
# How much of what the picture itself says at the waves is taken out of it, and at most how much of one wave.
_CANCELLED = 0.5


def spread(image: NDArray[np.uint8], key: bytes, identity: bytes, strength: float) -> NDArray[np.uint8]:
    """A picture with the pattern of an id.

    Args:
        image: (H, W, 3).
        key: of the watermark.
        identity: 8 bytes.
        strength: root mean square of the pattern, in grey levels.
    """
    carrier = carrier_of(key)
    wanted = carrier.amplitudes(encode_bits(key, identity))
    tile = carrier.tile(wanted - _CANCELLED * _host(image, carrier, wanted, strength))
    tile /= tile.std()
    height, width = image.shape[:2]
    energy = 0.0
    for rows, columns in blocks_of(height, width):
        energy += float((_pattern(tile, image, rows, columns) ** 2).sum())
    tile *= strength / np.sqrt(energy / (height * width))
    out = np.empty_like(image)
    for rows, columns in blocks_of(height, width):
        part = image[rows, columns] + _pattern(tile, image, rows, columns)[:, :, None]
        out[rows, columns] = np.clip(np.rint(part), 0, 255)
    return out


def _host(
    image: NDArray[np.uint8], carrier: Carrier, wanted: NDArray[np.complex128], strength: float
) -> NDArray[np.complex128]:
    """(K,), what the picture itself says at the waves, in amplitudes of the pattern, at most as strong."""
    tile = carrier.tile(wanted)
    tile *= strength / tile.std()
    said = np.zeros(len(wanted), np.complex128)
    added = np.zeros(len(wanted), np.complex128)
    for rows, columns in blocks_of(*image.shape[:2]):
        luma = luma_of(image[rows, columns])
        origin = (columns.start, rows.start)
        before = waves_in(flattened(luma), origin=origin)
        marked = luma + _pattern(tile, image, rows, columns)
        added += waves_in(flattened(marked), origin=origin) - before
        said += before
    gain = max(float(np.median((added * np.conj(wanted)).real / np.abs(wanted) ** 2)), 1e-9)
    host = said / gain
    return np.asarray(host * np.minimum(1, np.abs(wanted) / np.maximum(np.abs(host), 1e-12)))


def _pattern(
    tile: NDArray[np.float32], image: NDArray[np.uint8], rows: slice, columns: slice
) -> NDArray[np.float32]:
    """(h, w), the pattern on a part of the picture."""
    luma = luma_of(image[rows, columns])
    busy = local_rms(luma - box_mean(luma, _BUSY_BOX), 2 * _BUSY_BOX - 1)
    room = (np.minimum(busy, _BUSY_MOST) + _BUSY_LEAST) ** _BUSY_POWER
    y = np.arange(rows.start, rows.stop) % TILE
    x = np.arange(columns.start, columns.stop) % TILE
    return np.asarray(room * tile[y[:, None], x[None]], np.float32)
