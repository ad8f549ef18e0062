"""The index of a learned image: where each tile of each layer lies, and its CRC32 (A-6.3.2a).

A window can be checked without reading the rest, and damage stays within its tile.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....errors import PgiChecksumError, PgiFormatError
from ....varint import varint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...tiles_and_windows import Grid
    from .cursor import Cursor

__all__ = [
    "DEPTHS",
    "EXACT",
    "FULL_DEPTH",
    "LAYERS",
    "Part",
    "PartsReader",
    "StreamIndex",
    "packed_index",
]

LAYERS = ("preview", "detail")
"""The layers of symbols, which all tiles have."""
EXACT = "exact"
"""The layer between them, which only tiles with exact blocks have."""
FULL_DEPTH = 8
"""Bits of a sample of the exact layer with which blocks are exact; with fewer they are nearly exact."""
DEPTHS = range(4, FULL_DEPTH + 1)
_PART_WORDS_PER_PIXEL = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One tile of one layer: where it is in the payload, its CRC32, and its depth in the exact layer."""

    offset: int
    length: int
    crc: int
    depth: int = FULL_DEPTH

    def bytes_of(self, tile: int, layer: str, read: Callable[[int, int], bytes]) -> bytes:
        """Its bytes, checked.

        Args:
            tile, layer: how an error names it.
            read: gives ``(offset, length)`` of the payload.

        Raises:
            PgiChecksumError: they are damaged.
            PgiTruncatedError: they are not all there.
        """
        data = read(self.offset, self.length)
        if zlib.crc32(data) != self.crc:
            raise PgiChecksumError(f"Tile {tile} of the {layer} layer is damaged (checksum).")
        return data


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
        return part.bytes_of(tile, layer, read)


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
