"""``pgic protect``, ``pgic repair`` and ``pgic replicate``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ..folders import files_below
from ..terminal import say
from .command_base import PgicCommand, option
from .file_facts_output import pgi_sources
from .file_options import run_options
from .frame_numbers import edited_frames
from .paths import PGI_SUFFIXES
from .running import do_each
from .value_types import SHARE

if TYPE_CHECKING:
    from .batch import Progress
    from .file_options import RunOptions

__all__ = ["protect", "repair", "replicate"]


@click.command(
    cls=PgicCommand,
    examples=("pgic protect photo.pgi", "pgic protect archive --share 10%", "pgic protect --remove a.pgi"),
)
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@option(
    "--share", type=SHARE, default="5%", metavar="X%", help="Parity, in percent of the file. [default: 5%]"
)
@option("--remove", is_flag=True, help="Remove the parity.")
@edited_frames
@run_options
def protect(
    inputs: tuple[str, ...], share: float, remove: bool, frames: int | slice | None, running: RunOptions
) -> None:
    """Add parity to files in place, so that lost bytes can be restored.

    FILE is a .pgi file, a pattern, or a folder with all folders below it. Signatures and encryption stay
    as they are. Signed sequences are left alone, since a frame also signs how those before are stored.
    """
    from ..api import protect as give_parity

    def work(name: str, progress: Progress) -> str:
        give_parity(name, None if remove else share, frames=frames, progress=progress)
        return f"{name}: parity removed" if remove else f"{name}: {share * 100:.4g}% of the file as parity"

    do_each([source.name for source in pgi_sources(inputs)], work, running)


@click.command(
    cls=PgicCommand,
    examples=("pgic repair photo.pgi", "pgic repair archive -j 2", "pgic repair --cut site.pgi"),
)
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@option(
    "--cut",
    is_flag=True,
    group="Sequences",
    help="Keep the frames that are whole of a sequence that ends too early, such as half a copy.",
)
@run_options
def repair(inputs: tuple[str, ...], cut: bool, running: RunOptions) -> None:
    """Restore damaged files from their parity, in place and byte for byte.

    Repair takes no key. Files that cannot be restored stay as they are; 'pgic decode --conceal' shows what is
    left of their picture. FILE is a .pgi file, a pattern, or a folder with all folders below it.
    """
    from ..api import repair as restore

    def work(name: str, _: Progress) -> str:
        found = restore(name, cut=cut)
        if found.frames is not None:
            return f"{name}: {found.frames:,} frames kept, {found.lost_bytes:,} bytes behind them cut off"
        if not found.changed:
            return f"{name} is sound; there is nothing to repair."
        return f"{name}: repaired, {found.sectors} sectors were lost"

    do_each([source.name for source in pgi_sources(inputs)], work, running)


@click.command(
    cls=PgicCommand,
    examples=("pgic replicate photo.pgi /backup/photo.pgi", "pgic replicate archive /backup/archive"),
)
@click.argument("source", metavar="SRC")
@click.argument("copy", metavar="DST")
@option("-f", "--force", is_flag=True, help="Replace copies that were changed after their source, too.")
@run_options
def replicate(source: str, copy: str, force: bool, running: RunOptions) -> None:
    """Keep a second copy of a file or folder, and repair damage in either.

    A damaged file is restored from its parity and from its other copy. A sound copy that differs is replaced
    if its source was changed last. Files that are only in DST are copied back to SRC. Of folders, only .pgi
    files are copied; a warning counts the others.
    """
    from ..api import replicate as keep_copy

    names = [""]
    if os.path.isdir(source) or os.path.isdir(copy):
        names = _names_in_either(source, copy)

    def work(name: str, _: Progress) -> str:
        here, there = (os.path.join(folder, name) if name else folder for folder in (source, copy))
        for path in (here, there):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        return f"{here} and {there}: {keep_copy(here, there, force=force)}"

    do_each(names, work, running, name_of=lambda name: os.path.join(source, name) if name else source)


def _names_in_either(source: str, copy: str) -> list[str]:
    """Relative paths of the ``.pgi`` files below either folder, sorted. Says how many others are left alone.

    Raises:
        click.UsageError: there are none.
    """
    names: set[str] = set()
    others = 0
    for folder in (source, copy):
        if os.path.isdir(folder):
            for path in files_below(folder, None):
                if os.path.splitext(path)[1].lower() in PGI_SUFFIXES:
                    names.add(os.path.relpath(path, folder))
                elif folder == source:
                    others += 1
    if not names:
        raise click.UsageError("There are no .pgi files in what was named.")
    if others:
        say(f"pgic: {others:,} {'files' if others > 1 else 'file'} of other kinds in {source}: not copied")
    return sorted(names)
