"""Segments of a JPEG that Pillow does not write: extended XMP and Photoshop resources."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from .photoshop_resources import APP13_HEADER, join_resources

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_SEGMENT", "comment_segments", "photoshop_segments", "xmp_segments"]

MAX_SEGMENT = 65_533
"""Bytes that a segment may hold beside its length."""

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PACKET = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
_WRAPPER = re.compile(rb"<\?xpacket[^>]*\?>")
_NOTE = re.compile(rb"(HasExtendedXMP\s*(?:=\s*[\"']|>)\s*)[0-9A-Fa-f]{32}")
_PART = MAX_SEGMENT - len(_EXTENSION) - 40


def xmp_segments(xmp: bytes, extended: bytes) -> list[bytes]:
    """XMP as segments (XMP specification, part 3, 1.1.3).

    Args:
        xmp: the packet; one that is too large for a segment is written as extended XMP, in UTF-8.
        extended: the extended XMP that it names, if it does; it may have been edited since, and so have
            another digest.
    """
    if len(_XMP) + len(xmp) > MAX_SEGMENT:
        extended = _WRAPPER.sub(b"", xmp).strip()
        xmp = _PACKET % _digest(extended)
    elif extended:
        xmp = _NOTE.sub(rb"\g<1>" + _digest(extended), xmp)
    parts = []
    for at in range(0, len(extended), _PART):
        place = len(extended).to_bytes(4, "big") + at.to_bytes(4, "big")
        parts.append(_EXTENSION + _digest(extended) + place + extended[at : at + _PART])
    return [_segment(0xE1, data) for data in ([_XMP + xmp] if xmp else []) + parts]


def photoshop_segments(iptc: bytes, photoshop: bytes) -> list[bytes]:
    """IPTC-IIM and Photoshop resources as segments, which readers join."""
    data = join_resources(iptc, photoshop)
    step = MAX_SEGMENT - len(APP13_HEADER)
    return [_segment(0xED, APP13_HEADER + data[at : at + step]) for at in range(0, len(data), step)]


def comment_segments(comments: Sequence[bytes]) -> list[bytes]:
    """Comments as segments; one that is longer than a segment goes on in the next."""
    return [
        _segment(0xFE, comment[at : at + MAX_SEGMENT])
        for comment in comments
        for at in range(0, len(comment), MAX_SEGMENT)
    ]


def _digest(extended: bytes) -> bytes:
    return hashlib.md5(extended, usedforsecurity=False).hexdigest().upper().encode()


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data
