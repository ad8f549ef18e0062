"""``pgic verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..terminal import say
from .batch import run_batch
from .common import PGI_SUFFIXES, Run, run_options
from .paths import STREAM, Source, find_sources
from .streams import stdin_stream
from .tiers import TieredCommand

if TYPE_CHECKING:
    from .batch import Progress

__all__ = ["verify"]


@click.command(cls=TieredCommand)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@run_options
def verify(
    inputs: tuple[str, ...], jobs: int | None, threads: int | None, verbose: bool, quiet: bool
) -> None:
    """Check every byte of .pgi files: CRC32, SHA-256, and that the picture decodes.

    INPUT is a .pgi file, a pattern, a folder, which is gone through with all below it, or - for standard
    input.
    """
    from ..api import open_file

    sources = find_sources(inputs, PGI_SUFFIXES)
    if not sources:
        raise click.UsageError("There are no .pgi files in what was named.")
    run = Run.plan(len(sources), jobs, threads, verbose, quiet)

    def work(source: Source, _: Progress) -> str:
        with open_file(stdin_stream() if source.name == STREAM else source.name) as file:
            file.verify()
            facts = file.info()
        kept = f", {facts.exact_share:.2%} of the picture kept bit for bit" if facts.exact_blocks else ""
        return f"{source.name}: sound{kept}"

    report = run_batch(
        sources,
        lambda source: source.name,
        work,
        jobs=run.jobs,
        verbose=(verbose or len(sources) == 1) and not quiet,
        show_progress=not quiet,
    )
    if len(sources) > 1 and not quiet:
        say(f"{len(sources) - len(report.failures)} of {len(sources)} files are sound")
    report.finish()
