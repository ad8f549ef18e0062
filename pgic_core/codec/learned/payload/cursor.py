"""Bounded reading of the variable part of a stream's header: bytes, numbers and packed maps."""

from __future__ import annotations

import zlib

from ....errors import PgiFormatError

__all__ = ["Cursor", "inflated"]


class Cursor:
    """Reads the variable part, never past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def position(self) -> int:
        """Bytes taken so far."""
        return self._at

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            PgiFormatError: there are not so many.
        """
        if count > len(self._data) - self._at:
            raise PgiFormatError("The image index is shorter than what it lists.")
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.take(len(self._data) - self._at)

    def varint(self, bound: int) -> int:
        """The next number.

        Raises:
            PgiFormatError: it is above the bound, or not in its shortest form.
        """
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:
                    break  # a longer spelling than needed
                if value > bound:
                    raise PgiFormatError("The image index holds a length beyond its bound.")
                return value
        raise PgiFormatError("The image index holds a number that is not in its shortest form.")

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            PgiFormatError: something is.
        """
        if self._at != len(self._data):
            raise PgiFormatError("The image index is longer than what it lists.")


def inflated(cursor: Cursor, least: int, most: int, what: str) -> bytes:
    """The next zlib stream, with its length before it.

    Args:
        cursor: where it is.
        least, most: bytes that it may inflate to.
        what: it holds, for messages.

    Raises:
        PgiFormatError: it is damaged or of another size.
    """
    packed = cursor.take(cursor.varint(1 << 28))
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, most + 1)
    except zlib.error as error:
        raise PgiFormatError(f"{what} is damaged.") from error
    if not least <= len(data) <= most or not inflater.eof or inflater.unused_data:
        raise PgiFormatError(f"{what} does not have one value per block.")
    return data
