"""EXIF and XMP of a photo to the metadata fields of table A.3, and where the two contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..camera import read_camera
from ..camera.timestamps import text_of_milliseconds, unix_milliseconds
from ..container import Location, Metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["contradictions", "follow", "metadata_from_photo"]

# About a metre on the ground; float32 rounds longitudes by half of it.
_SAME_DEGREES = 1e-5
_SAME_METRES = 1.0
_SAME_MILLISECONDS = 1000


def metadata_from_photo(exif: bytes | None = None, xmp: bytes | None = None) -> Metadata:
    r"""What EXIF and XMP say, as A.3 fields (:func:`pgic_core.camera.read_camera`).

    Args:
        exif: EXIF bytes, with or without the leading ``Exif\0\0``.
        xmp: XMP packet.

    Returns:
        The metadata; unknown where nothing could be read. ``anomaly`` is False.
    """
    facts = read_camera(exif, xmp)
    milliseconds = None if facts.moment is None else unix_milliseconds(facts.moment)
    location = Location(facts.lon, facts.lat, facts.height, facts.datum if facts.lon is not None else "")
    return Metadata(
        timestamp_ms=milliseconds if milliseconds is not None and milliseconds >= 0 else None,
        device_id=facts.device,
        location=location if location.known else None,
        sensor_params=dict(facts.parameters),
    )


def follow(metadata: Metadata, before: Metadata, after: Metadata) -> Metadata:
    """Metadata that goes with a change of EXIF or XMP: what was taken from them is taken anew, or goes.

    Args:
        metadata: what a file says.
        before: what its EXIF and XMP said (:func:`metadata_from_photo`).
        after: what they say now.

    Returns:
        ``metadata`` with every known field that agreed with ``before`` set to what ``after`` has, which may
        be nothing.
    """
    params: dict[str, str] = {}
    for key, value in metadata.sensor_params.items():
        if before.sensor_params.get(key) != value:
            params[key] = value
        elif key in after.sensor_params:
            params[key] = after.sensor_params[key]
    timestamp, device = metadata.timestamp_ms, metadata.device_id
    if timestamp is not None and timestamp == before.timestamp_ms:
        timestamp = after.timestamp_ms
        if timestamp is None and (clock := after.sensor_params.get("local_time")):
            params.setdefault("local_time", clock)
    if device and device == before.device_id:
        device = after.device_id
    empty = Location()
    location = _followed(metadata.location or empty, before.location or empty, after.location or empty)
    return Metadata(timestamp, device, location, params, metadata.anomaly)


def contradictions(metadata: Metadata, exif: bytes | None, xmp: bytes | None) -> tuple[str, ...]:
    """Sentences on where A.3 says something else on time and place than EXIF and XMP do, or is silent."""
    return tuple(_contradictions(metadata, metadata_from_photo(exif, xmp)))


def _followed(location: Location, before: Location, after: Location) -> Location | None:
    position, height = location, location.height
    if location.lon is not None and _same_position(location, before):
        position = after
    if height is not None and _near(height, before.height, _SAME_METRES):
        height = after.height
    result = Location(position.lon, position.lat, height, position.datum)
    return result if result.known else None


def _contradictions(metadata: Metadata, photo: Metadata) -> Iterator[str]:
    said, time = photo.timestamp_ms, metadata.timestamp_ms
    if said is not None and not _near(time, said, _SAME_MILLISECONDS):
        stated = "none" if time is None else text_of_milliseconds(time)
        yield f"time: EXIF or XMP says {text_of_milliseconds(said)}, A.3 {stated}"
    ours, theirs = metadata.location or Location(), photo.location or Location()
    if theirs.lon is not None and not _same_position(ours, theirs):
        yield f"position: EXIF or XMP says {_position(theirs)}, A.3 {_position(ours)}"
    if theirs.height is not None and not _near(ours.height, theirs.height, _SAME_METRES):
        height = "none" if ours.height is None else f"{ours.height:.10g} m"
        yield f"height: EXIF or XMP says {theirs.height:.10g} m, A.3 {height}"


def _same_position(first: Location, second: Location) -> bool:
    return _near(first.lon, second.lon, _SAME_DEGREES) and _near(first.lat, second.lat, _SAME_DEGREES)


def _near(first: float | None, second: float | None, distance: float) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= distance


def _position(location: Location) -> str:
    if location.lon is None or location.lat is None:
        return "none"
    return f"lon {location.lon:.7f}, lat {location.lat:.7f}"
