"""Finding the packets of a parity block, and reading what is sound of them."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PgiFormatError
from .parity import PACKET_MAGIC, Layout
from .reed_solomon import restored_sectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .block_entry import BlockEntry
    from .byte_source import ByteSource

__all__ = ["PacketSet", "find_packets", "packets_of"]

_HEAD = 36
_CHUNK = 1 << 20
# Packets that are none, as forged files may have many: bytes of their CRC32s for each byte of the file.
_WASTE = 4


class PacketSet:
    """The packets of a parity block, sound or not.

    Args:
        source: the file.
        layout: which the packets state.
        set_id: likewise.
        places: where they are, by index; or the offset of the first, where they stand in their order.
    """

    def __init__(
        self, source: ByteSource, layout: Layout, set_id: bytes, places: Mapping[int, int] | int
    ) -> None:
        self._source = source
        self._places = places
        self.layout = layout
        self.set_id = set_id

    def sector(self, index: int) -> bytes | None:
        """The sector of a packet; None if it is lost."""
        if isinstance(self._places, int):
            place: int | None = self._places + index * self.layout.packet
        else:
            place = self._places.get(index)
        if place is None:
            return None
        packet = self._source.read_up_to(place, self.layout.packet)
        head = self.layout.head(self.set_id, index)
        if len(packet) < self.layout.packet or packet[:_HEAD] != head:
            return None
        return None if zlib.crc32(packet[:-4]) != int.from_bytes(packet[-4:], "little") else packet[_HEAD:-4]

    def parity(self, number: int) -> bytes | None:
        """Parity sector of the bare file."""
        return self.sector(self.layout.checks.sectors + number)

    def sound(self) -> int:
        """How many packets are there."""
        return sum(self.sector(index) is not None for index in range(self.layout.packets))

    def check_list(self) -> tuple[bytes, list[int]]:
        """Header of the bare file, and the CRC32 of each of its sectors.

        Raises:
            PgiFormatError: too much of it is lost.
        """
        layout, code = self.layout, self.layout.checks
        found = {index: self.sector(index) for index in range(code.sectors)}
        lost = [index for index, sector in found.items() if sector is None]
        first = code.sectors + layout.data.parity_sectors
        found |= restored_sectors(
            code, layout.sector, lost, found.get, lambda number: self.sector(first + number)
        )
        listed = b"".join(found[index] or b"" for index in range(code.sectors))
        header = listed[: layout.header_size]
        if hashlib.sha256(header).digest()[:8] != self.set_id:
            raise PgiFormatError("The check list of the parity block contradicts itself.")
        crcs = np.frombuffer(listed, "<u4", layout.data.sectors, layout.header_size)
        return header, crcs.tolist()


def packets_of(source: ByteSource, parity: BlockEntry) -> PacketSet | None:
    """The packets of a parity block that the directory lists; None if no sound one is there."""
    start = source.read_up_to(parity.offset, _CHUNK)
    candidates = [0]
    while (place := start.find(PACKET_MAGIC, candidates[-1] + 1)) >= 0 and len(candidates) < 1024:
        candidates.append(place)
    for place in candidates:
        found = _packet_at(source, parity.offset + place)
        if found is None:
            continue
        layout, set_id, index = found
        fits = layout.bare_size <= 2 * (source.size() or 0)
        if fits and place == index * layout.packet and layout.length == parity.length:
            return PacketSet(source, layout, set_id, parity.offset)
    return None


def find_packets(source: ByteSource) -> PacketSet | None:
    """The packets of a file whose directory is lost, of the largest set; None if there are none."""
    size = source.size() or 0
    sets: dict[tuple[Layout, bytes], dict[int, int]] = {}
    waste = _WASTE * size
    for place in _magics(source, size):
        found = _packet_at(source, place)
        if found is None:
            waste -= 1024
            if waste < 0:
                break
            continue
        layout, set_id, index = found
        if layout.bare_size <= 2 * size:
            sets.setdefault((layout, set_id), {}).setdefault(index, place)
    if not sets:
        return None
    (layout, set_id), places = max(sets.items(), key=lambda item: len(item[1]))
    return PacketSet(source, layout, set_id, places)


def _packet_at(source: ByteSource, place: int) -> tuple[Layout, bytes, int] | None:
    """What a sound packet says that starts at an offset; None if there is none."""
    head = source.read_up_to(place, _HEAD)
    found = Layout.of_packet(head) if len(head) == _HEAD else None
    if found is None:
        return None
    layout, set_id, index = found
    whole = PacketSet(source, layout, set_id, {index: place})
    return found if whole.sector(index) is not None else None


def _magics(source: ByteSource, size: int) -> Iterator[int]:
    """Offsets at which the magic number of packets stands."""
    overlap = len(PACKET_MAGIC) - 1
    for start in range(0, size, _CHUNK):
        piece = source.read_up_to(start, _CHUNK + overlap)
        place = piece.find(PACKET_MAGIC)
        while place >= 0:
            yield start + place
            place = piece.find(PACKET_MAGIC, place + 1)
