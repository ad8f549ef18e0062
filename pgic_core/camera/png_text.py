"""EXIF and XMP that PNG files hold as text, as tools wrote them before PNG had a chunk for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["raw_profiles"]

_HEADER = re.compile(r"\s{0,16}(\w{1,16})\s{1,16}(\d{1,9})\s", re.ASCII)
_XMP_SIGNATURE = b"http://ns.adobe.com/xap/1.0/\x00"
_KEYWORDS = ("exif", "APP1", "xmp")


def raw_profiles(texts: Mapping[object, object]) -> tuple[bytes | None, bytes | None]:
    """EXIF and XMP out of texts called ``Raw profile type exif``, ``APP1`` and ``xmp``.

    Such a text is a name, the number of bytes, and the bytes in hex with line breaks among them.

    Args:
        texts: the texts of a PNG by keyword; others, and values that are no text, are passed over.

    Returns:
        EXIF and XMP, each None where there is none.
    """
    exif = xmp = None
    for keyword in _KEYWORDS:
        text = texts.get(f"Raw profile type {keyword}")
        data = _bytes(text) if isinstance(text, str) else b""
        if data.startswith(_XMP_SIGNATURE):
            xmp = xmp or data.removeprefix(_XMP_SIGNATURE)
        elif keyword == "xmp":
            xmp = xmp or data
        else:
            exif = exif or data
    return exif or None, xmp or None


def _bytes(text: str) -> bytes:
    header = _HEADER.match(text)
    if header is None:
        return b""
    try:
        # Whitespace between bytes is passed over; a break may not stand within one, and does not.
        data = bytes.fromhex(text[header.end() :])
    except ValueError:
        return b""
    return data[: int(header[2])]
