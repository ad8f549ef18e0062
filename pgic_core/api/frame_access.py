"""The frames of a sequence: their readers, and their pictures with all that these are decoded from."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..container import Strategy
from ..container.sequence_reader import SequenceReader
from ..errors import PgiOptionError, PgiUnsupportedError, damage_of_frame
from ..security.reader_unlocking import unlock
from .coded_image_opening import FrameReference, open_coded, strategy_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..codec.base import CodedImage
    from ..container import PgiReader
    from ..container.sequence_records import Record
    from ..limits import Limits
    from ..security.keyring import KeysLike

__all__ = ["FrameAccess"]


class FrameAccess:
    """Opens the frames of a sequence. Safe for several threads.

    Args:
        reader: of the file.
        limits: what it and each frame may ask for.
        keys: of frames that are encrypted.

    Raises:
        PgiError: as :class:`SequenceReader`.
    """

    def __init__(self, reader: PgiReader, limits: Limits, keys: KeysLike | None) -> None:
        self.sequence = SequenceReader(reader)
        self._limits = limits
        self._keys = keys
        self._lock = threading.RLock()
        # Pictures that were opened last: a key frame, and frames that change each the one before.
        self._chain: list[tuple[int, CodedImage]] = []

    def record(self, number: int) -> Record:
        """The record of a frame.

        Args:
            number: from 0; negative numbers count from the end.

        Raises:
            PgiOptionError: there is no such frame.
            PgiError: as :meth:`SequenceReader.record`.
        """
        if not isinstance(number, (int, np.integer)):
            raise PgiOptionError(f"The number of a frame is an integer, not {number!r}.")
        if number >= 0:
            return self.sequence.record(number)
        if number + len(self.sequence) < 0:
            raise PgiOptionError(f"There is no frame {number}: the sequence has {len(self.sequence)} frames.")
        return self.sequence.record(number + len(self.sequence))

    def open(self, record: Record) -> tuple[PgiReader, FrameReference | None]:
        """A frame's reader, unlocked as far as the keys go, and what it needs of frames before.

        Raises:
            PgiError: as :meth:`SequenceReader.open_frame` and :func:`unlock`.
        """
        with damage_of_frame(record.number):
            reader = self.sequence.open_frame(record)
            unlock(reader, self._keys)
        if record.is_key:
            return reader, None
        return reader, self._reference(record, partial(self._reference_of, record))

    def _reference(self, record: Record, picture: Callable[[], CodedImage]) -> FrameReference:
        """What a change frame needs of frames before, the picture of which ``picture`` gives."""
        return FrameReference(
            picture, partial(self._stored_bytes, record), partial(self._key_strategy, record)
        )

    def _key_strategy(self, record: Record) -> Strategy:
        """How the coding of a change frame's key frame was adapted; nothing where the keys do not tell."""
        key = self.sequence.references(record)[-1]
        with damage_of_frame(key.number):
            reader = self.sequence.open_frame(key, quiet=True)
            unlock(reader, self._keys)
            try:
                return strategy_of(reader)
            except PgiUnsupportedError:  # no key opens it
                return Strategy()

    def _stored_bytes(self, record: Record) -> int:
        return sum(each.length for each in self.sequence.references(record))

    def _reference_of(self, record: Record) -> CodedImage:
        """The picture that a change frame changes.

        Frame after frame from the key frame on: a chain may be longer than a stack is deep.
        """
        records = self.sequence.references(record)[:0:-1]
        with self._lock:
            known = 0
            while known < min(len(records), len(self._chain)) and (
                records[known].offset == self._chain[known][0]
            ):
                known += 1
            del self._chain[known:]
            for each in records[known:]:
                self._chain.append((each.offset, self._opened(each)))
            return self._chain[-1][1]

    def _opened(self, record: Record) -> CodedImage:
        with damage_of_frame(record.number):
            reader = self.sequence.open_frame(record)
            unlock(reader, self._keys)
            if record.is_key:
                return open_coded(reader, self._limits)
            before = self._chain[-1][1]
            return open_coded(reader, self._limits, self._reference(record, lambda: before))
