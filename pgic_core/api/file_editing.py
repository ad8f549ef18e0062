"""Editing what stands beside the picture of a file, or beside those of the frames of a sequence."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ..container import PgiReader, atomic_write
from ..errors import PgiOptionError
from ..limits import Limits
from ..security.reader_unlocking import has_signatures, unlock
from .edit_rules import FrameToEdit, Signatures, warn_of
from .frame_choice import chosen_frames

if TYPE_CHECKING:
    from ..container.byte_source import SourceLike
    from ..options import Progress
    from ..security.keyring import KeysLike
    from .edit_rules import Change
    from .frame_choice import FramesLike

__all__ = ["edit_file"]


def edit_file(
    source: SourceLike,
    change: Change,
    *,
    signatures: Signatures,
    advice: str = "Do this before you sign.",
    target: str | os.PathLike[str] | None = None,
    frames: FramesLike = None,
    keys: KeysLike | None = None,
    locked: bool = False,
    replace: bool = True,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Edit a picture, or frames of a sequence, in one step: nobody sees a file that is half done.

    Args:
        source: the file; a path if it is edited in place. Then no frame can be appended meanwhile.
        change: edits one picture or frame.
        signatures: what becomes of them.
        advice: what to do where they must be kept, and would not be.
        target: the file to make or replace; None for the source.
        frames: of a sequence.
        keys: that open the file, as of :func:`~pgic_core.open_file`.
        locked: do not open what is encrypted.
        replace: whether a target that is there may be replaced.
        limits: what the file may ask for.
        progress: called with the share of the frames that are done, 0 to 1.

    Warns:
        PgiWarning: signatures no longer hold.

    Raises:
        PgiOptionError: there are no such frames; or signatures of frames behind these would break.
        PgiError: as :class:`PgiReader`, :func:`unlock`, :func:`edit_sequence` and ``change``.
    """
    limits = limits or Limits.from_environment()
    path = _target_of(source, target)
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(PgiReader(source, limits))
        if not reader.header.image.sequence:
            chosen_frames(1, frames)
            if not locked:
                unlock(reader, keys)
            _edit_picture(reader, path, change, signatures, replace)
            return
        # Not imported for pictures.
        from ..container.file_lock import open_locked
        from ..container.sequence_reader import SequenceReader
        from .frame_editing import FrameEdits

        if target is None or _is_same(source, target):
            stack.enter_context(open_locked(path))
            reader = stack.enter_context(PgiReader(path, limits))
        edit = FrameEdits(path, SequenceReader(reader), frames, change, signatures, keys, locked, advice)
        edit.write(replace=replace, progress=progress)


def _target_of(source: SourceLike, target: str | os.PathLike[str] | None) -> str:
    path = source if target is None else target
    if not isinstance(path, (str, os.PathLike)):
        raise PgiOptionError("Only a file with a path can be edited in place.")
    return os.fspath(path)


def _is_same(source: SourceLike, target: str | os.PathLike[str]) -> bool:
    """Whether the source is the file that is to be replaced."""
    if not isinstance(source, (str, os.PathLike)) or not os.path.exists(target):
        return False
    return os.path.samefile(source, target)


def _edit_picture(
    reader: PgiReader, path: str, change: Change, signatures: Signatures, replace: bool
) -> None:
    pieces = change(FrameToEdit(reader))
    if pieces is None:
        return
    if signatures is Signatures.BROKEN and has_signatures(reader):
        warn_of(f"{path} is signed. The change breaks its signatures; 'pgic sign' adds a new one.")
    atomic_write(path, pieces, replace=replace)
