"""The progress bar of all commands."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..terminal import console, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]

_LONGEST_NAME = 40


@contextmanager
def progress_bar(total: int, *, wanted: bool = True) -> Iterator[Callable[[float, str], None]]:
    """Draw a bar on standard error while that is a terminal; else draw nothing.

    Args:
        total: steps.
        wanted: False draws nothing.

    Yields:
        What moves the bar on: by so many steps, with the name of what is worked on.
    """
    if not wanted or total < 1 or not sys.stderr.isatty():
        yield lambda steps, name: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn() if total > 1 else TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda steps, name: progress.update(
            task, advance=steps, description=printable(name)[-_LONGEST_NAME:]
        )
