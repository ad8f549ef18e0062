"""What a drone wrote into an XMP packet (names under ``drone-dji:``), read without following any entity."""

from __future__ import annotations

import codecs
from xml.parsers import expat

__all__ = ["read_drone_xmp"]

_NAMESPACE = "http://www.dji.com/drone-dji/1.0/"
_SEPARATOR = " "
_MAX_PACKET = 4 << 20
_MAX_PROPERTIES = 1024
_MAX_VALUE = 1024


class _StopParsing(Exception):
    """The packet has a DTD or too many properties."""


def read_drone_xmp(packet: bytes) -> dict[str, str]:
    """The drone's properties by local name, from attributes and from elements.

    A packet with a document type declaration, a broken one, or one over 4 MiB gives none. Values over
    1024 characters are left out.

    Args:
        packet: the XMP packet.
    """
    if not packet or len(packet) > _MAX_PACKET:
        return {}
    collector = _Collector()
    try:
        collector.parse(packet)
    except (expat.ExpatError, _StopParsing, ValueError):
        return {}
    return collector.properties


class _Collector:
    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self._element: str | None = None
        self._text: list[str] = []
        self._length = 0

    def parse(self, packet: bytes) -> None:
        utf16 = packet.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        # Decoded here, so that the packet cannot pick a codec. Writers pad it with blanks or NULs.
        text = packet.decode("utf-16" if utf16 else "utf-8").strip("\x00 \t\r\n\ufeff")
        parser = expat.ParserCreate("utf-8", _SEPARATOR)
        parser.StartDoctypeDeclHandler = self._stop
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(text.encode(), True)

    def _stop(self, *_: object) -> None:
        raise _StopParsing

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        for key, value in attributes.items():
            self._add(key, value)
        self._element, self._text, self._length = name, [], 0

    def _characters(self, text: str) -> None:
        if self._element is not None and self._length <= _MAX_VALUE:
            self._text.append(text)
            self._length += len(text)

    def _end(self, name: str) -> None:
        if name == self._element:
            self._add(name, "".join(self._text))
        self._element = None

    def _add(self, name: str, value: str) -> None:
        namespace, _, local = name.rpartition(_SEPARATOR)
        value = value.strip()
        if namespace == _NAMESPACE and value and len(value) <= _MAX_VALUE:
            if len(self.properties) >= _MAX_PROPERTIES:
                raise _StopParsing
            self.properties[local] = value
