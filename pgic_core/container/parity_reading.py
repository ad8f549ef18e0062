"""Reading a file through its parity block: lost sectors are found by their CRC32, and restored."""

from __future__ import annotations

import threading
import warnings
import zlib
from typing import TYPE_CHECKING

from ..errors import PgiFormatError, PgiWarning
from .byte_source import ByteSource
from .file_header import FIXED_HEADER_SIZE, parse_fixed_header, parse_header
from .parity import GAP, bare_header, parity_place
from .parity_packets import PacketSet, find_packets
from .reed_solomon import restored_sectors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..limits import Limits

__all__ = ["Protection", "lost_header"]

_CHUNK = 1 << 20


def lost_header(source: ByteSource, limits: Limits, other: ByteSource | None = None) -> Protection | None:
    """The bare file of a file whose header is damaged; None if it has no usable parity.

    Args:
        source: the file.
        limits: what it may ask for.
        other: see :class:`Protection`.
    """
    packets = None if source.size() is None else find_packets(source)
    if packets is None:
        return None
    try:
        return Protection(source, packets, None, limits, other)
    except PgiFormatError:
        return None


class Protection(ByteSource):
    """A damaged or sound file as it is with its lost sectors restored.

    Args:
        source: the file, whose size is known. It is closed with this.
        packets: its parity.
        header: header and directory as they stand in the file; None where they are lost, then this is the
            bare file.
        limits: what the header may ask for.
        other: a second copy of the file, at the same offsets, that sectors may be taken from.

    Attributes:
        bare: header and directory of the bare file.
        restored: numbers of the sectors that were lost and are restored, as far as they were read.
        quiet: whether to restore without a warning.

    Warns:
        PgiWarning: once, when the first sector is restored.

    Raises:
        PgiError: parity and file contradict each other, or too much of the check list is lost.
    """

    def __init__(
        self,
        source: ByteSource,
        packets: PacketSet,
        header: bytes | None,
        limits: Limits,
        other: ByteSource | None = None,
    ) -> None:
        self.name = source.name
        self._source = source
        self._other = other
        self._packets = packets
        self._lock = threading.RLock()
        layout = packets.layout
        self.bare, self._crcs = packets.check_list()
        whole = parse_fixed_header(self.bare[:FIXED_HEADER_SIZE]) == len(self.bare)
        parsed = parse_header(self.bare, limits) if whole else None
        if parsed is None or parsed.size != layout.bare_size:
            raise PgiFormatError("The parity block states another size than its copy of the directory.")
        if header is not None and bare_header(header)[0] != self.bare:
            raise PgiFormatError("The parity block is that of another state of the file.")
        self._moved = self.bare[25]
        self._place = parity_place(self.bare)[1]
        self._header = header
        self._known: dict[int, bytes] = {}
        self._hopeless: set[int] = set()
        self.restored: set[int] = set()
        self.quiet = False

    @property
    def share(self) -> int:
        """Parity in 1/10,000 of the data."""
        return self._packets.layout.share

    @property
    def sector_size(self) -> int:
        """Bytes of a sector."""
        return self._packets.layout.sector

    def size(self) -> int:
        """Bytes of the file, those that are cut off included if they may be restored."""
        layout, actual = self._packets.layout, self._source.size() or 0
        if self._header is None:
            return layout.bare_size
        whole = layout.bare_size + self._moved + layout.length
        missing = max(whole - actual, 0) // layout.sector
        return whole if missing <= layout.data.parity_sectors + layout.packets else actual

    def read_up_to(self, offset: int, length: int) -> bytes:
        """Read at most ``length`` bytes; lost sectors are restored if enough parity is left."""
        end = min(offset + length, self.size())
        if self._header is None:
            return self.read_bare(offset, end)
        head, block = len(self._header), self._packets.layout.length
        place = self._place + self._moved
        pieces = [self._header[offset:end]] if offset < head else []
        if offset < place:
            pieces.append(self.read_bare(max(offset, head) - self._moved, min(end, place) - self._moved))
        if offset < place + block and end > place:
            low = max(offset, place)
            pieces.append(self._source.read_up_to(low, min(end, place + block) - low))
        shift = self._moved + block
        pieces.append(self.read_bare(max(offset, place + block) - shift, end - shift))
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def read_bare(self, low: int, high: int) -> bytes:
        """Bytes of the bare file; those that cannot be restored are as they stand in the file."""
        if low >= high:
            return b""
        head = len(self.bare)
        start = self.bare[low:high]
        return start + self._coded(max(low, head) + GAP, high + GAP) if high > head else start

    def _coded(self, low: int, high: int) -> bytes:
        """Likewise of what is coded, which has a gap after the header."""
        size = self.sector_size
        first, last = low // size, (high - 1) // size
        raw = self._raw(first * size, (last + 1) * size)
        with self._lock:
            lost = [
                number
                for number in range(first, last + 1)
                if zlib.crc32(raw[(number - first) * size : (number - first + 1) * size])
                != self._crcs[number]
            ]
            if lost:
                groups = self._packets.layout.data.groups
                self._restore({number % groups for number in lost if number not in self._known})
                whole = bytearray(raw)
                for number in lost:
                    if number in self._known:
                        whole[(number - first) * size : (number - first + 1) * size] = self._known[number]
                raw = bytes(whole)
        return raw[low - first * size : high - first * size]

    def bare_pieces(self) -> Iterator[bytes]:
        """The bare file, restored.

        Raises:
            PgiFormatError: too much is lost.
        """
        size = self._packets.layout.bare_size
        for low in range(0, size, _CHUNK):
            piece = self.read_bare(low, min(low + _CHUNK, size))
            if self._hopeless:
                raise PgiFormatError("Too much of the file is lost to restore it from its parity.")
            yield piece

    def _raw(self, low: int, high: int, other: ByteSource | None = None) -> bytes:
        """What is coded, as it stands in the file or in another; zeros where that ends."""
        layout, source = self._packets.layout, other or self._source
        place, moved = self._place + GAP, self._moved - GAP
        pieces = [(self.bare + bytes(GAP))[low:high]]
        for first, last, shift in (
            (len(self.bare) + GAP, place, moved),
            (place, layout.bare_size + GAP, moved + layout.length),
        ):
            start, end = max(first, low), min(last, high)
            if start < end:
                piece = source.read_up_to(start + shift, end - start)
                pieces.append(piece.ljust(end - start, b"\0"))
        return b"".join(pieces).ljust(high - low, b"\0")

    def _sound(self, number: int, other: ByteSource | None = None) -> bytes | None:
        size = self.sector_size
        sector = self._raw(number * size, (number + 1) * size, other)
        return sector if zlib.crc32(sector) == self._crcs[number] else None

    def _restore(self, groups: Collection[int]) -> None:
        """Restore all lost sectors of some groups."""
        layout = self._packets.layout
        code = layout.data
        for group in sorted(set(groups) - self._hopeless):
            lost = [n for n in range(group, code.sectors, code.groups) if n not in self._known]
            lost = [n for n in lost if self._sound(n) is None]
            known = self._known
            if self._other is not None:
                taken = {n: sector for n in lost if (sector := self._sound(n, self._other)) is not None}
                known |= taken
                self._note(taken)
                lost = [n for n in lost if n not in taken]
            if not lost:
                continue

            def read(number: int, known: dict[int, bytes] = known) -> bytes | None:
                return known.get(number) or self._sound(number)

            try:
                found = restored_sectors(code, layout.sector, lost, read, self._packets.parity)
            except PgiFormatError:
                self._hopeless.add(group)
                continue
            if any(zlib.crc32(sector) != self._crcs[number] for number, sector in found.items()):
                self._hopeless.add(group)
                continue
            self._known |= found
            self._note(found)

    def _note(self, found: Collection[int]) -> None:
        """Remember what was restored, and say so once."""
        if found and not self.restored and not self.quiet:
            message = (
                f"{self.name} is damaged. What is lost is restored as it is read; 'pgic repair' mends it."
            )
            warnings.warn(PgiWarning(message), stacklevel=2)
        self.restored |= set(found)
