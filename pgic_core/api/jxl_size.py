"""Width and height from the header of a JPEG XL file, whose Pillow plugin decodes before it tells them."""

from __future__ import annotations

from typing import IO

__all__ = ["jxl_size"]

_BARE = b"\xff\x0a"
_BOXED = b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_MAX_BOXES = 64
_UNKNOWN = (1 << 31, 1 << 31)


class _Bits:
    """Bits of a few bytes, least significant first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value


def jxl_size(file: IO[bytes]) -> tuple[int, int] | None:
    """Width and height in pixels, as ISO/IEC 18181-1, D.2 (SizeHeader) codes them.

    Args:
        file: stands anywhere, and stands at its start afterwards.

    Returns:
        None if this is no JPEG XL file; a size beyond every limit where it does not say its size.
    """
    file.seek(0)
    head = file.read(12)
    try:
        if head.startswith(_BARE):
            file.seek(2)
        elif head != _BOXED:
            return None
        elif not _seek_codestream(file):
            return _UNKNOWN
        return _size(_Bits(file.read(16)))
    finally:
        file.seek(0)


def _seek_codestream(file: IO[bytes]) -> bool:
    """Go to the codestream's size: behind its signature in the first box that holds any of it."""
    for _ in range(_MAX_BOXES):
        start = file.tell()
        box = file.read(8)
        if len(box) < 8:
            return False
        length, kind = int.from_bytes(box[:4], "big"), box[4:]
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if kind in (b"jxlc", b"jxlp"):
            if kind == b"jxlp":
                file.read(4)
            return file.read(2) == _BARE
        if length < 8 or length >= 1 << 62:
            return False
        file.seek(start + length)
    return False


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else _side(bits)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    width = 8 * (bits.take(5) + 1) if small else _side(bits)
    return width, height


def _side(bits: _Bits) -> int:
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])
