"""Putting a watermark into a picture (WATERMARK.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .pattern import TILE, carrier_of
from .watermark_bits import encode_bits
from .whitening import blocks_of, box_mean, flattened, local_rms, luma_of, waves_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pattern import Carrier

__all__ = ["spread"]

# Where the picture itself is busy, more of the pattern fits in unseen.
_BUSY_BOX, _BUSY_MOST, _BUSY_LEAST, _BUSY_POWER = 17, 25.0, 1.0, 0.4
# Of what the picture itself says at a known wave, so much is taken out, and at most as much as is put in.
_CANCELLED = 0.5
# How sharply a part of a wave that the picture contradicts is preferred to one that it supports.
_SHARPNESS = 2.0
_MOST_AMPLITUDE, _MOST_EXPONENT, _HALVINGS = 1000.0, 60.0, 40


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
    parts = [
        _Part(rows, columns, _room(image[rows, columns])) for rows, columns in blocks_of(*image.shape[:2])
    ]
    host = _host(image, parts, _tile(parts, carrier, wanted, strength), wanted)
    tile = _tile(parts, carrier, _allotted(carrier, wanted, host), strength)
    out = np.empty_like(image)
    for part in parts:
        marked = image[part.rows, part.columns] + part.pattern(tile)[:, :, None]
        out[part.rows, part.columns] = np.clip(np.rint(marked), 0, 255)
    return out


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a picture, and how much of the pattern fits in at each pixel of it, (h, w)."""

    rows: slice
    columns: slice
    room: NDArray[np.float16]

    def pattern(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w), the pattern of a tile on the part."""
        y = np.arange(self.rows.start, self.rows.stop) % TILE
        x = np.arange(self.columns.start, self.columns.stop) % TILE
        return np.asarray(self.room * tile[y[:, None], x[None]], np.float32)


def _room(image: NDArray[np.uint8]) -> NDArray[np.float16]:
    luma = luma_of(image)
    busy = local_rms(luma - box_mean(luma, _BUSY_BOX), 2 * _BUSY_BOX - 1)
    return np.asarray((np.minimum(busy, _BUSY_MOST) + _BUSY_LEAST) ** _BUSY_POWER, np.float16)


def _tile(
    parts: list[_Part], carrier: Carrier, amplitudes: NDArray[np.complex128], strength: float
) -> NDArray[np.float32]:
    """(TILE, TILE), the tile whose pattern has a root mean square of ``strength``."""
    tile = carrier.tile(amplitudes)
    energy = sum(float((part.pattern(tile) ** 2).sum()) for part in parts)
    tile *= strength / np.sqrt(energy / sum(part.room.size for part in parts))
    return tile


def _host(
    image: NDArray[np.uint8],
    parts: list[_Part],
    tile: NDArray[np.float32],
    wanted: NDArray[np.complex128],
) -> NDArray[np.complex128]:
    """(K,), what the picture itself says at the waves, in amplitudes of the pattern of a tile."""
    said = np.zeros(len(wanted), np.complex128)
    both = np.zeros(len(wanted), np.complex128)
    for part in parts:
        luma = luma_of(image[part.rows, part.columns])
        origin = (part.columns.start, part.rows.start)
        said += waves_in(flattened(luma), origin=origin)
        both += waves_in(flattened(luma + part.pattern(tile)), origin=origin)
    gain = max(float(np.median(((both - said) * np.conj(wanted)).real / np.abs(wanted) ** 2)), 1e-9)
    return np.asarray(both / gain - wanted)


def _allotted(
    carrier: Carrier, wanted: NDArray[np.complex128], host: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """(K,), amplitudes of the same energy as those wanted, more where the picture says something else.

    A real or imaginary part of a wave is worth spending on as far as its bit would be read wrongly without:
    the amplitude ``a`` at a host ``h``, both in wanted amplitudes, solves ``a = m / (1 + exp(s (h + a)))``,
    which makes the sum of logistic losses least. ``m`` is such that the energy is right.
    """
    known = carrier.sync != 0
    limit = np.minimum(1, np.abs(wanted) / np.maximum(np.abs(host), 1e-12))
    waves = wanted - _CANCELLED * host * limit
    waves *= np.sqrt((np.abs(wanted[known]) ** 2).sum() / (np.abs(waves[known]) ** 2).sum())
    parts = wanted[~known].view(np.float64)
    hosts = host[~known].view(np.float64) / parts
    low, high = 0.0, _MOST_AMPLITUDE
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        amplitudes = _logistic_amplitudes(hosts, middle) * parts
        low, high = (low, middle) if (amplitudes**2).sum() > (parts**2).sum() else (middle, high)
    waves[~known] = amplitudes.view(np.complex128)
    return waves


def _logistic_amplitudes(hosts: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """What solves ``a = most / (1 + exp(s (h + a)))`` for each ``h``: the right side falls with ``a``."""
    low, high = np.zeros_like(hosts), np.full_like(hosts, most)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = most / (1 + np.exp(np.minimum(_SHARPNESS * (hosts + middle), _MOST_EXPONENT))) > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return low
