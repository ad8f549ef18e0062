"""The header of a JPEG XL file: its Pillow plugin decodes before it tells a size, and drops frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

__all__ = ["JxlHeader", "jxl_header"]

_BARE = b"\xff\x0a"
_BOXED = b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_MAX_BOXES = 64
_UNKNOWN = 1 << 31


@dataclass(frozen=True, slots=True)
class JxlHeader:
    """What the header says.

    Attributes:
        width: pixels; beyond every limit where the file does not say.
        height: likewise.
        bits: of a sample.
        animated: whether there may be further frames.
    """

    width: int
    height: int
    bits: int = 8
    animated: bool = False


class _Bits:
    """Bits of a few bytes, least significant first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value


def jxl_header(file: IO[bytes]) -> JxlHeader | None:
    """Read SizeHeader and the beginning of ImageMetadata (ISO/IEC 18181-1, D.2 and D.3).

    Args:
        file: stands anywhere, and stands at its start afterwards.

    Returns:
        None if this is no JPEG XL file.
    """
    file.seek(0)
    head = file.read(12)
    try:
        if head.startswith(_BARE):
            file.seek(2)
        elif head != _BOXED:
            return None
        elif not _seek_codestream(file):
            return JxlHeader(_UNKNOWN, _UNKNOWN)
        bits = _Bits(file.read(64))
        width, height = _size(bits)
        depth, animated = _metadata(bits)
        return JxlHeader(width, height, depth, animated)
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


def _metadata(bits: _Bits) -> tuple[int, bool]:
    """Bits of a sample, and whether the picture is animated."""
    if bits.take(1):  # all is as usual
        return 8, False
    animated = False
    if bits.take(1):
        bits.take(3)  # orientation
        if bits.take(1):
            _size(bits)  # the size that it should be shown in
        if bits.take(1):
            return 8, False  # a preview, of which nothing else is made; what follows is not read
        animated = bool(bits.take(1))
        if animated:
            for sizes in ((0, 0, 10, 30), (0, 0, 8, 10), (0, 3, 16, 32)):  # ticks a second, and repetitions
                bits.take(sizes[bits.take(2)])
            bits.take(1)
    usual = (32, 16, 24) if bits.take(1) else (8, 10, 12)  # floats or whole numbers
    choice = bits.take(2)
    return usual[choice] if choice < 3 else 1 + bits.take(6), animated


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
