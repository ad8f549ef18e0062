"""The Karhunen-Loève transform of 8 x 8 blocks, learned from each picture and stored with it.

The stream is, little-endian: version (uint8), number of patterns K (uint8), quantisation step (float32), mean
block (192 x uint8), for each pattern a scale (float32) and 192 x int8, then a zlib stream of K x blocks
coefficients (int16), one pattern after the other.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from pgic_core.container import ImageFields, Metadata, build_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COMPRESSION_TYPE", "decode", "encode", "encode_file"]

COMPRESSION_TYPE = 201
_VERSION = 1
_SIDE = 8
_DIM = 3 * _SIDE * _SIDE
_MOST_PATTERNS = 96
_HEAD = struct.Struct("<BBf")
_LARGEST_STEP = 255.0


def encode_file(picture: NDArray[np.uint8], *, step: float = 12.0, metadata: Metadata | None = None) -> bytes:
    """A whole ``.pgi`` file.

    Args:
        picture: ``(H, W, 3)`` uint8, RGB.
        step: quantisation step in grey levels; smaller is better and larger.
        metadata: A.3 fields.
    """
    height, width = picture.shape[:2]
    fields = ImageFields(0, width, height, 8, COMPRESSION_TYPE)
    return build_file(fields, encode(picture, step), metadata=metadata or Metadata())


def encode(picture: NDArray[np.uint8], step: float) -> bytes:
    """The ``image_data`` of a picture.

    Args:
        picture: ``(H, W, 3)`` uint8.
        step: as for :func:`encode_file`, above 0 and at most 255.

    Raises:
        ValueError: the picture or the step is something else.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError("The picture must be (H, W, 3) of uint8.")
    if not 0 < step <= _LARGEST_STEP:
        raise ValueError("The step must be above 0 and at most 255.")
    blocks = _to_blocks(picture)
    mean = np.rint(blocks.mean(axis=0))
    centred = blocks - mean
    variances, patterns = np.linalg.eigh(centred.T @ centred / len(blocks))
    # A pattern whose coefficients would all be quantised to zero costs bytes and says nothing.
    count = int(np.clip((variances > step**2 / 12).sum(), 1, _MOST_PATTERNS))
    patterns = patterns[:, ::-1][:, :count].T
    scales = (np.abs(patterns).max(axis=1) / 127).astype("<f4")
    whole = np.rint(patterns / scales[:, None]).astype(np.int8)
    # Rounded patterns are no longer at right angles: least squares finds the best sum of them.
    used = whole * scales[:, None].astype(np.float64)
    coefficients = np.linalg.lstsq(used.T, centred.T, rcond=None)[0]
    symbols = np.clip(np.rint(coefficients / step), -32768, 32767).astype("<i2")
    head = _HEAD.pack(_VERSION, count, step) + mean.astype(np.uint8).tobytes()
    table = b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, whole, strict=True))
    return head + table + zlib.compress(symbols.tobytes(), 9)


def decode(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """The picture of an ``image_data``; what pgic calls for ``compression_type`` 201.

    Args:
        data: undamaged, but written by anyone.
        width: pixels, as the file says.
        height: likewise.

    Returns:
        ``(height, width, 3)`` uint8.

    Raises:
        ValueError: it is no such stream.
    """
    if len(data) < _HEAD.size + _DIM:
        raise ValueError("The stream ends in its head.")
    version, count, step = _HEAD.unpack_from(data)
    if version != _VERSION or not 1 <= count <= _MOST_PATTERNS or not 0 < step <= _LARGEST_STEP:
        raise ValueError("The head of the stream is not one of this codec.")
    mean = np.frombuffer(data, np.uint8, _DIM, _HEAD.size)
    start, entry = _HEAD.size + _DIM, 4 + _DIM
    table = np.frombuffer(data[start : start + count * entry].ljust(count * entry, b"\0"), np.uint8)
    rows = table.reshape(count, entry)
    scales = rows[:, :4].copy().view("<f4")[:, 0]
    if len(data) < start + count * entry or not (np.isfinite(scales).all() and (np.abs(scales) <= 1).all()):
        raise ValueError("The patterns of the stream are not sound.")
    down, across = math.ceil(height / _SIDE), math.ceil(width / _SIDE)
    size = 2 * count * down * across
    # No more is inflated than the picture takes, whatever the stream holds.
    inflater = zlib.decompressobj()
    raw = inflater.decompress(data[start + count * entry :], size)
    if len(raw) != size:
        raise ValueError("The coefficients of the stream do not fill the picture.")
    symbols = np.frombuffer(raw, "<i2").reshape(count, -1).astype(np.float32)
    patterns = rows[:, 4:].view(np.int8) * scales[:, None]
    blocks = symbols.T @ (patterns * np.float32(step)) + mean
    return _from_blocks(blocks, down, across)[:height, :width]


def _to_blocks(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """``(blocks, 192)``; blocks at the right and bottom edge repeat the last pixels."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % _SIDE), (0, -width % _SIDE), (0, 0)), "edge")
    down, across = padded.shape[0] // _SIDE, padded.shape[1] // _SIDE
    tiles = padded.reshape(down, _SIDE, across, _SIDE, 3).swapaxes(1, 2)
    return tiles.reshape(down * across, _DIM).astype(np.float64)


def _from_blocks(blocks: NDArray[np.floating], down: int, across: int) -> NDArray[np.uint8]:
    """The whole picture of blocks, grown to multiples of a block's side."""
    tiles = np.clip(np.rint(blocks), 0, 255).astype(np.uint8).reshape(down, across, _SIDE, _SIDE, 3)
    return tiles.swapaxes(1, 2).reshape(down * _SIDE, across * _SIDE, 3)
