"""The same file with other metadata or extension fields: its picture is copied, not coded anew."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from ..errors import PgiUnsupportedError
from ..limits import DEFAULT_LIMITS
from .atomic_writing import atomic_write
from .block_entry import BlockType
from .reader import PgiReader
from .writer import Block, assemble, small_blocks, version_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from ..limits import Limits
    from .block_entry import BlockEntry
    from .byte_source import SourceLike
    from .metadata_block import Metadata

__all__ = ["KEEP", "Keep", "copied_block", "recompressed", "rewrite", "rewrite_file"]


class Keep(Enum):
    """The type of :data:`KEEP`."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
"""For :func:`rewrite`: leave this as it is. (None and an empty map remove it.)"""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The stored bytes of a block, checked whenever they are read."""

    reader: PgiReader
    entry: BlockEntry

    def __iter__(self) -> Iterator[bytes]:
        return self.reader.iter_block(self.entry)


def rewrite(
    source: SourceLike | PgiReader,
    *,
    metadata: Metadata | Literal[Keep.KEEP] | None = KEEP,
    extension: Mapping[str, object] | Literal[Keep.KEEP] | None = KEEP,
    compress_metadata: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[bytes | memoryview]:
    """The same file with other metadata or another extension, in pieces.

    A parity block is made anew. Image data and unknown ancillary blocks are copied byte for byte; their CRC32
    and SHA-256 are checked on the way, so damage is never sealed anew: PgiChecksumError is raised after the
    last piece of a block.

    Args:
        source: the file, or a reader of it, which stays open.
        metadata: new fields, None to remove them, KEEP to leave them.
        extension: new map, None to remove it, KEEP to leave it; ``pgic.location`` follows the metadata.
        compress_metadata: as :func:`build_file`.
        limits: for reading.

    Raises:
        PgiError: as :class:`PgiReader` and :func:`build_file`.
        PgiUnsupportedError: the file was written by a later minor version, or has a security block, which
            other metadata would contradict.
    """
    if isinstance(source, PgiReader):
        return _rewrite(source, metadata, extension, compress_metadata)
    reader = PgiReader(source, limits)
    try:
        pieces = _rewrite(reader, metadata, extension, compress_metadata)
    except BaseException:
        reader.close()
        raise
    return _closing(reader, pieces)


def rewrite_file(
    path: str | os.PathLike[str],
    *,
    metadata: Metadata | Literal[Keep.KEEP] | None = KEEP,
    extension: Mapping[str, object] | Literal[Keep.KEEP] | None = KEEP,
    compress_metadata: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Replace metadata or extension of a file on disk in one step; see :func:`rewrite`.

    Raises:
        PgiError: as :func:`rewrite`; the old file is then as it was.
    """
    atomic_write(
        path,
        rewrite(
            path, metadata=metadata, extension=extension, compress_metadata=compress_metadata, limits=limits
        ),
    )


def _rewrite(
    reader: PgiReader,
    metadata: Metadata | Literal[Keep.KEEP] | None,
    extension: Mapping[str, object] | Literal[Keep.KEEP] | None,
    compress: bool,
    dictionaries: Mapping[int, bytes] | None = None,
) -> Iterator[bytes | memoryview]:
    if reader.header.newer:
        raise PgiUnsupportedError("A later version wrote the file; changing it here could lose something.")
    if reader.header.image.sequence:
        raise PgiUnsupportedError("The file is a sequence, whose metadata cannot be changed.")
    if reader.header.find(BlockType.SECURITY) is not None:
        raise PgiUnsupportedError("The file has a security block, which other metadata would contradict.")
    small = small_blocks(
        reader.metadata if metadata is KEEP else metadata,
        reader.extension if extension is KEEP else extension,
        compress,
        dictionaries,
    )
    copied = [
        copied_block(reader, entry)
        for entry in reader.blocks
        if entry.type not in (BlockType.METADATA, BlockType.EXTENSION, BlockType.PARITY)
    ]
    blocks = (*small, *copied)
    version = version_of(reader.fields)
    return assemble(blocks, reader.header.fields_crc32, version, share=reader.parity_share)


def recompressed(reader: PgiReader, dictionaries: Mapping[int, bytes]) -> Iterator[bytes | memoryview]:
    """The same file with its metadata and extension compressed with dictionaries, in pieces.

    Args:
        reader: of the file, which stays open.
        dictionaries: by the type of a block; a block without one is compressed by itself.

    Raises:
        PgiError: as :func:`rewrite`.
    """
    return _rewrite(reader, KEEP, KEEP, True, dictionaries)


def copied_block(reader: PgiReader, entry: BlockEntry) -> Block:
    """A block of another file as it is; its CRC32 and SHA-256 are checked when it is written."""
    return Block(entry, _Stored(reader, entry))


def _closing(reader: PgiReader, pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    with reader:
        yield from pieces
