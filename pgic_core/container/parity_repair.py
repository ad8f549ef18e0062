"""Whole files with parity: giving, taking away, and restoring what was lost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..errors import PgiFormatError, PgiUnsupportedError
from .block_entry import BlockType
from .parity import bare_header, protected
from .parity_packets import packets_of
from .parity_reading import Protection, lost_header
from .protected_header import read_header
from .reader import PgiReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..limits import Limits
    from .byte_source import ByteSource
    from .parity import Pieces

__all__ = ["Mended", "mend", "with_parity"]


@dataclass(frozen=True, slots=True)
class Mended:
    """A file that was restored, ready to be written.

    Attributes:
        pieces: gives its bytes, which hold together by every CRC32 and SHA-256.
        sectors: how many sectors beside the header and the parity block were lost.
        identical: whether the file was sound, parity block included.
    """

    pieces: Pieces
    sectors: int
    identical: bool


def with_parity(reader: PgiReader, share: int | None) -> Iterator[bytes | memoryview]:
    """The same file with another parity block, in pieces.

    Args:
        reader: of the file, all of whose blocks are checked on the way.
        share: in 1/10,000; None for no parity block.

    Raises:
        PgiChecksumError: a block is damaged.
    """
    pieces = partial(_without_parity, reader)
    return pieces() if share is None else protected(pieces, share)


def mend(source: ByteSource, limits: Limits, other: ByteSource | None = None) -> Mended:
    """Restore a file from its parity.

    Args:
        source: the file, whose size is known. It must not change while this and the pieces are used.
        limits: what it may ask for.
        other: a second copy of it, perhaps damaged, from which sectors are taken too.

    Raises:
        PgiFormatError: it has no parity that helps, or too much is lost; PgiChecksumError if what comes out
            is not what the directory lists.
        PgiError: as :class:`PgiReader`.
    """
    bare = _bare_file(source, limits, other)
    bare.quiet = True
    for _ in bare.bare_pieces():
        pass
    with PgiReader(bare, limits) as reader:
        for block in reader.blocks:
            for _ in reader.iter_block(block):
                pass
    pieces = partial(protected, bare.bare_pieces, bare.share)
    return Mended(pieces, len(bare.restored), _same(pieces(), source))


def _bare_file(source: ByteSource, limits: Limits, other: ByteSource | None) -> Protection:
    try:
        raw, header = read_header(source, limits)
    except (PgiFormatError, PgiUnsupportedError):
        restored = lost_header(source, limits, other)
        if restored is None:
            raise
        return restored
    parity = header.find(BlockType.PARITY)
    packets = None if parity is None else packets_of(source, parity)
    if packets is None:
        what = "The file has no parity block" if parity is None else "The parity block is lost"
        raise PgiFormatError(f"{what}, so that nothing can be restored.")
    Protection(source, packets, raw, limits)  # raises where it is that of another file
    return Protection(source, packets, None, limits, other)


def _without_parity(reader: PgiReader) -> Iterator[bytes]:
    yield bare_header(reader.source.read_at(0, reader.blocks[0].offset))[0]
    for block in reader.blocks:
        if block.type != BlockType.PARITY:
            yield from reader.iter_block(block)


def _same(pieces: Iterable[bytes | memoryview], source: ByteSource) -> bool:
    at = 0
    for piece in pieces:
        if source.read_up_to(at, len(piece)) != bytes(piece):
            return False
        at += len(piece)
    return source.size() == at
