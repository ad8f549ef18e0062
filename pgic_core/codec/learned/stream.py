"""Header and index of the learned image payload (``STREAM.md``, "Learned").

Layout: fixed header, ROI map, filter, index, then the preview layer's tiles and the detail layer's tiles,
each in row-major order. The index gives every tile's length and CRC32 (A-6.3.2a), so that a window can be
checked without reading the rest, and damage stays within its tile. SHA-256 is the container's, over the
whole block.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiChecksumError, PgiFormatError, PgiTruncatedError, PgiUnsupportedError
from ...models import DIGEST_BYTES
from ..tiling import UNIT, Grid
from .varint import varint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...limits import Limits

__all__ = ["LAYERS", "Part", "StreamHeader", "StreamIndex", "parse", "serialise"]

LAYERS = ("preview", "detail")
_VERSION = 1
_FIXED = struct.Struct(
    "<BBB16sBI"
)  # version, flags, log2 tile, model digest, quality, bytes of map, filter and index
_FLAG_MAP = 1
_FLAG_FILTER = 2
_LONGEST_FILTER = 2048
_TILE_LOG2 = range(6, 12)
_PART_WORDS_PER_PIXEL = 2


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """What the payload says before its index.

    Attributes:
        model_digest: first bytes of the model's digest, in hex.
        quality: 1 to 100.
        grid: the tiles.
        offsets: int8 ``(H / 64, W / 64)`` rounded up: eighths of an octave by which a block's steps are finer
            than the quality's (ROI, A-6.4.2b); ``None`` where they are the same everywhere.
        filter: the picture's own filter as :meth:`.post_filter.Filter.pack` writes it; empty for none.
    """

    model_digest: str
    quality: int
    grid: Grid
    offsets: NDArray[np.int8] | None
    filter: bytes = b""


@dataclass(frozen=True, slots=True)
class Part:
    """One tile of one layer: where it is in the payload, and its CRC32."""

    offset: int
    length: int
    crc: int


@dataclass(frozen=True, slots=True)
class StreamIndex:
    """Where the tiles are.

    Attributes:
        parts: layer -> one :class:`Part` per tile.
        header_bytes: where the first tile starts.
    """

    parts: dict[str, tuple[Part, ...]]
    header_bytes: int

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix that shows the preview."""
        last = self.parts[LAYERS[0]][-1]
        return last.offset + last.length

    @property
    def total_bytes(self) -> int:
        """Length of the whole payload."""
        last = self.parts[LAYERS[1]][-1]
        return last.offset + last.length

    def read_tile(self, layer: str, tile: int, read: Callable[[int, int], bytes]) -> bytes:
        """The bytes of a tile, checked.

        Raises:
            PgiChecksumError: they are damaged.
            PgiTruncatedError: they are not all there.
        """
        part = self.parts[layer][tile]
        data = read(part.offset, part.length)
        if zlib.crc32(data) != part.crc:
            raise PgiChecksumError(f"Tile {tile} of the {layer} layer is damaged (checksum).")
        return data


def serialise(header: StreamHeader, layers: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The payload in pieces.

    Args:
        header: what to say first.
        layers: the tiles of the preview layer, then of the detail layer; lengths are multiples of 4.
    """
    grid = header.grid
    flags = 0
    variable = bytearray()
    if header.offsets is not None:
        flags = _FLAG_MAP
        packed = zlib.compress(header.offsets.tobytes(), 9)
        variable += varint(len(packed)) + packed
    if header.filter:
        flags |= _FLAG_FILTER
        variable += varint(len(header.filter)) + header.filter
    for tiles in layers:
        for tile in tiles:
            variable += varint(len(tile) // 4) + struct.pack("<I", zlib.crc32(tile))
    fixed = _FIXED.pack(
        _VERSION,
        flags,
        grid.tile.bit_length() - 1,
        bytes.fromhex(header.model_digest)[:DIGEST_BYTES],
        header.quality,
        len(variable),
    )
    start = fixed + variable
    return [start + struct.pack("<I", zlib.crc32(start)), *layers[0], *layers[1]]


class _Cursor:
    """Reads the variable part, never past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise PgiFormatError("The image index is shorter than what it lists.")
        self._at += count
        return self._data[self._at - count : self._at]

    def varint(self, bound: int) -> int:
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:
                    break  # a longer spelling than needed
                if value > bound:
                    raise PgiFormatError("The image index holds a length beyond its bound.")
                return value
        raise PgiFormatError("The image index holds a number that is not in its shortest form.")

    def finish(self) -> None:
        if self._at != len(self._data):
            raise PgiFormatError("The image index is longer than what it lists.")


def parse(
    read: Callable[[int, int], bytes], length: int, width: int, height: int, limits: Limits
) -> tuple[StreamHeader, StreamIndex]:
    """Read and check header and index.

    Args:
        read: gives ``(offset, length)`` of the payload.
        length: of the payload, as the container says.
        width, height: of the picture.
        limits: what to allow.

    Raises:
        PgiFormatError, PgiUnsupportedError, PgiLimitError: as the sentence says.
    """
    if length < _FIXED.size + 4:
        raise PgiTruncatedError("The image data is too short for its header.")
    fixed = read(0, _FIXED.size)
    version, flags, tile_log2, digest, quality, variable_bytes = _FIXED.unpack(fixed)
    if version != _VERSION or flags & ~(_FLAG_MAP | _FLAG_FILTER):
        raise PgiUnsupportedError(f"The image data is of version {version}, which this pgic cannot decode.")
    if variable_bytes > length - _FIXED.size - 4:
        raise PgiFormatError("The image index is larger than the image data.")
    if tile_log2 in _TILE_LOG2 and variable_bytes > _longest_index(Grid(width, height, 1 << tile_log2)):
        raise PgiFormatError("The image index is larger than its tiles can need.")
    rest = read(_FIXED.size, variable_bytes + 4)
    if zlib.crc32(fixed + rest[:-4]) != int.from_bytes(rest[-4:], "little"):
        raise PgiChecksumError("The header of the image data is damaged (checksum).")
    if tile_log2 not in _TILE_LOG2 or not 1 <= quality <= 100 or not width or not height:
        raise PgiFormatError("The header of the image data holds a value out of range.")
    limits.check("pixels", width * height, "The picture")
    limits.check("pixels_per_byte", -(-width * height // length), "Each byte of image data")
    grid = Grid(width, height, 1 << tile_log2)
    limits.check("tiles", grid.count, "The picture")
    cursor = _Cursor(rest[:-4])
    offsets = _read_map(cursor, grid) if flags & _FLAG_MAP else None
    own = cursor.take(cursor.varint(_LONGEST_FILTER)) if flags & _FLAG_FILTER else b""
    if flags & _FLAG_FILTER and not own:
        raise PgiFormatError("The picture's filter is empty.")
    parts: dict[str, tuple[Part, ...]] = {}
    at = _FIXED.size + variable_bytes + 4
    header_bytes = at
    longest = min(length // 4, _PART_WORDS_PER_PIXEL * grid.tile**2)
    for layer in LAYERS:
        found = []
        for _ in range(grid.count):
            size = 4 * cursor.varint(longest)
            found.append(Part(at, size, int.from_bytes(cursor.take(4), "little")))
            at += size
        parts[layer] = tuple(found)
    cursor.finish()
    if at != length:
        raise PgiFormatError("The image data is not as long as its index says.")
    return StreamHeader(digest.hex(), quality, grid, offsets, own), StreamIndex(parts, header_bytes)


def _longest_index(grid: Grid) -> int:
    """Most bytes of map, filter and index; a map that zlib cannot shrink grows by less than 1/8 + 64."""
    values = grid.padded.width // UNIT * (grid.padded.height // UNIT)
    return 5 + values + values // 8 + 64 + 5 + _LONGEST_FILTER + 2 * (5 + 4) * grid.count


def _read_map(cursor: _Cursor, grid: Grid) -> NDArray[np.int8]:
    rows, columns = grid.padded.height // UNIT, grid.padded.width // UNIT
    packed = cursor.take(cursor.varint(1 << 28))
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, rows * columns + 1)
    except zlib.error as error:
        raise PgiFormatError("The ROI map is damaged.") from error
    if len(data) != rows * columns or not inflater.eof or inflater.unused_data:
        raise PgiFormatError("The ROI map does not have one value per block.")
    return np.frombuffer(data, np.int8).reshape(rows, columns)
