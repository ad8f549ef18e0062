"""The blocks of a GIF file (GIF89a): its pictures and extensions, without decoding any."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GifBlock", "gif_blocks"]

_APPLICATION = 0xFF


class GifBlock(NamedTuple):
    """A block.

    Attributes:
        kind: ``b","`` for a picture, ``b"!"`` for an extension, ``b";"`` for the end.
        application: which application an extension is of; empty for other blocks.
        start: offset of what it holds: of the first sub-block, or behind the end.
    """

    kind: bytes
    application: bytes
    start: int


def gif_blocks(file: IO[bytes], most: int | None = None) -> Iterator[GifBlock]:
    """Walk over the blocks up to the trailer or the end of the file; the caller may seek meanwhile.

    Args:
        file: the GIF.
        most: blocks and sub-blocks to walk over, at most; None for all.
    """
    left = float("inf") if most is None else most
    file.seek(0)
    head = file.read(13)
    if len(head) < 13:
        return
    _skip_colours(file, head[10])
    while (kind := file.read(1)) and kind != b";" and left > 0:
        application = b""
        if kind == b"!":
            if file.read(1) == bytes([_APPLICATION]):
                application = file.read((file.read(1) or b"\0")[0])
        elif kind == b",":
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return
            _skip_colours(file, descriptor[8])
            file.read(1)  # least code size
        else:
            continue
        at = file.tell()
        yield GifBlock(kind, application, at)
        file.seek(at)
        left -= 1
        while (length := file.read(1)) and length != b"\0" and left > 0:
            file.seek(length[0], 1)
            left -= 1
    if kind == b";":
        yield GifBlock(kind, b"", file.tell())


def _skip_colours(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)
