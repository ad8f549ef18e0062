"""A bounded walk over CBOR bytes that proves them deterministic before a decoder sees them.

The profile is RFC 8949, section 4.2.1 (core deterministic encoding), narrowed: text keys, no tags, no
indefinite lengths, no simple values but false, true and null.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from ..errors import PgiFormatError

if TYPE_CHECKING:
    from ..limits import Limits

__all__ = ["scan"]

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE, _NULL = 20, 21, 22
_HALF, _SINGLE, _DOUBLE = 25, 26, 27
_FLOATS = {_HALF: struct.Struct(">e"), _SINGLE: struct.Struct(">f"), _DOUBLE: struct.Struct(">d")}
_CANONICAL_NAN = b"\x7e\x00"


def scan(data: bytes, limits: Limits) -> None:
    """Check that ``data`` is one map in the deterministic profile, and nothing after it.

    Args:
        data: the extension block's content.
        limits: ``map_entries``, ``map_depth`` and ``string_bytes`` are checked.

    Raises:
        PgiFormatError: a rule of FORMAT.md, section 7, is broken.
        PgiLimitError: there are too many entries, too deep ones, or a text is too long.
    """
    if not data or data[0] >> 5 != _MAP:
        raise PgiFormatError("The extension block does not hold a CBOR map.")
    end = _Scanner(data, limits).run()
    if end != len(data):
        raise PgiFormatError(f"The extension block has {len(data) - end} bytes after its map.")


class _Container:
    """An array or map whose items are still being read."""

    __slots__ = ("is_map", "last_key", "left")

    def __init__(self, left: int, is_map: bool) -> None:
        self.left = left
        self.is_map = is_map
        self.last_key: bytes | None = None


class _Scanner:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._at = 0
        self._entries = 0
        self._open: list[_Container] = []

    def run(self) -> int:
        """Walk one item with all it holds; return the offset after it."""
        self._item()
        while self._open:
            top = self._open[-1]
            if top.left == 0:
                self._open.pop()
                continue
            top.left -= 1
            if top.is_map:
                self._key(top)
            self._item()
        return self._at

    def _take(self, length: int) -> bytes:
        if length > len(self._data) - self._at:
            raise PgiFormatError("The extension block ends inside its CBOR map.")
        piece = self._data[self._at : self._at + length]
        self._at += length
        return piece

    def _head(self) -> tuple[int, int, int]:
        """Major type, additional information, and argument of the next item."""
        initial = self._take(1)[0]
        major, info = initial >> 5, initial & 31
        if info < 24:
            return major, info, info
        if info > 27:
            what = "an indefinite length" if info == 31 else "a reserved length"
            raise PgiFormatError(f"The extension block uses {what}, which the profile forbids.")
        size = 1 << (info - 24)
        argument = int.from_bytes(self._take(size), "big")
        shortest = 24 if size == 1 else 1 << (4 * size)
        if major != _SIMPLE and argument < shortest:
            raise PgiFormatError("The extension block has a number that is not in its shortest form.")
        return major, info, argument

    def _key(self, container: _Container) -> None:
        start = self._at
        major, _, length = self._head()
        if major != _TEXT:
            raise PgiFormatError("The extension block has a map key that is not text.")
        self._text(length)
        key = self._data[start : self._at]
        if container.last_key is not None and key <= container.last_key:
            fault = "twice" if key == container.last_key else "out of order"
            raise PgiFormatError(f"The extension block has a map key {fault}.")
        container.last_key = key

    def _text(self, length: int) -> None:
        self._limits.check("string_bytes", length, "A text in the extension block")
        try:
            self._take(length).decode()
        except UnicodeDecodeError as error:
            raise PgiFormatError("The extension block has a text that is not UTF-8.") from error

    def _item(self) -> None:
        major, info, argument = self._head()
        if major == _BYTES:
            self._take(argument)
        elif major == _TEXT:
            self._text(argument)
        elif major in (_ARRAY, _MAP):
            self._entries += argument
            self._limits.check("map_entries", self._entries, "The extension block")
            self._limits.check("map_depth", len(self._open) + 1, "The extension block")
            self._open.append(_Container(argument, major == _MAP))
        elif major == _TAG:
            raise PgiFormatError("The extension block has a CBOR tag, which the profile forbids.")
        elif major == _SIMPLE:
            self._simple(info, argument)

    def _simple(self, info: int, argument: int) -> None:
        if info in _FLOATS:
            if not _is_shortest(info, argument):
                raise PgiFormatError("The extension block has a float that is not in its shortest form.")
        elif info not in (_FALSE, _TRUE, _NULL):
            raise PgiFormatError(
                f"The extension block has the CBOR simple value {argument}, which is forbidden."
            )


def _is_shortest(info: int, argument: int) -> bool:
    layout = _FLOATS[info]
    data = argument.to_bytes(layout.size, "big")
    value: float = layout.unpack(data)[0]
    if math.isnan(value):
        return data == _CANONICAL_NAN
    if info == _HALF:
        return True
    try:
        shorter = _FLOATS[info - 1]
        return bool(shorter.unpack(shorter.pack(value))[0] != value)
    except OverflowError:
        return True
