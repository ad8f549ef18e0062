"""An open file as a sequence: its frames, how long each is shown, and what each changes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..codec.cells_to_rectangles import rectangles
from ..container import IMAGE_FIELDS_SIZE
from ..errors import PgiError, PgiOptionError, PgiUnsupportedError
from ..security.signatures.stated_signatures import stated_signatures
from .file_info import SequenceInfo
from .pgi_file_fields import StoredFields
from .pgi_file_pixels import StoredPicture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from numpy.typing import NDArray

    from ..container import PgiReader
    from ..security.signatures.stated_signatures import StatedSignature
    from .frame_access import FrameAccess

__all__ = ["CHANGE_BLOCK", "FrameChanges", "FramedFile"]

CHANGE_BLOCK = 64
"""Pixels along one side of a block of a change map."""

_WHOLLY_CHANGED = 255


@dataclass(frozen=True, slots=True)
class FrameChanges:
    """What a frame changes, as it is stored: no pixel was decoded for it.

    Attributes:
        blocks: uint8 (ceil(H / 64), ceil(W / 64)) of the stored picture, before EXIF orientation: 0 for a
            block in which the scene did not change, else by how much it did, up to 255.
        key: whether the frame is a key frame, which needs no other and counts as changed everywhere.
        reference: number of the frame that it changes; its own for a key frame.
        size: width and height of the picture.
    """

    blocks: NDArray[np.uint8]
    key: bool
    reference: int
    size: tuple[int, int]

    @property
    def share(self) -> float:
        """Share of the blocks that changed, 0 to 1."""
        return float(np.count_nonzero(self.blocks) / self.blocks.size)

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """What changed as boxes (x, y, width, height) in stored pixels that do not overlap.

        For recognisers that look only there: ``decode(window=box)`` decodes no more. Boxes at the right and
        at the bottom end where the picture does.
        """
        boxes = []
        for box in rectangles(self.blocks > 0):
            left, top, right, bottom = (
                min(CHANGE_BLOCK * edge, side) for edge, side in zip(box, self.size * 2, strict=True)
            )
            boxes.append((left, top, right - left, bottom - top))
        return boxes


class FramedFile(StoredPicture):
    """The part of :class:`.pgi_file.PgiFile` that is about frames. A picture is a file of one frame."""

    _frames: FrameAccess | None = None

    @property
    def is_sequence(self) -> bool:
        """Whether the file is a sequence, even if of one frame."""
        return self._frames is not None

    @property
    def n_frames(self) -> int:
        """Number of frames; 1 for a picture.

        Raises:
            PgiFormatError: the end of the sequence is damaged or missing.
        """
        return 1 if self._frames is None else len(self._frames.sequence)

    @property
    def key_distance(self) -> int:
        """The most change frames between any frame and its key frame; 0 for a picture."""
        return 0 if self._frames is None else self._frames.sequence.key_distance

    @property
    def unfinished_bytes(self) -> int:
        """Bytes of a frame that was not finished, behind the last; they are passed over."""
        return 0 if self._frames is None else self._frames.sequence.unfinished_bytes or 0

    @property
    def container(self) -> PgiReader:
        """Reader of the whole file: of a sequence, :attr:`reader` is that of its first frame."""
        return self._reader if self._frames is None else self._frames.sequence.reader

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix of the file that is enough for a preview, of a sequence that of frame 0."""
        if self._frames is None:
            return super().preview_bytes
        before = self.container.header.image.offset + IMAGE_FIELDS_SIZE
        return before + self._frames.record(0).frame_offset + super().preview_bytes

    def frame(self, number: int) -> Self:
        """A frame, as a file of its own: its metadata and pixels are read as those of any picture.

        It can be used until this file is closed.

        Args:
            number: from 0; negative numbers count from the end.

        Raises:
            PgiOptionError: there is no such frame.
            PgiFormatError: the way to it is damaged or breaks a rule.
            PgiAuthenticationError: the frame was changed after it was encrypted.
        """
        if self._frames is None:
            self._require_one(number)
            return self
        reader, reference = self._frames.open(self._frames.record(number))
        frame = type(self).__new__(type(self))
        StoredFields.__init__(frame, reader, self._limits, reference)
        return frame

    def frames(self) -> Iterator[Self]:
        """All frames from the first to the last.

        Raises:
            PgiError: as :meth:`frame`.
        """
        for number in range(self.n_frames):
            yield self.frame(number)

    def duration(self, number: int = 0) -> int | None:
        """For how many milliseconds a frame is shown; None if that is not known.

        Raises:
            PgiError: as :meth:`frame`.
        """
        if self._frames is None:
            self._require_one(number)
            return None
        return self._frames.record(number).duration or None

    @property
    def durations(self) -> list[int | None]:
        """:meth:`duration` of all frames."""
        return [self.duration(number) for number in range(self.n_frames)]

    def is_key_frame(self, number: int) -> bool:
        """Whether a frame needs no other.

        Raises:
            PgiError: as :meth:`frame`.
        """
        if self._frames is None:
            self._require_one(number)
            return True
        return self._frames.record(number).is_key

    def sequence_info(self) -> SequenceInfo | None:
        """What all records of a sequence say; None of a picture.

        Raises:
            PgiFormatError: one is damaged.
        """
        if self._frames is None:
            return None
        frames, keys, total, known = 0, 0, 0, True
        for record in self._frames.sequence.records():
            frames += 1
            keys += record.is_key
            total += record.duration
            known &= record.duration > 0
        stated: tuple[StatedSignature, ...] = ()
        with contextlib.suppress(PgiError):  # whoever opens the last frame says what is wrong with it
            stated = stated_signatures(self._frames.sequence.open_frame(record, quiet=True))
        return SequenceInfo(
            frames, keys, total if known else None, self.key_distance, self.unfinished_bytes, stated
        )

    def changes(self, number: int) -> FrameChanges:
        """What a frame changes, without decoding pixels.

        Args:
            number: as for :meth:`frame`.

        Raises:
            PgiUnsupportedError: the keys at hand open no more than the preview of the frame.
            PgiError: as :meth:`frame` and :meth:`decode`.
        """
        if self._frames is None or self.is_key_frame(number):
            rows, columns = (-(-side // CHANGE_BLOCK) for side in (self.height, self.width))
            whole = np.full((rows, columns), _WHOLLY_CHANGED, np.uint8)
            own = 0 if self._frames is None else self._frames.record(number).number
            return FrameChanges(whole, True, own, (self.width, self.height))
        record = self._frames.record(number)
        reference = self._frames.sequence.reference(record).number
        blocks = self.frame(number).coded.facts.changes
        if blocks is None:
            raise PgiUnsupportedError("The keys at hand open no more of the frame than its preview.")
        return FrameChanges(blocks, False, reference, (self.width, self.height))

    def _require_one(self, number: int) -> None:
        if number not in (0, -1):
            raise PgiOptionError(f"There is no frame {number}: the file is a single picture.")
