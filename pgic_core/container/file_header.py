"""The header of a file (table A.1) with its directory of blocks: packing, parsing, and the rules of both."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import (
    PgiChecksumError,
    PgiFormatError,
    PgiOptionError,
    PgiTruncatedError,
    PgiUnsupportedError,
)
from ..magic import MAGIC
from .block_entry import ALLOWED_FLAGS, KNOWN_FLAGS, MINIMUM_LENGTH, BlockEntry, BlockType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..limits import Limits

__all__ = [
    "ENTRY",
    "FIXED_HEADER_SIZE",
    "FORMAT_VERSION",
    "HEADER_CHECKSUM",
    "PLAIN_VERSION",
    "SEQUENCE_VERSION",
    "Header",
    "is_pgi",
    "pack_header",
    "parse_fixed_header",
    "parse_header",
]

FORMAT_VERSION = 0x0102
"""The newest version that is known here: major version in the high byte, minor version in the low byte."""

PLAIN_VERSION = 0x0100
"""What is written unless a file needs more (FORMAT.md, section 12)."""

SEQUENCE_VERSION = 0x0102
"""What sequences and change frames need."""

# A text-mode transfer changes these four bytes, as in PNG.
_TEXT_GUARD = b"\r\n\x1a\n"

# magic_number, version, header_size, checksum, data_offset | guard, block_count, entry_size, fields_crc32
_FIXED = struct.Struct("<4sHHIQ4sBBI")
FIXED_HEADER_SIZE = _FIXED.size
HEADER_CHECKSUM = slice(8, 12)
"""Where the fixed header holds the CRC32 of header and directory."""

# type, flags, offset, length, crc32, sha256
ENTRY = struct.Struct("<HHQQI32s")

_MAX_OFFSET = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Header:
    """What header and directory say, checked.

    Attributes:
        version: as stored; the major part is the one known here.
        blocks: entries in file order.
        image: the entry of the image data block, one of ``blocks``.
        fields_crc32: CRC32 of the 7 bytes of A.2.
    """

    version: int
    blocks: tuple[BlockEntry, ...]
    image: BlockEntry
    fields_crc32: int

    @property
    def newer(self) -> bool:
        """Whether a later minor version wrote the file."""
        return self.version > FORMAT_VERSION

    @property
    def open_ended(self) -> bool:
        """Whether bytes may follow the last block: it grows, or a later version knows why."""
        return any(block.sequence or block.unknown_flags for block in self.blocks)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.blocks[-1].end

    def find(self, block_type: int) -> BlockEntry | None:
        """The entry of a type, or None."""
        return next((block for block in self.blocks if block.type == block_type), None)


def is_pgi(prefix: bytes) -> bool:
    """Whether a file that starts with these bytes (4 or more) is a ``.pgi`` file."""
    return bytes(prefix[: len(MAGIC)]) == MAGIC


def header_size(block_count: int) -> int:
    """Bytes of header and directory together."""
    return FIXED_HEADER_SIZE + ENTRY.size * block_count


def pack_header(blocks: Sequence[BlockEntry], fields_crc32: int, version: int = PLAIN_VERSION) -> bytes:
    """Header and directory of a file, as bytes.

    Args:
        blocks: entries in file order, offsets filled in, with one image data block.
        fields_crc32: CRC32 of the 7 bytes of A.2.
        version: of the file.

    Raises:
        PgiOptionError: there are too many blocks for the directory.
    """
    if not 1 <= len(blocks) <= 255:
        raise PgiOptionError(f"A file has from 1 to 255 blocks, not {len(blocks)}.")
    image = next(block for block in blocks if block.type == BlockType.IMAGE)
    raw = bytearray(
        _FIXED.pack(
            MAGIC,
            version,
            header_size(len(blocks)),
            0,
            image.offset,
            _TEXT_GUARD,
            len(blocks),
            ENTRY.size,
            fields_crc32,
        )
    )
    for block in blocks:
        raw += ENTRY.pack(block.type, block.flags, block.offset, block.length, block.crc32, block.sha256)
    raw[HEADER_CHECKSUM] = zlib.crc32(raw).to_bytes(4, "little")
    return bytes(raw)


def parse_fixed_header(raw: bytes) -> int:
    """Check the first :data:`FIXED_HEADER_SIZE` bytes of a file.

    Args:
        raw: those bytes, or fewer if the file has no more.

    Returns:
        ``header_size``: the bytes of header and directory together.

    Raises:
        PgiFormatError: this is no ``.pgi`` file, or a text-mode transfer changed it.
        PgiTruncatedError: ``raw`` is too short.
        PgiUnsupportedError: a later major version wrote it.
    """
    if raw[: len(MAGIC)] != MAGIC[: len(raw)]:
        if raw[: len(MAGIC)] == bytes([MAGIC[0] & 0x7F]) + MAGIC[1:]:
            raise PgiFormatError("The file lost the high bit of every byte in a 7-bit transfer.")
        raise PgiFormatError("This is not a .pgi file: it does not start with the magic number.")
    if len(raw) < FIXED_HEADER_SIZE:
        raise PgiTruncatedError(f"The file ends inside the header, after {len(raw)} bytes.")
    _, version, size, _, _, guard, _, _, _ = _FIXED.unpack(raw)
    if version >> 8 != FORMAT_VERSION >> 8:
        raise PgiUnsupportedError(
            f"The file has format version {version >> 8}.{version & 255}; "
            f"this software reads version {FORMAT_VERSION >> 8}."
        )
    if guard != _TEXT_GUARD:
        raise PgiFormatError("The header is damaged: a text-mode transfer probably changed its line ends.")
    if size < header_size(1):
        raise PgiFormatError(f"header_size is {size}, less than the {header_size(1)} bytes of one block.")
    return int(size)


def parse_header(raw: bytes, limits: Limits) -> Header:
    """Check header and directory, and return what they say.

    Args:
        raw: exactly ``header_size`` bytes, whose fixed part has passed :func:`parse_fixed_header`.
        limits: ``blocks`` and ``block_bytes`` are checked.

    Raises:
        PgiChecksumError: ``checksum`` does not match.
        PgiFormatError: a rule of FORMAT.md, sections 3 and 4, is broken.
        PgiLimitError: there are too many blocks, or one is too large.
        PgiUnsupportedError: there is an unknown block that must not be skipped.
    """
    _, version, size, checksum, data_offset, _, count, entry_size, fields_crc32 = _FIXED.unpack_from(raw)
    if zlib.crc32(raw[12:], zlib.crc32(bytes(4), zlib.crc32(raw[:8]))) != checksum:
        raise PgiChecksumError("The header is damaged: its CRC32 does not match.")
    newer = version > FORMAT_VERSION
    if count == 0:
        raise PgiFormatError("The directory has no blocks.")
    limits.check("blocks", count, "The directory")
    if entry_size < ENTRY.size or (entry_size > ENTRY.size and not newer):
        raise PgiFormatError(
            f"Directory entries have {entry_size} bytes where this version has {ENTRY.size}."
        )
    directory_end = FIXED_HEADER_SIZE + entry_size * count
    if directory_end > size or (directory_end < size and not newer):
        raise PgiFormatError(f"header_size is {size}, but header and directory take {directory_end} bytes.")
    blocks = tuple(
        BlockEntry(*ENTRY.unpack_from(raw, FIXED_HEADER_SIZE + entry_size * index)) for index in range(count)
    )
    _check_order(blocks, size, limits)
    for block in blocks:
        _check_kind(block, newer)
    image = next((block for block in blocks if block.type == BlockType.IMAGE), None)
    if image is None:
        raise PgiFormatError("The file has no image data block.")
    if image.sequence:
        _check_sequence(version, blocks, image)
    if image.offset != data_offset:
        raise PgiFormatError(
            f"data_offset is {data_offset}, but the directory puts the image data block at {image.offset}."
        )
    return Header(version, blocks, image, fields_crc32)


def _check_sequence(version: int, blocks: Sequence[BlockEntry], image: BlockEntry) -> None:
    """Rule Q1, as far as header and directory tell."""
    if version < SEQUENCE_VERSION:
        raise PgiFormatError("The file is a sequence, which its version does not have.")
    if image.encrypted:
        raise PgiFormatError("The sequence is encrypted as a whole; only its frames can be.")
    if blocks[-1] is not image:
        raise PgiFormatError(f"The {blocks[-1].name} stands behind the image data block of a sequence.")


def _check_order(blocks: Sequence[BlockEntry], header_end: int, limits: Limits) -> None:
    expected = header_end
    last_position = -1
    for block in blocks:
        if block.position == last_position:
            raise PgiFormatError(f"The {block.name} is there twice.")
        if block.position < last_position:
            raise PgiFormatError(f"The {block.name} stands after a block that it must precede.")
        if block.length > _MAX_OFFSET - expected:
            raise PgiFormatError(f"The {block.name} ends beyond any possible file.")
        if block.offset != expected:
            fault = "overlaps what stands before it" if block.offset < expected else "leaves a gap before it"
            raise PgiFormatError(f"The {block.name} {fault}: it starts at {block.offset}, not at {expected}.")
        minimum = MINIMUM_LENGTH.get(block.type, 1)
        if block.length < minimum:
            raise PgiFormatError(f"The {block.name} has {block.length} bytes, fewer than {minimum}.")
        if not block.sequence:  # of which each frame is checked by itself
            limits.check("block_bytes", block.length, f"The {block.name}")
        last_position = block.position
        expected = block.end


def _check_kind(block: BlockEntry, newer: bool) -> None:
    allowed = ALLOWED_FLAGS.get(block.type)
    if allowed is None:
        if not block.ancillary:
            raise PgiUnsupportedError(f"The {block.name} is unknown here and must not be skipped.")
    elif (foreign := block.flags & ~int(allowed)) and (not newer or foreign & KNOWN_FLAGS):
        raise PgiFormatError(f"The {block.name} has flags 0x{block.flags:04x} that it cannot have.")
