"""Writing sequences: frames are coded as pictures are, or as changes, and appended one by one."""

from __future__ import annotations

import errno
import io
import math
import os
from dataclasses import replace
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from ..audit import audited
from ..audit.logged_facts import facts_of_coded, path_of
from ..closing_on_exit import Closing
from ..container import Compression, PgiReader, atomic_write
from ..container.sequence_appending import SequenceAppender, begin_sequence
from ..container.sequence_blocks import check_outer, outer_hash
from ..container.sequence_reader import NO_CHAIN
from ..errors import PgiInputError, PgiOptionError, PgiUnsupportedError
from ..limits import Limits
from ..options import DEFAULT_KEY_DISTANCE, thread_count
from ..photos.source_image import name_of
from .change_coding import FrameCoder
from .coded_image_opening import open_coded
from .encode_request import EncodeOptions, EncodeRequest
from .frame_access import FrameAccess
from .frame_openers import openers_in
from .last_frame import NOTHING_YET, FrameGuards, rate_of_last

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self, Unpack

    from ..container.sequence_records import Record
    from ..security.keyring import KeysLike
    from ..security.signatures.signed_statement import FramePlace
    from .change_coding import CodedFrame
    from .preparing import ImageLike

__all__ = ["SequenceWriter", "WrittenFrame", "append", "encode_sequence"]


_RATES = ("quality", "lossless", "max_bytes", "ratio", "bpp", "min_psnr", "codec")


class WrittenFrame(NamedTuple):
    """A frame that was appended.

    Attributes:
        number: from 0.
        bytes: that it takes in the file.
        key: whether it is a key frame.
    """

    number: int
    bytes: int
    key: bool


class SequenceWriter(Closing):
    """Appends pictures to a sequence, each of which is in the file once :meth:`append` returns.

    A process that is killed loses no more than the frame at hand. Memory and the time for a frame do not grow
    with the number of frames. Use it as a context manager, or call :meth:`close`.

    Args:
        target: a path, or a binary file object that reads, writes and seeks. A file that is there is replaced
            by the first frame, unless it is appended to.
        append: go on with the sequence that the file is. A picture becomes its first frame, and a file that
            is not there is made.
        key_distance: 1 to 1024, the most change frames between any frame and its key frame. More make a
            smaller file, and a frame takes longer to open. The default is 64, or what the file says.
        keys: of a sequence whose last frame is encrypted; without one the next is a key frame. So it is if
            the frame is for somebody who cannot open the last one.
        sync: have the disk store each frame before :meth:`append` returns.
        options: of :func:`pgic_core.encode`, for every frame. Where nothing is said of size and loss, what is
            appended to a file has the quality of its last frame, or is lossless if that is.

    Raises:
        PgiOptionError: an option is out of range.
        PgiInputError: the file cannot be written, or another writer appends to it.
        PgiFormatError: the file to append to is damaged.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        append: bool = False,
        key_distance: int | None = None,
        keys: KeysLike | None = None,
        sync: bool = True,
        **options: Unpack[EncodeOptions],
    ) -> None:
        if key_distance is not None and not 1 <= key_distance <= 1024:
            raise PgiOptionError(f"key_distance must be from 1 to 1024, not {key_distance}.")
        _check_target(target)
        self._target = target
        self._key_distance = key_distance
        self._options = options
        self._limits = options.get("limits") or Limits.from_environment()
        self._sync = sync
        self._appender: SequenceAppender | None = None
        self._coder = FrameCoder(self._limits)
        self._guards = NOTHING_YET
        self._outer: bytes | None = None  # as of outer_hash, once a frame is signed behind the first
        self._closed = False
        if append and _is_there(target):
            self._go_on(keys)

    @classmethod
    def open(
        cls,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        key_distance: int | None = None,
        keys: KeysLike | None = None,
        **options: Unpack[EncodeOptions],
    ) -> Self:
        """A writer that appends to a file; arguments as for the class."""
        return cls(target, append=True, key_distance=key_distance, keys=keys, **options)

    @property
    def n_frames(self) -> int:
        """Frames that are in the file."""
        return 0 if self._appender is None else self._appender.last.number + 1

    def append(
        self,
        image: ImageLike,
        *,
        duration: float | None = None,
        of_many: bool = False,
        **options: Unpack[EncodeOptions],
    ) -> WrittenFrame:
        """Code a picture and append it.

        Args:
            image: as for :func:`pgic_core.encode`, of the size and kind of the first.
            duration: for how many milliseconds it is shown; None if that is not known.
            of_many: whether the other frames of a Pillow image are appended too, so that there is no need to
                name them as left out.
            options: for this frame, in place of those of the writer.

        Returns:
            What was appended.

        Raises:
            PgiError: as :func:`pgic_core.encode`; PgiOptionError also where the picture does not go with the
                sequence, the writer is closed, or the frame before is encrypted and there are no recipients;
                PgiInputError where the file cannot be written. The sequence stays as it was.
        """
        if self._closed:
            raise PgiOptionError("The sequence is closed.")
        if duration is not None and not math.isfinite(duration):
            raise PgiOptionError(f"A duration must be a number of milliseconds, not {duration}.")
        shown = 0 if duration is None else round(duration)
        before = self._options
        if any(options.get(name) for name in _RATES):  # which contradict each other
            before = {name: value for name, value in before.items() if name not in _RATES}  # type: ignore[assignment]
        request = EncodeRequest.of(image, cast("EncodeOptions", {**before, **options}), of_many=of_many)
        guards = FrameGuards.asked(request)
        self._guards.check_next(guards, self.n_frames, name_of(image))
        with audited("encode", file=path_of(image)) as event:
            if request.sign is not None:
                request = replace(request, place=self._place(shown))
            prepared = request.prepare(image)
            if self._appender is not None:
                self._appender.require_like(prepared.a2(Compression.RAW))
            coded = self._coder.code(prepared, request, self._most_depth())
            try:
                record = self._put(coded, shown)
                self._guards = guards
                self._coder.stored(prepared, request, coded)
            except BaseException:
                self._coder.forget()  # whatever is in the file now, the next frame does not refer to it
                raise
            event.facts |= facts_of_coded(coded.data)
        return WrittenFrame(record.number, record.length, record.is_key)

    def _place(self, duration: int) -> FramePlace:
        """Where the next frame stands, which its signature states; as a change of the last."""
        # Not imported for those who do not sign.
        from ..security.signatures.signed_statement import FramePlace

        if self._appender is None:
            return FramePlace(0, duration, NO_CHAIN, None, NO_CHAIN)
        if self._outer is None:
            check_outer(self._appender.sequence)
            self._outer = outer_hash(self._appender.sequence)
        last = self._appender.last.number
        return FramePlace(last + 1, duration, self._appender.chain, last, self._outer)

    def _most_depth(self) -> int:
        """The most change frames between the next frame and its key frame."""
        if self._appender is None:
            return 0
        most = self._appender.sequence.key_distance
        return min(most, self._key_distance or most, self._limits.references)

    def _put(self, coded: CodedFrame, duration: int) -> Record:
        """Write a frame, which is a change of the last or none."""
        if self._appender is not None:
            reference = None if coded.change is None else self._appender.last
            return self._appender.append(coded.data, duration=duration, reference=reference)
        distance = self._key_distance or DEFAULT_KEY_DISTANCE
        self._begin(begin_sequence(coded.data, key_distance=distance, duration=duration, limits=self._limits))
        assert self._appender is not None
        return self._appender.last

    def _begin(self, pieces: Iterator[bytes | memoryview]) -> None:
        """Make the file, and open it."""
        if isinstance(self._target, (str, os.PathLike)):
            atomic_write(self._target, pieces)
        else:
            start = self._target.tell()
            for piece in pieces:
                self._target.write(piece)
            self._target.seek(start)
        self._appender = SequenceAppender(self._target, self._limits, sync=self._sync)

    def _go_on(self, keys: KeysLike | None) -> None:
        """Open the file that is there."""
        start = None if isinstance(self._target, (str, os.PathLike)) else self._target.tell()
        with PgiReader(self._target, self._limits) as reader:
            picture = None if reader.header.image.sequence else reader.source.read_at(0, reader.size)
        if start is not None:
            cast("IO[bytes]", self._target).seek(start)
        if picture is not None:
            distance = self._key_distance or DEFAULT_KEY_DISTANCE
            self._begin(begin_sequence(picture, key_distance=distance, limits=self._limits))
        else:
            self._appender = SequenceAppender(self._target, self._limits, sync=self._sync)
        try:
            self._take_up(keys)
        except BaseException:
            self.close()
            raise

    def _take_up(self, keys: KeysLike | None) -> None:
        """Look at the last frame, which the next one may change."""
        assert self._appender is not None
        frames = FrameAccess(self._appender.sequence.reader, self._limits, keys)
        frame, reference = frames.open(frames.sequence.last)
        self._guards = FrameGuards.of(frame)
        if not any(self._options.get(name) for name in _RATES):
            self._options = {**self._options, **rate_of_last(frames, self._limits)}
        try:
            last = open_coded(frame, self._limits, reference)
        except PgiUnsupportedError:  # encrypted, or by a codec or model that is not here
            return
        self._coder.start(last, thread_count(self._options.get("threads")), openers_in(frame))

    def close(self) -> None:
        """Let go of the file; a file object that was handed in stays open."""
        self._closed = True
        if self._appender is not None:
            self._appender.close()


def append(
    path: str | os.PathLike[str],
    image: ImageLike,
    *,
    duration: float | None = None,
    keys: KeysLike | None = None,
    **options: Unpack[EncodeOptions],
) -> WrittenFrame:
    """Append one picture to a sequence; see :class:`SequenceWriter` for several.

    Args:
        path: of the sequence. A picture becomes its first frame, and a file that is not there is made.
        image: as for :func:`pgic_core.encode`.
        duration: for how many milliseconds it is shown.
        keys: as for :class:`SequenceWriter`.
        options: as for :func:`pgic_core.encode`.

    Returns:
        What was appended.

    Raises:
        PgiError: as :class:`SequenceWriter` and its ``append``.
    """
    with SequenceWriter(path, append=True, keys=keys, **options) as writer:
        return writer.append(image, duration=duration)


def encode_sequence(
    images: Iterable[ImageLike],
    path: str | os.PathLike[str],
    *,
    durations: float | Sequence[float | None] | None = None,
    key_distance: int | None = None,
    **options: Unpack[EncodeOptions],
) -> int:
    """Code pictures as the frames of a sequence.

    Args:
        images: as for :func:`pgic_core.encode`; taken one after the other.
        path: the file to make or replace.
        durations: for how many milliseconds frames are shown: one number for all, or one for each.
        key_distance: as for :class:`SequenceWriter`.
        options: as for :func:`pgic_core.encode`, for all frames.

    Returns:
        Bytes of the file.

    Raises:
        PgiOptionError: there are no pictures, or not as many as durations.
        PgiError: as :meth:`SequenceWriter.append`; the frames before are in the file.
    """
    with SequenceWriter(path, key_distance=key_distance, sync=False, **options) as writer:
        for number, image in enumerate(images):
            writer.append(image, duration=_duration(durations, number))
        if not writer.n_frames:
            raise PgiOptionError("A sequence has one picture or more.")
    return os.path.getsize(path)


def _duration(durations: float | Sequence[float | None] | None, number: int) -> float | None:
    if durations is None or isinstance(durations, (int, float)):
        return durations
    if number >= len(durations):
        raise PgiOptionError(f"There are {len(durations)} durations, and more pictures.")
    return durations[number]


def _check_target(target: object) -> None:
    """Raise unless a file or file object can hold a sequence."""
    if isinstance(target, (str, os.PathLike)):
        if not os.path.isdir(os.path.dirname(os.fspath(target)) or "."):  # before any picture is coded
            reason = "The file cannot be written, because the folder does not exist"
            raise PgiInputError(errno.ENOENT, reason, os.fspath(target))
        return
    able = (getattr(target, name, bool)() for name in ("readable", "writable", "seekable"))
    if isinstance(target, io.TextIOBase) or not all(able):
        raise PgiOptionError("A sequence goes to a path, or to a binary file object that reads and writes.")


def _is_there(target: str | os.PathLike[str] | IO[bytes]) -> bool:
    """Whether there is something to append to."""
    if isinstance(target, (str, os.PathLike)):
        return os.path.exists(target) and os.path.getsize(target) > 0
    start = target.tell()
    found = bool(target.read(1))
    target.seek(start)
    return found
