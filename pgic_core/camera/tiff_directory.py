"""Image file directories (TIFF 6.0, section 2), read and written as raw bytes: EXIF is made of them.

Values are never taken apart: what a tag holds is copied in the byte order in which it came. :mod:`.exif`
reads the few tags whose values matter, and copies nothing else.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import IO

__all__ = [
    "EXIF_IFD",
    "GPS_IFD",
    "INTEROP_IFD",
    "ORIENTATION",
    "TYPE_SIZES",
    "Directory",
    "Entry",
    "build_exif",
    "read_directory",
    "tiff_order",
]

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
ORIENTATION = 0x0112
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value of each type of TIFF 6.0."""
_BIG_SIZES = TYPE_SIZES | {16: 8, 17: 8, 18: 8}
_LONG = 4
_MAX_ENTRIES = 1024
_MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a directory.

    Attributes:
        tag: its number.
        kind: type of its values, 1 to 13 (16 to 18 in a BigTIFF).
        count: of its values.
        data: they, in the byte order of the file.
        offset: where they stand; None where they stand within the entry.
    """

    tag: int
    kind: int
    count: int
    data: bytes
    offset: int | None = None

    def number(self, order: str) -> int:
        """The first value of a whole type; 0 if there is none."""
        code = {1: "B", 3: "H", 4: "I", 8: "H", 9: "I", 13: "I", 16: "Q", 17: "Q", 18: "Q"}.get(self.kind)
        if code is None or len(self.data) < struct.calcsize(code):
            return 0
        return int(struct.unpack_from(order + code, self.data)[0])


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory.

    Attributes:
        entries: by tag; the first of those with the same number.
        following: offset of the next directory, or 0.
        lost: how many entries lie beyond the file, or beyond what is read.
    """

    entries: dict[int, Entry]
    following: int = 0
    lost: int = 0


def tiff_order(head: bytes) -> tuple[str, bool, int] | None:
    """What the head of a TIFF says.

    Returns:
        "<" or ">", whether it is a BigTIFF, and the offset of the first directory; None if this is no TIFF.
    """
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version == 42:
        return order, False, int(struct.unpack_from(order + "I", head, 4)[0])
    if version == 43 and len(head) >= 16:
        return order, True, int(struct.unpack_from(order + "Q", head, 8)[0])
    return None


def read_directory(source: bytes | IO[bytes], offset: int, order: str, *, big: bool = False) -> Directory:
    """Read a directory; what is damaged or too large is left out and counted.

    Args:
        source: the whole TIFF, or a file of it that may seek.
        offset: of the directory.
        order: "<" or ">".
        big: whether it is a BigTIFF.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    end = file.seek(0, io.SEEK_END)
    count_code, head_code, size, room = ("Q", "HHQ", 20, 8) if big else ("H", "HHI", 12, 4)
    if offset < 8 or offset >= end:
        return Directory({}, lost=1)
    file.seek(offset)
    head = file.read(struct.calcsize(count_code))
    if len(head) < struct.calcsize(count_code):
        return Directory({}, lost=1)
    (count,) = struct.unpack(order + count_code, head)
    table = file.read(min(count, _MAX_ENTRIES) * size)
    after = file.read(room) if count <= _MAX_ENTRIES else b""
    entries: dict[int, Entry] = {}
    lost, budget = max(count - len(table) // size, 0), _MAX_BYTES
    for at in range(0, len(table) - size + 1, size):
        tag, kind, number = struct.unpack_from(order + head_code, table, at)
        length = (_BIG_SIZES if big else TYPE_SIZES).get(kind, 0) * number
        inline = table[at + size - room : at + size]
        place = None
        if length <= room:
            data = inline[:length]
        else:
            place = int(struct.unpack(order + ("Q" if big else "I"), inline)[0])
            if length > budget or place + length > end:
                lost += 1
                continue
            budget -= length
            file.seek(place)
            data = file.read(length)
        if tag not in entries:
            entries[tag] = Entry(tag, kind, number, data, place)
    following = struct.unpack(order + ("Q" if big else "I"), after)[0] if len(after) == room else 0
    return Directory(entries, int(following), lost)


def build_exif(order: str, main: list[Entry], parts: dict[int, list[Entry]]) -> bytes:
    """EXIF of raw entries.

    Args:
        order: "<" or ">", the byte order of their values.
        main: of the first directory, without pointers to others.
        parts: entries of the Exif, GPS and Interoperability directories by the tags that point to them.

    Returns:
        The bytes, without a leading ``Exif 00 00``.
    """
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))

    def place(entries: list[Entry], pointers: list[int]) -> dict[int, int]:
        """Append a directory; where the values of its pointers stand."""
        rows = {entry.tag: entry for entry in entries}
        rows |= {tag: Entry(tag, _LONG, 1, bytes(4)) for tag in pointers}
        start = len(out)
        out.extend(struct.pack(order + "H", len(rows)) + bytes(12 * len(rows) + 4))
        slots = {}
        for index, tag in enumerate(sorted(rows)):
            entry = rows[tag]
            at = start + 2 + 12 * index
            struct.pack_into(order + "HHI", out, at, tag, entry.kind, entry.count)
            if len(entry.data) <= 4:
                out[at + 8 : at + 8 + len(entry.data)] = entry.data
            else:
                out.extend(bytes(len(out) & 1))
                struct.pack_into(order + "I", out, at + 8, len(out))
                out.extend(entry.data)
            slots[tag] = at + 8
        out.extend(bytes(len(out) & 1))
        return slots

    inner = [INTEROP_IFD] if INTEROP_IFD in parts else []
    outer = [tag for tag in (EXIF_IFD, GPS_IFD) if tag in parts or (tag == EXIF_IFD and inner)]
    slots = place(main, outer)
    for tag in outer:
        struct.pack_into(order + "I", out, slots[tag], len(out))
        deeper = place(parts.get(tag, []), inner if tag == EXIF_IFD else [])
        if tag == EXIF_IFD and inner:
            struct.pack_into(order + "I", out, deeper[INTEROP_IFD], len(out))
            place(parts[INTEROP_IFD], [])
    return bytes(out)
