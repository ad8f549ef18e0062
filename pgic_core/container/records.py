"""The records of a sequence: one for each frame, and the offsets that lead to others (FORMAT.md, 11)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, replace

from ..errors import PgiChecksumError, PgiFormatError, PgiOptionError, PgiUnsupportedError

__all__ = [
    "MAX_DURATION",
    "MAX_KEY_DISTANCE",
    "NO_CHAIN",
    "RECORD_HEAD",
    "RECORD_TAIL",
    "SEQUENCE_HEADER",
    "Record",
    "pack_sequence_header",
    "parse_sequence_header",
    "parse_tail",
]

SEQUENCE_HEADER = 16
"""Bytes of the sequence header, and the offset of the first record."""

MAX_KEY_DISTANCE = 1024
MAX_DURATION = 2**32 - 1

NO_CHAIN = bytes(32)
"""What the first record takes for the chain of the one before."""

_MAGIC = b"\x89PGF"
_VERSION = 1
# version, 3 zero bytes, key_distance, 0, crc32
_HEADER = struct.Struct("<B3sIII")
# magic, number, length, previous, jump, key, reference, duration, depth | chain, crc32
_LINKS = struct.Struct("<4sIQQQQQII")
_HEAD = struct.Struct("<4sIQQQQQII32sI")
_TAIL = struct.Struct("<QI")

RECORD_HEAD = _HEAD.size
RECORD_TAIL = _TAIL.size


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


@dataclass(frozen=True, slots=True)
class Record:
    """One record, without its frame. Offsets count from the first byte of ``image_data``.

    Attributes:
        offset: of this record.
        number: of the frame, from 0.
        length: bytes of the frame.
        previous: offset of the record before; 0 for the first.
        jump: offset of the record with the number :attr:`jump_number`; 0 for the first.
        key: offset of the record of its key frame; its own for a key frame.
        reference: offset of the record of the frame that it changes; its own for a key frame.
        duration: milliseconds; 0 if unknown.
        depth: change frames from the key frame to this one, this one included.
        chain: hash of this frame and of all before it, 32 bytes.
    """

    offset: int
    number: int
    length: int
    previous: int
    jump: int
    key: int
    reference: int
    duration: int
    depth: int
    chain: bytes = NO_CHAIN

    @property
    def is_key(self) -> bool:
        """Whether the frame needs no other."""
        return self.depth == 0

    @property
    def jump_number(self) -> int:
        """Number of the record that :attr:`jump` leads to."""
        return self.number & (self.number - 1) if self.number else 0

    @property
    def frame_offset(self) -> int:
        """First byte of the frame."""
        return self.offset + RECORD_HEAD

    @property
    def end(self) -> int:
        """Offset of the byte after the record."""
        return self.frame_offset + self.length + RECORD_TAIL

    def chained(self, before: bytes, frame_sha256: bytes) -> Record:
        """The same with the ``chain`` that it has after the one ``before``."""
        chain = hashlib.sha256(before + self._links() + frame_sha256).digest()
        return replace(self, chain=chain)

    def head(self) -> bytes:
        """The bytes before the frame."""
        body = self._links() + self.chain
        return body + zlib.crc32(body).to_bytes(4, "little")

    def tail(self) -> bytes:
        """The bytes after the frame."""
        body = self.offset.to_bytes(8, "little")
        return body + zlib.crc32(body).to_bytes(4, "little")

    def _links(self) -> bytes:
        return _LINKS.pack(
            _MAGIC,
            self.number,
            self.length,
            self.previous,
            self.jump,
            self.key,
            self.reference,
            self.duration,
            self.depth,
        )

    @classmethod
    def parse(cls, raw: bytes, offset: int) -> Record:
        """Check the bytes before a frame, as far as they tell by themselves (rules Q3, Q4, Q5).

        Args:
            raw: :data:`RECORD_HEAD` bytes.
            offset: where they stand.

        Raises:
            PgiChecksumError: they are damaged.
            PgiFormatError: they break a rule.
        """
        magic, number, length, previous, jump, key, reference, duration, depth, chain, crc = _HEAD.unpack(raw)
        if magic != _MAGIC:
            raise PgiFormatError(f"There is no record at {offset:,} of the sequence.")
        if zlib.crc32(raw[:-4]) != crc:
            raise PgiChecksumError(f"The record at {offset:,} of the sequence is damaged.")
        record = cls(offset, number, length, previous, jump, key, reference, duration, depth, chain)
        record._check()
        return record

    def _check(self) -> None:
        name = f"The record of frame {self.number}"
        if (self.number == 0) != (self.offset == SEQUENCE_HEADER):
            raise PgiFormatError(f"{name} stands at {self.offset:,}, where it cannot be.")
        if self.length == 0:
            raise PgiFormatError(f"{name} has no frame.")
        if self.number == 0:
            earlier = self.previous == 0 and self.jump == 0
        else:
            earlier = SEQUENCE_HEADER <= self.jump <= self.previous < self.offset
        if not earlier or not SEQUENCE_HEADER <= self.key <= self.reference <= self.offset:
            raise PgiFormatError(f"{name} leads to what is no earlier record.")
        own = self.key == self.offset, self.reference == self.offset
        if own != (self.is_key, self.is_key):
            kind = "key frame" if self.is_key else "change frame"
            raise PgiFormatError(f"{name} is that of a {kind}, but its key or reference is not.")


def parse_tail(raw: bytes) -> int:
    """Check the bytes after a frame.

    Returns:
        Offset of their record.

    Raises:
        PgiChecksumError: they are damaged.
    """
    offset, crc = _TAIL.unpack(raw)
    if zlib.crc32(raw[:8]) != crc:
        raise PgiChecksumError("The end of a record of the sequence is damaged.")
    return int(offset)
