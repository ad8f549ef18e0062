"""The records of a sequence: where they are, and their checksums made to fit."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Frame", "frames_of", "seal_sequence"]

_HEADER = 16
_SHORT = 3
_NUMBERS = 8


@dataclass(frozen=True)
class Frame:
    """A record, by offsets from the start of ``raw``.

    Attributes:
        kind: as stored.
        head: of the record.
        start, end: of the frame.
        described: end of what a short form says beside the picture, without its CRC32.
    """

    kind: int
    head: int
    start: int
    end: int
    described: int = 0


def frames_of(raw: bytes | bytearray, start: int, end: int) -> Iterator[Frame]:
    """The records of an image data block, as far as they make sense.

    Args:
        raw: the file.
        start: of the block, whose A.2 fields come first.
        end: of it.
    """
    at = start + 7 + _HEADER
    while at + 17 <= end and raw[at : at + 4] == b"\x89PGF":
        numbers, place = [], at + 5
        for _ in range(_NUMBERS):
            value, place = _varint(raw, place, end)
            numbers.append(value)
        first = place + 4
        last = first + numbers[-1]
        if last + 4 > end or numbers[-1] == 0:
            return
        described = first
        if raw[at + 4] == _SHORT:
            for _ in range(2):
                length, described = _varint(raw, described, last)
                described += length
        yield Frame(raw[at + 4], at, first, last, described)
        at = last + 4


def seal_sequence(
    raw: bytearray, start: int, end: int, reseal: Callable[[bytes], bytes]
) -> tuple[int, bytes]:
    """Put right what is in the records of a sequence.

    Args:
        raw: the file.
        start, end: of its image data block.
        reseal: puts right a whole file.

    Returns:
        ``crc32`` and ``sha256`` of the directory.
    """
    header = start + 7
    if header + _HEADER <= end:
        struct.pack_into("<I", raw, header + 12, zlib.crc32(raw[header : header + 12]))
    chain = bytes(32)
    for frame in frames_of(raw, start, end):
        if frame.kind == _SHORT:
            _seal_short(raw, frame)
        else:
            raw[frame.start : frame.end] = reseal(bytes(raw[frame.start : frame.end]))
        struct.pack_into("<I", raw, frame.start - 4, zlib.crc32(raw[frame.head : frame.start - 4]))
        struct.pack_into("<I", raw, frame.end, frame.end + 4 - frame.head)
        chain = hashlib.sha256(chain + raw[frame.head : frame.end + 4]).digest()
    return zlib.crc32(chain), chain


def _seal_short(raw: bytearray, frame: Frame) -> None:
    change = frame.described + 4
    if change + 2 > frame.end:
        return
    length, place = _varint(raw, change + 2, frame.end)
    crc = place + length
    if crc + 4 <= frame.end:
        struct.pack_into("<I", raw, crc, zlib.crc32(raw[change:crc]))
    content = zlib.crc32(raw[change : frame.end], zlib.crc32(raw[frame.start : frame.described]))
    struct.pack_into("<I", raw, frame.described, content)


def _varint(raw: bytes | bytearray, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift > 63:
            break
    return value, at
