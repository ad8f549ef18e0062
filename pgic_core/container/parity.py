"""The parity block: its layout, and how it is made of the bare file (FORMAT.md, section 10)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..errors import PgiOptionError
from .block_entry import BlockEntry, BlockType
from .file_header import ENTRY, FIXED_HEADER_SIZE, HEADER_CHECKSUM
from .reed_solomon import Code, add_products, parity_logs

if TYPE_CHECKING:
    from .reed_solomon import Symbols

__all__ = [
    "DEFAULT_SHARE",
    "GAP",
    "PACKET_MAGIC",
    "SHARE_UNIT",
    "Layout",
    "Pieces",
    "bare_budget",
    "bare_header",
    "full_header",
    "parity_block",
    "parity_place",
    "protected",
    "share_of",
]

PACKET_MAGIC = b"\x89PGI\r\nP\n"
GAP = ENTRY.size
"""Zero bytes that are coded after the bare header, in place of the entry that the file has there."""

SHARE_UNIT = 10_000
"""A share of 1, the largest: as much parity as data."""

DEFAULT_SHARE = 500

# packet_magic, set_id, bare_size, bare_header_size, share, sector_size, 0, index
_PACKET = struct.Struct("<8s8sQHHHHI")
_CRC_BYTES = 4
_PACKET_BYTES = _PACKET.size + _CRC_BYTES
_SECTORS = (1024, 512, 256, 128)
_SECTORS_WANTED = 128
_MOST_IN_GROUP = 1536
_MOST_CHECKS_IN_GROUP = 128
# Header and directory of the blocks that an encoder writes, some to spare.
_MOST_HEADER = FIXED_HEADER_SIZE + 6 * ENTRY.size
# Places in the header, section 3.

Pieces: TypeAlias = Callable[[], Iterable[bytes | memoryview]]
"""Gives the bytes of a file in pieces, the same whenever it is called."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything in a parity block is.

    Attributes:
        bare_size: bytes of the file without its parity block.
        header_size: bytes of header and directory of that file.
        share: parity in 1/10,000 of the data, 1 to 10,000.
    """

    bare_size: int
    header_size: int
    share: int

    @property
    def sector(self) -> int:
        """Bytes of a sector."""
        return next((size for size in _SECTORS if size * _SECTORS_WANTED <= self.bare_size), _SECTORS[-1])

    @property
    def data(self) -> Code:
        """The code of the bare file."""
        sectors = -(-(self.bare_size + GAP) // self.sector)
        groups = -(-sectors // _MOST_IN_GROUP)
        depth = -(-sectors // groups)
        return Code(sectors, groups, -(-depth * self.share // SHARE_UNIT) + 1)

    @property
    def checks(self) -> Code:
        """The code of the check list."""
        sectors = -(-(self.header_size + _CRC_BYTES * self.data.sectors) // self.sector)
        groups = -(-sectors // _MOST_CHECKS_IN_GROUP)
        return Code(sectors, groups, -(-sectors // groups) + 2)

    @property
    def packet(self) -> int:
        """Bytes of a packet."""
        return _PACKET_BYTES + self.sector

    @property
    def packets(self) -> int:
        """How many there are: first check list, then parity, then parity of the check list."""
        return self.checks.sectors + self.data.parity_sectors + self.checks.parity_sectors

    @property
    def length(self) -> int:
        """Bytes of the parity block."""
        return self.packets * self.packet

    def head(self, set_id: bytes, index: int) -> bytes:
        """The fields of a packet that stand before its sector."""
        return _PACKET.pack(
            PACKET_MAGIC, set_id, self.bare_size, self.header_size, self.share, self.sector, 0, index
        )

    @classmethod
    def of_packet(cls, head: bytes) -> tuple[Layout, bytes, int] | None:
        """What the fields of a packet say.

        Returns:
            Layout, ``set_id`` and ``index``; None if they are no head of a packet, or contradict each other.
        """
        magic, set_id, bare_size, header_size, share, sector, zero, index = _PACKET.unpack(head)
        sound = magic == PACKET_MAGIC and zero == 0 and 1 <= share <= SHARE_UNIT
        if not sound or not FIXED_HEADER_SIZE + ENTRY.size <= header_size < bare_size < 2**62:
            return None
        layout = cls(bare_size, header_size, share)
        return (layout, set_id, index) if layout.sector == sector and index < layout.packets else None


def share_of(protect: float) -> int:
    """A share as the parity block states it.

    Args:
        protect: bytes of parity for each byte of the file, 0.0001 to 1.

    Raises:
        PgiOptionError: it is out of range.
    """
    share = round(protect * SHARE_UNIT) if 0 < protect <= 1 else 0
    if not 1 <= share <= SHARE_UNIT:
        raise PgiOptionError(f"The share of parity must be from 0.0001 (0.01 %) to 1, not {protect}.")
    return share


def bare_budget(budget: int, share: int) -> int:
    """How large a file may be that gets parity, so that both fit.

    Args:
        budget: bytes of the file with its parity block.
        share: in 1/10,000.

    Returns:
        Bytes, perhaps none or fewer.
    """
    size = budget
    while size > _MOST_HEADER:
        excess = size + ENTRY.size + Layout(size, _MOST_HEADER, share).length - budget
        if excess <= 0:
            return size
        size -= max(excess // 2, 1)
    return size


def bare_header(raw: bytes) -> tuple[bytes, BlockEntry | None]:
    """Header and directory as they are without a parity block.

    Args:
        raw: header and directory, of any minor version, which passed their checks.

    Returns:
        The bytes; and the entry of the parity block, or None if there is none and nothing was changed.
    """
    count, entry_size = raw[24], raw[25]
    places = [FIXED_HEADER_SIZE + entry_size * index for index in range(count)]
    entries = [BlockEntry(*ENTRY.unpack_from(raw, place)) for place in places]
    parity = next((entry for entry in entries if entry.type == BlockType.PARITY), None)
    if parity is None:
        return raw, None
    head, tail = raw[:FIXED_HEADER_SIZE], raw[FIXED_HEADER_SIZE + entry_size * count :]
    kept = b"".join(
        _moved(raw[place : place + entry_size], parity.offset, -entry_size, -parity.length)
        for place, entry in zip(places, entries, strict=True)
        if entry is not parity
    )
    return _sealed(head, kept + tail, count - 1, -entry_size), parity


def full_header(bare: bytes, block: bytes) -> bytes:
    """Header and directory with a parity block.

    Args:
        bare: as they are without it.
        block: the parity block.
    """
    count, entry_size = bare[24], bare[25]
    at, offset = parity_place(bare)
    entry = ENTRY.pack(
        BlockType.PARITY,
        0,
        offset + entry_size,
        len(block),
        zlib.crc32(block),
        hashlib.sha256(block).digest(),
    ).ljust(entry_size, b"\0")
    entries = [
        bare[place : place + entry_size]
        for place in range(FIXED_HEADER_SIZE, FIXED_HEADER_SIZE + entry_size * count, entry_size)
    ]
    moved = [_moved(each, offset, entry_size, len(block)) for each in entries]
    moved.insert(at, entry)
    tail = bare[FIXED_HEADER_SIZE + entry_size * count :]
    return _sealed(bare[:FIXED_HEADER_SIZE], b"".join(moved) + tail, count + 1, entry_size)


def parity_place(bare: bytes) -> tuple[int, int]:
    """Where the parity block goes: place in the directory, and offset in the bare file."""
    count, entry_size = bare[24], bare[25]
    offset = len(bare)
    for index in range(count):
        entry = BlockEntry(*ENTRY.unpack_from(bare, FIXED_HEADER_SIZE + entry_size * index))
        if entry.position > BlockType.PARITY & 0x7FFF:
            return index, entry.offset
        offset = entry.end
    return count, offset


def parity_block(header: bytes, bare_size: int, share: int, pieces: Iterable[bytes | memoryview]) -> bytes:
    """Make a parity block.

    Args:
        header: header and directory of the bare file.
        bare_size: bytes of the bare file.
        share: in 1/10,000.
        pieces: the bare file.
    """
    layout = Layout(bare_size, len(header), share)
    parity, crcs = _encoded(layout.data, layout.sector, _coded(header, pieces))
    listed = header + np.array(crcs, "<u4").tobytes()
    listed = listed.ljust(layout.checks.sectors * layout.sector, b"\0")
    checks, _ = _encoded(layout.checks, layout.sector, [listed])
    sectors = np.concatenate([np.frombuffer(listed, "<u2"), parity.ravel(), checks.ravel()])
    return b"".join(_packets(layout, hashlib.sha256(header).digest()[:8], sectors.astype("<u2").tobytes()))


def protected(pieces: Pieces, share: int) -> Iterator[bytes | memoryview]:
    """A file with a parity block.

    Nothing is yielded before all was read; the memory that this takes is that of the parity.

    Args:
        pieces: the bare file.
        share: in 1/10,000.
    """
    size, header = 0, b""
    for piece in pieces():
        header = header if len(header) >= _end_of_header(header) else header + bytes(piece[:65_536])
        size += len(piece)
    header = header[: _end_of_header(header)]
    block = parity_block(header, size, share, pieces())
    return _with_block(pieces, header, block)


def _coded(header: bytes, pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """What parity is computed of."""
    yield header + bytes(GAP)
    at = 0
    for piece in pieces:
        yield memoryview(piece)[max(len(header) - at, 0) :]
        at += len(piece)


def _end_of_header(start: bytes) -> int:
    return int.from_bytes(start[6:8], "little") if len(start) >= FIXED_HEADER_SIZE else FIXED_HEADER_SIZE


def _with_block(pieces: Pieces, header: bytes, block: bytes) -> Iterator[bytes | memoryview]:
    yield full_header(header, block)
    _, place = parity_place(header)
    at = 0
    put = False
    for piece in pieces():
        view = memoryview(piece)
        start, at = at, at + len(view)
        if start < len(header):
            view = view[len(header) - start :]
            start = min(len(header), at)
        if not put and at > place:
            yield view[: place - start]
            yield block
            put = True
            view = view[place - start :]
        yield view
    if not put:
        yield block


def _packets(layout: Layout, set_id: bytes, sectors: bytes) -> Iterator[bytes]:
    size = layout.sector
    for index in range(layout.packets):
        packet = layout.head(set_id, index) + sectors[index * size : (index + 1) * size]
        yield packet + zlib.crc32(packet).to_bytes(_CRC_BYTES, "little")


def _encoded(code: Code, size: int, pieces: Iterable[bytes | memoryview]) -> tuple[Symbols, list[int]]:
    """Parity sectors (m G, size / 2), and the CRC32 of each sector."""
    sums = np.zeros((code.parity, code.groups * size // 2), np.uint16)
    crcs: list[int] = []
    for position, row in enumerate(_rows(pieces, code.groups * size)):
        present = -(-len(row) // size)
        row = row.ljust(present * size, b"\0")
        crcs += [zlib.crc32(row[at : at + size]) for at in range(0, len(row), size)]
        symbols = np.frombuffer(row, "<u2").astype(np.uint16, copy=False)
        add_products(sums[:, : len(symbols)], parity_logs(range(code.parity), position), symbols)
    return sums.reshape(-1, size // 2), crcs


def _rows(pieces: Iterable[bytes | memoryview], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size, the last of what is left."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        end = len(rest) // size * size
        for at in range(0, end, size):
            yield bytes(rest[at : at + size])
        del rest[:end]
    if rest:
        yield bytes(rest)


def _moved(entry: bytes, after: int, entry_size: int, block: int) -> bytes:
    """An entry whose block moves by an entry, and by the parity block where that precedes it."""
    offset = int.from_bytes(entry[4:12], "little")
    offset += entry_size + (block if offset >= after else 0)
    return entry[:4] + offset.to_bytes(8, "little") + entry[12:]


def _sealed(head: bytes, rest: bytes, count: int, moved: int) -> bytes:
    """A header whose directory has another number of entries, with a new checksum."""
    raw = bytearray(head + rest)
    raw[6:8] = len(raw).to_bytes(2, "little")
    raw[HEADER_CHECKSUM] = bytes(4)
    raw[12:20] = (int.from_bytes(head[12:20], "little") + moved).to_bytes(8, "little")
    raw[24] = count
    raw[HEADER_CHECKSUM] = zlib.crc32(raw).to_bytes(4, "little")
    return bytes(raw)
