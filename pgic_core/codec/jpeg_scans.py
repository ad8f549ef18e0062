"""Counting the scans of a JPEG: each costs a decoder a walk over the whole picture (T.81, annex G)."""

from __future__ import annotations

import re
from typing import IO

__all__ = ["MOST_SCANS", "has_too_many_scans"]

MOST_SCANS = 200
"""Encoders write up to ten or so; the most that are of use are fewer than these."""
_START_OF_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
_END, _ALONE = 0xD9, (0x01, 0xD8)
_PIECE = 1 << 20


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


def _scans(data: bytes) -> int:
    """How many scans a decoder finds."""
    count, at = 0, 2
    while (found := _MARKER.search(data, at)) is not None:
        marker = data[found.end() - 1]
        if marker == _END:
            break
        count += marker == _START_OF_SCAN[1]
        at = found.end()
        if marker not in _ALONE:
            at += int.from_bytes(data[at : at + 2], "big")
    return count
