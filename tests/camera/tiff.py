"""EXIF made entry by entry, so that it can be as wrong as it is in the field."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

__all__ = ["Directory", "ascii_", "exif", "fractions", "long", "raw", "short"]

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
Value = tuple[int, int, bytes]
"""TIFF type, number of values, their bytes in little-endian order."""


@dataclass
class Directory:
    """Entries by tag, in this order, directories that they point to, and the one that follows."""

    entries: list[tuple[int, Value]] = field(default_factory=list)
    below: list[tuple[int, Directory]] = field(default_factory=list)
    follows: Directory | None = None
    picture: bytes = b""


def ascii_(text: str | bytes) -> Value:
    data = (text if isinstance(text, bytes) else text.encode()) + b"\0"
    return 2, len(data), data


def short(*values: int) -> Value:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def long(*values: int) -> Value:
    return 4, len(values), struct.pack(f"<{len(values)}L", *values)


def raw(data: bytes, kind: int = 7) -> Value:
    return kind, len(data), data


def fractions(*parts: tuple[int, int], signed: bool = False) -> Value:
    letter = "l" if signed else "L"
    return (10 if signed else 5), len(parts), b"".join(struct.pack(f"<2{letter}", *part) for part in parts)


def exif(main: Directory) -> bytes:
    """EXIF bytes with their prefix."""
    data = bytearray(b"II*\0\x08\0\0\0")
    _write(data, main)
    return b"Exif\0\0" + bytes(data)


def _write(data: bytearray, directory: Directory) -> int:
    at = len(data)
    entries = list(directory.entries)
    if directory.picture:
        entries += [(0x0201, long(0)), (0x0202, long(len(directory.picture)))]
    count = len(entries) + len(directory.below)
    data += struct.pack("<H", count) + bytes(12 * count + 4)
    place = at + 2
    for tag, (kind, length, value) in entries:
        if tag == 0x0201:
            value = struct.pack("<L", len(data))
            data += directory.picture
        elif len(value) > 4:
            where = len(data)
            data += value + bytes(len(value) % 2)
            value = struct.pack("<L", where)
        data[place : place + 12] = struct.pack("<HHL", tag, kind, length) + value.ljust(4, b"\0")
        place += 12
    for tag, below in directory.below:
        data[place : place + 12] = struct.pack("<HHLL", tag, 4, 1, _write(data, below))
        place += 12
    if directory.follows is not None:
        data[place : place + 4] = struct.pack("<L", _write(data, directory.follows))
    return at
