"""A picture of WebP lossless that is all prefix codes: as many groups of them as its size allows."""

from __future__ import annotations

__all__ = ["prefix_codes"]

_BLOCK = 4
_GROUPS = 65536
# The order in which code lengths of code lengths stand (RFC 9649, 3.7.2.1.2).
_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)


class _Bits:
    """Bits, the lowest of each number first."""

    def __init__(self) -> None:
        self._value, self._count = 0, 0
        self.data = bytearray()

    def put(self, value: int, count: int) -> None:
        self._value |= value << self._count
        self._count += count
        while self._count >= 8:
            self.data.append(self._value & 255)
            self._value >>= 8
            self._count -= 8


def prefix_codes(width: int, height: int) -> bytes:
    """A VP8L bitstream (RFC 9649) in which each block of 4 x 4 pixels has prefix codes of its own.

    It decodes, to blocks of one grey each; the decoder makes tables of some KB for each of the groups.

    Args:
        width: pixels, 1 to 16384.
        height: likewise.
    """
    bits = _Bits()
    bits.put(0x2F, 8)
    bits.put(width - 1, 14)
    bits.put(height - 1, 14)
    bits.put(0, 4)  # no alpha, version 0
    bits.put(0, 2)  # no transforms, no colour cache
    bits.put(1, 1)  # an entropy image: which group each block uses
    bits.put(0, 3)  # blocks of 4 x 4
    blocks = -(-width // _BLOCK) * -(-height // _BLOCK)
    bits.put(0, 1)  # the entropy image has no colour cache
    _bytes_of_equal_length(bits, 280)
    _bytes_of_equal_length(bits, 256)
    for symbol in (0, 255, 0):
        _one_symbol(bits, symbol)
    reverse = [int(f"{value:08b}"[::-1], 2) for value in range(256)]
    for block in range(blocks):
        bits.put(reverse[block & 255], 8)
        bits.put(reverse[block >> 8 & 255], 8)
    for group in range(min(blocks, _GROUPS)):
        for symbol in (group & 255, group & 255, group & 255, 255, 0):
            _one_symbol(bits, symbol)
    bits.put(0, 8)
    return bytes(bits.data)


def _one_symbol(bits: _Bits, symbol: int) -> None:
    """A prefix code that takes no bits."""
    bits.put(0b101, 3)  # simple; one symbol; of 8 bits
    bits.put(symbol, 8)


def _bytes_of_equal_length(bits: _Bits, alphabet: int) -> None:
    """A prefix code of 8 bits for each of the first 256 symbols."""
    bits.put(0, 1)
    used = _ORDER.index(8) + 1
    bits.put(used - 4, 4)
    for length in _ORDER[:used]:
        bits.put(length in (0, 8), 3)
    bits.put(0, 1)
    for symbol in range(alphabet):
        bits.put(symbol < 256, 1)
