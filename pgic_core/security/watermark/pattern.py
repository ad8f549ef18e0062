"""The pattern of a watermark: a keyed tile whose waves carry bits, repeated (WATERMARK.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .watermark_bits import CODED_BITS, keystream

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TILE", "WAVES", "Carrier", "Waves", "carrier_of"]

TILE = 128
"""Pixels after which the pattern repeats, in both directions."""

# Periods of the waves, in pixels: longer ones drown in the picture, shorter ones do not survive coding. In a
# narrow band they are strong enough to be coded at all.
_LONGEST, _SHORTEST = 13.0, 8.0
_SYNC_SHARE = 4
# The amplitude of waves falls with their frequency, but less than that of pictures does.
_SLOPE = 0.5


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves of a tile, whatever the key.

    Attributes:
        u: (K,), periods of each wave in a tile, from left to right.
        v: (K,), from top to bottom; half of the plane, since the pattern is real.
        weight: (K,), relative amplitude.
    """

    u: NDArray[np.int64]
    v: NDArray[np.int64]
    weight: NDArray[np.float64]

    @property
    def radius(self) -> NDArray[np.float64]:
        """(K,), frequency of each wave in periods of a tile."""
        return np.hypot(self.u, self.v)

    @property
    def reach(self) -> int:
        """Most periods of a wave in a tile, in either direction."""
        return int(self.v.max())


def _waves() -> Waves:
    reach = int(TILE / _SHORTEST)
    v, u = np.mgrid[0 : reach + 1, -reach : reach + 1]
    radius = np.hypot(u, v)
    wanted = (radius >= TILE / _LONGEST) & (radius <= TILE / _SHORTEST) & ((v > 0) | (u > 0))
    radius = radius[wanted]
    return Waves(u[wanted], v[wanted], (radius / radius.min()) ** -_SLOPE)


WAVES = _waves()
"""All waves that there are."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the waves carry with a key.

    Attributes:
        sync: (K,), phase factors of the waves that are known and give the position; 0 elsewhere.
        slots: (2, K), number of the coded bit that real and imaginary part carry; -1 for those of ``sync``.
        signs: (2, K), by which the bit is multiplied.
    """

    sync: NDArray[np.complex128]
    slots: NDArray[np.int64]
    signs: NDArray[np.float64]

    def amplitudes(self, bits: NDArray[np.int8]) -> NDArray[np.complex128]:
        """(K,), complex amplitudes that carry some coded bits; the sum of their squares is 1."""
        parts = np.where(self.slots >= 0, bits[self.slots] * self.signs, 0) / np.sqrt(2)
        waves = WAVES.weight * (self.sync + parts[0] + 1j * parts[1])
        return np.asarray(waves / np.sqrt((np.abs(waves) ** 2).sum()))

    def tile(self, amplitudes: NDArray[np.complex128]) -> NDArray[np.float32]:
        """(TILE, TILE), the sum of the waves."""
        spectrum = np.zeros((TILE, TILE), np.complex128)
        spectrum[WAVES.v, WAVES.u] = amplitudes
        spectrum[-WAVES.v, -WAVES.u] = np.conj(amplitudes)
        return (np.fft.ifft2(spectrum).real * TILE * TILE).astype(np.float32)

    def soft_bits(self, waves: NDArray[np.complex128], trust: NDArray[np.float64]) -> NDArray[np.float64]:
        """Soft values of the coded bits.

        Args:
            waves: (K,), amplitudes that were found, aligned to the tile.
            trust: (K,), how much each is to be trusted.
        """
        values = np.stack([waves.real, waves.imag]) * self.signs * trust
        carried = self.slots >= 0
        return np.bincount(self.slots[carried], values[carried], CODED_BITS).astype(np.float64)


@lru_cache(maxsize=8)
def carrier_of(key: bytes) -> Carrier:
    """The carrier of a key."""
    count = len(WAVES.u)
    order = np.argsort(keystream(key, "order", count), kind="stable")
    is_sync = np.zeros(count, bool)
    is_sync[order[: count // _SYNC_SHARE]] = True
    phases = keystream(key, "sync", count) / 2.0**32
    sync = np.where(is_sync, np.exp(2j * np.pi * phases), 0)
    places = np.flatnonzero(np.repeat(~is_sync, 2))
    places = places[np.argsort(keystream(key, "slots", len(places)), kind="stable")]
    slots = np.full(2 * count, -1)
    slots[places] = np.arange(len(places)) % CODED_BITS
    signs = 2.0 * (keystream(key, "signs", 2 * count) & 1) - 1.0
    return Carrier(
        sync=sync,
        slots=np.ascontiguousarray(slots.reshape(count, 2).T),
        signs=np.ascontiguousarray(signs.reshape(count, 2).T),
    )
