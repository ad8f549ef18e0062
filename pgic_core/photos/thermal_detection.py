"""Recognising pictures of temperatures (A-6.1a), which are marked infrared and kept without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..camera import read_camera
from ..container import unpack_segments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..container import Segment

__all__ = ["radiometric_maker", "shows_temperatures"]

_APP1, _APP2, _APP3 = 0xE1, 0xE2, 0xE3
# How the segments of thermal cameras start: marker, offset, bytes, who writes them.
_STARTS = (
    (_APP1, 0, b"FLIR\0", "FLIR"),
    (_APP1, 0, b"PARROT\0", "Parrot"),
    (_APP2, 4, b"IJPEG\0", "InfiRay"),
)
_DJI_MARKERS = range(0xE3, 0xE6)  # APP3, APP4 and APP5: readings, parameters, calibration
_DJI_BYTES = 32_768
_BYTES_PER_READING = 2


def shows_temperatures(
    exif: bytes | None, xmp: bytes | None, segments: bytes | None, size: tuple[int, int]
) -> bool:
    """Whether a picture is a thermal one: the drone says so, or it brings its readings along.

    Args:
        exif: EXIF bytes, or None.
        xmp: XMP packet, or None.
        segments: a value of ``pgic.segments``, or None.
        size: width and height in pixels.
    """
    return read_camera(exif, xmp).infrared or radiometric_maker(exif, segments, size) is not None


def radiometric_maker(exif: bytes | None, segments: bytes | None, size: tuple[int, int]) -> str | None:
    """Who wrote the raw temperatures among the segments; "unknown maker" if only their size tells; or None.

    Args:
        exif: EXIF bytes, or None.
        segments: a value of ``pgic.segments``, or None.
        size: width and height in pixels.

    Raises:
        PgiFormatError: ``segments`` is no such value.
    """
    found = unpack_segments(segments or b"")
    for marker, offset, start, maker in _STARTS:
        if any(kind == marker and payload.startswith(start, offset) for kind, payload in found):
            return maker
    if not found:
        return None
    make = read_camera(exif, None).parameters.get("camera_make", "")
    readings = sum(len(payload) for kind, payload in found if kind in _DJI_MARKERS)
    if make.upper().startswith("DJI") and readings >= _DJI_BYTES:
        return "DJI"
    return "unknown maker" if _has_readings(found, size) else None


def _has_readings(segments: Iterable[Segment], size: tuple[int, int]) -> bool:
    """Whether one marker carries 16 bits for each pixel, or for each 2 x 2 of an enlarged picture."""
    totals: dict[int, int] = {}
    for marker, payload in segments:
        totals[marker] = totals.get(marker, 0) + len(payload)
    readings = size[0] * size[1] * _BYTES_PER_READING
    return any(total in (readings, readings // 4) for marker, total in totals.items() if marker >= _APP3)
