"""Which files a command reads, and where its outputs go."""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ..errors import PgiInputError
from ..folders import files_below
from ..terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    Existing = Literal["refuse", "overwrite", "skip"]

__all__ = [
    "PGI_SUFFIXES",
    "STREAM",
    "Source",
    "Target",
    "claim",
    "find_sources",
    "place_targets",
    "split_decoded",
    "split_output",
]

PGI_SUFFIXES = (".pgi",)

STREAM = "-"
"""Standard input or output."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to work on.

    Attributes:
        name: its path, or :data:`STREAM`.
        below: its path from the folder that was named, or its bare name; its place in an output folder.
    """

    name: str
    below: str

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input, or a pipe or device that a path names."""
        return self.name == STREAM or _is_stream(self.name)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a source's result goes.

    Attributes:
        source: the source.
        name: path, or :data:`STREAM`.
        typed: whether the user typed this very name; others are not overwritten unasked.
        replace: whether a file of this name may be replaced when the result is written.
    """

    source: Source
    name: str
    typed: bool
    replace: bool = True


def find_sources(
    arguments: Sequence[str], suffixes: Collection[str], *, order: Callable[[str], Any] | None = None
) -> list[Source]:
    """The files that arguments name, in their order.

    Args:
        arguments: files, ``-``, patterns (where no file has that name) and folders. A folder stands for all
            files in it and below whose suffix is one of ``suffixes``, sorted; names that start with a
            dot and symbolic links to folders are left out. Pipes and devices are taken where they are named
            themselves; in folders and patterns they are left out, with a line that says so.
        suffixes: lower case, with the dot.
        order: as for :func:`.files_below`, of patterns too.

    Returns:
        The sources. A name or pattern without a file stands for itself, and fails when it is opened.

    Raises:
        click.UsageError: an argument is empty.
    """
    sources: list[Source] = []
    for argument in arguments:
        if argument == STREAM:
            sources.append(Source(STREAM, STREAM))
            continue
        if not argument:
            raise click.UsageError("The name of an input is empty.")
        is_pattern = glob.has_magic(argument) and not os.path.exists(argument)
        names = sorted(glob.glob(argument, recursive=True), key=order) if is_pattern else []
        for name in names or [argument]:
            if is_pattern and _is_stream(name):
                _say_left_out(name)
            elif os.path.isdir(name):
                sources += _below(name, suffixes, order)
            else:
                sources.append(Source(name, os.path.basename(name)))
    return sources


def split_output(
    arguments: Sequence[str], output: str | None, is_output: Collection[str]
) -> tuple[list[str], str | None]:
    """Tell ``INPUT OUTPUT`` from several inputs.

    Args:
        arguments: what was given.
        output: what ``-o`` said, or None.
        is_output: suffixes that make the second of two arguments the output.

    Returns:
        Inputs and output.
    """
    if output is None and len(arguments) == 2:
        first, second = arguments
        if second == STREAM or Path(second).suffix.lower() in is_output:
            return [first], second
    return list(arguments), output


def split_decoded(
    arguments: Sequence[str], output: str | None, inputs: Collection[str], written: Collection[str]
) -> tuple[list[str], str | None]:
    """Tell inputs from the output that comes last, where what is made is of another kind than what is read.

    Args:
        arguments: what was given.
        output: what ``-o`` said, or None.
        inputs: suffixes of what is read.
        written: suffixes of what is made.

    Returns:
        Inputs and output.

    Raises:
        click.UsageError: the last argument says neither what to read nor what to make.
    """
    if output is not None or len(arguments) < 2:
        return list(arguments), output
    *first, last = arguments
    suffix = Path(last).suffix.lower()
    if last == STREAM or suffix in written:
        return (first, last) if len(first) == 1 or last != STREAM else (list(arguments), None)
    if os.path.isdir(last):
        if not _below(last, inputs):
            return first, last
        if all(os.path.isfile(name) for name in first):
            return first, last
        raise click.UsageError(f"Is the folder {last} read or written? Name the output with -o.")
    if suffix in inputs or glob.has_magic(last) or os.path.lexists(last):
        return list(arguments), None
    several = len(first) > 1 or os.path.isdir(first[0]) or glob.has_magic(first[0])
    if several or last.endswith(os.sep):
        return first, last
    raise click.UsageError(
        f"What kind of file is {last} to be? Name it {Path(last).name}.png, for instance, or {last}{os.sep} "
        "for a folder."
    )


def place_targets(
    sources: Sequence[Source], output: str | None, suffix: str, is_output: Collection[str]
) -> list[Target]:
    """Where the results go.

    Args:
        sources: what is worked on.
        output: a file, a folder or ``-``; None for beside each source, or for a stream standard output.
        suffix: of the results, where ``output`` does not name it.
        is_output: suffixes that make ``output`` a file and not a folder.

    Raises:
        click.UsageError: one output for several sources, or none for standard input.
    """
    if output is None:
        if any(source.is_stream for source in sources):
            return [Target(source, STREAM, True) for source in _single(sources)]
        return [Target(source, str(Path(source.name).with_suffix(suffix)), False) for source in sources]
    is_file = output == STREAM or (
        Path(output).suffix.lower() in is_output and not os.path.isdir(output) and not output.endswith(os.sep)
    )
    if is_file:
        return [Target(source, output, True) for source in _single(sources)]
    return [
        Target(
            source,
            str(Path(output, "stdin" if source.is_stream else source.below).with_suffix(suffix)),
            False,
        )
        for source in sources
    ]


def claim(target: Target, claimed: dict[str, str], existing: Existing) -> bool:
    """Whether to make a result; makes its folder if so.

    Args:
        target: where it goes.
        claimed: names taken by this run so far, to the sources that took them; this one is added.
        existing: what to do about a file that is there: a name the user typed is overwritten, others are
            refused, unless this says otherwise.

    Returns:
        False if the file is there and is to be left.

    Raises:
        PgiInputError: it may not be written.
    """
    if target.name == STREAM:
        return True
    real = os.path.realpath(target.name)
    if real == os.path.realpath(target.source.name):
        raise PgiInputError(f"{target.name} is the input itself.")
    if real in claimed:
        raise PgiInputError(f"{target.name} is already made from {claimed[real]} in this run.")
    if os.path.lexists(target.name) and existing != "overwrite":
        if existing == "skip":
            return False
        if not target.typed:
            raise PgiInputError(f"{target.name} exists already; -f overwrites it.")
    claimed[real] = target.source.name
    if not target.typed:
        try:
            os.makedirs(os.path.dirname(target.name) or ".", exist_ok=True)
        except (
            OSError,
            ValueError,
            RecursionError,
        ) as error:  # the last: a thousand folders
            reason = getattr(error, "strerror", None) or error
            raise PgiInputError(f"The folder of {target.name} cannot be made: {reason}.") from error
    return True


def _single(sources: Sequence[Source]) -> Sequence[Source]:
    if len(sources) > 1:
        raise click.UsageError(f"{len(sources)} inputs cannot go into one output; name a folder with -o.")
    return sources


def _below(folder: str, suffixes: Collection[str], order: Callable[[str], Any] | None = None) -> list[Source]:
    found = files_below(folder, suffixes, left_out=_say_left_out, order=order)
    return [Source(path, os.path.relpath(path, folder)) for path in found]


def _say_left_out(path: str) -> None:
    kind = "a folder that cannot be read" if os.path.isdir(path) else "not a regular file"
    say(f"pgic: {path} is {kind}, and is left out")


def _is_stream(name: str) -> bool:
    """Whether a name stands for a pipe or a device, such as ``/dev/stdin`` or a shell's ``<(command)``."""
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
