"""Chunks of a PNG that stand beside its picture: texts, and the names of those that nothing reads."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass, field
from typing import IO

from .side_data import PngText

__all__ = ["PngChunks", "read_png_chunks", "take_raw_profiles"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = "XML:com.adobe.xmp"
_RAW_PROFILE = "Raw profile type "
# Read as parts of the picture, by Pillow, or as texts.
_READ = {
    *("IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "eXIf", "pHYs"),
    *("acTL", "fcTL", "fdAT", "tEXt", "zTXt", "iTXt"),
}
# Code points (H.273) of primaries and transfer that are those of sRGB, or shown like them.
_SRGB = (b"\x01\x0d", b"\x01\x01")
_MAX_CHUNKS = 1 << 20
_MAX_TEXTS = 4096
_TEXT_BYTES = 65_535  # what a text of a .pgi file may have
_PROFILE_BYTES = 8 << 20


@dataclass(slots=True)
class PngChunks:
    """What stands beside the picture of a PNG.

    Attributes:
        texts: in their order, without the XMP packet.
        unread: names of chunks that nothing reads, each once.
        left_out: texts that are too long, or damaged, or too many.
        end: offset behind the last chunk; 0 where that does not come.
    """

    texts: list[PngText] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    left_out: int = 0
    end: int = 0


def read_png_chunks(file: IO[bytes]) -> PngChunks:
    """Walk over the chunks of a PNG file from its start to its end, or as far as it is sound."""
    chunks = PngChunks()
    file.seek(0)
    if file.read(8) != _SIGNATURE:
        return chunks
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            chunks.end = file.tell() + length + 4
        if len(head) < 8 or not (kind.isascii() and kind.isalpha()) or kind == b"IEND":
            break
        name = kind.decode("ascii")
        if name in ("tEXt", "zTXt", "iTXt"):
            data = file.read(min(length, _PROFILE_BYTES))
            file.seek(length - len(data) + 4, 1)
            _add(chunks, name, data)
            continue
        start = file.read(min(length, 2)) if name == "cICP" else b""
        if name not in _READ and name not in chunks.unread and start not in _SRGB and len(chunks.unread) < 16:
            chunks.unread.append(name)
        file.seek(length - len(start) + 4, 1)
    return chunks


def take_raw_profiles(texts: list[PngText]) -> dict[str, bytes]:
    """Take profiles that older tools hide in texts out of a list of texts.

    Returns:
        ``exif``, ``iptc``, ``icc`` and ``xmp``, those that are there and sound.
    """
    names = {"exif": "exif", "app1": "app1", "iptc": "iptc", "8bim": "iptc", "icc": "icc", "icm": "icc"}
    names |= {"xmp": "xmp", "generic": "app1", "app1": "app1"}
    found: dict[str, bytes] = {}
    kept = []
    for item in texts:
        kind = names.get(item.keyword.removeprefix(_RAW_PROFILE).lower())
        data = _raw_profile(item.text) if kind and item.keyword.startswith(_RAW_PROFILE) else None
        if kind == "app1" and data:
            kind = "exif" if data.startswith(b"Exif\0\0") else "xmp"
            data = data.removeprefix(b"http://ns.adobe.com/xap/1.0/\0")
        if kind and data and kind not in found:
            found[kind] = data
        else:
            kept.append(item)
    texts[:] = kept
    return found


def _raw_profile(text: str) -> bytes | None:
    """The bytes of a raw profile: its name, their number, and they in hex, on lines of their own."""
    parts = text.split(maxsplit=2)
    if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 9):
        return None
    digits = "".join(parts[2].split())[: 2 * int(parts[1])]  # some writers leave bytes behind them
    try:
        data = binascii.unhexlify(digits)
    except (ValueError, binascii.Error):
        return None
    return data if len(data) == int(parts[1]) else None


def _add(chunks: PngChunks, kind: str, data: bytes) -> None:
    item = _text(kind, data)
    if item is not None and item.keyword == _XMP_KEYWORD:
        return
    is_profile = item is not None and item.keyword.startswith(_RAW_PROFILE)
    sizes = [] if item is None or is_profile else [len(part.encode()) for part in item]
    if (
        item is None
        or not item.keyword
        or max(sizes, default=0) > _TEXT_BYTES
        or len(chunks.texts) >= _MAX_TEXTS
    ):
        chunks.left_out += 1
    else:
        chunks.texts.append(item)


def _text(kind: str, data: bytes) -> PngText | None:
    keyword, zero, rest = data.partition(b"\0")
    if not zero or len(keyword) > 79:
        return None
    name = keyword.decode("latin-1")
    if kind == "tEXt":
        return PngText(name, rest.decode("latin-1"))
    if kind == "zTXt":
        packed = _inflated(rest[1:]) if rest[:1] == b"\0" else None
        return None if packed is None else PngText(name, packed.decode("latin-1"))
    if len(rest) < 2:
        return None
    language, _, more = rest[2:].partition(b"\0")
    translated, _, text = more.partition(b"\0")
    content = _inflated(text) if rest[0] else text
    if content is None:
        return None
    return PngText(
        name,
        content.decode("utf-8", "replace"),
        language.decode("latin-1"),
        translated.decode("utf-8", "replace"),
    )


def _inflated(data: bytes) -> bytes | None:
    """The content of a deflated text, as long as it is within bounds."""
    decoder = zlib.decompressobj()
    try:
        content = decoder.decompress(data, 2 * _PROFILE_BYTES)
    except zlib.error:
        return None
    return content if decoder.eof else None
