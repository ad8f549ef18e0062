"""``pgic verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..options import FAST
from ..terminal import say
from .base import PgicCommand
from .batch import run_batch
from .describing import pgi_sources
from .file_options import run_options
from .key_options import key_options
from .paths import STREAM, Source
from .running import Run
from .streams import stdin_stream

if TYPE_CHECKING:
    from ..security.keyring import KeyLike
    from .batch import Progress
    from .file_options import RunOptions

__all__ = ["verify"]


@click.command(cls=PgicCommand, examples=("pgic verify photo.pgi", "pgic verify archive -j 4"))
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@key_options(advanced=True)
@run_options
def verify(inputs: tuple[str, ...], running: RunOptions, keys: list[KeyLike]) -> None:
    """Check every byte of .pgi files.

    That means CRC32, SHA-256, and that the picture decodes. pgic also names the renderer that draws the level
    fast here. Of an encrypted file, what no key opens is checked by CRC32 and SHA-256 only.

    INPUT is a .pgi file, a pattern, a folder with all folders below it, or - for standard input.
    """
    from ..api import open_file

    sources = pgi_sources(inputs)
    run = Run.plan(len(sources), running)

    def work(source: Source, _: Progress) -> str:
        with open_file(stdin_stream() if source.name == STREAM else source.name, keys=keys) as file:
            file.verify()
            facts = file.info()
        kept = f", {facts.exact_share:.2%} of the picture kept bit for bit" if facts.exact_blocks else ""
        drawn = next((f", drawn by renderer {r.digest[:16]}" for r in facts.renderers if r.level == FAST), "")
        opened = ""
        if file.encrypted:
            what = "no key opens its content" if file.tier is None else f"keys open the tier {file.tier}"
            opened = f", encrypted, {what}"
        return f"{source.name}: sound{opened}{kept}{drawn}"

    report = run_batch(
        sources,
        lambda source: source.name,
        work,
        jobs=run.jobs,
        verbose=(run.verbose or len(sources) == 1) and not run.quiet,
        show_progress=not run.quiet,
    )
    if len(sources) > 1 and not run.quiet:
        say(f"{len(sources) - len(report.failures)} of {len(sources)} files are sound")
    report.finish()
