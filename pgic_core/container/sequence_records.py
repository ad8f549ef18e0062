"""The records of a sequence: one for each frame, with the way to other records (FORMAT.md, section 11)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from ..errors import PgiChecksumError, PgiFormatError, PgiOptionError, PgiUnsupportedError
from ..varint import varint

__all__ = [
    "LONGEST_HEAD",
    "MAX_DURATION",
    "MAX_KEY_DISTANCE",
    "RECORD_TAIL",
    "SEQUENCE_HEADER",
    "SHORTEST_RECORD",
    "FrameKind",
    "Record",
    "VarintReader",
    "pack_sequence_header",
    "parse_sequence_header",
]

SEQUENCE_HEADER = 16
"""Bytes of the sequence header, and the offset of the first record."""

LONGEST_HEAD = 86
"""Most bytes of a record before its frame."""

RECORD_TAIL = 4
"""Bytes after the frame: the size of the record."""

SHORTEST_RECORD = 18
"""Fewest bytes of a record: 13 before a frame of one byte, and 4 after it."""

MAX_KEY_DISTANCE = 1024
MAX_DURATION = 2**32 - 1
"""What a writer takes: 7 weeks in milliseconds."""

_MAGIC = b"\x89PGF"
_VERSION = 1
# version, 3 zero bytes, key_distance, 0, crc32
_HEADER = struct.Struct("<B3sIII")
_NUMBERS = 8  # varints in the head of a record


class FrameKind(IntEnum):
    """How a record holds its frame."""

    KEY = 0
    CHANGE = 1
    SHORT_CHANGE = 3


def pack_sequence_header(key_distance: int) -> bytes:
    """The 16 bytes before the first record.

    Raises:
        PgiOptionError: ``key_distance`` is not from 1 to 1024.
    """
    if not 1 <= key_distance <= MAX_KEY_DISTANCE:
        raise PgiOptionError(f"key_distance must be from 1 to {MAX_KEY_DISTANCE}, not {key_distance}.")
    body = _HEADER.pack(_VERSION, bytes(3), key_distance, 0, 0)[:-4]
    return body + zlib.crc32(body).to_bytes(4, "little")


def parse_sequence_header(raw: bytes) -> int:
    """Check the sequence header (rule Q2).

    Returns:
        ``key_distance``.

    Raises:
        PgiUnsupportedError: a later version wrote it.
        PgiChecksumError: it is damaged.
        PgiFormatError: it breaks the table.
    """
    version, zeros, key_distance, zero, crc = _HEADER.unpack(raw)
    if zlib.crc32(raw[:-4]) != crc:
        raise PgiChecksumError("The header of the sequence is damaged: its CRC32 does not match.")
    if version != _VERSION:
        raise PgiUnsupportedError(f"The sequence has version {version}; this software reads {_VERSION}.")
    if zeros.strip(b"\0") or zero or not 1 <= key_distance <= MAX_KEY_DISTANCE:
        raise PgiFormatError("The header of the sequence breaks the format.")
    return int(key_distance)


class VarintReader:
    """Reads varints and bytes one after the other.

    Args:
        raw: where they are.
        start: offset of the first.
        what: it is, for messages.
    """

    def __init__(self, raw: bytes, start: int, what: str) -> None:
        self._raw = raw
        self._what = what
        self.offset = start

    def varint(self) -> int:
        """The next number, below 2^63.

        Raises:
            PgiFormatError: it is not in its shortest form, too large, or cut off.
        """
        value = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    break
                return value
        raise PgiFormatError(f"{self._what} has a number in a wrong form.")

    def take(self, length: int) -> bytes:
        """The next bytes.

        Raises:
            PgiFormatError: there are fewer.
        """
        if length > len(self._raw) - self.offset:
            raise PgiFormatError(f"{self._what} ends too early.")
        self.offset += length
        return self._raw[self.offset - length : self.offset]


@dataclass(frozen=True, slots=True)
class Record:
    """One record, without its frame. Offsets count from the first byte of ``image_data``.

    Attributes:
        offset: of this record.
        kind: how it holds its frame.
        number: of the frame, from 0.
        depth: change frames from the key frame to this one, this one included.
        duration: milliseconds; 0 if unknown.
        previous: offset of the record before; its own for the first.
        jump: offset of the record with the number :attr:`jump_number`; its own for the first.
        key: offset of the record of its key frame; its own for a key frame.
        reference: offset of the record of the frame that it changes; its own for a key frame.
        length: bytes of the frame as it is stored.
        head_length: bytes before them.
    """

    offset: int
    kind: FrameKind
    number: int
    depth: int
    duration: int
    previous: int
    jump: int
    key: int
    reference: int
    length: int
    head_length: int = 0

    @property
    def is_key(self) -> bool:
        """Whether the frame needs no other."""
        return self.kind is FrameKind.KEY

    @property
    def jump_number(self) -> int:
        """Number of the record that :attr:`jump` leads to."""
        return self.number & (self.number - 1) if self.number else 0

    @property
    def frame_offset(self) -> int:
        """First byte of the frame."""
        return self.offset + self.head_length

    @property
    def end(self) -> int:
        """Offset of the byte after the record."""
        return self.frame_offset + self.length + RECORD_TAIL

    def head(self) -> bytes:
        """The bytes before the frame."""
        ways = (self.previous, self.jump, self.key, self.reference)
        numbers = self.number, self.depth, self.duration, *(self.offset - way for way in ways), self.length
        body = _MAGIC + bytes([self.kind]) + b"".join(map(varint, numbers))
        return body + zlib.crc32(body).to_bytes(4, "little")

    @classmethod
    def parse(cls, raw: bytes, offset: int) -> Record:
        """Check the bytes before a frame, as far as they tell by themselves (rules Q3, Q4, Q5).

        Args:
            raw: :data:`LONGEST_HEAD` bytes, or fewer where the sequence ends.
            offset: where they stand.

        Raises:
            PgiChecksumError: they are damaged.
            PgiFormatError: they break a rule.
        """
        if raw[:4] != _MAGIC:
            raise PgiFormatError(f"There is no record at {offset:,} of the sequence.")
        reader = VarintReader(raw, 4, f"The record at {offset:,} of the sequence")
        kind = reader.take(1)[0]
        number, depth, duration, *ways, length = (reader.varint() for _ in range(_NUMBERS))
        body = raw[: reader.offset]
        if int.from_bytes(reader.take(4), "little") != zlib.crc32(body):
            raise PgiChecksumError(f"The record at {offset:,} of the sequence is damaged.")
        if kind not in list(FrameKind):
            raise PgiFormatError(f"Frame {number} is of the unknown kind {kind}.")
        previous, jump, key, reference = (offset - way for way in ways)
        record = cls(
            offset, FrameKind(kind), number, depth, duration, previous, jump, key, reference, length,
            reader.offset,
        )  # fmt: skip
        record._check()
        return record

    def _check(self) -> None:
        name = f"The record of frame {self.number}"
        if (self.number == 0) != (self.offset == SEQUENCE_HEADER):
            raise PgiFormatError(f"{name} stands at {self.offset:,}, where it cannot be.")
        if self.length == 0:
            raise PgiFormatError(f"{name} has no frame.")
        if self.is_key != (self.depth == 0):
            raise PgiFormatError(f"{name} has depth {self.depth}, which its kind cannot have.")
        if self.number == 0:
            earlier = self.previous == self.jump == self.offset
        else:
            earlier = SEQUENCE_HEADER <= self.jump <= self.previous < self.offset
        if self.is_key:
            known = self.key == self.reference == self.offset
        else:
            known = SEQUENCE_HEADER <= self.key <= self.reference < self.offset
        if not earlier or not known:
            raise PgiFormatError(f"{name} leads to what it cannot lead to.")
