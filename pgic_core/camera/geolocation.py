"""Where a picture was taken: positions and heights of EXIF, of XMP and of drones, or nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exif import TagValue

__all__ = ["Place", "drone_place", "exif_place", "plain_number", "xmp_place"]

_HIGHEST = 1e7
_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,20})?([eE][+-]?\d{1,2})?", re.ASCII)
_FRACTION = re.compile(r"(-?\d{1,12})(?:/(\d{1,12}))?", re.ASCII)
_XMP_ANGLE = re.compile(
    r"(\d{1,3}(?:\.\d{1,20})?)(?:,(\d{1,5}(?:\.\d{1,20})?))?(?:,(\d{1,5}(?:\.\d{1,20})?))? ?([NSEWnsew])",
    re.ASCII,
)
_BELOW = (b"\x01", b"\x03", b"1", b"3")  # below the sea, or below the ellipsoid (EXIF 3.0)


class Place(NamedTuple):
    """A place; None means unknown.

    Attributes:
        lon: degrees east, -180 to 180.
        lat: degrees north, -90 to 90; both are known or neither.
        height: metres above the sea.
    """

    lon: float | None = None
    lat: float | None = None
    height: float | None = None


def exif_place(gps: Mapping[int, TagValue]) -> Place:
    """What the GPS IFD says (EXIF 3.0, 4.6.7).

    Degrees may stand in one, two or three parts, and a part that is not known is zero; without degrees or
    without a hemisphere there is no position.

    Args:
        gps: tags of the GPS IFD.
    """
    return _settled(_angle(gps, 4, 3, "EW", 180.0), _angle(gps, 2, 1, "NS", 90.0), _height(gps))


def xmp_place(properties: Mapping[str, str]) -> Place:
    """What ``exif:GPS*`` of an XMP packet says (XMP part 2, GPSCoordinate)."""
    lon = _xmp_angle(properties.get("exif:GPSLongitude", ""), "EW", 180.0)
    lat = _xmp_angle(properties.get("exif:GPSLatitude", ""), "NS", 90.0)
    height = None
    found = _FRACTION.fullmatch(properties.get("exif:GPSAltitude", "").strip())
    if found and found[2] != "0" * len(found[2] or ""):
        height = int(found[1]) / int(found[2] or 1)
        if properties.get("exif:GPSAltitudeRef", "").strip().encode() in _BELOW:
            height = -abs(height)
    return _settled(lon, lat, height)


def drone_place(properties: Mapping[str, str]) -> Place:
    """What a drone's own properties say; heights are those of its satellite or RTK receiver."""
    # Some models misspell the longitude.
    lon = plain_number(
        properties.get("drone-dji:GpsLongitude", "") or properties.get("drone-dji:GpsLongtitude", "")
    )
    lat = plain_number(properties.get("drone-dji:GpsLatitude", ""))
    return _settled(lon, lat, plain_number(properties.get("drone-dji:AbsoluteAltitude", "")))


def plain_number(text: str) -> float | None:
    """A decimal number with or without a sign, or None."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _settled(lon: float | None, lat: float | None, height: float | None) -> Place:
    """A place whose values are possible; what a receiver without a fix writes, all zeros, is none."""
    if height is not None and not -_HIGHEST <= height <= _HIGHEST:
        height = None
    known = lon is not None and lat is not None and (lon != 0 or lat != 0)
    if lon is None or lat is None or not known or not (-180 <= lon <= 180 and -90 <= lat <= 90):
        return Place(height=height or None)
    return Place(lon, lat, height)


def _angle(
    gps: Mapping[int, TagValue], tag: int, reference: int, hemispheres: str, bound: float
) -> float | None:
    if tag not in gps or reference not in gps:
        return None
    side = gps[reference].text().upper()[:1]
    parts = gps[tag].numbers()[:3]
    if not side or side not in hemispheres or not parts or parts[0] is None:
        return None
    degrees, minutes, seconds = (*(part or 0.0 for part in parts), 0.0, 0.0)[:3]
    south_or_west = side == hemispheres[1]
    if degrees < 0 and not south_or_west:
        return None  # the sign says another hemisphere than the letter
    minutes, seconds = abs(minutes), abs(seconds)
    angle = abs(degrees) + minutes / 60 + seconds / 3600
    # More than 60 minutes or seconds are odd, but they say a place.
    if angle > bound:
        return None
    return -angle if south_or_west else angle


def _height(gps: Mapping[int, TagValue]) -> float | None:
    if 6 not in gps:
        return None
    height = gps[6].number()
    if (
        height is not None and height > _HIGHEST
    ):  # a negative number whose writer did not know the signed type
        height = gps[6].signed().number()
    if height is None:
        return None
    # One byte, which some write as a digit; numbers of more bytes have zeros around it.
    below = 5 in gps and gps[5].data.strip(b"\x00")[:1] in _BELOW
    return -abs(height) if below else height


def _xmp_angle(text: str, hemispheres: str, bound: float) -> float | None:
    found = _XMP_ANGLE.fullmatch(text.strip())
    if found is None or found[4].upper() not in hemispheres:
        return None
    degrees, minutes, seconds = (float(part or 0) for part in found.group(1, 2, 3))
    angle = degrees + minutes / 60 + seconds / 3600
    if angle > bound:
        return None
    return -angle if found[4].upper() == hemispheres[1] else angle
