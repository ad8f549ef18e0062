"""Properties of an XMP packet, read by a scanner that copes with broken and hostile packets.

XML parsers refuse a whole packet for one attribute that stands twice or one bare ampersand. This scanner
reads what it can. It follows no entity, resolves prefixes through a short list of namespaces, and passes
over each character once, so that its time grows with the packet only.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .text_decoding import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NAMESPACES", "XmpItem", "packet_bytes", "packet_text", "read_xmp", "scan_xmp"]

NAMESPACES = {
    "http://www.dji.com/drone-dji/1.0": "drone-dji",
    "http://pix4d.com/camera/1.0": "Camera",
    "http://ns.adobe.com/exif/1.0": "exif",
    "http://ns.adobe.com/tiff/1.0": "tiff",
    "http://ns.adobe.com/xap/1.0": "xmp",
}
"""The namespaces that are read, without the slash at their end, and the prefix that each has here."""

_MAX_PACKET = 4 << 20
_MAX_TAGS = 20_000
_MAX_DEPTH = 32
_MAX_ATTRIBUTES = 20_000
_MAX_VALUE = 1024

_NAME = re.compile(r"[^\s=/>\"'<!?&]++")
_ATTRIBUTE = re.compile(r"\s*+([^\s=/>\"'<]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s=/>\"'<]++))")
_NO_ATTRIBUTE = re.compile(r"\s*+[^\s<>/]++")
_REST_OF_TAG = re.compile(r"[^<>]*+>?")
_REFERENCE = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_SKIPPED = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}


class XmpItem(NamedTuple):
    """An attribute or an element.

    Attributes:
        name: its name as written, with its prefix.
        value: its text as written; None for an element that holds others, and for more than 1024 characters.
        start: where it starts in the text of the packet, for an attribute with the blanks before it.
        end: where it ends.
        top: whether it is a property of the packet's own picture, not of a part or an ingredient of it.
    """

    name: str
    value: str | None
    start: int
    end: int
    top: bool


def read_xmp(packet: bytes) -> dict[str, str]:
    """The properties that are needed, by prefix and name: ``drone-dji:GimbalYawDegree``.

    A packet with a document type declaration gives none. Values over 1024 characters are left out, as are
    properties behind the first 4 MiB, 20,000 tags or 20,000 attributes. Of a property that is there twice,
    the first counts.

    Args:
        packet: the XMP packet, in UTF-8 or UTF-16.
    """
    text, _ = packet_text(packet[:_MAX_PACKET])
    prefixes: dict[str, str | None] = {prefix: prefix for prefix in NAMESPACES.values()}
    properties: dict[str, str] = {}
    for item in scan_xmp(text):
        prefix, colon, local = item.name.partition(":")
        if prefix == "xmlns":
            prefixes[local] = NAMESPACES.get((item.value or "").strip().rstrip("/"))
        elif colon and item.top and item.value and (known := prefixes.get(prefix)):
            value = _unescape(item.value)
            if value:
                properties.setdefault(f"{known}:{local}", value)
    return properties


def packet_text(packet: bytes) -> tuple[str, str]:
    """The packet as text, and the codec that :func:`packet_bytes` needs to make it again byte for byte.

    Args:
        packet: the XMP packet. Bytes that are no UTF-8 become lone surrogates.
    """
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if packet.startswith(mark):
            try:
                return packet.decode(codec), codec
            except UnicodeDecodeError:
                return packet.decode("latin-1"), "latin-1"
    return packet.decode("utf-8", "surrogateescape"), "utf-8"


def packet_bytes(text: str, codec: str) -> bytes:
    """The bytes of a packet; the other way round of :func:`packet_text`."""
    return text.encode(codec, "surrogateescape")


def scan_xmp(text: str) -> Iterator[XmpItem]:
    """Every attribute and element, in the order in which they end; of a tag, namespace declarations first.

    Stops at what never ends, and at the caps of :func:`read_xmp`; nothing comes from a packet with a document
    type declaration.

    Args:
        text: the packet.
    """
    return iter(()) if "<!DOCTYPE" in text else _Scanner(text).items()


@dataclass(slots=True)
class _Open:
    """An element that has not ended."""

    name: str
    start: int
    body: int
    top: bool
    plain: bool = True


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._stack: list[_Open] = []
        self._attributes = 0

    def items(self) -> Iterator[XmpItem]:
        text = self._text
        at = text.find("<")
        for _ in range(_MAX_TAGS):
            if at < 0 or len(self._stack) > _MAX_DEPTH or self._attributes > _MAX_ATTRIBUTES:
                return
            closing = next((end for start, end in _SKIPPED.items() if text.startswith(start, at)), None)
            if closing is not None:
                if self._stack:
                    self._stack[-1].plain = False
                at = text.find(closing, at)
                if at < 0:
                    return
            elif text.startswith("</", at):
                yield from self._end(at)
            elif (name := _NAME.match(text, at + 1)) is not None:
                found, at = self._start(at, name[0], name.end())
                yield from found
            at = text.find("<", at + 1)

    def _start(self, start: int, name: str, at: int) -> tuple[list[XmpItem], int]:
        """Items of a start tag, and where its last character is."""
        text = self._text
        inside = self._inside("RDF")
        described = _local(name) == "Description" and inside
        declared: list[XmpItem] = []
        others: list[XmpItem] = []
        while (match := _ATTRIBUTE.match(text, at) or _NO_ATTRIBUTE.match(text, at)) is not None:
            if match.re is _ATTRIBUTE:  # the other is a quote too many, or a name without a value
                value = self._slice(*match.span(match.lastindex or 0))
                item = XmpItem(match[1], value, at, match.end(), described)
                (declared if item.name.startswith("xmlns") else others).append(item)
            at = match.end()
            self._attributes += 1
            if self._attributes > _MAX_ATTRIBUTES:
                break
        rest = _REST_OF_TAG.match(text, at)
        end = rest.end() if rest is not None else at
        if self._stack:
            self._stack[-1].plain = False
        top = self._inside("Description") and (len(self._stack) < 2 or _local(self._stack[-2].name) == "RDF")
        if text.startswith("/>", end - 2):
            others.append(XmpItem(name, "", start, end, top))
        elif text.startswith(">", end - 1):
            self._stack.append(_Open(name, start, end, top))
        return declared + others, end - 1

    def _end(self, at: int) -> Iterator[XmpItem]:
        """The element that an end tag ends; those inside that lack theirs end with it, and give nothing."""
        name = _NAME.match(self._text, at + 2)
        if name is None or all(element.name != name[0] for element in self._stack):
            return
        while (element := self._stack.pop()).name != name[0]:
            pass
        rest = _REST_OF_TAG.match(self._text, name.end())
        end = rest.end() if rest is not None else name.end()
        value = self._slice(element.body, at) if element.plain else None
        yield XmpItem(element.name, value, element.start, end, element.top)

    def _inside(self, local: str) -> bool:
        """Whether the innermost element has that local name; packets without any element around have none."""
        return not self._stack or _local(self._stack[-1].name) == local

    def _slice(self, start: int, end: int) -> str | None:
        return self._text[start:end] if end - start <= _MAX_VALUE else None


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _unescape(value: str) -> str:
    """The value with its references put in; those that XML does not define stay as they are."""

    def character(match: re.Match[str]) -> str:
        if match[1]:
            return _NAMED[match[1]]
        code = int(match[2]) if match[2] else int(match[3], 16)
        return chr(code) if 0 < code < 0xD800 or 0xE000 <= code < 0x110000 else match[0]

    return decode_text(_REFERENCE.sub(character, value).encode("utf-8", "surrogateescape"))
