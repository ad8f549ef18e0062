"""How many groups of prefix codes a WebP lossless bitstream names (RFC 9649, section 3).

A decoder builds five tables for each group, so a forged tile takes thirty times as long as any photograph.
The number stands behind the transforms. These are images themselves, which must be read to find it.
"""

from __future__ import annotations

from ...errors import PgiFormatError

__all__ = ["count_prefix_groups"]

_PREDICTOR, _COLOUR, _SUBTRACT_GREEN, _INDEXING = range(4)
_LITERALS, _LENGTHS, _DISTANCES = 256, 24, 40
_LONGEST = 15
# The order in which lengths of the codes of code lengths stand.
_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
# By code of a run of code lengths: which bits say how long it is, and the shortest one.
_RUNS = {16: (2, 3), 17: (3, 3), 18: (7, 11)}
_HEADER_BITS = 40


def count_prefix_groups(data: bytes, width: int, height: int) -> int:
    """The number of groups that the main image of a bitstream names.

    Args:
        data: the bitstream, from its signature on.
        width, height: of the image in pixels, as the header says.

    Raises:
        PgiFormatError: the bitstream is damaged.
    """
    try:
        return _Bits(data).groups(width, height)
    except (IndexError, KeyError, ValueError) as error:
        raise PgiFormatError("A WebP tile is damaged.") from error


class _Bits:
    """The bits of a stream, the lowest of each byte first, and what they say."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = _HEADER_BITS

    def _peek(self, count: int) -> int:
        start = self._at >> 3
        return int.from_bytes(self._data[start : start + 4], "little") >> (self._at & 7) & ((1 << count) - 1)

    def take(self, count: int) -> int:
        """A number of up to 24 bits."""
        if self._at + count > 8 * len(self._data):
            raise ValueError
        value = self._peek(count)
        self._at += count
        return value

    def groups(self, width: int, height: int) -> int:
        """As :func:`count_prefix_groups`."""
        while self.take(1):
            kind = self.take(2)
            if kind == _INDEXING:
                colours = self.take(8) + 1
                self._image(colours, 1)
                shift = 3 if colours <= 2 else 2 if colours <= 4 else 1 if colours <= 16 else 0
                width = _blocks(width, shift)
            elif kind != _SUBTRACT_GREEN:
                shift = self.take(3) + 2
                self._image(_blocks(width, shift), _blocks(height, shift))
        if self.take(1):
            self.take(4)
        if not self.take(1):
            return 1
        shift = self.take(3) + 2
        return self._image(_blocks(width, shift), _blocks(height, shift)) + 1

    def _image(self, width: int, height: int) -> int:
        """Read an image of one group, and give the largest red and green, as one number, of its pixels.

        Copies repeat what was there, so that those written in full tell.
        """
        cache = 1 << self.take(4) if self.take(1) else 0
        sizes = (_LITERALS + _LENGTHS + cache, _LITERALS, _LITERALS, _LITERALS, _DISTANCES)
        green, red, blue, alpha, distance = [self._code(size) for size in sizes]
        left, largest = width * height, 0
        while left > 0:
            symbol = self._symbol(green)
            if symbol < _LITERALS:
                largest = max(largest, self._symbol(red) << 8 | symbol)
                self._symbol(blue)
                self._symbol(alpha)
                left -= 1
            elif symbol < _LITERALS + _LENGTHS:
                left -= self._number(symbol - _LITERALS)
                self._number(self._symbol(distance))
            else:
                left -= 1
        return largest

    def _number(self, code: int) -> int:
        """A length or distance, from 1, of its prefix code."""
        if code < 4:
            return code + 1
        extra = (code - 2) >> 1
        return ((2 + (code & 1)) << extra) + self.take(extra) + 1

    def _symbol(self, code: tuple[int, list[tuple[int, int]]]) -> int:
        longest, table = code
        symbol, length = table[self._peek(longest)]
        self._at += length
        if self._at > 8 * len(self._data):
            raise ValueError
        return symbol

    def _code(self, size: int) -> tuple[int, list[tuple[int, int]]]:
        """Read a prefix code: its longest length, and a table of symbols and lengths."""
        lengths = [0] * size
        if self.take(1):
            several, wide = self.take(1), self.take(1)
            lengths[self.take(8 if wide else 1)] = 1
            if several:
                lengths[self.take(8)] = 1
            return _table(lengths)
        of_lengths = [0] * len(_ORDER)
        for place in _ORDER[: self.take(4) + 4]:
            of_lengths[place] = self.take(3)
        code = _table(of_lengths)
        tokens = 2 + self.take(2 + 2 * self.take(3)) if self.take(1) else size
        at, before = 0, 8
        while at < size and tokens:
            tokens -= 1
            length = self._symbol(code)
            count = 1
            if length in _RUNS:
                bits, least = _RUNS[length]
                count, length = least + self.take(bits), before if length == 16 else 0
            if length:
                before = length
            lengths[at : at + count] = [length] * count
            at += count
        if len(lengths) > size:
            raise ValueError
        return _table(lengths)


def _blocks(size: int, shift: int) -> int:
    return -(-size >> shift)


def _table(lengths: list[int]) -> tuple[int, list[tuple[int, int]]]:
    """The longest length of a canonical code; and symbol and length by the bits that come next."""
    used = [(length, symbol) for symbol, length in enumerate(lengths) if length]
    if len(used) == 1:
        return 0, [(used[0][1], 0)]
    longest = max(lengths)
    if longest > _LONGEST or sum(1 << (longest - length) for length, _ in used) != 1 << longest:
        raise ValueError
    table, code, before = [(0, 0)] * (1 << longest), 0, 0
    for length, symbol in sorted(used):
        code <<= length - before
        before = length
        first = int(f"{code:0{length}b}"[::-1], 2)
        table[first :: 1 << length] = [(symbol, length)] * (1 << (longest - length))
        code += 1
    return longest, table
