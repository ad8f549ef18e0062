"""Which tier each field of the extension block belongs to (FORMAT.md, sections 9.1 and 9.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import cbor2
import numpy as np

from ..camera import without_thumbnail, xmp_without_thumbnail
from ..container import ExtensionKey, parse_extension, serialize_extension
from ..container.deflate import deflate_if_smaller, inflate
from ..errors import PgiFormatError, PgiUnsupportedError
from .tier_keys import Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..limits import Limits

__all__ = ["MASKED", "fields_bytes", "join_fields", "pack_fields", "parse_fields", "split_fields"]

MASKED = "pgic.masked"
_PICTURES = (ExtensionKey.SEGMENTS, "pgic.features")
_LONGEST_FIELD = 256
_JPEG_START = b"\xff\xd8\xff"
_BRIDGED = 8


def split_fields(fields: Mapping[str, object]) -> dict[Tier, dict[str, object]]:
    """Sort fields by tier.

    Args:
        fields: of the extension block.

    Returns:
        For each tier that gets any, its map; together they are all of ``fields``.
    """
    sorted_fields: dict[Tier, dict[str, object]] = {Tier.METADATA: {}, Tier.PREVIEW: {}, Tier.FULL: {}}
    masked: dict[str, object] = {}
    for key, value in fields.items():
        if key in (ExtensionKey.EXIF, ExtensionKey.XMP) and isinstance(value, bytes):
            without = without_thumbnail if key == ExtensionKey.EXIF else xmp_without_thumbnail
            bare = _without_picture(value, without)
            if bare is None:
                sorted_fields[Tier.PREVIEW][key] = value
                continue
            if bare != value:
                masked[str(key)] = list(_differences(bare, value))
            sorted_fields[Tier.METADATA][key] = bare
        else:
            sorted_fields[_tier_of(key, value)][key] = value
    if masked:
        sorted_fields[Tier.PREVIEW][MASKED] = masked
    return {tier: found for tier, found in sorted_fields.items() if found}


def join_fields(maps: Mapping[Tier, Mapping[str, object]]) -> dict[str, object]:
    """All fields of the maps that keys open.

    Args:
        maps: by tier.

    Raises:
        PgiFormatError: a key stands in two maps, or what was masked does not fit.
    """
    fields: dict[str, object] = {}
    for _, found in sorted(maps.items()):
        for key, value in found.items():
            if key in fields:
                raise PgiFormatError(f"The field {key} stands in two parts of the encrypted extension block.")
            if key != MASKED:
                fields[key] = value
    for found in maps.values():
        if MASKED in found:
            _unmask(fields, found[MASKED])
    return fields


def fields_bytes(fields: Mapping[str, object]) -> bytes:
    """The map of a seal of the extension block, as bytes that are not deflated."""
    masked = fields.get(MASKED)
    plain = serialize_extension({key: value for key, value in fields.items() if key != MASKED})
    if masked is not None:
        plain = cbor2.dumps({**cbor2.loads(plain), MASKED: masked}, canonical=True)
    return plain


def pack_fields(fields: Mapping[str, object]) -> bytes:
    """The content of a seal of the extension block."""
    stored, packed = deflate_if_smaller(fields_bytes(fields))
    return bytes([packed]) + stored


def parse_fields(content: bytes, limits: Limits) -> dict[str, object]:
    """The map of a seal of the extension block.

    Raises:
        PgiFormatError: it breaks a rule of FORMAT.md, sections 7 or 9.6.
        PgiLimitError: it asks for too much.
    """
    if not content or content[0] > 1:
        raise PgiFormatError("A part of the encrypted extension block does not say how it is stored.")
    stored = content[1:]
    if content[0]:
        stored = inflate(stored, limits, "encrypted extension block")
    fields = parse_extension(stored, limits)
    for key in (ExtensionKey.SECURITY, ExtensionKey.SEALED):
        if key in fields:
            raise PgiFormatError(f"The encrypted extension block has {key} inside.")
    return fields


def _tier_of(key: str, value: object) -> Tier:
    if key in _PICTURES:
        return Tier.FULL
    if key in (ExtensionKey.PHOTOSHOP, ExtensionKey.XMP_EXTENDED, ExtensionKey.PREVIEW):
        return Tier.PREVIEW  # small pictures are what both are mostly there for
    if key == ExtensionKey.IPTC and isinstance(value, bytes) and _JPEG_START in value:
        return Tier.PREVIEW
    if key.startswith("pgic."):
        return Tier.METADATA
    if _has_bytes(value) or len(serialize_extension({key: value})) > _LONGEST_FIELD:
        return Tier.FULL
    return Tier.METADATA


def _has_bytes(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_bytes(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_bytes(item) for item in value)
    return isinstance(value, (bytes, bytearray, memoryview))


def _without_picture(value: bytes, without: Callable[[bytes], bytes]) -> bytes | None:
    """The value with its small pictures blanked; None where they cannot be told apart in place."""
    try:
        bare = without(value)
    except PgiUnsupportedError:
        return None
    return bare if bare and len(bare) == len(value) else None


def _differences(bare: bytes, value: bytes) -> Iterator[list[object]]:
    """Runs in which two byte strings of one length differ; short gaps are bridged."""
    places = np.flatnonzero(np.frombuffer(bare, np.uint8) != np.frombuffer(value, np.uint8))
    for run in np.split(places, np.flatnonzero(np.diff(places) > _BRIDGED) + 1):
        start, end = int(run[0]), int(run[-1]) + 1
        yield [start, value[start:end]]


def _unmask(fields: dict[str, object], masked: object) -> None:
    wrong = PgiFormatError(f"{MASKED} of the encrypted extension block does not fit what it masks.")
    if not isinstance(masked, dict):
        raise wrong
    for key, runs in masked.items():
        value = fields.get(key)
        if not isinstance(value, bytes) or not isinstance(runs, list):
            raise wrong
        whole = bytearray(value)
        for run in runs:
            if not isinstance(run, list) or len(run) != 2:
                raise wrong
            offset, data = run
            if not isinstance(offset, int) or isinstance(offset, bool) or not isinstance(data, bytes):
                raise wrong
            if offset < 0 or offset + len(data) > len(whole):
                raise wrong
            whole[offset : offset + len(data)] = data
        fields[key] = bytes(whole)
