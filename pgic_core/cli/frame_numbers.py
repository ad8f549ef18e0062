"""Which frames of a sequence a command works on, and where what it makes of them goes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command_base import option
from .paths import STREAM, Source, Target
from .value_types import FRAME, FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["edited_frames", "frame_targets", "numbers_of"]


def edited_frames(command: Callable[..., None], *, demanded: bool = False) -> Callable[..., None]:
    """``--frame`` and ``--frames``, which ``command`` gets as ``frames``: a number, a slice or None.

    Args:
        command: that edits frames.
        demanded: whether it has to be told which of a sequence.
    """
    which = "Of a sequence, this or --frame is needed." if demanded else "[default: all]"

    @functools.wraps(command)
    def bundled(*, frame: int | None, frames: slice | None, **others: Any) -> None:
        if frame is not None and frames is not None:
            raise click.UsageError("Say --frame or --frames, not both.")
        command(frames=frames if frame is None else frame, **others)

    made: Callable[..., None] = bundled
    for decorate in (
        option(
            "--frames",
            type=FRAMES,
            metavar="A:B",
            group="Sequences",
            help=f"Only the frames from A to B - 1 of a sequence. {which}",
        ),
        option(
            "--frame",
            type=FRAME,
            metavar="N",
            group="Sequences",
            help="Only this frame of a sequence, counted from 0; -1 is the last.",
        ),
    ):
        made = decorate(made)
    return made


def numbers_of(count: int, frames: slice) -> range:
    """The frames that a slice names.

    Args:
        count: of all frames.
        frames: as of a list; negative numbers count from the end.

    Raises:
        click.UsageError: it names none.
    """
    numbers = range(count)[frames]
    if not numbers:
        raise click.UsageError(f"There are no such frames: the file has {count}.")
    return numbers


def frame_targets(
    sequence: str, folder: str, suffix: str, numbers: Sequence[int], count: int
) -> list[tuple[Target, int]]:
    """A file for each frame, named after the sequence and the frame's number, which has zeros before it.

    Args:
        sequence: path of the file, or :data:`.paths.STREAM`.
        folder: where the files go.
        suffix: of the files.
        numbers: of the frames.
        count: of all frames, whose last number sets how many digits there are.
    """
    stem = "stdin" if sequence == STREAM else Path(sequence).stem
    digits = max(4, len(str(count - 1)))
    source = Source(sequence, sequence)
    return [
        (Target(source, str(Path(folder, f"{stem}-{number:0{digits}}{suffix}")), False), number)
        for number in numbers
    ]
