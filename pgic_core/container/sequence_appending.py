"""Writing a sequence: the file of its first frame, and frames that are appended to it (FORMAT.md, 11)."""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from ..closing_on_exit import Closing
from ..errors import PgiInputError, PgiOptionError, PgiUnsupportedError
from ..limits import DEFAULT_LIMITS
from .atomic_writing import plain_errors
from .block_entry import BlockEntry, BlockFlag, BlockType
from .file_header import SEQUENCE_VERSION, pack_header
from .file_lock import open_locked
from .image_fields import IMAGE_FIELDS_SIZE, Compression, ImageType
from .reader import PgiReader
from .rewriting import copied_block, recompressed
from .sequence_reader import NO_CHAIN, SequenceReader
from .sequence_records import (
    MAX_DURATION,
    RECORD_TAIL,
    SEQUENCE_HEADER,
    FrameKind,
    Record,
    pack_sequence_header,
)
from .short_frames import DESCRIBED, has_short_form, short_form
from .writer import Block, assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..limits import Limits
    from .image_fields import ImageFields

__all__ = ["SequenceAppender", "begin_sequence"]


def begin_sequence(
    frame: bytes, *, key_distance: int, duration: int = 0, limits: Limits = DEFAULT_LIMITS
) -> Iterator[bytes | memoryview]:
    """The file of a sequence with one frame, in pieces.

    Args:
        frame: a ``.pgi`` file of a picture.
        key_distance: 1 to 1024, the most change frames between any frame and its key frame.
        duration: for how many milliseconds the frame is shown; 0 if unknown.
        limits: of the frame.

    Raises:
        PgiOptionError: the frame is no picture, or a number is out of range.
        PgiError: as :class:`PgiReader`.
    """
    header = pack_sequence_header(key_distance)
    with PgiReader(frame, limits) as reader:
        _require_picture(reader)
        fields = replace(reader.fields, compression_type=Compression.SEQUENCE).to_bytes()
        small: list[Block] = []
        if not reader.header.image.encrypted:
            small = [copied_block(reader, block) for block in reader.blocks if block.type in DESCRIBED]
        kind, data = _stored(reader, frame, reader.dictionary if small else _no_dictionary)
        at = SEQUENCE_HEADER
        record = _sized(Record(at, kind, 0, 0, _checked(duration), at, at, at, at, len(data)))
        stored = record.head() + data + _tail(record)
        pieces = [fields, header, stored]
        chain = hashlib.sha256(NO_CHAIN + stored).digest()
        entry = BlockEntry(
            BlockType.IMAGE, BlockFlag.SEQUENCE, 0, IMAGE_FIELDS_SIZE + record.end, zlib.crc32(chain), chain
        )
        return iter([*assemble([*small, Block(entry, pieces)], zlib.crc32(fields), SEQUENCE_VERSION)])


class SequenceAppender(Closing):
    """Appends frames to the file of a sequence. Memory does not grow with the number of frames.

    The file is locked against other writers, where the system has locks. Use it as a context manager, or
    call :meth:`close`.

    Args:
        target: a path, or a binary file object that reads, writes and seeks, from whose present position the
            sequence goes to the end.
        limits: what the file may ask for.
        sync: have the disk store each frame before the next; without, a power cut may lose more than one.
        name: of a file object, for messages.

    Raises:
        PgiInputError: the file cannot be written, or another writer is appending to it.
        PgiFormatError: the file is no sequence, or its end is damaged.
        PgiUnsupportedError: a later version wrote it.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        limits: Limits = DEFAULT_LIMITS,
        *,
        sync: bool = True,
        name: str = "The sequence",
    ) -> None:
        self._owned = isinstance(target, (str, os.PathLike))
        self._name, self._file = _opened(target, name)
        self._limits = limits
        self._sync = sync
        self._unsure = False
        try:
            with plain_errors(self._name):
                self._base = self._file.tell()
            self._reader = PgiReader(self._file, limits)
            if self._reader.header.newer:
                raise PgiUnsupportedError(
                    "A later version wrote the sequence; nothing is appended to it here."
                )
            self._sequence = SequenceReader(self._reader)
            self._ancestors = self._read_ancestors()
        except BaseException:
            self.close()
            raise
        self._blocks = self._reader.blocks

    def _read_ancestors(self) -> list[Record]:
        """The last record, and before it those that its jumps lead to, one after the other."""
        found = [self._sequence.last]
        while found[0].number:
            found.insert(0, self._sequence.record(found[0].jump_number))
        return found

    @property
    def sequence(self) -> SequenceReader:
        """The sequence as it was when it was opened."""
        return self._sequence

    @property
    def last(self) -> Record:
        """The record of the last frame."""
        return self._ancestors[-1]

    @property
    def chain(self) -> bytes:
        """The chain of the last frame, 32 bytes."""
        return self._blocks[-1].sha256

    def append(self, frame: bytes, *, duration: int = 0, reference: Record | None = None) -> Record:
        """Append a frame, in three steps, of which the last makes it count.

        Args:
            frame: a ``.pgi`` file of a picture, or of a change frame.
            duration: for how many milliseconds it is shown; 0 if unknown.
            reference: of a change frame, the record of the frame that it changes.

        Returns:
            Its record.

        Raises:
            PgiOptionError: the frame does not go with the sequence, or a number is out of range.
            PgiLimitError: there would be too many frames.
            PgiInputError: the file cannot be written; what was in it still is.
        """
        if self._unsure:
            raise PgiInputError(f"{self._name} could not be written before; open it again to go on.")
        with PgiReader(frame, self._limits, quiet=True) as reader:
            self._check(reader, reference)
            kind, data = _stored(reader, frame, self._reader.dictionary)
        return self._append(kind, data, duration, reference)

    def append_stored(self, record: Record, stored: bytes, reference: Record | None) -> Record:
        """Append a frame of another file of this sequence, as that stores it.

        Args:
            record: of the frame there.
            stored: its bytes, which are compressed with the same dictionary.
            reference: of a change frame, the record of the frame that it changes, here.

        Returns:
            Its record here.

        Raises:
            PgiInputError: the file cannot be written.
        """
        return self._append(record.kind, stored, record.duration, reference)

    def _append(self, kind: FrameKind, data: bytes, duration: int, reference: Record | None) -> Record:
        record = self._next_record(kind, len(data), duration, reference)
        stored = record.head() + data + _tail(record)
        *before, image = self._blocks
        chain = hashlib.sha256(image.sha256 + stored).digest()
        length = IMAGE_FIELDS_SIZE + record.end
        blocks = (*before, replace(image, length=length, crc32=zlib.crc32(chain), sha256=chain))
        with plain_errors(self._name):
            self._write(image.offset + IMAGE_FIELDS_SIZE + record.offset, stored)
            header = pack_header(blocks, self._reader.header.fields_crc32, SEQUENCE_VERSION)
            # Interrupted in here, the file may count the frame or not.
            self._unsure = True
            self._write(0, header, cut=False)
            self._unsure = False
        self._blocks = blocks
        while self._ancestors[-1].number != record.jump_number:
            self._ancestors.pop()
        self._ancestors.append(record)
        return record

    def require_like(self, fields: ImageFields) -> None:
        """Raise unless a picture with these A.2 fields goes with the sequence, whatever its codec.

        Raises:
            PgiOptionError: it does not.
        """
        outer = self._reader.fields
        for what, unit, here, there in (
            ("width", " pixels", fields.width, outer.width),
            ("height", " pixels", fields.height, outer.height),
            ("depth", " bits", fields.color_depth, outer.color_depth),
            ("kind", "", _kind(fields.image_type), _kind(outer.image_type)),
        ):
            if here != there:
                raise PgiOptionError(
                    f"All frames of a sequence have the same {what}: {there}{unit}, not {here}{unit}."
                )

    def _check(self, reader: PgiReader, reference: Record | None) -> None:
        """Raise unless the frame goes with the sequence."""
        fields = reader.fields
        self.require_like(fields)
        if reference is None:
            _require_picture(reader)
        elif fields.compression_type != Compression.CHANGE:
            raise PgiOptionError("A key frame has no reference.")
        elif reference.depth >= self._sequence.key_distance:
            raise PgiOptionError(f"The frame would be {reference.depth + 1} frames from its key frame.")
        else:
            self._limits.check("references", reference.depth + 1, "The frame")
        self._limits.check("frames", self.last.number + 2, "The sequence")

    def _next_record(self, kind: FrameKind, length: int, duration: int, reference: Record | None) -> Record:
        last = self.last
        offset, number = last.end, last.number + 1
        jump = next(record for record in self._ancestors if record.number == number & last.number)
        record = Record(
            offset=offset,
            kind=kind,
            number=number,
            depth=0 if reference is None else reference.depth + 1,
            duration=_checked(duration),
            previous=last.offset,
            jump=jump.offset,
            key=offset if reference is None else reference.key,
            reference=offset if reference is None else reference.offset,
            length=length,
        )
        return _sized(record)

    def _write(self, offset: int, data: bytes, *, cut: bool = True) -> None:
        """Write at an offset, at the end of the file if ``cut``, and have it stored."""
        file = self._file
        if cut:
            file.truncate(self._base + offset)
        if self._owned and hasattr(os, "pwrite"):
            view, at = memoryview(data), offset
            while view:
                done = os.pwrite(file.fileno(), view, at)
                view, at = view[done:], at + done
        else:
            file.seek(self._base + offset)
            file.write(data)
            file.flush()
        if self._sync and self._owned:
            os.fsync(file.fileno())

    def close(self) -> None:
        """Let go of the file, once the disk has all of it."""
        if self._owned:
            if not self._sync and not self._file.closed:
                with plain_errors(self._name):
                    os.fsync(self._file.fileno())
            self._file.close()
        elif hasattr(self, "_blocks"):
            self._file.seek(self._base + self._blocks[-1].end)


def _stored(reader: PgiReader, frame: bytes, dictionary: Callable[[int], bytes]) -> tuple[FrameKind, bytes]:
    """How a frame is stored, and its bytes.

    Its metadata is compressed with that of the sequence, unless a security block speaks of the stored bytes.
    """
    kind = FrameKind.CHANGE if reader.fields.compression_type == Compression.CHANGE else FrameKind.KEY
    if has_short_form(reader):
        return FrameKind.SHORT_CHANGE, short_form(reader, dictionary)
    if reader.header.find(BlockType.SECURITY) is not None:
        return kind, frame
    return kind, b"".join(recompressed(reader, {each: dictionary(each) for each in DESCRIBED}))


def _no_dictionary(_: int) -> bytes:
    return b""


def _sized(record: Record) -> Record:
    """The record with the length of its head."""
    return replace(record, head_length=len(record.head()))


def _tail(record: Record) -> bytes:
    """The bytes after the frame.

    Raises:
        PgiOptionError: the frame is too large for them.
    """
    size = record.end - record.offset
    if size >= 1 << 32:
        raise PgiOptionError(f"A frame of a sequence has less than 4 GiB, not {record.length:,} bytes.")
    return size.to_bytes(RECORD_TAIL, "little")


def _require_picture(reader: PgiReader) -> None:
    """Raise unless a frame can be decoded by itself."""
    if reader.fields.compression_type == Compression.SEQUENCE:
        raise PgiOptionError("A frame of a sequence is a picture, not a sequence.")
    if reader.fields.compression_type == Compression.CHANGE:
        raise PgiOptionError("A change frame needs the frame that it changes.")


def _kind(image_type: int) -> str:
    known = image_type in ImageType.__members__.values()
    return ImageType(image_type).name.lower() if known else str(image_type)


def _checked(duration: int) -> int:
    if not 0 <= duration <= MAX_DURATION:
        raise PgiOptionError(f"A duration must be from 0 to {MAX_DURATION} milliseconds, not {duration}.")
    return duration


def _opened(target: str | os.PathLike[str] | IO[bytes], name: str) -> tuple[str, Any]:
    """Name and file of what is appended to."""
    if isinstance(target, (str, os.PathLike)):
        return os.fspath(target), open_locked(os.fspath(target))
    return name, target
