"""Header and index of the learned image payload (``STREAM.md``, "Learned").

Layout: fixed header, ROI map, filter, exact map, index, then the tiles of the preview layer, of the exact
layer and of the detail layer, each in row-major order. The index gives every tile's length and CRC32
(A-6.3.2a), so that a window can be checked without reading the rest, and damage stays within its tile.
SHA-256 is the container's, over the whole block.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiChecksumError, PgiFormatError, PgiTruncatedError, PgiUnsupportedError
from ...models import DIGEST_BYTES
from ...options import QUALITIES
from ...varint import varint
from ..tiling import Z_STRIDE, Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...limits import Limits

__all__ = [
    "DEPTHS",
    "EXACT",
    "EXACT_SIDE",
    "FULL_DEPTH",
    "LARGEST_EXACT_TILE",
    "LAYERS",
    "LONGEST_FILTER",
    "Cursor",
    "Part",
    "PartsReader",
    "StreamHeader",
    "StreamIndex",
    "inflated",
    "longest_index",
    "packed_index",
    "parse",
    "read_exact_map",
    "serialise",
]

LAYERS = ("preview", "detail")
"""The layers of symbols, which all tiles have."""
EXACT = "exact"
"""The layer between them, which only tiles with exact blocks have."""
EXACT_SIDE = 8
"""Side of an exact block in pixels: that of one preview pixel."""
FULL_DEPTH = 8
"""Bits of a sample of the exact layer with which blocks are exact; with fewer they are nearly exact."""
DEPTHS = range(4, FULL_DEPTH + 1)
_VERSION = 1
_FIXED = struct.Struct(
    "<BBB16sBI"
)  # version, flags, log2 tile, model digest, quality, bytes of maps, filter and index
_FLAG_MAP = 1
_FLAG_FILTER = 2
_FLAG_EXACT = 4
_FLAG_NEUTRAL = 8
_FLAGS = _FLAG_MAP | _FLAG_FILTER | _FLAG_EXACT | _FLAG_NEUTRAL
LONGEST_FILTER = 2048
_TILE_LOG2 = range(6, 12)
LARGEST_EXACT_TILE = 512
"""What a lossless decoder allocates for a tile stays small."""
_PART_WORDS_PER_PIXEL = 2


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """What the payload says before its index.

    Attributes:
        model_digest: first bytes of the model's digest, in hex.
        quality: 1 to 100.
        grid: the tiles.
        roi_map: int8 ``(H / 64, W / 64)`` rounded up: eighths of an octave by which a block's steps are finer
            than the quality's (ROI, A-6.4.2b); ``None`` where they are the same everywhere.
        filter: the post-filter as :meth:`.post_filter.Filter.pack` writes it; empty for none.
        exact: bool ``(H / 8, W / 8)`` rounded up: which blocks are carried without loss; ``None`` if none.
        neutral: red, green and blue are equal everywhere.
    """

    model_digest: str
    quality: int
    grid: Grid
    roi_map: NDArray[np.int8] | None
    filter: bytes = b""
    exact: NDArray[np.bool_] | None = None
    neutral: bool = False

    def exact_in(self, tile: int) -> NDArray[np.bool_]:
        """Which blocks of a tile are exact, ``(h / 8, w / 8)`` rounded up, those that the picture touches."""
        assert self.exact is not None
        return self.exact[self.grid.box(tile).inside(self.grid.padded, EXACT_SIDE)]

    def exact_tiles(self) -> list[int]:
        """The tiles that have exact blocks, in order."""
        return [] if self.exact is None else [i for i in range(self.grid.count) if self.exact_in(i).any()]


@dataclass(frozen=True, slots=True)
class Part:
    """One tile of one layer: where it is in the payload, its CRC32, and its depth in the exact layer."""

    offset: int
    length: int
    crc: int
    depth: int = FULL_DEPTH


@dataclass(frozen=True, slots=True)
class StreamIndex:
    """Where the tiles are.

    Attributes:
        parts: layer -> one :class:`Part` per tile.
        header_bytes: where the first tile starts.
        exact: tile -> its :class:`Part` of the exact layer.
    """

    parts: dict[str, tuple[Part, ...]]
    header_bytes: int
    exact: dict[int, Part]

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix that shows the preview."""
        return self.parts[LAYERS[1]][0].offset

    @property
    def total_bytes(self) -> int:
        """Length of the whole payload."""
        last = self.parts[LAYERS[1]][-1]
        return last.offset + last.length

    def span(self, layer: str, tile: int) -> tuple[int, int]:
        """Offset and length of a tile in one of :data:`LAYERS`."""
        part = self.parts[layer][tile]
        return part.offset, part.length

    def read_tile(self, layer: str, tile: int, read: Callable[[int, int], bytes]) -> bytes:
        """The bytes of a tile, checked.

        Args:
            layer: one of :data:`LAYERS` or :data:`EXACT`.
            tile: which; one that the layer has.
            read: gives ``(offset, length)`` of the payload.

        Raises:
            PgiChecksumError: they are damaged.
            PgiTruncatedError: they are not all there.
        """
        part = self.exact[tile] if layer == EXACT else self.parts[layer][tile]
        data = read(part.offset, part.length)
        if zlib.crc32(data) != part.crc:
            raise PgiChecksumError(f"Tile {tile} of the {layer} layer is damaged (checksum).")
        return data


def serialise(
    header: StreamHeader, layers: Sequence[Sequence[bytes]], exact: Sequence[tuple[int, bytes]] = ()
) -> list[bytes]:
    """The payload in pieces.

    Args:
        header: what to say first.
        layers: the tiles of the preview layer, then of the detail layer; lengths are multiples of 4.
        exact: depths and parts of :meth:`StreamHeader.exact_tiles`.
    """
    grid = header.grid
    flags = _FLAG_NEUTRAL if header.neutral else 0
    variable = bytearray()
    if header.roi_map is not None:
        flags |= _FLAG_MAP
        packed = zlib.compress(header.roi_map.tobytes(), 9)
        variable += varint(len(packed)) + packed
    if header.filter:
        flags |= _FLAG_FILTER
        variable += varint(len(header.filter)) + header.filter
    if header.exact is not None:
        flags |= _FLAG_EXACT
        packed = zlib.compress(np.packbits(header.exact, axis=1).tobytes(), 9)
        variable += varint(len(packed)) + packed
    variable += packed_index(layers, exact)
    fixed = _FIXED.pack(
        _VERSION,
        flags,
        grid.tile.bit_length() - 1,
        bytes.fromhex(header.model_digest)[:DIGEST_BYTES],
        header.quality,
        len(variable),
    )
    start = fixed + variable
    return [
        start + struct.pack("<I", zlib.crc32(start)),
        *layers[0],
        *(tile for _, tile in exact),
        *layers[1],
    ]


def packed_index(layers: Sequence[Sequence[bytes]], exact: Sequence[tuple[int, bytes]]) -> bytes:
    """The entries of all parts: of the preview layer, of the exact layer, of the detail layer.

    Args:
        layers: parts of the preview layer, then of the detail layer.
        exact: depths and parts of the exact layer.
    """
    coarse, fine = (
        b"".join(varint(len(part) // 4) + struct.pack("<I", zlib.crc32(part)) for part in parts)
        for parts in layers
    )
    middle = b"".join(
        varint(len(part)) + struct.pack("<BI", depth, zlib.crc32(part)) for depth, part in exact
    )
    return coarse + middle + fine


class Cursor:
    """Reads the variable part, never past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def position(self) -> int:
        """Bytes taken so far."""
        return self._at

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            PgiFormatError: there are not so many.
        """
        if count > len(self._data) - self._at:
            raise PgiFormatError("The image index is shorter than what it lists.")
        self._at += count
        return self._data[self._at - count : self._at]

    def varint(self, bound: int) -> int:
        """The next number.

        Raises:
            PgiFormatError: it is above the bound, or not in its shortest form.
        """
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
        """Check that nothing is left.

        Raises:
            PgiFormatError: something is.
        """
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
    if version != _VERSION or flags & ~_FLAGS:
        raise PgiUnsupportedError(f"The image data is of version {version}, which this pgic cannot decode.")
    if variable_bytes > length - _FIXED.size - 4:
        raise PgiFormatError("The image index is larger than the image data.")
    exact = bool(flags & _FLAG_EXACT)
    if tile_log2 in _TILE_LOG2 and variable_bytes > longest_index(
        Grid.square(width, height, 1 << tile_log2), exact=exact
    ):
        raise PgiFormatError("The image index is larger than its tiles can need.")
    rest = read(_FIXED.size, variable_bytes + 4)
    if zlib.crc32(fixed + rest[:-4]) != int.from_bytes(rest[-4:], "little"):
        raise PgiChecksumError("The header of the image data is damaged (checksum).")
    if tile_log2 not in _TILE_LOG2 or quality not in QUALITIES or not width or not height:
        raise PgiFormatError("The header of the image data holds a value out of range.")
    if exact and 1 << tile_log2 > LARGEST_EXACT_TILE:
        raise PgiFormatError("The tiles of the image data are too large for exact blocks.")
    limits.check("pixels", width * height, "The picture")
    limits.check("pixels_per_byte", -(-width * height // length), "Each byte of image data")
    grid = Grid.square(width, height, 1 << tile_log2)
    limits.check("tiles", grid.count, "The picture")
    cursor = Cursor(rest[:-4])
    roi_map = _read_map(cursor, grid) if flags & _FLAG_MAP else None
    post_filter = cursor.take(cursor.varint(LONGEST_FILTER)) if flags & _FLAG_FILTER else b""
    if flags & _FLAG_FILTER and not post_filter:
        raise PgiFormatError("The post-filter is empty.")
    header = StreamHeader(
        digest.hex(),
        quality,
        grid,
        roi_map,
        post_filter,
        read_exact_map(cursor, grid) if exact else None,
        bool(flags & _FLAG_NEUTRAL),
    )
    index = _read_parts(cursor, header, _FIXED.size + variable_bytes + 4, length)
    cursor.finish()
    if index.total_bytes != length:
        raise PgiFormatError("The image data is not as long as its index says.")
    return header, index


class PartsReader:
    """Reads entries of an index, whose parts follow each other.

    Args:
        cursor: where the entries are.
        start: of the first part in the payload.
        length: of the payload.
        grid: its tiles.

    Attributes:
        at: where the next part starts.
    """

    def __init__(self, cursor: Cursor, start: int, length: int, grid: Grid) -> None:
        self._cursor = cursor
        self._words = min(length // 4, _PART_WORDS_PER_PIXEL * grid.tile**2)
        self.at = start

    def take(self, count: int, unit: int) -> tuple[Part, ...]:
        """The next parts.

        Args:
            count: how many.
            unit: bytes that lengths are given in: 4 for symbols, 1 for exact blocks, which have a depth.

        Raises:
            PgiFormatError: an entry breaks a rule.
        """
        found = []
        for _ in range(count):
            size = unit * self._cursor.varint(self._words * 4 // unit)
            depth = FULL_DEPTH if unit > 1 else self._cursor.take(1)[0]
            if depth not in DEPTHS:
                raise PgiFormatError("The image index holds a depth of exact blocks that is out of range.")
            found.append(Part(self.at, size, int.from_bytes(self._cursor.take(4), "little"), depth))
            self.at += size
        return tuple(found)


def _read_parts(cursor: Cursor, header: StreamHeader, start: int, length: int) -> StreamIndex:
    """Where the parts are, that begin at ``start`` of a payload of ``length``."""
    reader, count = PartsReader(cursor, start, length, header.grid), header.grid.count
    coarse = reader.take(count, 4)
    tiles = header.exact_tiles()
    exact = dict(zip(tiles, reader.take(len(tiles), 1), strict=True))
    return StreamIndex({LAYERS[0]: coarse, LAYERS[1]: reader.take(count, 4)}, start, exact)


def longest_index(grid: Grid, *, exact: bool) -> int:
    """Most bytes of maps, filter and index; a map that zlib cannot shrink grows by less than 1/8 + 64."""
    values = grid.padded.width // Z_STRIDE * (grid.padded.height // Z_STRIDE)
    longest = 5 + values + values // 8 + 64 + 5 + LONGEST_FILTER + 2 * (5 + 4) * grid.count
    if exact:
        packed = _exact_rows(grid) * _exact_row_bytes(grid)
        longest += 5 + packed + packed // 8 + 64 + (5 + 1 + 4) * grid.count
    return longest


def _exact_rows(grid: Grid) -> int:
    return -(-grid.height // EXACT_SIDE)


def _exact_row_bytes(grid: Grid) -> int:
    return -(-grid.width // (8 * EXACT_SIDE))


def _read_map(cursor: Cursor, grid: Grid) -> NDArray[np.int8]:
    rows, columns = grid.padded.height // Z_STRIDE, grid.padded.width // Z_STRIDE
    size = rows * columns
    data = inflated(cursor, size, size, "The ROI map")
    return np.frombuffer(data, np.int8).reshape(rows, columns)


def read_exact_map(cursor: Cursor, grid: Grid) -> NDArray[np.bool_]:
    """The next exact map, ``(ceil(H / 8), ceil(W / 8))``.

    Raises:
        PgiFormatError: it breaks a rule.
    """
    rows, columns = _exact_rows(grid), _exact_row_bytes(grid)
    size = rows * columns
    packed = np.frombuffer(inflated(cursor, size, size, "The exact map"), np.uint8)
    bits = np.unpackbits(packed.reshape(rows, columns), axis=1)
    blocks = -(-grid.width // EXACT_SIDE)
    if bits[:, blocks:].any() or not bits.any():
        raise PgiFormatError("The exact map names blocks outside the picture, or none.")
    return np.ascontiguousarray(bits[:, :blocks]).view(np.bool_)


def inflated(cursor: Cursor, least: int, most: int, what: str) -> bytes:
    """The next zlib stream, with its length before it.

    Args:
        cursor: where it is.
        least, most: bytes that it may inflate to.
        what: it holds, for messages.

    Raises:
        PgiFormatError: it is damaged or of another size.
    """
    packed = cursor.take(cursor.varint(1 << 28))
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, most + 1)
    except zlib.error as error:
        raise PgiFormatError(f"{what} is damaged.") from error
    if not least <= len(data) <= most or not inflater.eof or inflater.unused_data:
        raise PgiFormatError(f"{what} does not have one value per block.")
    return data
