"""Writing a sequence anew with other frames: what stands beside their pictures was edited (FORMAT.md, 11)."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import PgiChecksumError, PgiUnsupportedError
from .atomic_writing import plain_errors
from .block_entry import BlockType
from .file_header import SEQUENCE_VERSION, pack_header
from .image_fields import IMAGE_FIELDS_SIZE
from .reader import PgiReader
from .rewriting import recompressed
from .sequence_appending import SequenceAppender, begin_sequence
from .sequence_reader import NO_CHAIN, SequenceReader
from .sequence_records import SEQUENCE_HEADER
from .short_frames import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, TypeAlias

    from .sequence_records import Record

    Change: TypeAlias = Callable[[Record, bytes], bytes | None]
    """Given a record and the new chain of the frame before, the new file of the frame; None keeps it."""

__all__ = ["edit_sequence", "standalone"]

_CHUNK = 1 << 20


def standalone(reader: PgiReader) -> bytes:
    """The file of a frame, which needs no sequence to be read; a change frame needs one to be decoded.

    Args:
        reader: of the frame.

    Raises:
        PgiError: it is damaged.
        PgiUnsupportedError: it has a security block, and is compressed with the metadata of its sequence.
    """
    if reader.header.find(BlockType.SECURITY) is None:
        return b"".join(recompressed(reader, {}))
    data = reader.source.read_at(0, reader.size)
    with PgiReader(data, reader.limits, quiet=True) as alone:
        for kind in DESCRIBED:
            block = alone.header.find(kind)
            if block is not None and not block.encrypted and alone.content(kind) != reader.content(kind):
                raise PgiUnsupportedError("The frame is compressed in a way that nothing else may be put to.")
    return data


def edit_sequence(
    sequence: SequenceReader,
    out: IO[bytes],
    change: Change,
    progress: Callable[[float], None] | None = None,
    *,
    name: str = "The sequence",
) -> bool:
    """Write a sequence with edited frames. Pictures, numbers, durations and references stay.

    Records before the first edited frame are copied byte for byte. Memory does not grow with the number of
    frames.

    Args:
        sequence: the old one; all its frames are checked.
        out: an empty file that reads, writes and seeks.
        change: is asked for each frame, in their order.
        progress: called with the share of the frames that are done, 0 to 1.
        name: of the new file, for messages.

    Returns:
        Whether any frame was edited; if not, ``out`` holds nothing of use.

    Raises:
        PgiChecksumError: the old sequence is damaged.
        PgiError: as :class:`SequenceReader` and :class:`SequenceAppender`, and whatever ``change`` raises.
        PgiUnsupportedError: a later version wrote the file, or it has blocks that are unknown here.
    """
    copy = _Copy(sequence, out, name)
    count = len(sequence)
    chain = NO_CHAIN
    for record in sequence.checked_records():
        chain = sequence.chain_after(chain, record)
        copy.put(record, change(record, copy.chain))
        if progress is not None:
            progress((record.number + 1) / count)
    if chain != sequence.reader.header.image.sha256:
        raise PgiChecksumError(
            "The sequence is damaged: the chain of its frames does not match. 'pgic repair' restores frames "
            "that have parity."
        )
    return copy.edited


class _Copy:
    """The new file while it is written.

    Args:
        sequence: the old one.
        out: the new one.
        name: of the new one.
    """

    def __init__(self, sequence: SequenceReader, out: IO[bytes], name: str) -> None:
        self._old = sequence
        self._out = out
        self._name = name
        self._appender: SequenceAppender | None = None  # from the first edited frame on
        self._chain = NO_CHAIN
        self._same_dictionary = True
        reader = sequence.reader
        if reader.header.newer:
            raise PgiUnsupportedError(
                "A later version wrote the file; changing it here could lose something."
            )
        for block in reader.blocks:
            if block.type not in (*DESCRIBED, BlockType.IMAGE):
                raise PgiUnsupportedError(f"The {block.name} is unknown here and would be lost.")
        self._start = reader.header.image.offset + IMAGE_FIELDS_SIZE
        for piece in self._pieces(0, self._start + SEQUENCE_HEADER):
            self._write(piece)

    @property
    def edited(self) -> bool:
        """Whether a frame was."""
        return self._appender is not None

    @property
    def chain(self) -> bytes:
        """The chain of the last frame that was put, 32 bytes."""
        return self._chain if self._appender is None else self._appender.chain

    def put(self, record: Record, edited: bytes | None) -> None:
        """Put the next frame.

        Args:
            record: in the old file.
            edited: its new file; None if it stays.
        """
        if self._appender is None:
            if edited is None:
                self._copy_record(record)
                return
            if record.number == 0:
                self._begin(record, edited)
                return
            self._appender = self._continued(record)
        reference = None if record.is_key else self._reference(record)
        if edited is None and self._same_dictionary:
            stored = self._old.reader.read_payload(record.frame_offset, record.length)
            self._appender.append_stored(record, stored, reference)
            return
        frame = standalone(self._old.open_frame(record)) if edited is None else edited
        self._appender.append(frame, duration=record.duration, reference=reference)

    def _copy_record(self, record: Record) -> None:
        digest = hashlib.sha256(self._chain)
        for piece in self._pieces(self._start + record.offset, self._start + record.end):
            digest.update(piece)
            self._write(piece)
        self._chain = digest.digest()

    def _write(self, data: bytes | memoryview) -> None:
        with plain_errors(self._name):
            self._out.write(data)
            self._out.flush()  # so that a full disk shows here

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Bytes of the old file."""
        for at in range(start, end, _CHUNK):
            yield self._old.reader.source.read_at(at, min(_CHUNK, end - at))

    def _begin(self, record: Record, edited: bytes) -> None:
        """Make the new file of its first frame."""
        old = self._old.reader
        self._out.seek(0)
        self._out.truncate()
        for piece in begin_sequence(
            edited, key_distance=self._old.key_distance, duration=record.duration, limits=old.limits
        ):
            self._write(piece)
        self._appender = self._opened()
        new = self._appender.sequence.reader
        self._same_dictionary = all(old.dictionary(kind) == new.dictionary(kind) for kind in DESCRIBED)

    def _continued(self, record: Record) -> SequenceAppender:
        """Close the new file before a record, and open it to go on behind the frame before."""
        header = self._old.reader.header
        *before, image = header.blocks
        length = IMAGE_FIELDS_SIZE + record.offset
        last = replace(image, length=length, crc32=zlib.crc32(self._chain), sha256=self._chain)
        self._out.seek(0)
        self._write(pack_header((*before, last), header.fields_crc32, SEQUENCE_VERSION))
        return self._opened()

    def _opened(self) -> SequenceAppender:
        self._out.seek(0)
        return SequenceAppender(self._out, self._old.reader.limits, sync=False, name=self._name)

    def _reference(self, record: Record) -> Record:
        """Where the frame that a change frame changes stands in the new file."""
        assert self._appender is not None
        number = self._old.reference(record).number
        if number == self._appender.last.number:
            return self._appender.last
        self._out.seek(0)
        return SequenceReader(PgiReader(self._out, self._old.reader.limits)).record(number)
