"""Blocks as the directory of a file lists them: their types, flags and entries (FORMAT.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from .image_fields import IMAGE_FIELDS_SIZE

__all__ = ["ALLOWED_FLAGS", "KNOWN_FLAGS", "MINIMUM_LENGTH", "BlockEntry", "BlockFlag", "BlockType"]

_ANCILLARY = 0x8000


class BlockType(IntEnum):
    """Block types. Bit 15 set: a reader that does not know the type may skip the block."""

    METADATA = 0x8010
    EXTENSION = 0x8020
    IMAGE = 0x0030
    PARITY = 0xFFFE
    SECURITY = 0xFFFF

    @property
    def label(self) -> str:
        """The name in messages: "metadata block"."""
        return _LABELS[self]


_LABELS: dict[int, str] = {
    BlockType.METADATA: "metadata block",
    BlockType.EXTENSION: "extension block",
    BlockType.IMAGE: "image data block",
    BlockType.PARITY: "parity block",
    BlockType.SECURITY: "security block",
}


class BlockFlag(IntFlag):
    """Flags of a directory entry. The low byte must be understood, the high byte may be ignored."""

    ENCRYPTED = 0x0001
    COMPRESSED = 0x0002
    SEQUENCE = 0x0004


KNOWN_FLAGS = BlockFlag.ENCRYPTED | BlockFlag.COMPRESSED | BlockFlag.SEQUENCE
_CRITICAL_FLAGS = 0x00FF
ALLOWED_FLAGS: dict[int, BlockFlag] = {
    BlockType.METADATA: BlockFlag.ENCRYPTED | BlockFlag.COMPRESSED,
    BlockType.EXTENSION: BlockFlag.ENCRYPTED | BlockFlag.COMPRESSED,
    BlockType.IMAGE: BlockFlag.ENCRYPTED | BlockFlag.SEQUENCE,
    BlockType.PARITY: BlockFlag(0),
    BlockType.SECURITY: BlockFlag(0),
}
MINIMUM_LENGTH: dict[int, int] = {BlockType.IMAGE: IMAGE_FIELDS_SIZE + 1, BlockType.PARITY: 168}


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """One entry of the directory.

    Attributes:
        type: see :class:`BlockType`; any uint16 of an unknown ancillary block.
        flags: see :class:`BlockFlag`.
        offset: first byte, from the start of the file.
        length: stored bytes, 1 or more.
        crc32: of the stored bytes.
        sha256: of the stored bytes, 32 bytes.
    """

    type: int
    flags: int
    offset: int
    length: int
    crc32: int
    sha256: bytes

    @property
    def end(self) -> int:
        """Offset of the byte after the block."""
        return self.offset + self.length

    @property
    def position(self) -> int:
        """Rank in the file: blocks stand in strictly ascending order of it."""
        return self.type & ~_ANCILLARY

    @property
    def ancillary(self) -> bool:
        """Whether a reader that does not know the type may skip the block."""
        return bool(self.type & _ANCILLARY)

    @property
    def encrypted(self) -> bool:
        """Whether the stored bytes are ciphertext (of an image data block: those after the A.2 fields)."""
        return bool(self.flags & BlockFlag.ENCRYPTED)

    @property
    def compressed(self) -> bool:
        """Whether the content is deflated (before encryption, if both)."""
        return bool(self.flags & BlockFlag.COMPRESSED)

    @property
    def sequence(self) -> bool:
        """Whether the block is that of a sequence, whose checks are those of its records."""
        return self.type == BlockType.IMAGE and bool(self.flags & BlockFlag.SEQUENCE)

    @property
    def name(self) -> str:
        """The name in messages."""
        return _LABELS.get(self.type, f"block of type 0x{self.type:04x}")

    @property
    def unknown_flags(self) -> int:
        """Critical flags of a known block that this version does not know.

        With any set, neither the content can be read, nor is known what ``crc32`` and ``sha256`` cover.
        """
        return self.flags & _CRITICAL_FLAGS & ~int(KNOWN_FLAGS) if self.type in ALLOWED_FLAGS else 0
