"""Change frames in short form: without what follows from the file that they are in (FORMAT.md, 11)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from ..errors import PgiChecksumError, PgiFormatError, PgiOptionError
from ..varint import varint
from .block_entry import BlockType
from .deflate import deflate_stream, inflate_stream
from .file_header import SEQUENCE_VERSION
from .image_fields import IMAGE_FIELDS_SIZE, Compression
from .sequence_records import VarintReader
from .writer import assemble, make_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..limits import Limits
    from .image_fields import ImageFields
    from .reader import PgiReader

__all__ = ["DESCRIBED", "file_of_short", "has_short_form", "short_form"]

DESCRIBED = (BlockType.METADATA, BlockType.EXTENSION)
"""The blocks that are compressed with those of the sequence."""


def has_short_form(reader: PgiReader) -> bool:
    """Whether a frame is a change frame with nothing but a picture, metadata and extension."""
    kinds = {block.type for block in reader.blocks} - set(DESCRIBED)
    return reader.fields.compression_type == Compression.CHANGE and kinds == {BlockType.IMAGE}


def short_form(reader: PgiReader, dictionary: Callable[[int], bytes]) -> bytes:
    """A change frame in short form.

    Args:
        reader: of its file.
        dictionary: gives what a block of a type is compressed with.

    Raises:
        PgiError: the file is damaged.
        PgiOptionError: it has no short form.
    """
    if not has_short_form(reader):
        raise PgiOptionError("The frame has no short form.")
    described = b""
    for kind in DESCRIBED:
        content = reader.content(kind)
        packed = deflate_stream(content, dictionary(kind)) if content else b""
        described += varint(len(packed)) + packed
    image = reader.read_block(reader.header.image)[IMAGE_FIELDS_SIZE:]
    crc = zlib.crc32(image, zlib.crc32(described))
    return described + crc.to_bytes(4, "little") + image


def file_of_short(
    data: bytes, fields: ImageFields, dictionary: Callable[[int], bytes], limits: Limits, what: str
) -> bytes:
    """The file that a short form stands for.

    Args:
        data: the short form.
        fields: A.2 of the frame.
        dictionary: gives what a block of a type is compressed with.
        limits: ``metadata_bytes`` bounds metadata and extension.
        what: the frame, for messages.

    Raises:
        PgiChecksumError: it is damaged.
        PgiFormatError: it breaks the format.
        PgiLimitError: it asks for too much.
    """
    reader = VarintReader(data, 0, what)
    packed = [(kind, reader.take(reader.varint())) for kind in DESCRIBED]
    described = data[: reader.offset]
    crc = int.from_bytes(reader.take(4), "little")
    image = data[reader.offset :]
    if zlib.crc32(image, zlib.crc32(described)) != crc:
        raise PgiChecksumError(f"{what} is damaged: its CRC32 does not match.")
    if not image:
        raise PgiFormatError(f"{what} has no image data.")
    blocks = [
        make_block(kind, 0, [inflate_stream(stream, limits, f"{kind.label} of {what}", dictionary(kind))])
        for kind, stream in packed
        if stream
    ]
    a2 = fields.to_bytes()
    blocks.append(make_block(BlockType.IMAGE, 0, [a2, image]))
    return b"".join(assemble(blocks, zlib.crc32(a2), SEQUENCE_VERSION))
