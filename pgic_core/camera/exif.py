"""The few EXIF tags that are needed, read by one small TIFF walker.

It is the only reader of EXIF on the way from a ``.pgi`` file to its pixels, and made for hostile bytes: it
visits each directory once and a bounded number of entries, copies no value over 1024 bytes, and looks at no
tag that it does not need. An entry that is wrong is skipped, and all others are read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import tiff_directory
from .text_decoding import decode_text
from .tiff_directory import EXIF_IFD, GPS_IFD, ORIENTATION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["POINTER_KINDS", "TYPE_SIZES", "ExifTags", "TagValue", "read_exif", "tiff_of"]

TYPE_SIZES = tiff_directory.TYPE_SIZES | {129: 1}
"""Bytes of one value of each TIFF type; 129 is the UTF-8 of EXIF 3.0."""

# Make, model, orientation, DateTime; exposure, f-number, ISO and what stands in for it; DateTimeOriginal,
# DateTimeDigitized, the three offsets, bias, focal length, the three fractions of a second, width and height,
# digital zoom, focal length of 35 mm film, serial number, lens.
_MAIN_TAGS = frozenset(
    {0x010F, 0x0110, ORIENTATION, 0x0132, 0x829A, 0x829D, 0x8827, 0x8831, 0x8832, 0x8833, 0x9003, 0x9004}
    | {0x9010, 0x9011, 0x9012, 0x9204, 0x920A, 0x9290, 0x9291, 0x9292, 0xA002, 0xA003, 0xA404, 0xA405}
    | {0xA431, 0xA434}
)
# Latitude, longitude and height, each with its reference; time, datum, date.
_GPS_TAGS = frozenset((1, 2, 3, 4, 5, 6, 7, 18, 29))

_MAX_VALUE = 1024
_MAX_ENTRIES = 2048
_MAX_DIRECTORIES = 8

_NUMBERS = {1: "B", 3: "H", 4: "L", 5: "L", 6: "b", 8: "h", 9: "l", 10: "l", 11: "f", 12: "d", 13: "L"}
_RATIONALS = (5, 10)
_TEXTS = (1, 2, 7, 129)
POINTER_KINDS = (3, 4, 8, 9, 13)
"""Types of pointers to directories; the signed ones are wrong, but read by others too."""


@dataclass(frozen=True, slots=True)
class TagValue:
    """The value of one tag, as it is stored.

    Attributes:
        kind: TIFF type, a key of :data:`TYPE_SIZES`.
        data: the bytes of all its values, at most 1024.
        order: byte order as :mod:`struct` has it.
    """

    kind: int
    data: bytes
    order: str

    def text(self) -> str:
        """The value as text; empty where it is none."""
        return decode_text(self.data) if self.kind in _TEXTS else ""

    def numbers(self) -> tuple[float | None, ...]:
        """The values as numbers; None for a fraction over 0, an infinity or NaN. Empty for text."""
        letter = _NUMBERS.get(self.kind)
        if letter is None:
            return ()
        count = len(self.data) // struct.calcsize(self.order + letter)
        plain = struct.unpack(f"{self.order}{count}{letter}", self.data)
        if self.kind in _RATIONALS:
            return tuple(
                over / under if under else None for over, under in zip(plain[::2], plain[1::2], strict=True)
            )
        return tuple(value if value - value == 0 else None for value in plain)

    def number(self) -> float | None:
        """The first of the values as a number."""
        numbers = self.numbers()
        return numbers[0] if numbers else None

    def signed(self) -> TagValue:
        """The same bytes, with unsigned fractions taken for signed ones."""
        return TagValue(10, self.data, self.order) if self.kind == 5 else self


@dataclass(frozen=True, slots=True)
class ExifTags:
    """Tags by number: IFD 0 and the Exif IFD together, and the GPS IFD. Only those that are needed."""

    main: dict[int, TagValue] = field(default_factory=dict)
    gps: dict[int, TagValue] = field(default_factory=dict)


def tiff_of(exif: bytes) -> tuple[int, str] | None:
    r"""Where the TIFF header of EXIF bytes starts, and its byte order; None if they have none.

    Args:
        exif: EXIF bytes, with or without ``Exif\0\0`` before them, which some writers put there twice.
    """
    start = 0
    while start < 12 and exif.startswith(b"Exif\x00", start):
        start += 6
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    return None if order is None or len(exif) < start + 8 else (start, order)


def read_exif(exif: bytes, *, orientation_only: bool = False) -> ExifTags:
    r"""Read what can be read; empty where nothing can. Of a tag that is there twice, the first counts.

    Args:
        exif: EXIF bytes, with or without the leading ``Exif\0\0``.
        orientation_only: read the orientation from IFD 0 and nothing else.
    """
    tags = ExifTags()
    header = tiff_of(exif)
    if header is None:
        return tags
    start, order = header
    tiff = memoryview(exif)[start:]
    pending = [(int(struct.unpack_from(order + "L", tiff, 4)[0]), tags.main, True)]
    seen: set[int] = set()
    for offset, found, main in pending:
        if offset in seen or len(seen) >= _MAX_DIRECTORIES:
            continue
        seen.add(offset)
        wanted = {ORIENTATION} if orientation_only else _MAIN_TAGS if main else _GPS_TAGS
        pointers = main and not orientation_only
        for tag, entry in _entries(tiff, order, offset, wanted, pointers=pointers):
            if tag in (EXIF_IFD, GPS_IFD) and pointers:
                where = entry.number()
                if entry.kind in POINTER_KINDS and where and where > 0:
                    pending.append(
                        (int(where), *((tags.main, True) if tag == EXIF_IFD else (tags.gps, False)))
                    )
            else:
                found.setdefault(tag, entry)
    return tags


def _entries(
    tiff: memoryview, order: str, offset: int, wanted: Collection[int], *, pointers: bool
) -> Iterator[tuple[int, TagValue]]:
    """The entries of one directory that are wanted and sound."""
    if not 8 <= offset <= len(tiff) - 2:
        return
    (count,) = struct.unpack_from(order + "H", tiff, offset)
    room = (len(tiff) - offset - 2) // 12
    end = offset + 2 + 12 * min(count, room, _MAX_ENTRIES)
    for tag, kind, length, value in struct.iter_unpack(order + "HHL4s", tiff[offset + 2 : end]):
        if tag not in wanted and not (pointers and tag in (EXIF_IFD, GPS_IFD)):
            continue
        size = TYPE_SIZES.get(kind, 0) * length
        if not 0 < size <= _MAX_VALUE:
            continue
        if size > 4:
            (at,) = struct.unpack(order + "L", value)
            if at + size > len(tiff):
                continue
            value = bytes(tiff[at : at + size])
        yield tag, TagValue(kind, value[:size], order)
