"""Reading the id of a key out of what a picture shows (WATERMARK.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .pattern import TILE, WAVES, carrier_of
from .tile_evidence import SIZES, TURNS
from .watermark_bits import CHECK_BITS, decode_bits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .pattern import Carrier
    from .tile_evidence import Evidence, Size

__all__ = ["FALSE_POSITIVES", "MOST_CANDIDATES", "Found", "candidates", "read"]

_PEAKS = 2
# In deviations, as all heights of peaks: pictures without a watermark have peaks up to about 4.5.
_LEAST_PEAK = 4.7
# Where the tile of a picture that was not cropped begins, the least is lower: it is one place of many.
_LEAST_AT_CORNER = 2.5
_APART = 3

MOST_CANDIDATES = SIZES * (1 + TURNS * _PEAKS) + TURNS * _PEAKS
"""Codes of a picture that are held against the check, at most."""

FALSE_POSITIVES = MOST_CANDIDATES / 2.0**CHECK_BITS
"""At most so probable is an id in a picture that holds none of the key."""


@dataclass(frozen=True, slots=True)
class Found:
    """A watermark that was found.

    Attributes:
        identity: 8 bytes.
        scale: horizontal and vertical size now, in sizes of the picture that was marked.
        offset: x and y of a corner of a tile, in pixels of the picture now.
        turned: how the picture was turned since, as an EXIF orientation from 1 to 8.
    """

    identity: bytes
    scale: tuple[float, float]
    offset: tuple[float, float]
    turned: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tile may begin: EXIF orientation, and position in pixels of the tile."""

    turned: int
    x: float
    y: float


def read(evidence: Evidence, key: bytes) -> Found | None:
    """Look for the watermark of a key.

    Args:
        evidence: of the picture.
        key: of the watermark.

    Returns:
        None if there is none, or none of this key.
    """
    left, top = evidence.origin
    for size, place, values in candidates(evidence, key):
        identity = decode_bits(key, values)
        if identity is not None:
            offset = place.x * size.scale[0] + left, place.y * size.scale[1] + top
            return Found(identity, size.scale, offset, place.turned)
    return None


def candidates(evidence: Evidence, key: bytes) -> Iterator[tuple[Size, _Place, NDArray[np.float64]]]:
    """Every code that may stand in a picture, at most :data:`MOST_CANDIDATES`: soft values of its bits."""
    carrier = carrier_of(key)
    for size in evidence.sizes():
        for place in _places(size, carrier):
            shift = 2j * np.pi * (WAVES.u * place.x + WAVES.v * place.y) / TILE
            aligned = size.waves[place.turned - 1] * np.exp(shift)
            yield size, place, carrier.soft_bits(aligned, _trust(aligned, carrier))


def _places(size: Size, carrier: Carrier) -> Iterator[_Place]:
    """Where the known waves agree best, if they agree well; the corner of the picture first."""
    known = np.flatnonzero(carrier.sync)
    waves = size.waves[:, known] * (np.conj(carrier.sync[known]) * WAVES.weight[known])
    deviation = np.sqrt((np.abs(waves) ** 2).sum(axis=1) / 2) + 1e-12
    if waves[0].real.sum() >= _LEAST_AT_CORNER * deviation[0]:
        yield _Place(1, 0.0, 0.0)
    even, odd = _agreement(waves, known)
    highest = (even + np.abs(odd)).max(axis=(0, 2))
    for turn in np.flatnonzero(highest >= _LEAST_PEAK * deviation):
        agreement = _both_halves(even[:, turn], odd[:, turn], axis=0)
        for x, y in _peaks(agreement, _LEAST_PEAK * deviation[turn]):
            if size.scale == (1.0, 1.0):  # a picture that was cropped alone moved by whole pixels
                yield _Place(int(turn) + 1, float(x), float(y))
            yield _Place(int(turn) + 1, *_refined(waves[turn], known, x, y))


def _agreement(
    waves: NDArray[np.complex128], known: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How well known waves agree with the tile at each pixel of it, as :func:`_both_halves` takes it.

    That is the real part of an inverse Fourier transform of few frequencies. Sums over cosines and sines are
    worked out for half of the positions; their sums and differences give both halves.

    Returns:
        The even and the odd part, (TILE / 2 + 1, turns, TILE) each: rows, turns and columns.
    """
    turns, reach = len(waves), WAVES.reach
    grid = np.zeros((reach + 1, turns, 2 * reach + 1), np.complex64)
    grid[WAVES.v[known], :, WAVES.u[known] + reach] = waves.T
    right, left = grid[:, :, reach:], grid[:, :, reach::-1].copy()
    left[:, :, 0] = 0  # the constant wave is neither
    cosines, sines = _halves()
    even, odd = ((right + left).reshape(-1, reach + 1), (right - left).reshape(-1, reach + 1))
    even_real, even_imaginary = (np.asarray(part @ cosines, np.float32) for part in (even.real, even.imag))
    odd_real, odd_imaginary = (np.asarray(part @ sines, np.float32) for part in (-odd.imag, odd.real))
    real = _both_halves(even_real, odd_real, axis=1).reshape(reach + 1, turns * TILE)
    imaginary = _both_halves(even_imaginary, odd_imaginary, axis=1).reshape(reach + 1, turns * TILE)
    shape = -1, turns, TILE
    return (cosines.T @ real).reshape(shape), (sines.T @ -imaginary).reshape(shape)


def _both_halves(even: NDArray[np.float32], odd: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """All positions, from the even and the odd part of a function at those from 0 to half of a tile."""
    back = [slice(None), slice(None)]
    back[axis] = slice(TILE // 2 - 1, 0, -1)
    return np.concatenate([even + odd, (even - odd)[tuple(back)]], axis=axis)


@lru_cache(maxsize=1)
def _halves() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(reach + 1, TILE / 2 + 1) each: cosines and sines of waves at half of the positions."""
    phase = np.outer(np.arange(WAVES.reach + 1), np.arange(TILE // 2 + 1)) * (2 * np.pi / TILE)
    return np.cos(phase).astype(np.float32), np.sin(phase).astype(np.float32)


def _peaks(agreement: NDArray[np.float32], least: float) -> Iterator[tuple[int, int]]:
    """Left and top of the highest peaks; ``agreement`` is changed."""
    near = np.arange(-_APART, _APART + 1)
    for _ in range(_PEAKS):
        y, x = np.unravel_index(int(agreement.argmax()), agreement.shape)
        if agreement[y, x] < least:
            return
        yield int(x), int(y)
        agreement[np.ix_((y + near) % TILE, (x + near) % TILE)] = -np.inf


def _refined(
    waves: NDArray[np.complex128], known: NDArray[np.int64], x: float, y: float
) -> tuple[float, float]:
    """The best position to a quarter of a pixel."""
    steps = np.arange(-0.5, 0.75, 0.25)
    across = np.exp(2j * np.pi * np.outer(x + steps, WAVES.u[known]) / TILE)
    down = np.exp(2j * np.pi * np.outer(y + steps, WAVES.v[known]) / TILE)
    agreement = ((down * waves) @ across.T).real
    row, column = np.unravel_index(int(agreement.argmax()), agreement.shape)
    return float(x + steps[column]), float(y + steps[row])


def _trust(aligned: NDArray[np.complex128], carrier: Carrier) -> NDArray[np.float64]:
    """(K,), how strong the waves are at each frequency, as the known ones show."""
    known = carrier.sync != 0
    strength = (np.conj(carrier.sync) * aligned).real[known]
    fitted = np.polyval(np.polyfit(WAVES.radius[known], strength, 2), WAVES.radius)
    return np.asarray(np.maximum(fitted, 0.02 * np.abs(strength).mean()), np.float64)
