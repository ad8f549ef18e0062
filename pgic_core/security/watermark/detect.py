"""Finding a watermark in a picture of which nothing else is known (WATERMARK.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .code import decode_bits
from .flatten import flattened, luma_of, waves_in
from .pattern import TILE, carrier_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from .pattern import Carrier

__all__ = ["LEAST_SIDE", "Found", "find"]

LEAST_SIDE = 128
"""Pixels of the shorter side of a picture in which a watermark is looked for."""

# What is looked at of a large picture: its middle.
_MOST_SIDE = 3072
_SEARCH_SIDE = 2048
_SCALES = np.exp(np.arange(np.log(0.4), np.log(2.6), 0.0007))
_CANDIDATES = 6
_PEAKS = 2
# Of the mean deviation: random pictures have peaks up to about 4.7.
_LEAST_PEAK = 5.0
# Positions are looked for at half pixels of the tile.
_FINE = 2 * TILE


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


def find(image: NDArray[Any], key: bytes) -> Found | None:
    """Look for a watermark.

    Args:
        image: (H, W) or (H, W, 3), 0 to 255.
        key: of the watermark.

    Returns:
        None if there is none, or none of this key.
    """
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return None
    top, left = max(height - _MOST_SIDE, 0) // 2, max(width - _MOST_SIDE, 0) // 2
    middle = image[top : top + _MOST_SIDE, left : left + _MOST_SIDE]
    flat = flattened(luma_of(middle))
    carrier = carrier_of(key)
    for scale in _scales(flat, carrier):
        found = _read(flat, carrier, key, scale)
        if found is not None:
            x, y = found.offset
            return Found(found.identity, found.scale, (x + left, y + top), found.turned)
    return None


def _scales(flat: NDArray[np.float32], carrier: Carrier) -> Iterator[tuple[float, float]]:
    """Sizes that the tile may have: as it was, then those at which the waves of a tile stand out."""
    yield 1.0, 1.0
    height, width = flat.shape
    top, left = max(height - _SEARCH_SIDE, 0) // 2, max(width - _SEARCH_SIDE, 0) // 2
    part = flat[top : top + _SEARCH_SIDE, left : left + _SEARCH_SIDE]
    score = _comb(part, carrier)
    for _ in range(_CANDIDATES):
        best = int(score.argmax())
        score[max(best - 8, 0) : best + 9] = -np.inf
        yield _refined(flat, carrier, float(_SCALES[best]))


def _comb(part: NDArray[np.float32], carrier: Carrier) -> NDArray[np.float64]:
    """(scales,), how much the waves of a tile stand out of the spectrum at each scale."""
    height, width = part.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    spectrum = np.fft.rfft2(part * window)
    power = spectrum.real**2 + spectrum.imag**2
    weight = carrier.weight**2
    score = np.empty(len(_SCALES))
    for start in range(0, len(_SCALES), 64):
        tile = TILE * _SCALES[start : start + 64, None]
        y = np.rint(carrier.v * height / tile).astype(np.int64) % height
        x = np.rint(carrier.u * width / tile).astype(np.int64)
        y, x = np.where(x < 0, -y % height, y), np.abs(x)
        inside = (x < power.shape[1]) * weight
        sums = (power[y, np.minimum(x, power.shape[1] - 1)] * inside).sum(axis=1)
        score[start : start + 64] = sums / np.maximum(inside.sum(axis=1), 1e-9)
    # The spectrum is not quite flat: each scale is held against those around it.
    padded = np.pad(score, 96, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 193)[::8]
    usual = np.interp(np.arange(len(score)), np.arange(len(around)) * 8, np.median(around, axis=1))
    return np.asarray(score / np.maximum(usual, 1e-12))


def _refined(flat: NDArray[np.float32], carrier: Carrier, scale: float) -> tuple[float, float]:
    """The size of the tile near a scale at which its waves are strongest; its sides may differ a little."""

    def energy(across: float, down: float) -> float:
        waves = waves_in(flat, carrier, (across, down))
        return float((np.abs(waves) ** 2 * carrier.weight**2).sum())

    across = down = scale
    best = energy(across, down)
    for step in (0.0007, 0.00035, 0.000175):
        for _ in range(2):
            for dx, dy in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
                there = across * (1 + dx * step), down * (1 + dy * step)
                value = energy(*there)
                if value > best:
                    best, (across, down) = value, there
                    break
            else:
                break
    return across, down


def _read(
    flat: NDArray[np.float32], carrier: Carrier, key: bytes, scale: tuple[float, float]
) -> Found | None:
    """What the waves of one scale say, whichever way up the picture is."""
    waves = waves_in(flat, carrier, scale)
    for turned in range(1, 9):
        upright = _turned(waves, carrier, turned)
        for x, y in _positions(upright, carrier):
            aligned = upright * np.exp(2j * np.pi * (carrier.u * x + carrier.v * y) / _FINE)
            identity = decode_bits(key, carrier.soft_bits(aligned, _trust(aligned, carrier)))
            if identity is not None:
                offset = x / 2 * scale[0], y / 2 * scale[1]
                return Found(identity, scale, offset, turned)
    return None


def _positions(waves: NDArray[np.complex128], carrier: Carrier) -> Iterator[tuple[int, int]]:
    """Positions of the tile, in half pixels, at which its known waves agree best, if they agree well."""
    spectrum = np.zeros((_FINE, _FINE), np.complex128)
    spectrum[carrier.v, carrier.u] = np.conj(carrier.sync) * waves * carrier.weight
    agreement = np.fft.ifft2(spectrum).real
    least = _LEAST_PEAK * agreement.std()
    near = np.arange(-6, 7)
    for _ in range(_PEAKS):
        y, x = np.unravel_index(int(agreement.argmax()), agreement.shape)
        if agreement[y, x] < least:
            return
        yield int(x), int(y)
        agreement[np.ix_((y + near) % _FINE, (x + near) % _FINE)] = -np.inf


def _trust(aligned: NDArray[np.complex128], carrier: Carrier) -> NDArray[np.float64]:
    """(K,), how strong the waves are at each frequency, as the known ones show."""
    known = carrier.sync != 0
    strength = (np.conj(carrier.sync) * aligned).real[known]
    fitted = np.polyval(np.polyfit(carrier.radius[known], strength, 2), carrier.radius)
    return np.asarray(np.maximum(fitted, 0.02 * np.abs(strength).mean()), np.float64)


def _turned(waves: NDArray[np.complex128], carrier: Carrier, orientation: int) -> NDArray[np.complex128]:
    """(K,), the waves of a picture after an EXIF orientation is undone, up to its position."""
    if orientation == 1:
        return waves
    reach = int(carrier.v.max())
    plane = np.zeros((2 * reach + 1, 2 * reach + 1), np.complex128)
    plane[carrier.v + reach, carrier.u + reach] = waves
    plane[reach - carrier.v, reach - carrier.u] = np.conj(waves)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    if orientation >= 5:
        plane = plane.T
    return plane[carrier.v + reach, carrier.u + reach]
