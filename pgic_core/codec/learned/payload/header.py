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

from ....errors import PgiChecksumError, PgiFormatError, PgiTruncatedError, PgiUnsupportedError
from ....models import DIGEST_BYTES
from ....options import QUALITIES
from ....varint import varint
from ...tiles_and_windows import Z_STRIDE, Grid
from .cursor import Cursor, inflated
from .tile_index import LAYERS, PartsReader, StreamIndex, packed_index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ....limits import Limits

__all__ = [
    "EXACT_SIDE",
    "LARGEST_EXACT_TILE",
    "LONGEST_FILTER",
    "StreamHeader",
    "has_roi_map",
    "longest_index",
    "parse",
    "quality_of",
    "read_exact_map",
    "serialise",
]

EXACT_SIDE = 8
"""Side of an exact block in pixels: that of one preview pixel."""
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


def has_roi_map(payload: Sequence[bytes]) -> bool:
    """Whether a payload that :func:`serialise` made has an ROI map."""
    return bool(payload[0][1] & _FLAG_MAP)


def quality_of(payload: Sequence[bytes]) -> int:
    """The quality of a payload that :func:`serialise` made."""
    return int(_FIXED.unpack_from(payload[0])[4])


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
