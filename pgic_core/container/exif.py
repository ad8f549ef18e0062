"""EXIF bytes to a few plain values, by Pillow's parser behind a bound on what the tags may claim."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ExifTags", "read_exif"]

_PREFIX = b"Exif\x00\x00"
_EXIF_IFD = 0x8769
_GPS_IFD = 0x8825
_TYPE_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_TEXT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class ExifTags:
    """Tags by number: IFD 0 and the Exif IFD together, and the GPS IFD."""

    main: dict[int, Any] = field(default_factory=dict)
    gps: dict[int, Any] = field(default_factory=dict)


def read_exif(data: bytes) -> ExifTags:
    r"""Read what can be read; empty where nothing can.

    Args:
        data: EXIF bytes, with or without the leading ``Exif\0\0``.
    """
    tiff = data.removeprefix(_PREFIX)
    if not _is_bounded(tiff):
        return ExifTags()
    from PIL import Image

    try:
        exif = Image.Exif()
        exif.load(tiff)
        main = {**_plain(exif), **_plain(exif.get_ifd(_EXIF_IFD))}
        return ExifTags(main, _plain(exif.get_ifd(_GPS_IFD)))
    except Exception:  # a foreign parser on hostile bytes: whatever it raises, the tags are unknown
        return ExifTags()


def _plain(tags: Any) -> dict[int, Any]:
    """The values; text is stripped and shortened, and one that cannot be read is left out."""
    result: dict[int, Any] = {}
    for tag in list(tags):
        try:
            value = tags[tag]
        except Exception:  # as above; one broken tag does not hide the others
            continue
        result[tag] = _clean(value) if isinstance(value, str) else value
    return result


def _clean(text: str) -> str:
    # Cameras write UTF-8 although EXIF says ASCII; Pillow reads bytes as Latin-1.
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return text.split("\x00")[0].strip()[:_TEXT_BYTES]


def _is_bounded(tiff: bytes) -> bool:
    """Whether the tags claim no more bytes than the block has.

    Tags may share bytes, so that a few kilobytes could make a parser copy gigabytes.
    """
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return False
    pending = [struct.unpack_from(order + "L", tiff, 4)[0]]
    claimed = 0
    for offset in pending:
        if offset + 2 > len(tiff):
            continue
        (count,) = struct.unpack_from(order + "H", tiff, offset)
        for start in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
            tag, kind, length, value = struct.unpack_from(order + "HHLL", tiff, start)
            claimed += _TYPE_SIZES.get(kind, 0) * length
            if tag in (_EXIF_IFD, _GPS_IFD) and len(pending) < 3:
                pending.append(value)
    return claimed <= 2 * len(tiff)
