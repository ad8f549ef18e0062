"""EXIF of a TIFF file: its tags that are about the photo, copied as they are."""

from __future__ import annotations

import struct
from typing import IO

from ..camera.tiff_directory import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    ORIENTATION,
    Entry,
    build_exif,
    read_directory,
    tiff_order,
)

__all__ = ["STRUCTURE_TAGS", "tiff_exif"]

STRUCTURE_TAGS = frozenset(
    {
        *range(0x00FE, 0x010D),  # kind of page, size, compression, colours, cells
        *(0x0111, *range(0x0115, 0x011D), *range(0x0120, 0x0126), 0x0128, 0x0129, 0x012D),
        *(0x013D, 0x013E, 0x013F, *range(0x0140, 0x0146), 0x0147, 0x0148, 0x014A, 0x014C, 0x014D, 0x014E),
        *(0x0150, 0x0151, 0x0152, 0x0153, 0x0154, 0x0155, 0x0156, 0x0157, 0x0158, 0x0159, 0x015A, 0x015B),
        *(*range(0x0200, 0x020A), 0x0211, 0x0212, 0x0213, 0x0214),
        *(0x02BC, 0x83BB, 0x8649, 0x8773, EXIF_IFD, GPS_IFD),  # XMP, IPTC, Photoshop, ICC: kept by themselves
    }
)
"""Tags that say how a TIFF stores its picture, and those that have a place of their own."""

_SHORT = 3
_MAX_TAG = 1 << 15  # all of EXIF has to fit 64 KB where it goes into a JPEG
_POINTERS = (EXIF_IFD, GPS_IFD)


def tiff_exif(
    file: IO[bytes], page: int, *, upright: bool, left_out: list[int] | None = None
) -> bytes | None:
    """EXIF of a page of a TIFF.

    Args:
        file: the TIFF; it may seek.
        page: offset of its directory.
        upright: whether its pixels have been turned upright, so that its orientation no longer holds.
        left_out: gets the numbers of tags that are too long for EXIF.

    Returns:
        The bytes; None if there is nothing to say.
    """
    file.seek(0)
    head = tiff_order(file.read(16))
    if head is None:
        return None
    order, big, _ = head
    entries = read_directory(file, page, order, big=big).entries
    main = [entry for entry in entries.values() if entry.tag not in STRUCTURE_TAGS and entry.kind < 14]
    if left_out is not None:
        left_out += [entry.tag for entry in main if len(entry.data) > _MAX_TAG]
    main = [entry for entry in main if len(entry.data) <= _MAX_TAG]
    if upright:
        as_it_stands = Entry(ORIENTATION, _SHORT, 1, struct.pack(order + "H", 1))
        main = [as_it_stands if entry.tag == ORIENTATION else entry for entry in main]
    parts: dict[int, list[Entry]] = {}
    for tag in _POINTERS:
        if tag in entries:
            inner = read_directory(file, entries[tag].number(order), order, big=big).entries
            pointer = inner.pop(INTEROP_IFD, None)
            parts[tag] = [entry for entry in inner.values() if entry.kind < 14]
            if pointer is not None and tag == EXIF_IFD:
                deeper = read_directory(file, pointer.number(order), order, big=big).entries
                parts[INTEROP_IFD] = [entry for entry in deeper.values() if entry.kind < 14]
    return build_exif(order, main, parts) if main or parts else None
