"""What the benches share on a terminal: progress, tables and kinds of arguments."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..terminal import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

__all__ = ["EXISTING", "OUTPUT", "bar", "stdout"]

EXISTING = click.Path(exists=True, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)


@contextmanager
def bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal; gives what moves it on."""
    from rich.progress import Progress

    with Progress(console=console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("Measuring", total=total)
        yield lambda steps: progress.advance(task, steps)


def stdout() -> Console:
    """Where tables go; in a pipe they are as wide as they need to be."""
    return console()
