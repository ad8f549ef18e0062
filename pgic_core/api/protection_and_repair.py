"""Keeping files whole: parity, repair, and a second copy that heals and is healed (A-6.5.3f)."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from ..audit import audited
from ..audit.logged_facts import path_of
from ..container import PgiReader, atomic_write, open_source
from ..container.file_lock import open_locked
from ..container.parity import share_of
from ..container.parity_repair import mend, with_parity
from ..container.sequence_repair import cut_sequence, mend_sequence
from ..errors import PgiError, PgiFormatError, PgiInputError
from ..limits import Limits
from .edit_rules import Signatures
from .file_editing import edit_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from ..container import ByteSource
    from ..options import Progress
    from .edit_rules import FrameToEdit
    from .frame_choice import FramesLike

    Outcome: TypeAlias = Literal["same", "copied", "updated", "healed copy", "healed source", "healed both"]

__all__ = ["Repair", "protect", "repair", "replicate"]

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Repair:
    """What :func:`repair` found.

    Attributes:
        changed: whether the file was damaged, and is mended.
        sectors: sectors beside header and parity block that were lost.
        frames: of a sequence that ended too early, how many are whole and were kept; else None.
        lost_bytes: behind them, which were cut off.
    """

    changed: bool
    sectors: int
    frames: int | None = None
    lost_bytes: int = 0


def protect(
    path: str | os.PathLike[str],
    share: float | None = 0.05,
    *,
    frames: FramesLike = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Give a file parity, or take it away. All other bytes stay, so that a signature holds.

    The frames of a sequence get parity one by one. Signed frames behind the first of them must not be there,
    since their signatures also sign how the frames before are stored.

    Args:
        path: the file, which is replaced in one step.
        share: bytes of parity for each byte of the file, 0.0001 to 1; None for no parity.
        frames: those of a sequence that get it: a number, which counts from the end if it is negative, or a
            slice; None for all.
        limits: what the file may ask for.
        progress: called with the share of the frames that are done, 0 to 1.

    Raises:
        PgiOptionError: the share is out of range; there are no such frames; or signatures would break.
        PgiFormatError: the file is damaged; :func:`repair` it first.
        PgiInputError: it cannot be read or written.
    """
    wanted = None if share is None else share_of(share)

    def change(frame: FrameToEdit) -> Iterator[bytes | memoryview] | None:
        reader = frame.reader
        if reader.parity_share == wanted and reader.protection is None:
            return None
        return with_parity(reader, wanted)

    with audited("edit", file=path_of(path), what="parity"):
        edit_file(
            path,
            change,
            signatures=Signatures.KEPT,
            frames=frames,
            locked=True,
            limits=limits,
            progress=progress,
        )


def repair(path: str | os.PathLike[str], *, cut: bool = False, limits: Limits | None = None) -> Repair:
    """Restore a damaged file from its parity, byte for byte. It takes no key.

    Of a sequence, each frame is restored from its own parity; what stands between frames has none.

    Args:
        path: the file; if it is sound, it is left alone.
        cut: if the file is a sequence that ends too early, keep the frames that are whole, rather than fail.
        limits: what the file may ask for.

    Raises:
        PgiFormatError: the file has no parity that helps, or too much is lost; it stays as it is.
        PgiInputError: it cannot be read or written.
    """
    limits = limits or Limits.from_environment()
    with audited("edit", file=path_of(path), what="repair"), contextlib.ExitStack() as stack:
        source = stack.enter_context(open_source(path, limits))
        if source.size() is None:
            raise PgiInputError("Only a file can be repaired, not a pipe or device.")
        is_sequence = _is_sequence(source, limits)
        if is_sequence:
            stack.enter_context(open_locked(os.fspath(path)))  # so that no frame is appended meanwhile
            source = stack.enter_context(open_source(path, limits))
            if cut and (kept := cut_sequence(source, limits)) is not None:
                atomic_write(path, kept.pieces())
                return Repair(True, 0, kept.frames, kept.lost_bytes)
        try:
            mended = mend_sequence(source, limits) if is_sequence else mend(source, limits)
        except PgiFormatError:
            if _fault(os.fspath(path), limits) is not None:
                raise
            return Repair(False, 0)  # without parity, and sound
        if not mended.identical:
            atomic_write(path, mended.pieces())
    return Repair(not mended.identical, mended.sectors)


def _is_sequence(source: ByteSource, limits: Limits) -> bool:
    try:
        with PgiReader(source, limits, quiet=True) as reader:
            return reader.header.image.sequence
    except PgiError:  # damaged; whoever restores it says more
        return False


def replicate(
    source: str | os.PathLike[str],
    copy: str | os.PathLike[str],
    *,
    force: bool = False,
    limits: Limits | None = None,
) -> Outcome:
    """Keep a second copy of a file, and heal either of the two from its parity and from the other.

    A missing copy is made, also of a missing source. Where both are sound and differ, the copy is made anew
    if the source was changed last.

    Args:
        source: a ``.pgi`` file.
        copy: where its second copy is or should be, on another disk if possible.
        force: make the copy anew where both are sound and differ, whichever was changed last.
        limits: what the files may ask for.

    Returns:
        What was done.

    Raises:
        PgiInputError: both are missing, or cannot be read or written; or they are sound and differ, and the
            copy was changed last.
        PgiFormatError: both are damaged, and cannot be restored even together.
    """
    source, copy = os.fspath(source), os.fspath(copy)
    with audited("edit", file=path_of(copy), what="replicate"):
        return _replicated(source, copy, force, limits or Limits.from_environment())


def _replicated(source: str, copy: str, force: bool, limits: Limits) -> Outcome:
    if os.path.exists(source) and os.path.exists(copy) and os.path.samefile(source, copy):
        raise PgiInputError(f"{copy} is the file itself, not a second copy.")
    for here, there, outcome in ((source, copy, "copied"), (copy, source, "healed source")):
        if not os.path.lexists(there):
            fault = _fault(here, limits)
            if fault is not None:
                raise fault
            atomic_write(there, _bytes_of(here, limits), replace=False)
            return outcome  # type: ignore[return-value]
    faults = _fault(source, limits), _fault(copy, limits)
    if faults[0] is not None and faults[1] is not None:
        return _heal_both(source, copy, limits)
    if faults[0] is not None:
        return _healed(source, copy, limits, "healed source")
    if faults[1] is not None:
        return _healed(copy, source, limits, "healed copy")
    if _equal(source, copy, limits):
        return "same"
    if not force and os.stat(source).st_mtime_ns < os.stat(copy).st_mtime_ns:
        raise PgiInputError(f"{copy} is sound, differs from {source} and was changed after it.")
    atomic_write(copy, _bytes_of(source, limits))
    return "updated"


def _fault(path: str, limits: Limits) -> PgiFormatError | None:
    """What is wrong with a file's bytes, of which none is decoded; None if it is sound."""
    try:
        with PgiReader(path, limits, quiet=True) as reader:
            reader.verify()
    except PgiFormatError as error:
        return error
    return None


def _healed(damaged: str, sound: str, limits: Limits, outcome: Outcome) -> Outcome:
    """Mend a file from its parity; else it is made from the sound one.

    Its own parity comes first: the other may be of another state.
    """
    try:
        repair(damaged, limits=limits)
    except PgiFormatError:
        atomic_write(damaged, _bytes_of(sound, limits))
        return outcome
    if not _equal(damaged, sound, limits):
        raise PgiInputError(f"{damaged} is repaired; it differs from {sound}, which is sound too.")
    return outcome


def _heal_both(source: str, copy: str, limits: Limits) -> Outcome:
    """Mend two damaged files: each from its parity and the other's sectors, or from the other's blocks."""
    reasons: list[PgiError] = []
    for here, there in ((source, copy), (copy, source)):
        try:
            with open_source(here, limits) as file, open_source(there, limits) as other:
                try:
                    pieces = mend(file, limits, other).pieces
                except PgiFormatError:
                    pieces = partial(_joined, file, other, limits)
                    for _ in pieces():
                        pass
                atomic_write(here, pieces())
        except PgiFormatError as error:
            reasons.append(error)
            continue
        atomic_write(there, _bytes_of(here, limits))
        return "healed both"
    raise PgiFormatError(f"Both files are damaged beyond repair: {reasons[0]}")


def _joined(file: ByteSource, other: ByteSource, limits: Limits) -> Iterator[bytes]:
    """A file whose header is sound, each damaged block taken from the other."""
    with PgiReader(file, limits) as reader:
        yield file.read_at(0, reader.blocks[0].offset)
        for block in reader.blocks:
            try:
                data = reader.read_block(block)
            except PgiFormatError:
                with PgiReader(other, limits) as second:
                    twin = second.header.find(block.type)
                    if twin is None or twin.sha256 != block.sha256:
                        raise
                    data = second.read_block(twin)
            yield data


def _bytes_of(path: str, limits: Limits) -> Iterable[bytes]:
    with open_source(path, limits) as source:
        for start in range(0, source.size() or 0, _CHUNK):
            yield source.read_up_to(start, _CHUNK)


def _equal(one: str, two: str, limits: Limits) -> bool:
    if os.path.getsize(one) != os.path.getsize(two):
        return False
    return all(a == b for a, b in zip(_bytes_of(one, limits), _bytes_of(two, limits), strict=True))
