"""Header and index of a change frame (``STREAM.md``, "Change")."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiChecksumError, PgiFormatError, PgiTruncatedError, PgiUnsupportedError
from ...varint import varint
from ..learned.payload.cursor import Cursor, inflated
from ..learned.payload.header import (
    EXACT_SIDE,
    LARGEST_EXACT_TILE,
    LONGEST_FILTER,
    longest_index,
    read_exact_map,
)
from ..learned.payload.tile_index import EXACT, LAYERS, Part, PartsReader, packed_index
from ..tiles_and_windows import Z_STRIDE, Grid
from .map_of_changes import ChangeMaps, packed_maps, unpacked_maps
from .modes import NEW, OLDEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ...limits import Limits

__all__ = [
    "FARTHEST",
    "MOST_CANVAS",
    "ChangeHeader",
    "ChangeIndex",
    "parse_change",
    "serialise_change",
]

_AGE_SHIFT, _MODE_MASK = 4, 15
_VERSION, _SECOND_VERSION, _THIRD_VERSION = 1, 2, 3
_CHANGED, _FILTER, _EXACT, _NEUTRAL, _GROWS, _WARP, _NO_FILTER = (1 << bit for bit in range(7))
_FLAGS = (1 << 7) - 1
_SHORTEST = 2 + 1 + 4
_FRONT = 2 + 10
_LONGEST_VARINT = 10
_LARGEST_MAP = 1 << 28
MOST_CANVAS = 4
"""A canvas has at most so many times the pixels of its frame, rounded up to tiles."""
FARTHEST = 1 << 24
"""No corner lies further from its place in the key frame than this many 1/64 pixels: 262,144 pixels."""


@dataclass(frozen=True, slots=True)
class ChangeHeader:
    """What a change frame says before its index.

    Attributes:
        grid: tiles of its canvas.
        left, top: tiles by which the canvas grew there.
        corners: int64 ``(4, 2)``: by how much x and y of the picture's corners (upper left, upper right,
            lower left, lower right) differ from those of the key frame, in 1/64 pixel; ``None``
            without a warp.
        modes: uint8 ``(h, w)`` of z positions of the canvas.
        z_coded: bool ``(h, w)``, positions whose z is coded; the others have that of the state they refer to.
        ages: uint8 ``(h, w)``, to which state of a position its mode refers; 0 for the one that it has.
        amounts: uint8 ``(h, w)``: root mean square of the change of a position's pixels, in quarters of a
            grey level; 0 where the scene did not change.
        filter: a post-filter; ``b""`` for none; ``None`` where that of the reference holds.
        exact: bool ``(ceil(H / 8), ceil(W / 8))`` of the canvas, blocks that this frame carries without loss;
            ``None`` if none.
        neutral: red, green and blue are equal everywhere.
        third: its symbols are coded as version 3 says, and not as those before it; written is no other.
    """

    grid: Grid
    left: int
    top: int
    corners: NDArray[np.int64] | None
    modes: NDArray[np.uint8]
    z_coded: NDArray[np.bool_]
    ages: NDArray[np.uint8]
    amounts: NDArray[np.uint8]
    filter: bytes | None
    exact: NDArray[np.bool_] | None
    neutral: bool
    third: bool = True

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Positions that take on a new state, bool ``(h, w)``."""
        return ChangeMaps(self.modes, self.z_coded, self.ages, self.amounts).changed

    def changed_tiles(self) -> list[int]:
        """Tiles with a changed position, in order."""
        return _tiles_with(self.changed, self.grid, Z_STRIDE)

    def exact_tiles(self) -> list[int]:
        """Tiles with exact blocks of this frame, in order."""
        return [] if self.exact is None else _tiles_with(self.exact, self.grid, EXACT_SIDE)


def _tiles_with(values: NDArray[np.uint8] | NDArray[np.bool_], grid: Grid, side: int) -> list[int]:
    """Tiles that hold one of some values, in order; ``side`` pixels are one value."""
    rows, columns = np.nonzero(values)
    across = grid.tile // side
    found: list[int] = np.unique(rows // across * grid.columns + columns // across).tolist()
    return found


@dataclass(frozen=True, slots=True)
class ChangeIndex:
    """Where the parts of a change frame are.

    Attributes:
        parts: by layer and tile; only tiles that have any.
        preview_bytes: length of the prefix that is enough for a preview.
    """

    parts: Mapping[str, Mapping[int, Part]]
    preview_bytes: int

    @property
    def coded_bytes(self) -> int:
        """Length of all parts together."""
        return sum(part.length for layer in self.parts.values() for part in layer.values())

    @property
    def exact(self) -> Mapping[int, Part]:
        """Parts of the exact layer by tile."""
        return self.parts[EXACT]

    def read_tile(self, layer: str, tile: int, read: Callable[[int, int], bytes]) -> bytes:
        """The bytes of a part, checked.

        Raises:
            PgiChecksumError: they are damaged.
            PgiTruncatedError: they are not all there.
        """
        return self.parts[layer][tile].bytes_of(tile, layer, read)


def serialise_change(
    header: ChangeHeader,
    layers: tuple[list[bytes], list[bytes]],
    exact: list[tuple[int, bytes]],
    reference: Grid,
) -> list[bytes]:
    """The payload of a change frame in pieces.

    Args:
        header: what to say first.
        layers: parts of the preview and of the detail layer, for :meth:`ChangeHeader.changed_tiles`.
        exact: depths and parts for :meth:`ChangeHeader.exact_tiles`.
        reference: tiles of the canvas of the reference.
    """
    where, grows = header.changed, header.grid != reference
    changed = bool(where.any())
    flags = (
        _CHANGED * changed
        | _FILTER * bool(header.filter)
        | _EXACT * (header.exact is not None)
        | _NEUTRAL * header.neutral
        | _GROWS * grows
        | _WARP * (header.corners is not None)
        | _NO_FILTER * (header.filter == b"")
    )
    variable = b""
    if grows:
        padded = header.grid.padded
        sides = padded.width // Z_STRIDE, padded.height // Z_STRIDE
        variable += b"".join(map(varint, (header.left, header.top, *sides)))
    if header.corners is not None:
        values = header.corners.reshape(-1).tolist()
        variable += b"".join(varint(2 * v if v >= 0 else -2 * v - 1) for v in values)
    if changed:
        packed = packed_maps(ChangeMaps(header.modes, header.z_coded, header.ages, header.amounts))
        variable += varint(len(packed)) + packed
    if header.filter:
        variable += varint(len(header.filter)) + header.filter
    if header.exact is not None:
        packed = zlib.compress(np.packbits(header.exact, axis=1).tobytes(), 9)
        variable += varint(len(packed)) + packed
    variable += packed_index(layers, exact)
    version = _THIRD_VERSION if changed else _VERSION
    start = bytes([version, flags]) + varint(len(variable)) + variable
    checked = start + struct.pack("<I", zlib.crc32(start))
    return [checked, *layers[0], *(part for _, part in exact), *layers[1]]


def parse_change(
    read: Callable[[int, int], bytes], length: int, reference: Grid, frame: Grid, limits: Limits
) -> tuple[ChangeHeader, ChangeIndex]:
    """Read and check header and index of a change frame.

    Args:
        read: gives ``(offset, length)`` of the payload.
        length: of the payload.
        reference: tiles of the canvas of the reference.
        frame: tiles of a picture of the frame's size.
        limits: what to allow.

    Raises:
        PgiFormatError, PgiUnsupportedError, PgiLimitError, PgiChecksumError: as the sentence says.
    """
    if length < _SHORTEST:
        raise PgiTruncatedError("The change frame is too short for its header.")
    front = read(0, min(length, _FRONT))
    if front[0] not in (_VERSION, _SECOND_VERSION, _THIRD_VERSION) or front[1] & ~_FLAGS:
        raise PgiUnsupportedError("The change frame is of a version that this pgic cannot decode.")
    flags, cursor = front[1], Cursor(front[2:])
    size = cursor.varint(length)
    start = 2 + cursor.position + size + 4
    if start > length or size > _longest(frame):
        raise PgiFormatError("The header of the change frame is larger than it can be.")
    data = read(0, start)
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise PgiChecksumError("The header of the change frame is damaged (checksum).")
    if (flags & _EXACT and not flags & _CHANGED) or (flags & _FILTER and flags & _NO_FILTER):
        raise PgiFormatError("The flags of the change frame contradict each other.")
    cursor = Cursor(data[2 + cursor.position : -4])
    header = _read_header(cursor, front[0], flags, reference, frame, limits)
    index = _read_index(cursor, header, start, length)
    cursor.finish()
    return header, index


def _read_header(
    cursor: Cursor, version: int, flags: int, reference: Grid, frame: Grid, limits: Limits
) -> ChangeHeader:
    left = top = 0
    grid = reference
    if flags & _GROWS:
        left, top, columns, rows = (cursor.varint(1 << 16) for _ in range(4))
        grid = Grid.square(columns * Z_STRIDE, rows * Z_STRIDE, reference.tile)
        _check_growth(reference, grid, left, top, frame, limits)
    corners = None
    if flags & _WARP:
        values = [cursor.varint(2 * FARTHEST) for _ in range(8)]
        signed = [v // 2 if v % 2 == 0 else -(v // 2) - 1 for v in values]
        corners = np.array(signed, np.int64).reshape(4, 2)
    shape = grid.padded.height // Z_STRIDE, grid.padded.width // Z_STRIDE
    maps = _read_maps(cursor, version, shape, flags)
    own: bytes | None = b"" if flags & _NO_FILTER else None
    if flags & _FILTER:
        own = cursor.take(cursor.varint(LONGEST_FILTER))
        if not own:
            raise PgiFormatError("The post-filter is empty.")
    exact = None
    if flags & _EXACT:
        if grid.tile > LARGEST_EXACT_TILE:
            raise PgiFormatError("The tiles of the image data are too large for exact blocks.")
        exact = read_exact_map(cursor, grid)
        side = Z_STRIDE // EXACT_SIDE
        around = maps.changed.repeat(side, 0).repeat(side, 1)
        if (exact & ~around[: exact.shape[0], : exact.shape[1]]).any():
            raise PgiFormatError("The exact map of a change frame names blocks that did not change.")
    neutral = bool(flags & _NEUTRAL)
    return ChangeHeader(grid, left, top, corners, *maps, own, exact, neutral, version == _THIRD_VERSION)


def _check_growth(reference: Grid, grid: Grid, left: int, top: int, frame: Grid, limits: Limits) -> None:
    """Check the size of a canvas, ``left`` and ``top`` tiles larger than its reference.

    Raises:
        PgiFormatError, PgiLimitError: as the sentence says.
    """
    before, tile = reference.padded, reference.tile
    if grid.width < before.width + left * tile or grid.height < before.height + top * tile:
        raise PgiFormatError("The canvas of a change frame is smaller than that of its reference.")
    whole = frame.columns * frame.rows * tile**2
    if grid.width * grid.height > MOST_CANVAS * whole:
        raise PgiFormatError("The canvas of a change frame is larger than the format allows.")
    limits.check("pixels", grid.width * grid.height, "The canvas of a change frame")
    limits.check("tiles", grid.count, "The canvas of a change frame")


def _read_maps(cursor: Cursor, version: int, shape: tuple[int, int], flags: int) -> ChangeMaps:
    """The map of changes."""
    if not flags & _CHANGED:
        nothing = np.zeros(shape, np.uint8)
        return ChangeMaps(nothing, np.zeros(shape, np.bool_), nothing, nothing)
    if version == _THIRD_VERSION:
        return unpacked_maps(Cursor(cursor.take(cursor.varint(_LARGEST_MAP))), shape)
    count = shape[0] * shape[1]
    data = np.frombuffer(inflated(cursor, 0, 2 * count, "The map of changes"), np.uint8)
    first, found = data[:count], data[count:]
    modes, ages = first & np.uint8(_MODE_MASK), first >> np.uint8(_AGE_SHIFT)
    if len(first) < count or not first.any() or ages.max() > (OLDEST if version == _SECOND_VERSION else 0):
        raise PgiFormatError("The map of changes does not have one mode for each position.")
    if (ages[modes == NEW] > 0).any():
        raise PgiFormatError("The map of changes gives an age to a position that is new.")
    if len(found) != np.count_nonzero(first) or (version == _VERSION and not found.all()):
        raise PgiFormatError("The map of changes does not say by how much each position changed.")
    amounts = np.zeros(count, np.uint8)
    amounts[first > 0] = found
    modes, ages = modes.reshape(shape), ages.reshape(shape)
    return ChangeMaps(modes, modes == NEW, ages, amounts.reshape(shape))


def _read_index(cursor: Cursor, header: ChangeHeader, start: int, length: int) -> ChangeIndex:
    reader = PartsReader(cursor, start, length, header.grid)
    tiles, exact = header.changed_tiles(), header.exact_tiles()
    parts = {LAYERS[0]: dict(zip(tiles, reader.take(len(tiles), 4), strict=True))}
    parts[EXACT] = dict(zip(exact, reader.take(len(exact), 1), strict=True))
    preview = reader.at
    parts[LAYERS[1]] = dict(zip(tiles, reader.take(len(tiles), 4), strict=True))
    if reader.at != length:
        raise PgiFormatError("The change frame is not as long as its index says.")
    return ChangeIndex(parts, preview)


def _longest(frame: Grid) -> int:
    """Most bytes between the length and the checksum."""
    largest = Grid.square(2 * frame.width + 2 * frame.tile, 2 * frame.height + 2 * frame.tile, frame.tile)
    return 2 * longest_index(largest, exact=True) + 12 * _LONGEST_VARINT
