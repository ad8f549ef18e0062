"""Frames of a sequence as files of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..container import BlockType
from ..container.writer import recompressed
from ..errors import PgiUnsupportedError

if TYPE_CHECKING:
    from .file import PgiFile

__all__ = ["still_file"]


def still_file(file: PgiFile, number: int) -> bytes:
    """A frame as the file of a picture, which needs no sequence.

    The coded picture of a key frame is copied byte for byte, and an encrypted or signed frame as a whole.

    Args:
        file: the sequence.
        number: of the frame, from 0; negative numbers count from the end.

    Raises:
        PgiOptionError: there is no such frame.
        PgiFormatError: the frame is damaged.
        PgiUnsupportedError: it is a change frame that cannot be a picture of its own.
    """
    frame = file.frame(number)
    reader = frame.reader
    if not file.is_key_frame(number):
        raise PgiUnsupportedError("A change frame cannot be made a picture of its own here.")
    if reader.header.find(BlockType.SECURITY) is not None:
        return b"".join([reader.source.read_at(0, reader.size)])
    return b"".join(recompressed(reader, {}))
