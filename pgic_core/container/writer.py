"""Writing a file, and replacing its metadata without touching the picture."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from ..errors import PgiOptionError, PgiUnsupportedError
from ..limits import DEFAULT_LIMITS
from .atomic_writing import atomic_write
from .deflate import deflate_if_smaller
from .extension_block import ExtensionKey, location_to_map, serialize_extension
from .header_and_directory import (
    PLAIN_VERSION,
    SEQUENCE_VERSION,
    BlockEntry,
    BlockFlag,
    BlockType,
    header_size,
    pack_header,
)
from .image_fields import Compression
from .metadata_block import Metadata, check_location, is_exact, serialize_metadata
from .parity import protected
from .reader import PgiReader

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from ..limits import Limits
    from .byte_source import SourceLike
    from .image_fields import ImageFields

    Piece: TypeAlias = bytes | bytearray | memoryview
    Payload: TypeAlias = Piece | Sequence[Piece]

__all__ = [
    "KEEP",
    "Block",
    "Keep",
    "assemble",
    "build_file",
    "copied_block",
    "iter_file",
    "located_fields",
    "make_block",
    "recompressed",
    "rewrite",
    "rewrite_file",
    "small_blocks",
    "version_of",
    "write_file",
]


class Keep(Enum):
    """The type of :data:`KEEP`."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
"""For :func:`rewrite`: leave this as it is. (None and an empty map remove it.)"""


@dataclass(frozen=True, slots=True)
class Block:
    """A block to be written.

    Attributes:
        entry: of the directory; only the offset is lacking.
        pieces: the stored bytes.
    """

    entry: BlockEntry
    pieces: Iterable[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class _Stored:
    """The stored bytes of a block, checked whenever they are read."""

    reader: PgiReader
    entry: BlockEntry

    def __iter__(self) -> Iterator[bytes]:
        return self.reader.iter_block(self.entry)


def build_file(
    fields: ImageFields,
    payload: Payload,
    *,
    metadata: Metadata | None = None,
    extension: Mapping[str, object] | None = None,
    compress_metadata: bool = True,
) -> bytes:
    """A whole ``.pgi`` file as bytes (FORMAT.md).

    Args:
        fields: the A.2 fields.
        payload: ``image_data``, opaque here, in one or several pieces; 1 byte or more.
        metadata: the A.3 fields; a block is written only if something is known.
        extension: text keys (``vendor.name``, or those of :class:`ExtensionKey`) to values; a block is
            written only if there are any. ``pgic.location`` always follows from ``metadata.location``:
            it is put in where float32 is not exact, and one given here is replaced.
        compress_metadata: deflate metadata and extension where that makes them smaller.

    Raises:
        PgiOptionError: a value is out of range or of the wrong type.
        PgiLimitError: metadata or extension are larger than the default limits let a reader accept.
    """
    return b"".join(
        iter_file(
            fields, payload, metadata=metadata, extension=extension, compress_metadata=compress_metadata
        )
    )


def iter_file(
    fields: ImageFields,
    payload: Payload,
    *,
    metadata: Metadata | None = None,
    extension: Mapping[str, object] | None = None,
    compress_metadata: bool = True,
) -> Iterator[bytes | memoryview]:
    """The file of :func:`build_file` in pieces; those of ``payload`` are not copied.

    All checks are done and errors raised before this returns.
    """
    a2 = fields.to_bytes()
    pieces = [payload] if isinstance(payload, (bytes, bytearray, memoryview)) else list(payload)
    views = [memoryview(piece).cast("B") for piece in pieces]
    if not any(views):
        raise PgiOptionError("The image data is empty.")
    if fields.compression_type == Compression.SEQUENCE:
        raise PgiOptionError("A sequence is not written as a picture is.")
    image = make_block(BlockType.IMAGE, 0, [a2, *views])
    blocks = [*small_blocks(metadata, extension, compress_metadata), image]
    return assemble(blocks, zlib.crc32(a2), version_of(fields))


def write_file(
    path: str | os.PathLike[str],
    fields: ImageFields,
    payload: Payload,
    *,
    metadata: Metadata | None = None,
    extension: Mapping[str, object] | None = None,
    compress_metadata: bool = True,
) -> None:
    """Write the file of :func:`build_file` to a path in one step, without joining its pieces in memory.

    Raises:
        PgiInputError: the file cannot be written.
        PgiOptionError: as :func:`build_file`.
    """
    atomic_write(
        path,
        iter_file(
            fields, payload, metadata=metadata, extension=extension, compress_metadata=compress_metadata
        ),
    )


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


def version_of(fields: ImageFields) -> int:
    """The lowest version that a picture needs, if it is neither encrypted nor signed."""
    return SEQUENCE_VERSION if fields.compression_type == Compression.CHANGE else PLAIN_VERSION


def small_blocks(
    metadata: Metadata | None,
    extension: Mapping[str, object] | None,
    compress: bool,
    dictionaries: Mapping[int, bytes] | None = None,
) -> list[Block]:
    """Metadata and extension block, those that hold anything.

    Args:
        metadata: the A.3 fields.
        extension: the A.4 fields; ``pgic.location`` follows from ``metadata``.
        compress: deflate a block where that makes it smaller.
        dictionaries: of a frame of a sequence, by the type of a block.

    Raises:
        PgiOptionError: a value is out of range or of the wrong type.
        PgiLimitError: a block is larger than the default limits let a reader accept.
    """
    metadata = metadata or Metadata()
    fields = located_fields(metadata, extension)
    contents: list[tuple[BlockType, bytes]] = []
    if metadata.known:
        contents.append((BlockType.METADATA, serialize_metadata(metadata)))
    if fields:
        contents.append((BlockType.EXTENSION, serialize_extension(fields)))
    blocks = []
    for kind, content in contents:
        DEFAULT_LIMITS.check("metadata_bytes", len(content), f"The {kind.label}")
        dictionary = (dictionaries or {}).get(kind, b"")
        stored, packed = deflate_if_smaller(content, dictionary) if compress else (content, False)
        blocks.append(make_block(kind, BlockFlag.COMPRESSED if packed else 0, [stored]))
    return blocks


def located_fields(metadata: Metadata, extension: Mapping[str, object] | None) -> dict[str, object]:
    """The A.4 fields that go with A.3: ``pgic.location`` is there where float32 is not exact."""
    fields = {key: value for key, value in (extension or {}).items() if key != ExtensionKey.LOCATION}
    if metadata.location is not None:
        check_location(metadata.location)
        if not is_exact(metadata.location):
            fields[ExtensionKey.LOCATION.value] = location_to_map(metadata.location)
    return fields


def make_block(kind: int, flags: int, pieces: Iterable[bytes | memoryview]) -> Block:
    """A block of these stored bytes.

    Args:
        kind: see :class:`BlockType`.
        flags: see :class:`BlockFlag`.
        pieces: the bytes; they are gone through now, and again when the file is written.
    """
    length, crc, sha = 0, 0, hashlib.sha256()
    for piece in pieces:
        length += len(piece)
        crc = zlib.crc32(piece, crc)
        sha.update(piece)
    return Block(BlockEntry(kind, flags, 0, length, crc, sha.digest()), pieces)


def copied_block(reader: PgiReader, entry: BlockEntry) -> Block:
    """A block of another file as it is; its CRC32 and SHA-256 are checked when it is written."""
    return Block(entry, _Stored(reader, entry))


def assemble(
    blocks: Iterable[Block], fields_crc32: int, version: int = PLAIN_VERSION, share: int | None = None
) -> Iterator[bytes | memoryview]:
    """A file of these blocks, in pieces.

    Args:
        blocks: in any order.
        fields_crc32: CRC32 of the 7 bytes of A.2.
        version: of the file.
        share: parity to add, in 1/10,000 of the file; None for none. Then the blocks are gone through twice
            before anything is yielded, and must give the same bytes each time.
    """
    ordered = sorted(blocks, key=lambda block: block.entry.position)
    offset = header_size(len(ordered))
    entries = []
    for block in ordered:
        entries.append(replace(block.entry, offset=offset))
        offset += block.entry.length
    pieces = partial(_chain, pack_header(entries, fields_crc32, version), ordered)
    return pieces() if share is None else protected(pieces, share)


def _chain(header: bytes, blocks: Sequence[Block]) -> Iterator[bytes | memoryview]:
    yield header
    for block in blocks:
        yield from block.pieces


def _closing(reader: PgiReader, pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    with reader:
        yield from pieces
