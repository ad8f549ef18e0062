"""The bytes of a file, block by block: header and directory on opening, any block with its checks later."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from ..closing_on_exit import Closing
from ..errors import PgiChecksumError, PgiFormatError, PgiTruncatedError, PgiUnsupportedError
from ..limits import DEFAULT_LIMITS
from .block_entry import BlockType
from .byte_source import ByteSource, open_source
from .parity import DEFAULT_SHARE
from .parity_reading import Protection
from .protected_header import check_parity, open_protected, trailing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..limits import Limits
    from .block_entry import BlockEntry
    from .byte_source import SourceLike
    from .file_header import Header

__all__ = ["BlockReader", "require_known_flags"]

_CHUNK = 1 << 20


class BlockReader(Closing):
    """The blocks of one ``.pgi`` file as it stores them; what they mean is of no concern here.

    A file with a parity block is read through it: lost sectors are restored, as far as enough parity is left.

    Args:
        source: whatever :func:`open_source` takes.
        limits: what the file may ask for.
        quiet: whether to restore lost sectors without a warning.

    Warns:
        PgiWarning: something was restored.

    Raises:
        PgiFormatError: the bytes are no ``.pgi`` file or break a rule of FORMAT.md.
        PgiTruncatedError: they end before the directory does.
        PgiChecksumError: header or directory are damaged.
        PgiUnsupportedError: a later major version, or an unknown block that must be understood.
        PgiLimitError: a block or the directory is too large.
        PgiInputError: the file cannot be opened or read.
    """

    def __init__(self, source: SourceLike, limits: Limits = DEFAULT_LIMITS, *, quiet: bool = False) -> None:
        self._source = open_source(source, limits)
        self._owned = not isinstance(source, ByteSource)
        self._limits = limits
        try:
            self._source, self._header, self._packets = open_protected(self._source, limits, quiet=quiet)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file if this reader opened it."""
        if self._owned:
            self._source.close()

    @property
    def limits(self) -> Limits:
        """What the file may ask for."""
        return self._limits

    @property
    def source(self) -> ByteSource:
        """The bytes below."""
        return self._source

    @property
    def header(self) -> Header:
        """What header and directory say."""
        return self._header

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version of the format."""
        return self._header.version >> 8, self._header.version & 255

    @property
    def blocks(self) -> tuple[BlockEntry, ...]:
        """The directory, in file order, unknown ancillary blocks included."""
        return self._header.blocks

    @property
    def size(self) -> int:
        """Bytes of the whole file, as the directory says."""
        return self._header.size

    @property
    def complete(self) -> bool | None:
        """Whether all bytes are there; None while that cannot be told of a stream."""
        size = self._source.size()
        return None if size is None else size >= self.size

    @property
    def protection(self) -> Protection | None:
        """What restores lost sectors as they are read; None if the file has no usable parity."""
        return self._source if isinstance(self._source, Protection) else None

    @property
    def header_restored(self) -> bool:
        """Whether header and directory are lost and restored from parity; then they list no parity block."""
        return self.protection is not None and self.header.find(BlockType.PARITY) is None

    @property
    def parity_share(self) -> int | None:
        """Parity in 1/10,000 of the data, which an editor keeps; None if the file has no parity block."""
        if self.protection is not None:
            return self.protection.share
        if self.header.find(BlockType.PARITY) is None:
            return None
        return DEFAULT_SHARE if self._packets is None else self._packets.layout.share

    def read_stored(self, block: BlockEntry, offset: int, length: int) -> bytes:
        """Stored bytes of a block, unchecked.

        Args:
            block: one of :attr:`blocks`.
            offset: first byte, from the start of the block.
            length: number of bytes.

        Raises:
            PgiFormatError: they do not lie inside the block.
            PgiTruncatedError: the file ends before them.
        """
        if offset < 0 or length < 0 or offset + length > block.length:
            raise PgiFormatError(f"Bytes {offset} to {offset + length} do not lie inside the {block.name}.")
        return self._read(block, block.offset + offset, length)

    def read_checked(self, block: BlockEntry) -> bytes:
        """The stored bytes of a small block, with CRC32 checked.

        Raises:
            PgiChecksumError: they are damaged.
            PgiLimitError: they are more than ``metadata_bytes``.
            PgiTruncatedError: the file ends before the block does.
        """
        self._limits.check("metadata_bytes", block.length, f"The {block.name}")
        data = self._read(block, block.offset, block.length)
        if zlib.crc32(data) != block.crc32:
            raise _damaged(block, "CRC32")
        return data

    def read_block(self, block: BlockEntry) -> bytes:
        """The stored bytes of a block, as they are, with CRC32 and SHA-256 checked.

        Raises:
            PgiChecksumError: they are damaged.
            PgiTruncatedError: the file ends before the block does.
        """
        return b"".join(self.iter_block(block))

    def iter_block(self, block: BlockEntry) -> Iterator[bytes]:
        """As :meth:`read_block`, in pieces; the checks raise after the last piece.

        Yields:
            The stored bytes, at most 1 MiB at a time.
        """
        crc, sha = 0, hashlib.sha256()
        for start in range(block.offset, block.end, _CHUNK):
            piece = self._read(block, start, min(_CHUNK, block.end - start))
            crc = zlib.crc32(piece, crc)
            sha.update(piece)
            yield piece
        if crc != block.crc32:
            raise _damaged(block, "CRC32")
        if sha.digest() != block.sha256:
            raise _damaged(block, "SHA-256")

    def verify_bytes(self) -> None:
        """Check every byte: CRC32 and SHA-256 of all blocks, and that nothing follows the last (A-6.3.2a).

        Raises:
            PgiChecksumError: a block is damaged; the message names it.
            PgiTruncatedError: the file ends too early.
            PgiFormatError: bytes follow the last block, or the parity block is that of another file; of a
                sequence also where its records break a rule.
            PgiUnsupportedError: a later version wrote a block, so its checks are not known; all others hold.
        """
        if self.protection is not None:
            self.protection.quiet = True
            if self.header_restored:
                raise PgiChecksumError("The header is damaged; 'pgic repair' restores it.")
        for block in self.blocks:
            if not block.unknown_flags:
                self._verify_block(block)
        check_parity(self.header, self._packets, self.protection)
        if not self.header.open_ended and self._source.read_up_to(self.size, 1):
            raise trailing(self.size)
        for block in self.blocks:
            require_known_flags(block)

    def _verify_block(self, block: BlockEntry) -> None:
        """Check all bytes of a block.

        Raises:
            PgiError: as :meth:`verify_bytes`.
        """
        for _ in self.iter_block(block):
            pass

    def _read(self, block: BlockEntry, offset: int, length: int) -> bytes:
        try:
            return self._source.read_at(offset, length)
        except PgiTruncatedError as error:
            raise PgiTruncatedError(f"The file ends before or inside the {block.name}.") from error


def require_known_flags(block: BlockEntry) -> None:
    """Raise PgiUnsupportedError if a block has flags of a later version."""
    if block.unknown_flags:
        raise PgiUnsupportedError(
            f"The {block.name} needs a later version of this software (flags 0x{block.unknown_flags:04x})."
        )


def _damaged(block: BlockEntry, check: str) -> PgiChecksumError:
    return PgiChecksumError(f"The {block.name} is damaged: its {check} does not match.")
