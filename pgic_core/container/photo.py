"""Filling the metadata block from what a camera wrote: EXIF and drone XMP.

Nothing here raises on broken input: what cannot be read stays unknown.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .exif import ExifTags, read_exif
from .metadata import Location, Metadata
from .xmp import read_drone_xmp

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["metadata_from_photo"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# EXIF tag -> key in sensor_params. All values are text, numbers in the unit that the key names.
_EXIF_PARAMS = {
    0x010F: "camera_make",
    0x0110: "camera_model",
    0xA434: "lens_model",
    0xA431: "camera_serial",
    0x829A: "exposure_time_s",
    0x829D: "f_number",
    0x8827: "iso",
    0x9204: "exposure_bias_ev",
    0x920A: "focal_length_mm",
    0xA405: "focal_length_35mm_mm",
    0xA404: "digital_zoom",
}

# XMP property of the drone -> key in sensor_params.
_XMP_PARAMS = {
    "GimbalYawDegree": "gimbal_yaw_deg",
    "GimbalPitchDegree": "gimbal_pitch_deg",
    "GimbalRollDegree": "gimbal_roll_deg",
    "FlightYawDegree": "flight_yaw_deg",
    "FlightPitchDegree": "flight_pitch_deg",
    "FlightRollDegree": "flight_roll_deg",
    "FlightXSpeed": "flight_x_speed_m_s",
    "FlightYSpeed": "flight_y_speed_m_s",
    "FlightZSpeed": "flight_z_speed_m_s",
    "RelativeAltitude": "relative_altitude_m",
    "AbsoluteAltitude": "absolute_altitude_m",
    "LRFTargetDistance": "laser_distance_m",
    "RtkFlag": "rtk_flag",
    "DroneModel": "drone_model",
    "DroneSerialNumber": "drone_serial",
    "CameraSerialNumber": "camera_serial",
}
_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,20})?")


def metadata_from_photo(exif: bytes | None = None, xmp: bytes | None = None) -> Metadata:
    r"""What EXIF and XMP say, as A.3 fields.

    ``timestamp`` needs a stated offset from UTC (OffsetTimeOriginal, GPS time, or the drone's
    UTCAtExposure); without one the clock reading goes to ``sensor_params["local_time"]``. ``device_id`` is
    maker, model and serial number of the camera, or of the drone where the camera has none.
    ``sensor_params`` holds exposure, lens, gimbal and flight, one text each, with the unit in the key.

    Args:
        exif: EXIF bytes, with or without the leading ``Exif\0\0``.
        xmp: XMP packet, UTF-8 or as its XML declaration says.

    Returns:
        The metadata; unknown where nothing could be read. ``anomaly`` is False.
    """
    tags = read_exif(exif or b"")
    drone = read_drone_xmp(xmp or b"")
    params = _sensor_params(tags, drone)
    moment = _utc_from_exif(tags) or _utc_from_text(drone.get("UTCAtExposure", ""))
    local = _clock_reading(tags)
    if moment is None and local is not None:
        params["local_time"] = local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")
    milliseconds = None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)
    return Metadata(
        timestamp_ms=milliseconds if milliseconds is not None and milliseconds >= 0 else None,
        device_id=_device_id(params),
        location=_location(tags, drone),
        sensor_params=params,
    )


def _sensor_params(tags: ExifTags, drone: Mapping[str, str]) -> dict[str, str]:
    params: dict[str, str] = {}
    for tag, key in _EXIF_PARAMS.items():
        value = tags.main.get(tag)
        if isinstance(value, tuple) and value:
            value = value[0]
        if isinstance(value, str):
            params[key] = value
        elif tag == 0x829A and (seconds := _number(value)) is not None and 0 < seconds < 0.3:
            params[key] = f"1/{1 / seconds:.6g}"
        elif (number := _number(value)) is not None:
            params[key] = f"{number:.6g}"
    for name, key in _XMP_PARAMS.items():
        if drone.get(name):
            params.setdefault(key, drone[name])
    return params


def _device_id(params: Mapping[str, str]) -> str:
    make, model = params.get("camera_make", ""), params.get("camera_model", "")
    if make and model.lower().startswith(make.lower()):
        make = ""
    serial = params.get("camera_serial") or params.get("drone_serial", "")
    return " ".join(part for part in (make, model, serial) if part)


def _clock_reading(tags: ExifTags) -> datetime | None:
    """DateTimeOriginal (else DateTimeDigitized) with its fraction of a second, without a time zone."""
    for tag, fraction_tag in ((0x9003, 0x9291), (0x9004, 0x9292)):
        text = tags.main.get(tag)
        if not isinstance(text, str):
            continue
        try:
            moment = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
        except ValueError:
            continue
        fraction = tags.main.get(fraction_tag)
        if isinstance(fraction, str) and fraction.isascii() and fraction.isdigit():
            moment += timedelta(microseconds=int(f"{fraction[:6]:0<6}"))
        return moment
    return None


def _utc_from_exif(tags: ExifTags) -> datetime | None:
    local = _clock_reading(tags)
    for tag in (0x9011, 0x9012, 0x9010):
        offset = tags.main.get(tag)
        match = re.fullmatch(r"([+-])(\d\d):(\d\d)", offset) if isinstance(offset, str) else None
        if local is not None and match is not None:
            shift = timedelta(hours=int(match[2]), minutes=int(match[3]))
            try:
                return (local - shift if match[1] == "+" else local + shift).replace(tzinfo=UTC)
            except OverflowError:
                return None
    date, clock = tags.gps.get(29), tags.gps.get(7)
    if isinstance(date, str) and isinstance(clock, tuple) and len(clock) == 3:
        hours, minutes, seconds = (_number(part) for part in clock)
        if hours is None or minutes is None or seconds is None:
            return None
        try:
            day = datetime.strptime(date[:10], "%Y:%m:%d").replace(tzinfo=UTC)
            return day + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        except (ValueError, OverflowError):
            return None
    return None


def _utc_from_text(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _location(tags: ExifTags, drone: Mapping[str, str]) -> Location | None:
    lon, lat = _angle(tags.gps, 4, 3, "W", 180.0), _angle(tags.gps, 2, 1, "S", 90.0)
    datum = tags.gps.get(18)
    if lon is None or lat is None or (lon == 0 and lat == 0):
        # Some drones of the maker misspell the longitude. (0, 0) is what a camera without a fix writes.
        lon = _bounded(drone.get("GpsLongitude") or drone.get("GpsLongtitude"), 180.0)
        lat = _bounded(drone.get("GpsLatitude"), 90.0)
        datum = ""
        if lon is None or lat is None or (lon == 0 and lat == 0):
            lon = lat = None
    height = _height(tags.gps)
    if height is None:
        height = _bounded(drone.get("AbsoluteAltitude"), 1e7)
    located = lon is not None or height is not None
    return Location(lon, lat, height, datum if isinstance(datum, str) else "") if located else None


def _angle(gps: Mapping[int, Any], tag: int, reference_tag: int, negative: str, bound: float) -> float | None:
    parts = gps.get(tag)
    reference = gps.get(reference_tag)
    if not isinstance(parts, tuple) or len(parts) != 3 or not isinstance(reference, str):
        return None
    numbers = [_number(part) for part in parts]
    if any(number is None or number < 0 for number in numbers):
        return None
    degrees, minutes, seconds = (number or 0.0 for number in numbers)
    angle = degrees + minutes / 60 + seconds / 3600
    if angle > bound:
        return None
    return -angle if reference.strip().upper().startswith(negative) else angle


def _height(gps: Mapping[int, Any]) -> float | None:
    height = _number(gps.get(6))
    if height is None or not 0 <= height <= 1e7:
        return None
    reference = gps.get(5)
    below = reference in (b"\x01", b"\x03", 1, 3)
    return -height if below else height


def _bounded(text: str | None, bound: float) -> float | None:
    if text is None or not _NUMBER.fullmatch(text.strip()):
        return None
    value = float(text)
    return value if abs(value) <= bound else None


def _number(value: object) -> float | None:
    """A finite float, or None; Pillow's rationals with a zero denominator are NaN."""
    if isinstance(value, (str, bytes, tuple)) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return number if number - number == 0 else None
