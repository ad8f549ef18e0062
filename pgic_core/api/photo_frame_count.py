"""How many frames a photo has, counted without decoding any and without trusting what it claims."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL import Image

    from ..limits import Limits

__all__ = ["FrameCount", "count_frames"]

_NEW_SUBFILE_TYPE = 254
_REDUCED = 1


@dataclass(frozen=True, slots=True)
class FrameCount:
    """The frames of a photo.

    Attributes:
        count: how many there are.
        positions: for each, what ``seek`` of Pillow takes.
    """

    count: int
    positions: Sequence[int]


def count_frames(image: Image.Image, limits: Limits) -> FrameCount:
    """Count the frames of a photo that was opened and not yet loaded.

    Reduced copies of a picture, such as the levels of a pyramid in a TIFF, are no frames of their own.

    Args:
        image: as Pillow opened it.
        limits: ``frames`` bounds what is counted of a GIF or a TIFF.

    Raises:
        PgiLimitError: there are more.
    """
    file = getattr(image, "_fp", None) or getattr(image, "fp", None)
    positions: Sequence[int]
    if file is not None and not file.closed and image.format in ("GIF", "TIFF"):
        before = file.tell()
        try:
            found = _tiff_pages(file) if image.format == "TIFF" else _gif_frames(file)
            listed: list[int] = []
            for position in found:
                limits.check("frames", len(listed) + 1, "The picture")
                listed.append(position)
            positions = listed or [0]
        finally:
            file.seek(before)
    else:
        positions = range(max(int(getattr(image, "n_frames", 1)), 1))
    return FrameCount(len(positions), positions)


def _tiff_pages(file: IO[bytes]) -> Iterator[int]:
    """Positions of the IFDs of the main chain that are no reduced copy of another."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = len(head) == 16 and struct.unpack_from(order + "H", head, 2)[0] == 43
    count_format, entry_size, link = ("Q", 20, "Q") if big else ("H", 12, "I")
    offset = struct.unpack_from(order + link, head, 8 if big else 4)[0] if len(head) >= 8 else 0
    seen: set[int] = set()
    position = 0
    while offset and offset not in seen:
        seen.add(offset)
        file.seek(offset)
        count_bytes = file.read(struct.calcsize(count_format))
        if len(count_bytes) < struct.calcsize(count_format):
            return
        (entries,) = struct.unpack(order + count_format, count_bytes)
        # Entries are sorted, and what matters here is the first tag that an IFD may have.
        first = file.read(entry_size)
        if len(first) < entry_size:
            return
        tag, kind = struct.unpack_from(order + "HH", first)
        value = first[12:] if big else first[8:]
        number = struct.unpack_from(order + ("H" if kind == 3 else "I"), value)[0]
        if tag != _NEW_SUBFILE_TYPE or not number & _REDUCED:
            yield position
        position += 1
        file.seek(offset + struct.calcsize(count_format) + min(entries, 1 << 32) * entry_size)
        rest = file.read(struct.calcsize(link))
        if len(rest) < struct.calcsize(link):
            return
        (offset,) = struct.unpack(order + link, rest)
        if offset >= 1 << 62:
            return


def _gif_frames(file: IO[bytes]) -> Iterator[int]:
    """Positions of the image descriptors up to the trailer or the end of the file."""
    file.seek(0)
    head = file.read(13)
    if len(head) < 13:
        return
    _skip_colours(file, head[10])
    position = 0
    while (kind := file.read(1)) and kind != b";":
        if kind == b"!":
            file.read(1)
        elif kind == b",":
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return
            _skip_colours(file, descriptor[8])
            file.read(1)  # least code size
            yield position
            position += 1
        else:
            continue
        while (length := file.read(1)) and length != b"\0":
            file.seek(length[0], 1)


def _skip_colours(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)
