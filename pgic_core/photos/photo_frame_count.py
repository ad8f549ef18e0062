"""How many frames a photo has, counted without decoding any and without trusting what it claims."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from .gif_blocks import gif_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL import Image

    from ..limits import Limits

__all__ = ["FrameCount", "count_frames"]

_NEW_SUBFILE_TYPE = 254
_REDUCED = 1
_MP_ENTRIES = 0xB002


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

    Reduced copies of a picture, such as the levels of a pyramid in a TIFF or large thumbnails in an MPO, are
    no frames of their own.

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
    elif image.format == "MPO" and getattr(image, "mpinfo", None):
        positions = _mpo_frames(image)
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
    """Numbers of the pictures up to the trailer or the end of the file."""
    return (number for number, _ in enumerate(block for block in gif_blocks(file) if block.kind == b","))


def _mpo_frames(image: Any) -> list[int]:
    """Numbers of the pictures that are no large thumbnails, which drones add for their screens."""
    kinds = [entry["Attribute"].get("MPType", "") for entry in image.mpinfo[_MP_ENTRIES]]
    return [number for number, kind in enumerate(kinds) if not number or "Thumbnail" not in str(kind)]
