"""The extension block 扩展块 (table A.4): a map of text keys to values, as deterministic CBOR.

Keys under ``pgic.`` are assigned by FORMAT.md; vendors put theirs under a prefix of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

import cbor2

from ..errors import PgiFormatError, PgiOptionError
from ..extension_keys import is_extension_key
from ..limits import DEFAULT_LIMITS, Limits
from .annotations import annotations_from_maps
from .cbor_checking import scan
from .jpeg_segments import unpack_segments
from .metadata_block import Location, check_location
from .strategy_field import strategy_from_map

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = [
    "LEAST_DPI",
    "MOST_DPI",
    "ExtensionKey",
    "Value",
    "location_from_map",
    "location_to_map",
    "parse_extension",
    "serialize_extension",
]

Value: TypeAlias = (
    "bool | int | float | str | bytes | list[Value] | tuple[Value, ...] | Mapping[str, Value] | None"
)
"""What an extension field may hold; a tuple comes back as a list."""

LEAST_DPI, MOST_DPI = 0.001, 1_000_000
"""Pixels per inch that a file may say."""

# prefix "." name; the prefix is a vendor's own, the name is free but for control characters.


class ExtensionKey(StrEnum):
    """The reserved keys that have a defined type."""

    EXIF = "pgic.exif"
    XMP = "pgic.xmp"
    ICC = "pgic.icc"
    DPI = "pgic.dpi"
    ANNOTATIONS = "pgic.annotations"
    LOCATION = "pgic.location"
    PREPROCESS = "pgic.preprocess"
    STRATEGY = "pgic.strategy"
    SEGMENTS = "pgic.segments"
    XMP_EXTENDED = "pgic.xmp-extended"
    IPTC = "pgic.iptc"
    PHOTOSHOP = "pgic.photoshop"
    COMMENTS = "pgic.comments"
    TEXT = "pgic.text"
    SECURITY = "pgic.security"
    SEALED = "pgic.sealed"
    PREVIEW = "pgic.preview"


_BYTE_STRINGS = (
    ExtensionKey.EXIF,
    ExtensionKey.XMP,
    ExtensionKey.XMP_EXTENDED,
    ExtensionKey.ICC,
    ExtensionKey.IPTC,
    ExtensionKey.PHOTOSHOP,
    ExtensionKey.SEGMENTS,
    ExtensionKey.PREVIEW,
)
_TEXT_NAMES = ("keyword", "text", "language", "translated")


def serialize_extension(extension: Mapping[str, object]) -> bytes:
    """The bytes of A.4, not compressed (FORMAT.md, section 7).

    Args:
        extension: text keys with a prefix (``vendor.name``) to values of type ``Value``.

    Raises:
        PgiOptionError: a key or value breaks the profile.
    """
    plain = {
        _plain_text(key, "a key of the extension map"): _plain(value, f"the extension field {key!r}", 2)
        for key, value in extension.items()
    }
    try:
        _check_keys(plain)
        data: bytes = cbor2.dumps(plain, canonical=True)
        # What is written must be readable with the same rules.
        scan(data, DEFAULT_LIMITS)
    except PgiFormatError as error:
        raise PgiOptionError(str(error)) from error
    return data


def parse_extension(data: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, object]:
    """Read the bytes of A.4.

    Args:
        data: the block's content, decompressed.
        limits: ``map_entries``, ``map_depth`` and ``string_bytes`` are checked.

    Raises:
        PgiFormatError: a rule of FORMAT.md, section 7, is broken.
        PgiLimitError: the map is too large or too deep.
    """
    scan(data, limits)
    try:
        extension = cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError, RecursionError) as error:
        raise PgiFormatError(f"The extension block cannot be decoded: {error}.") from error
    if not isinstance(extension, dict):
        raise PgiFormatError("The extension block does not hold a CBOR map.")
    _check_keys(extension)
    return extension


def location_to_map(location: Location) -> dict[str, object]:
    """The value of ``pgic.location``: only what is known, as float64."""
    return {
        name: value if name == "datum" else float(value)
        for name in ("lon", "lat", "height", "datum")
        if (value := getattr(location, name)) not in (None, "")
    }


def location_from_map(value: object) -> Location:
    """Read the value of ``pgic.location``; names that are not known here are passed over.

    Raises:
        PgiFormatError: a coordinate is no number or not on Earth.
    """
    if not isinstance(value, Mapping):
        raise PgiFormatError("pgic.location must be a map.")
    coordinates = {name: value.get(name) for name in ("lon", "lat", "height")}
    datum = value.get("datum", "")
    if not isinstance(datum, str):
        raise PgiFormatError("pgic.location has a datum that is not text.")
    location = Location(**coordinates, datum=datum)  # check_location proves the types
    try:
        check_location(location)
    except PgiOptionError as error:
        raise PgiFormatError(f"pgic.location is wrong: {error}") from error
    return location


def _check_keys(extension: Mapping[str, object]) -> None:
    for key, value in extension.items():
        if not is_extension_key(key):
            raise PgiFormatError(
                f"The extension key {key!r} has no prefix; it must look like 'vendor.name', "
                "with lower-case letters, digits and hyphens before the dot."
            )
        if key in _BYTE_STRINGS:
            if not isinstance(value, bytes) or not value:
                raise PgiFormatError(f"{key} must be a byte string that is not empty.")
            if key == ExtensionKey.SEGMENTS:
                unpack_segments(value)
        elif key == ExtensionKey.DPI:
            _check_dpi(value)
        elif key == ExtensionKey.ANNOTATIONS:
            annotations_from_maps(value)
        elif key == ExtensionKey.LOCATION:
            location_from_map(value)
        elif key == ExtensionKey.STRATEGY:
            strategy_from_map(value)
        elif key == ExtensionKey.PREPROCESS and not (
            isinstance(value, list) and value and all(isinstance(name, str) and name for name in value)
        ):
            raise PgiFormatError(f"{key} must be a list of one or more names.")
        elif key == ExtensionKey.COMMENTS and not (
            isinstance(value, list) and value and all(isinstance(item, bytes) and item for item in value)
        ):
            raise PgiFormatError(f"{key} must be a list of one or more byte strings that are not empty.")
        elif key == ExtensionKey.TEXT and not (
            isinstance(value, list) and value and all(_is_text_item(item) for item in value)
        ):
            raise PgiFormatError(f"{key} must be a list of one or more maps with a keyword and a text.")
        elif key == ExtensionKey.SECURITY and not isinstance(value, dict):
            raise PgiFormatError(f"{key} must be a map.")
        elif key == ExtensionKey.SEALED and not (
            isinstance(value, list) and all(isinstance(item, bytes) and item for item in value)
        ):
            raise PgiFormatError(f"{key} must be a list of byte strings that are not empty.")


def _is_text_item(item: object) -> bool:
    return (
        isinstance(item, dict)
        and all(isinstance(item.get(name, ""), str) for name in _TEXT_NAMES)
        and bool(item.get("keyword"))
        and "text" in item
    )


def _check_dpi(value: object) -> None:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(
            isinstance(item, (int, float)) and not isinstance(item, bool) and LEAST_DPI <= item <= MOST_DPI
            for item in value
        )
    ):
        raise PgiFormatError(f"pgic.dpi must be two numbers from {LEAST_DPI} to {MOST_DPI:,}.")


def _plain(value: object, what: str, depth: int) -> object:
    """A copy in plain types that CBOR can hold without tags."""
    if depth > DEFAULT_LIMITS.map_depth + 1:
        raise PgiOptionError(f"{what} is nested deeper than {DEFAULT_LIMITS.map_depth} levels.")
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        if not -(2**64) <= value < 2**64:
            raise PgiOptionError(f"{what} is beyond 64 bits: {value}.")
        return int(value)
    if isinstance(value, str):
        return _plain_text(value, what)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{what}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            _plain_text(key, f"a key of {what}"): _plain(item, f"{what}[{key!r}]", depth + 1)
            for key, item in value.items()
        }
    raise PgiOptionError(f"{what} cannot hold a {type(value).__name__}.")


def _plain_text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise PgiOptionError(f"{what} must be text, not {type(value).__name__}.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise PgiOptionError(f"{what} is not valid Unicode text.") from error
    return str(value)
