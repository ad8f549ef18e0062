"""The scans of a JPEG: their number, since each is a walk over the whole picture, and their end."""

from __future__ import annotations

import re
from itertools import islice
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_SCANS", "end_of_picture", "has_too_many_scans"]

MOST_SCANS = 200
"""Encoders write up to ten or so; the most that are of use are fewer than these."""
_START_OF_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
_END, _ALONE = 0xD9, (0x01, 0xD8)
_PIECE = 1 << 20
_MOST_MARKERS = 1 << 16


def has_too_many_scans(file: IO[bytes]) -> bool:
    """Whether a JPEG has more than :data:`MOST_SCANS`; its position stays.

    Args:
        file: which starts with a JPEG, or is of another kind.
    """
    before = file.tell()
    file.seek(0)
    try:
        if file.read(2) != b"\xff\xd8" or not _may_have(file):
            return False
        file.seek(0)
        return _scans(file.read()) > MOST_SCANS
    finally:
        file.seek(before)


def _may_have(file: IO[bytes]) -> bool:
    """Whether the bytes that start a scan are there so often; previews and payloads may hold them too."""
    count, last = 0, b""
    while piece := file.read(_PIECE):
        count += (last + piece).count(_START_OF_SCAN)
        last = piece[-1:]
    return count > MOST_SCANS


def end_of_picture(data: bytes) -> int | None:
    """Where the bytes behind a JPEG picture start; None if it does not end, or has too many markers to tell.

    Args:
        data: which starts with a JPEG. Pictures within its segments do not count.
    """
    for marker, at in islice(_markers(data), _MOST_MARKERS):
        if marker == _START_OF_SCAN[1]:
            # No marker of the end can stand within a scan, and in few files between two of them.
            end = data.find(bytes((0xFF, _END)), at) + 2
            if end == len(data):
                return end
            break
    return next((at for marker, at in islice(_markers(data), _MOST_MARKERS) if marker == _END), None)


def _scans(data: bytes) -> int:
    """How many scans a decoder finds."""
    return sum(marker == _START_OF_SCAN[1] for marker, _ in _markers(data))


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Every marker up to that of the end, and the offset behind it."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        marker, at = data[found.end() - 1], found.end()
        yield marker, at
        if marker == _END:
            return
        if marker not in _ALONE:
            at += int.from_bytes(data[at : at + 2], "big")
