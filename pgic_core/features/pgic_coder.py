"""Our own coder for feature maps, ``codec="pgic"``: beyond what document B asks.

A channel is cut into blocks of at most 16x16 or 8x8 and, where that pays, transformed by a DCT (a
network that pools later is most sensitive to the low frequencies, and they gather most of the energy); the
coefficients or plain samples are rounded to multiples of one step and coded by :mod:`.context_coder`. Neither
dead zone nor centroid: both lower the squared error for the bits, but they shrink what they code, and a
network's answer suffers more from features that are all a little too small than from noise. At the same
bytes, centroids made the KL divergence of EfficientNet-Lite0's answers five times as large. The step follows
the QP as HEVC's does, so that equal QP means about equal noise. Without QP, prequantised samples are
coded as they stand, without loss.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from pgic_core.errors import PgiFormatError

from .context_coder import decode_blocks, encode_blocks

__all__ = ["decode_samples", "decode_values", "encode_samples", "encode_values"]

_SIDES = (16, 16, 8)  # largest block of transform 0 (none), 1 and 2 (both DCT)
_HEAD = struct.Struct("<Bf")  # transform, step
_HEAD_EXACT = struct.Struct("<H")
# Squared error (in squared steps) that a bit is worth when the transform is chosen: near the slope of a
# uniform quantiser at middle rates.
_PRICE = 0.11
_LARGEST = 1 << 22
# Bits against the rough count of ``_cost``: plain samples are coded the better in their contexts.
_BIT_COUNT = (1.0, 1.2, 1.2)

Floats = npt.NDArray[np.float32]
Shape = tuple[int, int, int, int]


def encode_values(values: Floats, qp: float) -> bytes:
    """Code a feature map with loss.

    Args:
        values: float32 (N, C, H, W), finite.
        qp: 0 … 51; the step is 1/255 of the range, times 2^((qp - 4) / 6).
    """
    span = float(values.max()) - float(values.min())
    step = float(np.float32(span / 255 * 2 ** ((qp - 4) / 6)))
    if not step > 0 or not math.isfinite(step):  # a constant map: the range alone says it
        return _HEAD.pack(0, 0.0)
    best: tuple[float, int, Any, Any] | None = None
    for transform, side in enumerate(_SIDES):
        blocks, grid = _cut(values, side)
        scaled = (_dct(blocks) if transform else blocks).astype(np.float64) / step
        scaled = np.clip(scaled, -_LARGEST, _LARGEST)
        cost = _cost(scaled, _BIT_COUNT[transform])
        if best is None or cost < best[0]:
            best = cost, transform, np.rint(scaled).astype(np.int32), grid
    assert best is not None
    return _HEAD.pack(best[1], step) + encode_blocks(best[2], best[3])


def decode_values(data: bytes, shape: Shape, low: float, high: float) -> Floats:
    """The inverse of :func:`encode_values`, clipped to low … high.

    Raises:
        PgiFormatError: the bytes are damaged.
    """
    if len(data) < _HEAD.size:
        raise PgiFormatError("The coded samples of a feature map are cut short.")
    transform, step = _HEAD.unpack_from(data)
    if transform >= len(_SIDES) or not (math.isfinite(step) and step >= 0):
        raise PgiFormatError("A feature map names a transform or step that does not exist.")
    if step == 0:
        return np.full(shape, low, np.float32)
    side = _SIDES[transform]
    grid, block_shape = _grid(shape, side)
    q = decode_blocks(data[_HEAD.size :], block_shape, grid)
    values: npt.NDArray[np.floating] = q * np.float64(step)
    if transform:
        values = _idct(values)
    out: Floats = np.clip(_join(values, shape, side), low, high).astype(np.float32)
    return out


def encode_samples(samples: npt.NDArray[np.uint16]) -> bytes:
    """Code prequantised samples (N, C, H, W) without loss."""
    most = int(np.bincount(samples.ravel()).argmax())
    blocks, grid = _cut(samples.astype(np.int32) - most, _SIDES[0])
    return _HEAD_EXACT.pack(most) + encode_blocks(blocks, grid)


def decode_samples(data: bytes, shape: Shape) -> npt.NDArray[np.uint16]:
    """The exact inverse of :func:`encode_samples`.

    Raises:
        PgiFormatError: the bytes are damaged.
    """
    if len(data) < _HEAD_EXACT.size:
        raise PgiFormatError("The coded samples of a feature map are cut short.")
    (most,) = _HEAD_EXACT.unpack_from(data)
    grid, block_shape = _grid(shape, _SIDES[0])
    q = decode_blocks(data[_HEAD_EXACT.size :], block_shape, grid)
    samples: npt.NDArray[np.uint16] = np.clip(
        _join(q, shape, _SIDES[0]).astype(np.int64) + most, 0, 65_535
    ).astype(np.uint16)
    return samples


def _grid(shape: Shape, side: int) -> tuple[tuple[int, int, int], Shape]:
    """Block grid (N, rows, columns) and block array shape (V, C, h, w), with h and w at most ``side``."""
    count, channels, height, width = shape
    rows, columns = -(-height // side), -(-width // side)
    return (count, rows, columns), (
        count * rows * columns,
        channels,
        -(-height // rows),
        -(-width // columns),
    )


def _cut(values: npt.NDArray[Any], side: int) -> tuple[npt.NDArray[Any], tuple[int, int, int]]:
    count, channels, height, width = values.shape
    grid, (_, _, h, w) = _grid((count, channels, height, width), side)
    _, rows, columns = grid
    padded = np.pad(values, ((0, 0), (0, 0), (0, rows * h - height), (0, columns * w - width)), mode="edge")
    tiles = padded.reshape(count, channels, rows, h, columns, w).transpose(0, 2, 4, 1, 3, 5)
    return tiles.reshape(-1, channels, h, w), grid


def _join(blocks: npt.NDArray[Any], shape: Shape, side: int) -> npt.NDArray[Any]:
    (count, rows, columns), (_, channels, h, w) = _grid(shape, side)
    tiles = blocks.reshape(count, rows, columns, channels, h, w).transpose(0, 3, 1, 4, 2, 5)
    return tiles.reshape(count, channels, rows * h, columns * w)[:, :, : shape[2], : shape[3]]


def _cost(scaled: npt.NDArray[np.float64], weight: float) -> float:
    """Rough price of coding values in steps: squared error, and bits at their worth."""
    q = np.rint(scaled)
    bits = weight * (2 * np.log2(1 + np.abs(q)).sum() + np.count_nonzero(q))
    return float(((scaled - q) ** 2).sum() + _PRICE * bits)


def _basis(size: int) -> Floats:
    """Orthonormal DCT-II, float32 (size, size), frequency by row."""
    k = np.arange(size)
    basis = np.sqrt(2 / size) * np.cos(np.pi * (k[None] + 0.5) * k[:, None] / size)
    basis[0] /= np.sqrt(2)
    single: Floats = basis.astype(np.float32)
    return single


def _dct(blocks: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
    down, across = _basis(blocks.shape[2]), _basis(blocks.shape[3])
    out: npt.NDArray[np.floating] = down @ blocks @ across.T
    return out


def _idct(blocks: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    down, across = _basis(blocks.shape[2]), _basis(blocks.shape[3])
    out: npt.NDArray[np.floating] = down.T @ blocks @ across
    return out
