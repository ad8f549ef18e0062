"""``pgic decode``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..container import atomic_write
from ..terminal import say
from .common import PGI_SUFFIXES, Run, output_options, run_options, run_targets
from .paths import STREAM, find_sources, place_targets, split_output
from .photos import WRITTEN_SUFFIXES, coded_photo, read_stdin, streamed_photo, write_output
from .tiers import TieredCommand, option

if TYPE_CHECKING:
    from .batch import Progress
    from .paths import Target

__all__ = ["decode"]


@click.command(cls=TieredCommand)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT... [OUTPUT]")
@option(
    "--level",
    type=click.Choice(["preview", "fast"]),
    default="fast",
    group="Decoding",
    help="fast: every pixel; preview: 1/8 of each side.",
)
@option(
    "--window",
    nargs=4,
    type=int,
    metavar="X Y W H",
    group="Decoding",
    help="Only this part, in pixels of the stored picture.",
)
@option(
    "--conceal",
    is_flag=True,
    group="Decoding",
    help="Fill damaged parts instead of failing, and say how much was filled.",
)
@option(
    "--format",
    "suffix",
    type=click.Choice([suffix[1:] for suffix in WRITTEN_SUFFIXES]),
    metavar="SUFFIX",
    group="Output",
    help="Kind of file where OUTPUT does not name it: png, jpg, tiff, webp, npy ... [default: png]",
)
@option(
    "-q",
    "--quality",
    type=click.IntRange(1, 100),
    metavar="1-100",
    group="Output",
    advanced=True,
    help="Of JPEG, WebP or AVIF output. [default: JPEG 95, WebP lossless]",
)
@output_options
@run_options
def decode(
    inputs: tuple[str, ...],
    level: str,
    window: tuple[int, int, int, int] | None,
    conceal: bool,
    suffix: str | None,
    quality: int | None,
    output: str | None,
    force: bool,
    skip_existing: bool,
    keep_time: bool,
    jobs: int | None,
    threads: int | None,
    verbose: bool,
    quiet: bool,
) -> None:
    r"""Turn .pgi files into photos.

    INPUT is a .pgi file, a pattern, a folder, which is gone through with all below it, or - for standard
    input. The suffix of OUTPUT says what to write. EXIF, ICC, XMP and resolution are handed on; EXIF
    orientation is kept, not applied.

    \b
    pgic decode photo.pgi photo.png
    pgic decode --level preview photo.pgi thumbnail.jpg
    pgic decode coded -o photos --format jpg

    .npy and 8-bit .ppm and .pgm are written strip by strip, in memory that does not grow with the picture's
    height; other kinds are made by Pillow, which holds the whole picture.

    A name that you type is overwritten; one that pgic makes from an input's name is not, unless you say -f.
    """
    arguments, output = split_output(inputs, output, WRITTEN_SUFFIXES)
    named = Path(output).suffix.lower() if output else ""
    chosen = f".{suffix}" if suffix else ".png"
    targets = place_targets(find_sources(arguments, PGI_SUFFIXES), output, chosen, WRITTEN_SUFFIXES)
    if suffix and named in WRITTEN_SUFFIXES and named != chosen and targets and targets[0].typed:
        raise click.UsageError(f"--format {suffix} contradicts the output's suffix {named}.")
    run = Run.plan(len(targets), jobs, threads, verbose, quiet)

    def work(target: Target, progress: Progress) -> str:
        from ..api import open_file

        name = target.source.name
        kind = chosen if target.name == STREAM else Path(target.name).suffix.lower()
        whole = level == "fast" and window is None
        with open_file(read_stdin() if name == STREAM else name) as file:
            if whole and not conceal and target.name != STREAM:
                pieces = streamed_photo(file, kind, run.threads, progress)
                if pieces is not None:
                    atomic_write(target.name, pieces, replace=target.replace)
                    return f"{name} -> {target.name}: {file.width} x {file.height} {file.channels.label}"
            picture, mask = file.decode_picture(
                level,  # type: ignore[arg-type]  # click checked the choice
                window,
                "conceal" if conceal else "raise",
                run.threads,
                progress,
            )
            data = coded_photo(file, picture, kind, quality, whole=whole)
        write_output(target.name, data, replace=target.replace)
        if mask is not None and mask.any():
            say(f"{name}: {mask.mean():.2%} of the pixels are damaged and were filled")
        return f"{name} -> {target.name}: {picture.width} x {picture.height} {picture.channels.label}"

    run_targets(targets, work, run, force=force, skip_existing=skip_existing, keep_time=keep_time)
