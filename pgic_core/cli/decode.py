"""``pgic decode``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..container import atomic_write
from ..terminal import say
from .common import PGI_SUFFIXES, Losses, Run, output_options, run_options, run_targets, strict_option
from .paths import STREAM, find_sources, place_targets, split_decoded
from .photos import WRITTEN_SUFFIXES, read_stdin, streamed_photo, write_output
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
@option(
    "--strip",
    is_flag=True,
    group="Output",
    advanced=True,
    help="Leave out EXIF, GPS, ICC, XMP, comments and resolution; the picture is turned upright.",
)
@strict_option
@output_options
@run_options
def decode(
    inputs: tuple[str, ...],
    level: str,
    window: tuple[int, int, int, int] | None,
    conceal: bool,
    suffix: str | None,
    quality: int | None,
    strip: bool,
    strict: bool,
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
    input. The suffix of OUTPUT says what to write. EXIF, ICC, XMP, IPTC, comments and resolution are handed
    on where the format holds them; what it cannot hold is named, and --strict makes that an error. EXIF
    orientation is kept and not applied, but where the format cannot say it, the picture is turned upright.

    \b
    pgic decode photo.pgi photo.png
    pgic decode --level preview photo.pgi thumbnail.jpg
    pgic decode coded -o photos --format jpg

    .npy, .ppm and .pgm are written strip by strip, in memory that does not grow with the picture's
    height; other kinds are made by Pillow, which holds the whole picture.

    A name that you type is overwritten; one that pgic makes from an input's name is not, unless you say -f.
    """
    arguments, output = split_decoded(inputs, output, PGI_SUFFIXES, WRITTEN_SUFFIXES)
    named = Path(output).suffix.lower() if output else ""
    chosen = f".{suffix}" if suffix else ".png"
    targets = place_targets(find_sources(arguments, PGI_SUFFIXES), output, chosen, WRITTEN_SUFFIXES)
    if suffix and named in WRITTEN_SUFFIXES and named != chosen and targets and targets[0].typed:
        raise click.UsageError(f"--format {suffix} contradicts the output's suffix {named}.")
    run = Run.plan(len(targets), jobs, threads, verbose, quiet)

    losses = Losses(strict=strict, quiet=quiet)

    def work(target: Target, progress: Progress) -> str:
        from ..api import open_file
        from ..api.writing import Carried, not_held, photo_bytes

        name = target.source.name
        kind = chosen if target.name == STREAM else Path(target.name).suffix.lower()
        whole = level == "fast" and window is None
        with open_file(read_stdin() if name == STREAM else name) as file:
            if whole and not conceal and target.name != STREAM:
                pieces = streamed_photo(file, kind, run.threads, progress)
                if pieces is not None:
                    if kind != ".npy" and not strip and (names := Carried.of(file, whole=True).names()):
                        losses.tell(name, [not_held(names, "PPM")])
                    atomic_write(target.name, pieces, replace=target.replace)
                    return f"{name} -> {target.name}: {file.width} x {file.height} {file.channels.label}"
            picture, mask = file.decode_picture(
                level,  # type: ignore[arg-type]  # click checked the choice
                window,
                "conceal" if conceal else "raise",
                run.threads,
                progress,
            )
            lost: list[str] = []
            data = photo_bytes(
                picture,
                Carried() if strip else Carried.of(file, whole=whole),
                kind,
                orientation=file.orientation,
                quality=quality,
                losses=lost,
            )
        losses.tell(name, lost)
        write_output(target.name, data, replace=target.replace)
        if mask is not None and mask.any():
            say(f"{name}: {mask.mean():.2%} of the pixels are damaged and were filled")
        return f"{name} -> {target.name}: {picture.width} x {picture.height} {picture.channels.label}"

    run_targets(
        targets, work, run, force=force, skip_existing=skip_existing, losses=losses, keep_time=keep_time
    )
