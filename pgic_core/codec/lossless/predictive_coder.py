"""The predictive coder of lossless tiles (STREAM.md, "Predictive"): differences of neighbours, deflated.

It takes samples of every type but 8 bits, above all temperatures: whole numbers of 14 or 16 bits and floats.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode_predictive", "encode_predictive"]

_HEAD = struct.Struct("<BI")
_ALONG_ROWS, _DOWN_COLUMNS = 1, 2
_DIFFERENCES = range(4)
_MAX_TABLE = 65536
_SAMPLES_PER_VALUE = 8  # a table of more values than this is not worth its bytes


def encode_predictive(tile: NDArray[Any], level: int) -> bytes:
    """Code a tile.

    Args:
        tile: (h, w, C) of whole numbers or floats of 8 bits or more, in native byte order.
        level: of zlib.
    """
    numbers = _to_numbers(np.ascontiguousarray(np.moveaxis(tile, 2, 0)))
    table, head = _table_of(numbers), b""
    if table is not None:
        head = _pack_planes(np.diff(table, prepend=table.dtype.type(0)), level)
        numbers = np.searchsorted(table, numbers).astype(_place_type(len(table)))
    folded = {kind: _fold(_differences(numbers, kind)) for kind in _DIFFERENCES}
    # Repeated patterns deflate best as they are, which no entropy of single bytes tells.
    tried = {0, min(folded, key=lambda kind: _entropy(folded[kind]))}
    packed = {kind: _pack_planes(folded[kind], level) for kind in sorted(tried)}
    best = min(packed, key=lambda kind: len(packed[kind]))
    return _HEAD.pack(best, 0 if table is None else len(table)) + head + packed[best]


def decode_predictive(data: bytes, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decode a tile.

    Args:
        data: its bytes.
        shape: (h, w, C) that it must have.
        dtype: type that its samples must have.

    Raises:
        PgiFormatError: the bytes are not such a tile.
    """
    if len(data) < _HEAD.size:
        raise PgiFormatError("A predictive tile ends inside its header.")
    kind, values = _HEAD.unpack_from(data)
    if kind not in _DIFFERENCES or values > _MAX_TABLE:
        raise PgiFormatError(f"A predictive tile has differences of kind {kind} and {values} values.")
    rest = memoryview(data)[_HEAD.size :]
    unsigned = np.dtype(f"u{dtype.itemsize}")
    table = None
    if values:
        steps, rest = _unpack_planes(rest, (values,), unsigned)
        table = np.cumsum(steps, dtype=unsigned)
    height, width, channels = shape
    kept = unsigned if table is None else _place_type(len(table))
    folded, rest = _unpack_planes(rest, (channels, height, width), kept)
    if rest:
        raise PgiFormatError("A predictive tile has bytes after its last plane.")
    numbers = _sums(_unfold(folded), kind)
    if table is not None:
        if numbers.max() >= len(table):
            raise PgiFormatError("A predictive tile has a sample beyond its table.")
        numbers = table[numbers]
    return np.ascontiguousarray(np.moveaxis(_to_samples(numbers, dtype), 0, 2))


def _to_numbers(samples: NDArray[Any]) -> NDArray[Any]:
    """Unsigned whole numbers in the order of the samples, of as many bits."""
    bits: NDArray[Any] = samples.view(f"u{samples.itemsize}")
    if samples.dtype.kind == "u":
        return bits
    sign = bits.dtype.type(1 << 8 * samples.itemsize - 1)
    numbers: NDArray[Any] = bits ^ sign
    return numbers if samples.dtype.kind == "i" else np.where(bits & sign, ~bits, numbers)


def _to_samples(numbers: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "u":
        return numbers
    sign = numbers.dtype.type(1 << 8 * dtype.itemsize - 1)
    bits: NDArray[Any] = numbers ^ sign
    return (bits if dtype.kind == "i" else np.where(numbers & sign, bits, ~numbers)).view(dtype)


def _table_of(numbers: NDArray[Any]) -> NDArray[Any] | None:
    """The values that occur, in ascending order; None where the numbers themselves cost less."""
    values = np.unique(numbers)
    few = len(values) <= min(_MAX_TABLE, numbers.size // _SAMPLES_PER_VALUE)
    # Values that stand close together cost the same with and without a table.
    return values if few and int(values[-1]) - int(values[0]) >= 2 * len(values) else None


def _place_type(values: int) -> np.dtype[Any]:
    return np.dtype(np.uint8 if values <= 256 else np.uint16)


def _differences(numbers: NDArray[Any], kind: int) -> NDArray[Any]:
    """Differences of (C, h, w) numbers, modulo their type."""
    out = numbers.copy()
    if kind & _DOWN_COLUMNS:
        out[:, 1:] -= numbers[:, :-1]
        if kind == _DOWN_COLUMNS:
            out[:, 0, 1:] -= numbers[:, 0, :-1]
    if kind & _ALONG_ROWS:
        out[:, :, 1:] -= out[:, :, :-1].copy()
        if kind == _ALONG_ROWS:
            out[:, 1:, 0] -= numbers[:, :-1, 0]
    return out


def _sums(differences: NDArray[Any], kind: int) -> NDArray[Any]:
    """Undo :func:`_differences`; the array may be changed."""
    out, dtype = differences, differences.dtype
    if kind == _ALONG_ROWS:
        out[:, :, 0] = np.cumsum(out[:, :, 0], axis=1, dtype=dtype)
    if kind == _DOWN_COLUMNS:
        out[:, 0] = np.cumsum(out[:, 0], axis=1, dtype=dtype)
    if kind & _ALONG_ROWS:
        out = np.cumsum(out, axis=2, dtype=dtype)
    if kind & _DOWN_COLUMNS:
        out = np.cumsum(out, axis=1, dtype=dtype)
    return out


def _fold(differences: NDArray[Any]) -> NDArray[Any]:
    """Small differences of either sign as small numbers: 0, -1, 1, -2 become 0, 1, 2, 3."""
    one, top = differences.dtype.type(1), differences.dtype.type(8 * differences.itemsize - 1)
    folded: NDArray[Any] = (differences << one) ^ (0 - (differences >> top))
    return folded


def _unfold(folded: NDArray[Any]) -> NDArray[Any]:
    one = folded.dtype.type(1)
    differences: NDArray[Any] = (folded >> one) ^ (0 - (folded & one))
    return differences


def _planes(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """(bytes of a number, numbers): the highest bytes first."""
    swapped = numbers.astype(numbers.dtype.newbyteorder(">")).reshape(-1)
    return np.ascontiguousarray(swapped.view(np.uint8).reshape(swapped.size, numbers.itemsize).T)


def _pack_planes(numbers: NDArray[Any], level: int) -> bytes:
    """Each plane as a zlib stream, with string matching or without, whichever is smaller."""
    packed = []
    for plane in _planes(numbers):
        streams = []
        # Matches that zlib finds in noise cost more than the bytes they stand for.
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
            coder = zlib.compressobj(level, strategy=strategy)
            streams.append(coder.compress(plane.data) + coder.flush())
        packed.append(min(streams, key=len))
    return b"".join(packed)


def _unpack_planes(
    data: memoryview, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[NDArray[Any], memoryview]:
    """The numbers, and what follows them."""
    size = int(np.prod(shape))
    planes = np.empty((dtype.itemsize, size), np.uint8)
    for plane in planes:
        stream = zlib.decompressobj()
        try:
            got = stream.decompress(data, size + 1)
        except zlib.error as error:
            raise PgiFormatError(f"A predictive tile cannot be decompressed ({error}).") from error
        if len(got) != size or not stream.eof:
            raise PgiFormatError("A predictive tile does not decompress to the samples it must hold.")
        plane[:] = np.frombuffer(got, np.uint8)
        data = data[len(data) - len(stream.unused_data) :]
    numbers = np.ascontiguousarray(planes.T).view(dtype.newbyteorder(">")).reshape(shape)
    return numbers.astype(dtype), data


def _entropy(numbers: NDArray[Any]) -> float:
    """Bits that the planes take with one prefix code for each."""
    bits = 0.0
    for plane in _planes(numbers):
        counts = np.bincount(plane, minlength=256)
        counts = counts[counts > 0]
        bits -= float((counts * np.log2(counts / plane.size)).sum())
    return bits
