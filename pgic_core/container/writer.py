"""Writing a file: its blocks, one after the other, behind header and directory."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ..errors import PgiOptionError
from ..limits import DEFAULT_LIMITS
from .atomic_writing import atomic_write
from .block_entry import BlockEntry, BlockFlag, BlockType
from .deflate import deflate_if_smaller
from .extension_block import ExtensionKey, location_to_map, serialize_extension
from .file_header import PLAIN_VERSION, SEQUENCE_VERSION, header_size, pack_header
from .image_fields import Compression
from .metadata_block import Metadata, check_location, is_exact, serialize_metadata
from .parity import protected

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from .image_fields import ImageFields

    Piece: TypeAlias = bytes | bytearray | memoryview
    Payload: TypeAlias = Piece | Sequence[Piece]

__all__ = [
    "Block",
    "assemble",
    "build_file",
    "iter_file",
    "located_fields",
    "make_block",
    "small_blocks",
    "version_of",
    "write_file",
]


@dataclass(frozen=True, slots=True)
class Block:
    """A block to be written.

    Attributes:
        entry: of the directory; only the offset is lacking.
        pieces: the stored bytes.
    """

    entry: BlockEntry
    pieces: Iterable[bytes | memoryview]


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
