"""Damaged sequences: frames are restored from their parity, or cut off (FORMAT.md, 10 and 11)."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ..errors import PgiChecksumError, PgiFormatError, PgiTruncatedError
from .byte_source import PartSource
from .file_header import pack_header
from .image_fields import IMAGE_FIELDS_SIZE
from .parity_repair import Mended, mend
from .reader import PgiReader
from .sequence_reader import NO_CHAIN, SequenceReader
from .sequence_records import FrameKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..limits import Limits
    from .byte_source import ByteSource
    from .sequence_records import Record

__all__ = ["Cut", "cut_sequence", "mend_sequence"]

_CHUNK = 1 << 20
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Cut:
    """A sequence that ended too early, without what is not whole.

    Attributes:
        pieces: gives its bytes.
        frames: that are whole.
        lost_bytes: behind them.
    """

    pieces: Callable[[], Iterator[bytes]]
    frames: int
    lost_bytes: int


def cut_sequence(source: ByteSource, limits: Limits) -> Cut | None:
    """Cut a sequence that ends too early behind its last whole frame.

    The frames themselves are not checked: what is damaged in one, ``verify`` names afterwards.

    Args:
        source: the file, whose size is known. It must not change while this and the pieces are used.
        limits: what it may ask for.

    Returns:
        What is left; None if the sequence ends where it should.

    Raises:
        PgiTruncatedError: no frame is whole.
        PgiError: as :class:`SequenceReader`.
    """
    size = source.size() or 0
    with PgiReader(source, limits, quiet=True) as reader:
        if size >= reader.size:
            return None
        sequence, chain, last = SequenceReader(reader), NO_CHAIN, None
        for record in sequence.whole_records():
            chain = sequence.chain_after(chain, record)
            last = record
        if last is None:
            raise PgiTruncatedError("The file ends inside the first frame of its sequence.")
        *before, image = reader.blocks
        length = IMAGE_FIELDS_SIZE + last.end
        blocks = (*before, replace(image, length=length, crc32=zlib.crc32(chain), sha256=chain))
        header = pack_header(blocks, reader.header.fields_crc32, reader.header.version)
    return Cut(
        partial(_headed, header, source, image.offset + length), last.number + 1, size - blocks[-1].end
    )


def _headed(header: bytes, source: ByteSource, end: int) -> Iterator[bytes]:
    yield header
    yield from _copied(source, len(header), end)


def mend_sequence(source: ByteSource, limits: Limits) -> Mended:
    """Restore the frames of a sequence from their parity.

    Header, directory and what stands between frames have no parity: where they are damaged, this raises.

    Args:
        source: the file, whose size is known. It must not change while this and the pieces are used.
        limits: what it, and each frame, may ask for.

    Raises:
        PgiChecksumError: a frame is damaged, and has no parity that restores it.
        PgiFormatError: no frame has parity that helps.
        PgiError: otherwise as :class:`SequenceReader`.
    """
    with PgiReader(source, limits, quiet=True) as reader:
        image = reader.header.image
        start = image.offset + IMAGE_FIELDS_SIZE
        parity = False
        chain, mended, beyond = NO_CHAIN, list[tuple[int, int, Mended]](), list[int]()
        for record in SequenceReader(reader).records():
            frame = PartSource(source, start + record.frame_offset, record.length)
            found = _mended(frame, record, limits)
            parity |= found is not None
            if found is None:
                if not _is_sound(frame, record, reader, limits):
                    beyond.append(record.number)
            elif not found.identical:
                mended.append((start + record.frame_offset, record.length, found))
            chain = _chain(chain, source, start, record, found)
    if not parity:
        raise PgiFormatError("No frame of the sequence has parity, so that nothing can be restored.")
    if beyond:
        more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        names = ", ".join(map(str, beyond[:_NAMED]))
        raise PgiChecksumError(f"No parity restores what is damaged in frame {names}{more}.")
    if chain != image.sha256:
        raise PgiChecksumError("The sequence is damaged between its frames, where there is no parity.")
    sectors = sum(found.sectors for _, _, found in mended)
    return Mended(partial(_pieces, source, mended), sectors, not mended)


def _mended(frame: PartSource, record: Record, limits: Limits) -> Mended | None:
    """A frame as its parity restores it; None if it has none that helps."""
    if record.kind is FrameKind.SHORT_CHANGE:
        return None
    try:
        return mend(frame, limits)
    except PgiFormatError:
        return None


def _is_sound(frame: PartSource, record: Record, outer: PgiReader, limits: Limits) -> bool:
    """Whether a frame without parity is as it was written, as far as its own checks tell."""
    if record.kind is FrameKind.SHORT_CHANGE:
        return True  # the chain tells
    try:
        with PgiReader(frame, limits, quiet=True, sequence=outer) as reader:
            reader.verify_bytes()
    except PgiFormatError:
        return False
    return True


def _chain(before: bytes, source: ByteSource, start: int, record: Record, frame: Mended | None) -> bytes:
    """The chain of a frame, from that of the one before, with the frame as it was restored."""
    digest = hashlib.sha256(before)
    digest.update(source.read_at(start + record.offset, record.frame_offset - record.offset))
    end = record.frame_offset + record.length
    stored = partial(_copied, source, start + record.frame_offset, start + end)
    for piece in stored() if frame is None else frame.pieces():
        digest.update(piece)
    digest.update(source.read_at(start + end, record.end - end))
    return digest.digest()


def _pieces(source: ByteSource, mended: list[tuple[int, int, Mended]]) -> Iterator[bytes | memoryview]:
    """The file with its restored frames, which have the size that they had."""
    at = 0
    for start, length, found in mended:
        yield from _copied(source, at, start)
        yield from found.pieces()
        at = start + length
    yield from _copied(source, at, source.size() or 0)


def _copied(source: ByteSource, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _CHUNK):
        yield source.read_at(at, min(_CHUNK, end - at))
