"""Reading a sequence: any frame in a few steps from the end, all of them in verify (FORMAT.md, 11)."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import zlib
from collections import OrderedDict
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import PgiChecksumError, PgiFormatError, PgiOptionError, PgiTruncatedError, damage_of_frame
from .byte_source import PartSource
from .image_fields import IMAGE_FIELDS_SIZE, Compression
from .sequence_records import (
    LONGEST_HEAD,
    RECORD_TAIL,
    SEQUENCE_HEADER,
    SHORTEST_RECORD,
    FrameKind,
    Record,
    parse_sequence_header,
)
from .short_frames import file_of_short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .reader import PgiReader

__all__ = ["NO_CHAIN", "SequenceReader"]

_CHUNK = 1 << 20
_KEPT = 512

NO_CHAIN = bytes(32)
"""What the first frame takes for the chain of the one before."""


class SequenceReader:
    """The frames of a sequence. Opening reads its header; records are read when they are asked for.

    Safe for several threads. Memory does not grow with the number of frames.

    Args:
        reader: of the file, which stays open.

    Raises:
        PgiFormatError: the file is no sequence, or its header breaks rule Q2.
        PgiTruncatedError: the file ends inside the header.
    """

    def __init__(self, reader: PgiReader) -> None:
        if not reader.header.image.sequence:
            raise PgiFormatError("The file is no sequence.")
        self._reader = reader
        self._length = reader.payload_length
        self._known: OrderedDict[int, Record] = OrderedDict()
        self._lock = threading.RLock()
        if self._length < SEQUENCE_HEADER + SHORTEST_RECORD:
            raise PgiFormatError("The sequence has no frames.")
        self._key_distance = parse_sequence_header(reader.read_payload(0, SEQUENCE_HEADER))

    @property
    def reader(self) -> PgiReader:
        """Of the whole file."""
        return self._reader

    @property
    def key_distance(self) -> int:
        """The most change frames between any frame and its key frame."""
        return self._key_distance

    @property
    def unfinished_bytes(self) -> int | None:
        """Bytes behind the last frame, of one that was not finished; None of a stream."""
        size = self._reader.source.size()
        return None if size is None else max(0, size - self._reader.size)

    def __len__(self) -> int:
        """Number of frames."""
        return self.last.number + 1

    @cached_property
    def last(self) -> Record:
        """The record of the last frame.

        Raises:
            PgiFormatError: the end of the sequence is damaged or breaks a rule.
            PgiTruncatedError: it is missing.
            PgiLimitError: there are more frames than the limit ``frames`` allows.
        """
        raw = self._read(self._length - RECORD_TAIL, RECORD_TAIL)
        try:
            record = self._parse(self._length - int.from_bytes(raw, "little"))
        except PgiTruncatedError:
            raise
        except PgiFormatError as error:
            raise type(error)(f"The end of the sequence is damaged: {error}") from error
        if record.end != self._length:
            raise PgiFormatError("The last record of the sequence does not end where the sequence does.")
        return record

    def record(self, number: int) -> Record:
        """The record of a frame, found in about log2(n)^2 / 4 steps from a record that is known.

        Args:
            number: 0 or more.

        Raises:
            PgiOptionError: there is no such frame.
            PgiFormatError: a record on the way is damaged or breaks a rule.
        """
        if number == 0:  # which the beginning of a file is enough for
            return self._parse(SEQUENCE_HEADER, whole=False)
        with self._lock:
            if not 0 <= number <= self.last.number:
                raise PgiOptionError(f"There is no frame {number}: the sequence has {len(self)} frames.")
            return self._found(number)

    def _found(self, number: int) -> Record:
        before = self._known.get(number - 1)
        if before is not None and number not in self._known:
            return self._following(before)
        record = min((r for r in self._known.values() if r.number >= number), default=self.last, key=_number)
        while record.number > number:
            jumps = record.jump_number >= number
            earlier = self._parse(record.jump if jumps else record.previous)
            expected = record.jump_number if jumps else record.number - 1
            if earlier.number != expected or (expected == record.number - 1 and earlier.end != record.offset):
                raise PgiFormatError(
                    f"The record of frame {record.number} leads to that of frame {earlier.number} "
                    f"where it should lead to that of frame {expected}."
                )
            record = earlier
        return self._keep(record)

    def _read(self, offset: int, length: int) -> bytes:
        """Bytes of the sequence.

        Raises:
            PgiTruncatedError: the file ends before them.
        """
        try:
            return self._reader.read_payload(offset, length)
        except PgiTruncatedError as error:
            raise PgiTruncatedError(
                "The file ends too early, inside its sequence; 'pgic repair --cut' keeps the frames before."
            ) from error

    def _following(self, before: Record) -> Record:
        try:
            record = self._parse(before.end)
        except PgiTruncatedError:
            raise
        except PgiFormatError as error:
            where = f"Bytes between frames {before.number} and {before.number + 1} are damaged"
            raise type(error)(f"{where}, where there is no parity: {error}") from error
        if record.number != before.number + 1 or record.previous != before.offset:
            raise PgiFormatError(f"The record of frame {before.number} is not followed by the next.")
        return self._keep(record)

    def _keep(self, record: Record) -> Record:
        with self._lock:
            self._known[record.number] = record
            self._known.move_to_end(record.number)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return record

    def _parse(self, offset: int, *, whole: bool = True) -> Record:
        """The record at an offset, checked without other records, and without its end unless ``whole``."""
        room = self._length - offset
        if offset < SEQUENCE_HEADER or room < SHORTEST_RECORD:
            raise PgiFormatError(f"A record cannot stand at {offset:,} of the sequence.")
        record = Record.parse(self._read(offset, min(LONGEST_HEAD, room)), offset)
        if record.end > self._length:
            raise PgiFormatError(f"Frame {record.number} reaches beyond the sequence.")
        if whole:
            tail = self._read(record.end - RECORD_TAIL, RECORD_TAIL)
            if int.from_bytes(tail, "little") != record.end - offset:
                raise PgiFormatError(f"The record of frame {record.number} ends with a size that it has not.")
        limits = self._reader.limits
        limits.check("frames", record.number + 1, "The sequence")
        if record.depth > self._key_distance:
            raise PgiFormatError(
                f"Frame {record.number} is {record.depth} frames from its key frame, "
                f"more than the {self._key_distance} of the sequence."
            )
        limits.check("references", record.depth, f"Frame {record.number}")
        return record

    def reference(self, record: Record) -> Record:
        """The record of the frame that a change frame changes.

        Raises:
            PgiFormatError: it breaks rule Q4 or Q5.
        """
        found = self._parse(record.reference)
        if found.number >= record.number or self.record(found.number).offset != found.offset:
            raise PgiFormatError(f"The reference of frame {record.number} is no earlier frame.")
        if found.key != record.key:
            raise PgiFormatError(f"Frame {record.number} has another key frame than its reference.")
        if found.depth != record.depth - 1:
            raise PgiFormatError(
                f"Frame {record.number} has depth {record.depth}, its reference {found.depth}."
            )
        return found

    def references(self, record: Record) -> list[Record]:
        """What a frame is decoded from: its own record first, that of its key frame last.

        Raises:
            PgiFormatError: one breaks rule Q4 or Q5.
        """
        found = [record]
        while not found[-1].is_key:
            found.append(self.reference(found[-1]))
        return found

    def open_frame(self, record: Record, *, quiet: bool = False) -> PgiReader:
        """A reader of a frame, as of any file.

        Args:
            record: of the frame.
            quiet: as for :class:`PgiReader`.

        Raises:
            PgiError: as :class:`PgiReader`; PgiFormatError also where the frame breaks rule Q5.
        """
        outer = self._reader
        outer.limits.check("block_bytes", record.length, f"Frame {record.number}")
        if record.kind is FrameKind.SHORT_CHANGE:
            return self._open_short(record)
        start = outer.header.image.offset + IMAGE_FIELDS_SIZE + record.frame_offset
        source = PartSource(outer.source, start, record.length)
        reader = outer.frame(source, quiet=quiet)
        number, fields = record.number, reader.fields
        if fields.compression_type == Compression.SEQUENCE:
            raise PgiFormatError(f"Frame {number} is a sequence.")
        if reader.size != record.length and not reader.header_restored:
            raise PgiFormatError(f"Frame {number} has {reader.size} bytes, its record says {record.length}.")
        if replace(fields, compression_type=Compression.SEQUENCE) != outer.fields:
            raise PgiFormatError(f"Frame {number} has another size or type than the sequence.")
        if (fields.compression_type == Compression.CHANGE) == record.is_key:
            kind = "key frame" if record.is_key else "change frame"
            raise PgiFormatError(f"The record of frame {number} calls it a {kind}, which it is not.")
        return reader

    def _open_short(self, record: Record) -> PgiReader:
        outer = self._reader
        fields = replace(outer.fields, compression_type=Compression.CHANGE)
        data = outer.read_payload(record.frame_offset, record.length)
        what = f"Frame {record.number}"
        return outer.frame(file_of_short(data, fields, outer.dictionary, outer.limits, what))

    def records(self) -> Iterator[Record]:
        """All records from the first to the last, each checked against the one before.

        Raises:
            PgiFormatError: one breaks rule Q3 or Q4.
        """
        record = self._parse(SEQUENCE_HEADER)
        while True:
            yield self._keep(record)
            if record.end == self._length:
                return
            record = self._following(record)

    def whole_records(self) -> Iterator[Record]:
        """As :meth:`records`, as far as the file has them whole.

        Raises:
            PgiFormatError: one breaks rule Q3 or Q4.
        """
        with contextlib.suppress(PgiTruncatedError):
            yield from self.records()

    def checked_records(self) -> Iterator[Record]:
        """As :meth:`records`, and checked against all that they lead to.

        Raises:
            PgiFormatError: one breaks rule Q3, Q4 or Q5.
        """
        ancestors: list[Record] = []  # those that jumps lead to, one after the other
        for record in self.records():
            while ancestors and ancestors[-1].number != record.jump_number:
                ancestors.pop()
            if ancestors and ancestors[-1].offset != record.jump:
                raise PgiFormatError(f"The record of frame {record.number} jumps to where it should not.")
            ancestors.append(record)
            if not record.is_key:
                self.reference(record)
            yield record

    def verify(self) -> None:
        """Check every byte of all frames, their records and the chain of their hashes.

        Raises:
            PgiChecksumError: something is damaged (rule Q7 among others).
            PgiFormatError: a rule is broken.
            PgiTruncatedError: the file ends too early.
        """
        chain = NO_CHAIN
        for record in self.checked_records():
            chain = self.chain_after(chain, record)
            with damage_of_frame(record.number):
                self.open_frame(record, quiet=True).verify_bytes()
        image = self._reader.header.image
        if image.sha256 != chain or image.crc32 != zlib.crc32(chain):
            raise PgiChecksumError("The sequence is damaged: the chain of its frames does not match.")

    def chain_after(self, before: bytes, record: Record) -> bytes:
        """The chain of a frame, 32 bytes, from that of the one before or :data:`NO_CHAIN`."""
        digest = hashlib.sha256(before)
        for start in range(record.offset, record.end, _CHUNK):
            digest.update(self._read(start, min(_CHUNK, record.end - start)))
        return digest.digest()


def _number(record: Record) -> int:
    return record.number
