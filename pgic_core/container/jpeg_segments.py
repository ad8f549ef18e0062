"""Marker segments of a JPEG that no field of ``.pgi`` holds: raw temperatures of thermal cameras above all.

They are kept byte for byte in ``pgic.segments`` (FORMAT.md, section 7) and put back where a JPEG is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import PgiFormatError, PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Segment", "other_segments", "pack_segments", "put_segments", "unpack_segments"]

_FIRST, _LAST = 0xE0, 0xEF
_HEAD = 4  # FF, marker, length as uint16
_MAX_PAYLOAD = 0xFFFF - 2
_MAX_SEGMENTS = 4096
_SOI = b"\xff\xd8"
# What is read from a JPEG in another way, or made anew with each: (marker, how the payload starts).
_KNOWN = (
    (0xE0, b"JFIF\0"),
    (0xE0, b"JFXX\0"),
    (0xE1, b"Exif\0"),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
    (0xE1, b"http://ns.adobe.com/xmp/extension/\0"),
    (0xE2, b"ICC_PROFILE\0"),
    (0xE2, b"MPF\0"),
    (0xED, b"Photoshop 3.0\0"),
    (0xEE, b"Adobe"),
)


class Segment(NamedTuple):
    """One APPn segment (ITU-T T.81, B.2.4.6).

    Attributes:
        marker: 0xE0 (APP0) to 0xEF (APP15).
        payload: what follows the length, up to 65,533 bytes.
    """

    marker: int
    payload: bytes


def other_segments(applist: Iterable[tuple[str, bytes]]) -> list[Segment]:
    """The segments that no other field holds, in their order.

    Left out are JFIF, JFXX, EXIF, XMP, ICC, MPF, Photoshop and Adobe.

    Args:
        applist: ("APP3", payload) as Pillow lists them for a JPEG; other names are passed over.
    """
    found = []
    for name, payload in applist:
        number = name.removeprefix("APP")
        if not name.startswith("APP") or not number.isdigit():
            continue
        segment = Segment(_FIRST + int(number), bytes(payload))
        if not any(segment.marker == marker and payload.startswith(start) for marker, start in _KNOWN):
            found.append(segment)
    return found


def pack_segments(segments: Iterable[Segment]) -> bytes:
    """The value of ``pgic.segments``; empty for none.

    Raises:
        PgiOptionError: one has another marker or too long a payload, or there are too many.
    """
    pieces = []
    for marker, payload in segments:
        if not _FIRST <= marker <= _LAST or len(payload) > _MAX_PAYLOAD:
            raise PgiOptionError(f"A segment must be APP0 to APP15 of up to {_MAX_PAYLOAD:,} bytes.")
        pieces.append(bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload)
    if len(pieces) > _MAX_SEGMENTS:
        raise PgiOptionError(f"A file holds up to {_MAX_SEGMENTS:,} segments, not {len(pieces):,}.")
    return b"".join(pieces)


def unpack_segments(data: bytes) -> tuple[Segment, ...]:
    """Read the value of ``pgic.segments``.

    Raises:
        PgiFormatError: it is no sequence of APPn segments, or there are more than 4,096.
    """
    return tuple(Segment(data[start + 1], data[start + _HEAD : end]) for start, end in _spans(data))


def put_segments(jpeg: bytes | memoryview, segments: bytes) -> bytes:
    """A JPEG with these segments after its own APPn segments, where cameras write them.

    Args:
        jpeg: a whole JPEG file.
        segments: a value of ``pgic.segments``.

    Raises:
        PgiFormatError: either is not what it should be.
    """
    data = bytes(jpeg)
    if not data.startswith(_SOI):
        raise PgiFormatError("This is not a JPEG.")
    at = len(_SOI)
    while data[at : at + 1] == b"\xff" and _FIRST <= data[at + 1] <= _LAST:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    for _ in _spans(segments):
        pass  # checked, so that the JPEG stays one
    return data[:at] + segments + data[at:]


def _spans(data: bytes) -> Iterator[tuple[int, int]]:
    """First byte and end of each segment."""
    at = count = 0
    while at < len(data):
        count += 1
        end = at + 2 + int.from_bytes(data[at + 2 : at + _HEAD], "big")
        if (
            data[at] != 0xFF
            or not at + _HEAD <= end <= len(data)
            or not _FIRST <= data[at + 1] <= _LAST
            or count > _MAX_SEGMENTS
        ):
            raise PgiFormatError("pgic.segments does not hold segments APP0 to APP15 of a JPEG.")
        yield at, end
        at = end
