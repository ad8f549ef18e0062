"""What EXIF and XMP of a photo say about time, place, camera and flight, as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .exif import ExifTags, read_exif
from .exif_edit import with_orientation
from .geolocation import Place, drone_place, exif_place, plain_number, xmp_place
from .tiff_directory import ORIENTATION
from .timestamps import parse_moment, parse_offset
from .xmp import read_xmp

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEVICE_PARAMETERS",
    "LOCATION_PARAMETERS",
    "PARAMETERS",
    "CameraFacts",
    "exif_with_orientation",
    "orientation_of",
    "read_camera",
    "stated_size",
]

# EXIF tag -> key in the parameters. All values are text, numbers in the unit that the key names.
_EXIF_TEXTS = {
    0x010F: "camera_make",
    0x0110: "camera_model",
    0xA434: "lens_model",
    0xA431: "camera_serial",
}
_EXIF_NUMBERS = {
    0x829A: "exposure_time_s",
    0x829D: "f_number",
    0x8827: "iso",
    0x9204: "exposure_bias_ev",
    0x920A: "focal_length_mm",
    0xA405: "focal_length_35mm_mm",
    0xA404: "digital_zoom",
}
_ISO = 0x8827
_ISO_ELSEWHERE = 65535  # too large for the tag, says EXIF: one of those below has it
_ISO_TAGS = (0x8833, 0x8832, 0x8831)
# 0 stands for "not known" in all of these but these two.
_MAY_BE_ZERO = (0x9204, 0xA404)

# XMP property -> key in the parameters.
_XMP_NUMBERS = {
    "drone-dji:GimbalYawDegree": "gimbal_yaw_deg",
    "drone-dji:GimbalPitchDegree": "gimbal_pitch_deg",
    "drone-dji:GimbalRollDegree": "gimbal_roll_deg",
    "drone-dji:FlightYawDegree": "flight_yaw_deg",
    "drone-dji:FlightPitchDegree": "flight_pitch_deg",
    "drone-dji:FlightRollDegree": "flight_roll_deg",
    "drone-dji:FlightXSpeed": "flight_x_speed_m_s",
    "drone-dji:FlightYSpeed": "flight_y_speed_m_s",
    "drone-dji:FlightZSpeed": "flight_z_speed_m_s",
    "drone-dji:RelativeAltitude": "relative_altitude_m",
    "drone-dji:AbsoluteAltitude": "absolute_altitude_m",
    "drone-dji:LRFTargetDistance": "laser_distance_m",
    "drone-dji:RtkFlag": "rtk_flag",
    "Camera:Yaw": "camera_yaw_deg",
    "Camera:Pitch": "camera_pitch_deg",
    "Camera:Roll": "camera_roll_deg",
}
_XMP_TEXTS = {
    "drone-dji:ImageSource": "image_source",
    "drone-dji:DroneModel": "drone_model",
    "drone-dji:DroneSerialNumber": "drone_serial",
    "drone-dji:CameraSerialNumber": "camera_serial",
    "tiff:Make": "camera_make",
    "tiff:Model": "camera_model",
}
_LOCAL_TIME, _EXIF_ALTITUDE = "local_time", "exif_altitude_m"
PARAMETERS = (
    *(_EXIF_TEXTS | _EXIF_NUMBERS).values(),
    *(_XMP_NUMBERS | _XMP_TEXTS).values(),
    _LOCAL_TIME,
    _EXIF_ALTITUDE,
)
"""Every key that :attr:`CameraFacts.parameters` may have."""

LOCATION_PARAMETERS = ("absolute_altitude_m", _EXIF_ALTITUDE)
"""Keys that tell the place."""
DEVICE_PARAMETERS = ("camera_make", "camera_model", "camera_serial", "drone_model", "drone_serial")
"""Keys that tell the device."""

# DateTimeOriginal, DateTimeDigitized and DateTime, each with its fraction of a second and its own offset.
_CLOCKS = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012), (0x0132, 0x9290, 0x9010))
# A clock of the camera and that of the satellites differ by no more than an offset from UTC.
_MOST_OFFSET = timedelta(hours=15)
_SAME_HEIGHT = 0.5
_SIDEWAYS = tuple("2345678")
_INFRARED = re.compile(r"infra|thermal", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What a camera or a drone wrote about a picture. The defaults mean "unknown".

    Attributes:
        moment: when it was taken, in UTC (aware); None where the offset of the camera's clock is not stated.
        lon: degrees east, -180 to 180.
        lat: degrees north, -90 to 90.
        height: metres above the sea.
        datum: name of the geodetic datum of ``lon`` and ``lat``.
        parameters: exposure, lens, gimbal and flight, one text each; :data:`PARAMETERS` are the keys.
    """

    moment: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    height: float | None = None
    datum: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """Maker, model and serial number of the camera, or of the drone where the camera has none."""
        make = self.parameters.get("camera_make", "")
        model = self.parameters.get("camera_model", "")
        if make and model.lower().startswith(make.lower()):
            make = ""
        serial = self.parameters.get("camera_serial") or self.parameters.get("drone_serial", "")
        return " ".join(part for part in (make, model, serial) if part)

    @property
    def image_source(self) -> str:
        """Which of its cameras a drone says that it used, for example ``InfraredCamera``."""
        return self.parameters.get("image_source", "")

    @property
    def infrared(self) -> bool:
        """Whether that is an infrared camera."""
        return _INFRARED.search(self.image_source) is not None


def orientation_of(exif: bytes | None) -> int:
    """EXIF tag 274, from 1 to 8; 1 where it says nothing or something else. Nothing else is read.

    Args:
        exif: EXIF bytes.
    """
    entry = read_exif(exif or b"", orientation_only=True).main.get(ORIENTATION)
    value = None if entry is None else entry.number()
    return int(value) if value is not None and value in range(1, 9) else 1


def exif_with_orientation(exif: bytes | None, xmp: bytes | None) -> bytes | None:
    """The EXIF, with the orientation that only XMP states (``tiff:Orientation``), if it is 2 to 8.

    Args:
        exif: EXIF bytes. Whatever its own tag 274 says counts.
        xmp: XMP packet.
    """
    if not xmp or b"Orientation" not in xmp.replace(b"\0", b""):
        return exif
    if ORIENTATION in read_exif(exif or b"", orientation_only=True).main:
        return exif
    stated = read_xmp(xmp).get("tiff:Orientation", "").strip()
    return with_orientation(exif or b"", int(stated)) if stated in _SIDEWAYS else exif


def stated_size(exif: bytes) -> tuple[int, int] | None:
    """Width and height in pixels that EXIF states for the stored picture; None unless it states both.

    Args:
        exif: EXIF bytes.
    """
    main = read_exif(exif).main
    if 0xA002 not in main or 0xA003 not in main:
        return None
    width, height = main[0xA002].number(), main[0xA003].number()
    return (int(width), int(height)) if width and height else None


def read_camera(exif: bytes | None = None, xmp: bytes | None = None) -> CameraFacts:
    r"""Read what EXIF and XMP say. Nothing here fails on broken input: what cannot be read stays unknown.

    ``moment`` needs a stated offset from UTC: that of the very tag that tells the time, the drone's
    UTCAtExposure, or the time of the satellites; without one the clock reading becomes the parameter
    ``local_time``.

    Args:
        exif: EXIF bytes, with or without the leading ``Exif\0\0``.
        xmp: XMP packet, UTF-8 or UTF-16.
    """
    tags = read_exif(exif or b"")
    properties = read_xmp(xmp or b"")
    parameters = _parameters(tags, properties)
    moment, local = _times(tags, properties)
    if moment is None and local is not None:
        parameters[_LOCAL_TIME] = local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")
    place, datum = _place(tags, properties, parameters)
    return CameraFacts(moment, place.lon, place.lat, place.height, datum, parameters)


def _parameters(tags: ExifTags, properties: Mapping[str, str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for tag, key in _EXIF_TEXTS.items():
        if tag in tags.main and (text := tags.main[tag].text()):
            parameters[key] = text
    for tag, key in _EXIF_NUMBERS.items():
        number = _iso(tags) if tag == _ISO else _only_number(tags, tag)
        if number is None or (number == 0 and tag not in _MAY_BE_ZERO):
            continue
        short = tag == 0x829A and 0 < number < 0.3
        parameters[key] = f"1/{1 / number:.6g}" if short else f"{number:.6g}"
    for name, key in _XMP_NUMBERS.items():
        if plain_number(properties.get(name, "")) is not None:
            parameters.setdefault(key, properties[name])
    for name, key in _XMP_TEXTS.items():
        if properties.get(name):
            parameters.setdefault(key, properties[name])
    return parameters


def _only_number(tags: ExifTags, tag: int) -> float | None:
    """The value of a tag that has one; several are a fraction that some write as four short numbers."""
    numbers = tags.main[tag].numbers() if tag in tags.main else ()
    return numbers[0] if len(numbers) == 1 else None


def _number(tags: ExifTags, tag: int) -> float | None:
    return tags.main[tag].number() if tag in tags.main else None


def _iso(tags: ExifTags) -> float | None:
    iso = _number(tags, _ISO)
    if iso == _ISO_ELSEWHERE:
        return next((value for tag in _ISO_TAGS if (value := _number(tags, tag))), iso)
    return iso


def _times(tags: ExifTags, properties: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """The moment in UTC, and the reading of the camera's clock; None where unknown."""
    clock = _exif_clock(tags)
    if clock is None:
        clock = parse_moment(properties.get("exif:DateTimeOriginal", ""))
        stated = None
    else:
        stated = clock
    local = None if clock is None else clock.replace(tzinfo=None)
    exposed = parse_moment(properties.get("drone-dji:UTCAtExposure", ""))
    if exposed is not None and exposed.tzinfo is None:
        exposed = exposed.replace(tzinfo=UTC)
    satellites = _satellite_time(tags)
    if satellites is not None and local is not None:
        # A receiver that was long without a fix, or counts weeks from another epoch, tells another day.
        away = abs(satellites.replace(tzinfo=None) - local)
        satellites = satellites if away <= _MOST_OFFSET else None
    for moment in (stated, exposed, satellites, clock):
        if moment is not None and moment.tzinfo is not None:
            try:
                return moment.astimezone(UTC), local
            except OverflowError:
                continue
    return None, local


def _exif_clock(tags: ExifTags) -> datetime | None:
    """When the picture was taken, or else digitised, or else written, aware where that tag has an offset."""
    for time_tag, fraction_tag, offset_tag in _CLOCKS:
        moment = parse_moment(tags.main[time_tag].text()) if time_tag in tags.main else None
        if moment is None:
            continue
        fraction = tags.main[fraction_tag].text() if fraction_tag in tags.main else ""
        if not moment.microsecond and fraction.isascii() and fraction.isdigit():
            moment = _with_fraction(moment, fraction)
        if moment.tzinfo is None and offset_tag in tags.main:
            moment = moment.replace(tzinfo=parse_offset(tags.main[offset_tag].text()))
        return moment
    return None


def _with_fraction(moment: datetime, digits: str) -> datetime:
    """The moment with the digits behind its seconds' point."""
    return moment.replace(microsecond=int(f"{digits[:6]:0<6}"))


def _satellite_time(tags: ExifTags) -> datetime | None:
    if 29 not in tags.gps or 7 not in tags.gps:
        return None
    day = parse_moment(f"{tags.gps[29].text()[:10]} 00:00:00")
    clock = tags.gps[7].numbers()
    if day is None or day.tzinfo is not None or len(clock) != 3:
        return None
    hours, minutes, seconds = clock
    if hours is None or minutes is None or seconds is None:
        return None
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
        return None
    try:
        return day.replace(tzinfo=UTC) + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return None


def _place(tags: ExifTags, properties: Mapping[str, str], parameters: dict[str, str]) -> tuple[Place, str]:
    """The place and its datum; a height of EXIF that contradicts the drone's is put into ``parameters``."""
    written, drone, packet = exif_place(tags.gps), drone_place(properties), xmp_place(properties)
    position = next((place for place in (written, drone, packet) if place.lon is not None), Place())
    # Drones measure heights by RTK or barometer and copy them to EXIF with a sign that is often wrong.
    heights = [place.height for place in (drone, written, packet) if place.height is not None]
    ours, theirs = written.height, drone.height
    if ours is not None and theirs is not None and abs(ours - theirs) > _SAME_HEIGHT:
        parameters[_EXIF_ALTITUDE] = f"{ours:.10g}"
    datum = tags.gps[18].text() if 18 in tags.gps and position is written else ""
    return Place(position.lon, position.lat, heights[0] if heights else None), datum
