"""The metadata block 元数据块: the fields of table A.3 and their bytes."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import PgiFormatError, PgiOptionError
from ..limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Location", "Metadata", "parse_metadata", "serialize_metadata"]

_U16 = struct.Struct("<H")
_U64 = struct.Struct("<Q")
_POINT = struct.Struct("<3f")
_UNKNOWN_TIME = 2**64 - 1
_UNKNOWN_COORDINATE = b"\x00\x00\xc0\x7f"  # the one NaN that a writer may use
_MAX_U16 = 65535
_BOUNDS = {"lon": 180.0, "lat": 90.0, "height": 1e7}


@dataclass(frozen=True, slots=True)
class Location:
    """Where the picture was taken; None means unknown.

    Attributes:
        lon: longitude in degrees, east positive, -180 to 180.
        lat: latitude in degrees, north positive, -90 to 90.
        height: metres above sea level, as the camera states it.
        datum: name of the geodetic datum, for example "WGS-84"; empty if not stated.
    """

    lon: float | None = None
    lat: float | None = None
    height: float | None = None
    datum: str = ""

    @property
    def known(self) -> bool:
        """Whether anything at all is known."""
        return bool(self.datum) or not (self.lon is None and self.lat is None and self.height is None)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The fields of table A.3. The defaults mean "unknown".

    Attributes:
        timestamp_ms: ``timestamp`` 时间戳: UTC milliseconds since 1970-01-01, from 0; None if unknown.
        device_id: 巡检设备唯一标识符; empty if unknown.
        location: 地理位置信息; None if unknown.
        sensor_params: 传感器相关参数, text to text.
        anomaly: ``anomaly_flag`` 异常标志位.
    """

    timestamp_ms: int | None = None
    device_id: str = ""
    location: Location | None = None
    sensor_params: Mapping[str, str] = field(default_factory=dict)
    anomaly: bool = False

    @property
    def known(self) -> bool:
        """Whether any field differs from "unknown"; if not, a file has no metadata block."""
        return bool(
            self.timestamp_ms is not None
            or self.device_id
            or (self.location is not None and self.location.known)
            or self.sensor_params
            or self.anomaly
        )


def serialize_metadata(metadata: Metadata) -> bytes:
    """The bytes of A.3, not compressed (FORMAT.md, section 6).

    Raises:
        PgiOptionError: a field is out of range or of the wrong type.
    """
    time = metadata.timestamp_ms
    if time is not None and not (isinstance(time, int) and 0 <= time < _UNKNOWN_TIME):
        raise PgiOptionError(f"timestamp_ms must be a whole number from 0, or None, not {time!r}.")
    if not isinstance(metadata.anomaly, bool):
        raise PgiOptionError(f"anomaly must be True or False, not {metadata.anomaly!r}.")
    params = sorted(
        (_encode(key, "a key of sensor_params"), _encode(value, f"sensor_params[{key!r}]"))
        for key, value in metadata.sensor_params.items()
    )
    if len(params) > _MAX_U16:
        raise PgiOptionError(f"sensor_params has {len(params)} entries; {_MAX_U16} fit.")
    device_id = _encode(metadata.device_id, "device_id")
    pieces = [
        _U64.pack(_UNKNOWN_TIME if time is None else time),
        _U16.pack(len(device_id)) + device_id,
        _pack_location(metadata.location or Location()),
        _U16.pack(len(params)),
    ]
    for key, value in params:
        pieces += (_U16.pack(len(key)), key, _U16.pack(len(value)), value)
    pieces.append(b"\x01" if metadata.anomaly else b"\x00")
    return b"".join(pieces)


def parse_metadata(data: bytes, limits: Limits = DEFAULT_LIMITS, *, newer: bool = False) -> Metadata:
    """Read the bytes of A.3.

    Args:
        data: the block's content, decompressed.
        limits: ``map_entries`` and ``string_bytes`` are checked.
        newer: whether a later minor version wrote it, which may have added fields at the end.

    Raises:
        PgiFormatError: a rule of FORMAT.md, section 6, is broken.
        PgiLimitError: a map or string is too large.
    """
    cursor = _Cursor(data, limits)
    time = cursor.number(_U64)
    device_id = cursor.text("A device_id").decode()
    location = _unpack_location(cursor.take(_POINT.size, "location"))
    count = cursor.number(_U16)
    limits.check("map_entries", count, "The map sensor_params in the metadata block")
    params: dict[str, str] = {}
    last_key: bytes | None = None
    for _ in range(count):
        key = cursor.text("A key of sensor_params")
        if last_key is not None and key <= last_key:
            fault = "twice" if key == last_key else "out of order"
            raise PgiFormatError(f"The metadata block has the sensor_params key {key.decode()!r} {fault}.")
        last_key = key
        params[key.decode()] = cursor.text("A value of sensor_params").decode()
    anomaly = cursor.take(1, "anomaly_flag")[0]
    if anomaly > 1:
        raise PgiFormatError(f"The metadata block has anomaly_flag {anomaly}; only 0 and 1 are defined.")
    if cursor.rest and not newer:
        raise PgiFormatError(f"The metadata block has {cursor.rest} bytes after its last field.")
    return Metadata(None if time == _UNKNOWN_TIME else time, device_id, location, params, anomaly == 1)


def is_exact(location: Location) -> bool:
    """Whether the float[3] of A.3 holds all there is to say, so that no extension field is needed."""
    return not location.datum and all(
        value is None or struct.unpack("<f", struct.pack("<f", value))[0] == value
        for value in (location.lon, location.lat, location.height)
    )


def agrees(location: Location | None, exact: Location) -> bool:
    """Whether ``location``, as A.3 holds it, is ``exact`` rounded to float32."""
    return _pack_location(location or Location()) == _pack_location(exact)


def check_location(location: Location) -> None:
    """Raise PgiOptionError unless the coordinates are finite and on Earth."""
    for name, bound in _BOUNDS.items():
        value = getattr(location, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -bound <= value <= bound:
            raise PgiOptionError(f"location.{name} must be from {-bound:g} to {bound:g}, not {value!r}.")


def _pack_location(location: Location) -> bytes:
    check_location(location)
    return b"".join(
        _UNKNOWN_COORDINATE if value is None else struct.pack("<f", value)
        for value in (location.lon, location.lat, location.height)
    )


def _unpack_location(data: bytes) -> Location | None:
    lon, lat, height = (None if math.isnan(value) else value for value in _POINT.unpack(data))
    location = Location(lon, lat, height)
    try:
        check_location(location)
    except PgiOptionError as error:
        raise PgiFormatError(f"The metadata block is wrong: {error}") from error
    return location if location.known else None


def _encode(text: object, what: str) -> bytes:
    if not isinstance(text, str):
        raise PgiOptionError(f"{what} must be text, not {type(text).__name__}.")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise PgiOptionError(f"{what} is not valid Unicode text.") from error
    if len(data) > _MAX_U16:
        raise PgiOptionError(f"{what} has {len(data):,} UTF-8 bytes; {_MAX_U16:,} fit.")
    return data


class _Cursor:
    """Reads fields one after the other and knows where the block ends."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._at = 0

    @property
    def rest(self) -> int:
        return len(self._data) - self._at

    def take(self, length: int, what: str) -> bytes:
        if length > self.rest:
            raise PgiFormatError(f"The metadata block ends inside {what}.")
        piece = self._data[self._at : self._at + length]
        self._at += length
        return piece

    def number(self, layout: struct.Struct) -> int:
        value: int = layout.unpack(self.take(layout.size, "a number"))[0]
        return value

    def text(self, what: str) -> bytes:
        length = self.number(_U16)
        self._limits.check("string_bytes", length, f"{what} in the metadata block")
        data = self.take(length, "a string")
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise PgiFormatError(f"{what} in the metadata block is not UTF-8.") from error
        return data
