"""Metadata, annotations and extension fields as callers give them, turned into what the container takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..camera.timestamps import unix_milliseconds
from ..container import (
    Annotation,
    ExtensionKey,
    Location,
    Metadata,
    annotations_from_maps,
    annotations_to_maps,
    unpack_segments,
    upright_size,
)
from ..errors import PgiFormatError, PgiOptionError

if TYPE_CHECKING:
    from typing import TypeAlias

    from PIL import Image

    AnnotationsLike: TypeAlias = Iterable[Annotation | Mapping[str, object]]
    ExifLike: TypeAlias = bytes | bytearray | memoryview | Image.Exif
    MetadataLike: TypeAlias = Metadata | Mapping[str, object]

__all__ = [
    "AnnotationsLike",
    "ExifLike",
    "MetadataLike",
    "annotations_to_value",
    "exif_to_bytes",
    "merge_metadata",
    "metadata_to_dict",
    "segments_to_bytes",
    "vendor_fields",
]

_KEYS = ("timestamp_ms", "timestamp", "device_id", "location", "sensor_params", "anomaly")


def merge_metadata(given: MetadataLike | None, base: Metadata) -> Metadata:
    """The metadata to store.

    Args:
        given: a :class:`Metadata`, which is taken as it is; a mapping with some of its fields, which
            replace those of ``base``; or None.
        base: what is known otherwise.

    In a mapping, ``timestamp`` may stand for ``timestamp_ms``: an aware datetime, or ISO 8601 text with an
    offset. ``location`` is a :class:`Location`, a mapping of its fields, a sequence (lon, lat[, height]) or
    None. ``sensor_params`` are put beside those of ``base``; a value None removes one.

    Raises:
        PgiOptionError: a field is unknown or of the wrong type.
    """
    if given is None:
        return base
    if isinstance(given, Metadata):
        return given
    if not isinstance(given, Mapping):
        raise PgiOptionError(f"metadata must be a Metadata or a mapping, not {type(given).__name__}.")
    unknown = [key for key in given if key not in _KEYS]
    if unknown:
        raise PgiOptionError(f"metadata has no field {unknown[0]!r}; it has {', '.join(_KEYS)}.")
    if "timestamp" in given and "timestamp_ms" in given:
        raise PgiOptionError("timestamp and timestamp_ms say the same: give one of them.")
    changes: dict[str, Any] = {
        key: given[key] for key in ("timestamp_ms", "device_id", "anomaly") if key in given
    }
    if "timestamp" in given:
        changes["timestamp_ms"] = _milliseconds(given["timestamp"])
    if "location" in given:
        changes["location"] = _location(given["location"])
    if "sensor_params" in given:
        params = given["sensor_params"]
        if not isinstance(params, Mapping):
            raise PgiOptionError("sensor_params must be a mapping of text to text.")
        merged = {**base.sensor_params, **params}
        changes["sensor_params"] = {key: value for key, value in merged.items() if value is not None}
    return dataclasses.replace(base, **changes)


def metadata_to_dict(metadata: Metadata) -> dict[str, object]:
    """The fields that are known, as JSON holds them; :func:`merge_metadata` takes them back."""
    fields: dict[str, object] = {}
    if metadata.timestamp_ms is not None:
        fields["timestamp_ms"] = metadata.timestamp_ms
    if metadata.device_id:
        fields["device_id"] = metadata.device_id
    if metadata.location is not None and metadata.location.known:
        location = dataclasses.asdict(metadata.location)
        fields["location"] = {key: value for key, value in location.items() if value not in (None, "")}
    if metadata.sensor_params:
        fields["sensor_params"] = dict(metadata.sensor_params)
    fields["anomaly"] = metadata.anomaly
    return fields


def annotations_to_value(
    annotations: AnnotationsLike, size: tuple[int, int], orientation: int
) -> list[dict[str, object]]:
    """The value of ``pgic.annotations``, checked against the upright picture.

    Args:
        annotations: annotations, or the maps that :meth:`Annotation.to_map` makes.
        size: width and height of the stored picture, in pixels.
        orientation: EXIF tag 274.

    Raises:
        PgiOptionError: one is not sound or reaches beyond the picture.
    """
    if isinstance(annotations, (str, bytes, Mapping)) or not isinstance(annotations, Iterable):
        raise PgiOptionError("annotations must be a list of Annotation objects or of their maps.")
    try:
        maps = [item.to_map() if isinstance(item, Annotation) else item for item in annotations]
        return annotations_to_maps(annotations_from_maps(maps, upright_size(*size, orientation)))
    except PgiFormatError as error:
        raise PgiOptionError(str(error)) from error


def exif_to_bytes(exif: ExifLike) -> bytes:
    """EXIF bytes of what Pillow's ``save(exif=…)`` takes.

    Raises:
        PgiOptionError: it is neither bytes nor an Exif object.
    """
    if isinstance(exif, (bytes, bytearray, memoryview)):
        return bytes(exif)
    if hasattr(exif, "tobytes"):
        return bytes(exif.tobytes())
    raise PgiOptionError(f"exif must be bytes or a PIL.Image.Exif, not {type(exif).__name__}.")


def segments_to_bytes(segments: bytes | bytearray | memoryview) -> bytes:
    """The value of ``pgic.segments``; empty for none.

    Raises:
        PgiOptionError: it is no sequence of APPn segments.
    """
    if not isinstance(segments, (bytes, bytearray, memoryview)):
        raise PgiOptionError(f"segments must be bytes, not {type(segments).__name__}.")
    data = bytes(segments)
    try:
        unpack_segments(data)
    except PgiFormatError as error:
        raise PgiOptionError(str(error)) from error
    return data


def vendor_fields(extension: Mapping[str, object]) -> Mapping[str, object]:
    """The extension fields of a caller.

    Raises:
        PgiOptionError: one of them has an argument of its own.
    """
    if not isinstance(extension, Mapping):
        raise PgiOptionError(f"extension must be a mapping, not {type(extension).__name__}.")
    for key in extension:
        if key in list(ExtensionKey):
            raise PgiOptionError(f"The extension field {key} is given by its own argument.")
    return extension


def _milliseconds(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise PgiOptionError(f"timestamp must be ISO 8601 text, not {value!r}.") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PgiOptionError(
            "timestamp must be a datetime or ISO 8601 text with an offset from UTC, such as Z."
        )
    return unix_milliseconds(value)


def _location(value: object) -> Location | None:
    if value is None or isinstance(value, Location):
        return value
    try:
        if isinstance(value, Mapping):
            return Location(**value)
        if isinstance(value, (list, tuple)) and 2 <= len(value) <= 3:
            return Location(*value)
    except TypeError:
        pass
    raise PgiOptionError(
        "location must have lon, lat and perhaps height and datum, or be a list (lon, lat[, height])."
    )
