"""Which frames of a sequence are meant, and how a sentence names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ..errors import PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FramesLike", "chosen_frames", "frame_names"]

FramesLike: TypeAlias = "int | slice | None"
"""Frames of a sequence: a number, which counts from the end if it is negative, or a slice; None for all."""

_NAMED = 4


def chosen_frames(count: int, frames: FramesLike) -> range:
    """The numbers of frames that are named.

    Args:
        count: of all frames; a picture is a file of one.
        frames: which of them.

    Raises:
        PgiOptionError: there are none of these.
    """
    there = f"the file has {count}, 0 to {count - 1}" if count > 1 else "the file has one"
    if isinstance(frames, int):
        if not -count <= frames < count:
            raise PgiOptionError(f"There is no frame {frames}: {there}.")
        return range(frames % count, frames % count + 1)
    numbers = range(count)[slice(None) if frames is None else frames]
    if not numbers:
        raise PgiOptionError(f"There are no such frames: {there}.")
    return numbers


def frame_names(numbers: Iterable[int]) -> str:
    """Frames in words: "frame 3" or "frames 0 to 4, 6 and 9 to 12".

    Args:
        numbers: of one frame or more, in ascending order.
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    if len(runs) == 1 and runs[0][0] == runs[0][1]:
        return f"frame {runs[0][0]}"
    words = [f"{first}" if first == last else f"{first} to {last}" for first, last in runs[:_NAMED]]
    if len(runs) > _NAMED:
        return f"frames {', '.join(words)} and others"
    return "frames " + ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
