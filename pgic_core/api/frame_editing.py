"""Editing frames of a sequence, one after the other, and what that does to signatures (FORMAT.md, 11)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ..container import PgiReader
from ..container.atomic_writing import atomic_file
from ..container.sequence_blocks import hash_of_described, outer_hash
from ..container.sequence_editing import edit_sequence, standalone
from ..container.sequence_reader import NO_CHAIN
from ..container.sequence_records import FrameKind
from ..errors import PgiFormatError, PgiLimitError, PgiOptionError, PgiUnsupportedError, of_frame
from ..security.reader_unlocking import has_signatures, unlock
from ..security.signatures.signed_statement import FramePlace
from .edit_rules import FrameToEdit, Signatures, warn_of
from .frame_choice import chosen_frames, frame_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..container.sequence_reader import SequenceReader
    from ..container.sequence_records import Record
    from ..options import Progress
    from ..security.keyring import KeysLike
    from .edit_rules import Change
    from .frame_choice import FramesLike

__all__ = ["FrameEdits"]


class _Unchanged(Exception):
    """Leaves a file alone."""


class FrameEdits:
    """Edits frames of a sequence.

    Args:
        path: of the new file.
        sequence: the old one.
        frames: those to edit.
        change: edits one.
        signatures: what becomes of them.
        keys: of the frames.
        locked: do not open what is encrypted.
        advice: what to do where signatures must be kept, and would not be.

    Raises:
        PgiOptionError: there are no such frames.
    """

    def __init__(
        self,
        path: str,
        sequence: SequenceReader,
        frames: FramesLike,
        change: Change,
        signatures: Signatures,
        keys: KeysLike | None,
        locked: bool,
        advice: str,
    ) -> None:
        self._path = path
        self._sequence = sequence
        self._numbers = chosen_frames(len(sequence), frames)
        self._change = change
        self._signatures = signatures
        self._keys = keys
        self._locked = locked
        self._advice = advice
        self._any = False
        self._outer: bytes | None = None  # of the new file, once the first frame is edited

    def write(self, *, replace: bool, progress: Progress | None) -> None:
        """Write the new file, unless no frame changes.

        Args:
            replace: whether a file that is there may be replaced.
            progress: called with the share of the frames that are done, 0 to 1.

        Raises:
            PgiError: as :func:`edit_sequence`, and what editing a frame raises.
        """
        with contextlib.suppress(_Unchanged), atomic_file(self._path, replace=replace) as out:
            if not edit_sequence(self._sequence, out, self._edit, progress, name=self._path):
                raise _Unchanged
            if unfinished := self._sequence.unfinished_bytes:
                warn_of(f"{self._path}: {unfinished:,} bytes of a frame that was not finished are left out.")

    def _edit(self, record: Record, before: bytes) -> bytes | None:
        """The new file of a frame, or None."""
        if record.number not in self._numbers:
            return None
        try:
            edited = self._edited(record, before)
        except (PgiFormatError, PgiUnsupportedError, PgiOptionError, PgiLimitError) as error:
            raise of_frame(error, record.number) from error
        if edited is not None and not self._any:
            self._any = True
            self._tell_of_signatures(record.number)
        return edited

    def _edited(self, record: Record, before: bytes) -> bytes | None:
        data = standalone(self._sequence.open_frame(record))
        reader = PgiReader(data, self._sequence.reader.limits, quiet=True)
        if not self._locked:
            unlock(reader, self._keys)
        pieces = self._change(FrameToEdit(reader, record.number, self._place(record, before)))
        edited = data if pieces is None else b"".join(pieces)
        if edited == data:
            return None
        if record.number == 0:
            with PgiReader(edited, self._sequence.reader.limits, quiet=True) as first:
                self._outer = hash_of_described(first)
        return edited

    def _place(self, record: Record, before: bytes) -> FramePlace:
        """Where a frame stands in the new file."""
        number, duration = record.number, record.duration
        if number == 0:
            return FramePlace(0, duration, before, None, NO_CHAIN)
        if self._outer is None:
            self._outer = outer_hash(self._sequence)
        reference = None if record.is_key else self._sequence.reference(record).number
        return FramePlace(number, duration, before, reference, self._outer)

    def _tell_of_signatures(self, first: int) -> None:
        """Warn of signatures that break, or refuse to go on.

        Args:
            first: number of the first frame that changes.

        Raises:
            PgiOptionError: signatures would break that should not.
        """
        own = self._signatures is Signatures.BROKEN
        signed = list(self._signed_from(first if own else first + 1))
        if self._signatures is Signatures.RENEWED:
            signed = [number for number in signed if number not in self._numbers]
        if not signed:
            return
        broken = f"the signatures of {frame_names(signed)}, which also sign how the frames before are stored"
        if self._signatures in (Signatures.KEPT, Signatures.RENEWED):
            raise PgiOptionError(f"It would break {broken}. {self._advice}")
        warn_of(
            f"{self._path}: the change breaks {broken}; "
            f"'pgic sign --renew --frames {signed[0]}:' adds new ones."
        )

    def _signed_from(self, first: int) -> Iterator[int]:
        """Numbers of the signed frames from one on."""
        for number in range(first, len(self._sequence)):
            record = self._sequence.record(number)
            if record.kind is FrameKind.SHORT_CHANGE:  # which has no security block
                continue
            if has_signatures(self._sequence.open_frame(record, quiet=True)):
                yield number
