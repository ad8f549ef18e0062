"""Photoshop image resources, the blocks in which JPEG and TIFF hold IPTC-IIM."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["APP13_HEADER", "join_resources", "resources_without_pictures", "split_resources"]

APP13_HEADER = b"Photoshop 3.0\0"
"""How an APP13 segment of a JPEG begins that holds image resources."""

_IPTC = 0x0404
_PICTURES = (0x0409, 0x040C)  # thumbnails of Photoshop 4.0, and of 5.0 and later
_HEAD = struct.Struct(">4sH")


def split_resources(data: bytes) -> tuple[bytes, bytes]:
    """Take IPTC-IIM out of image resources.

    Args:
        data: resources, each with its signature, such as ``8BIM``; what is none of them is kept at the end.

    Returns:
        The data sets of IPTC-IIM, and the other resources byte for byte.
    """
    iptc, others = b"", b""
    at = 0
    for number, start, end, following in _resources(data):
        if number == _IPTC:
            iptc += data[start:end]
        else:
            others += data[at:following]
        at = following
    return iptc, others + data[at:]


def resources_without_pictures(data: bytes) -> bytes:
    """Image resources without the thumbnails among them, and without what is no resource."""
    kept, at = b"", 0
    for number, _, _, following in _resources(data):
        if number not in _PICTURES:
            kept += data[at:following]
        at = following
    return kept


def _resources(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Of each resource its number, where its data starts and ends, and where the next one starts."""
    at = 0
    while at + 12 <= len(data):
        _, number = _HEAD.unpack_from(data, at)
        name_size = (1 + data[at + 6] + 1) & ~1  # a length, the name, made even
        start = at + 6 + name_size + 4
        if start > len(data):
            return
        (length,) = struct.unpack_from(">I", data, start - 4)
        end = start + length
        if end > len(data):
            return
        following = min(end + (length & 1), len(data))
        yield number, start, end, following
        at = following


def join_resources(iptc: bytes, others: bytes) -> bytes:
    """Resources that hold IPTC-IIM, where there is any, and others."""
    if not iptc:
        return others
    return (
        _HEAD.pack(b"8BIM", _IPTC)
        + b"\0\0"
        + struct.pack(">I", len(iptc))
        + iptc
        + bytes(len(iptc) & 1)
        + others
    )
