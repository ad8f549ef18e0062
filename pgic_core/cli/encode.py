"""``pgic encode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiOptionError
from .common import PGI_SUFFIXES, Run, output_options, run_options, run_targets
from .paths import find_sources, place_targets, split_output
from .photos import PHOTO_SUFFIXES, open_photo, write_output
from .regions import exact_of, regions_of, roi_options, show_regions
from .tiers import TieredCommand, option

if TYPE_CHECKING:
    from pathlib import Path

    from .batch import Progress
    from .paths import Target

__all__ = ["encode"]

_RATE = "Rate (one of these)"


@click.command(cls=TieredCommand)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT... [OUTPUT.pgi]")
@option("-q", "--quality", type=click.IntRange(1, 100), metavar="1-100", group=_RATE, help="[default: 50]")
@option("--lossless", is_flag=True, group=_RATE, help="Keep every pixel.")
@option("--ratio", type=float, metavar="X", group=_RATE, help="At most 1/X of the input file's size.")
@option("--max-bytes", type=click.IntRange(min=1), metavar="N", group=_RATE, help="At most N bytes.")
@option("--bpp", type=float, metavar="X", group=_RATE, help="At most X bits for each pixel.")
@option("--min-psnr", type=float, metavar="DB", group=_RATE, help="As small as a PSNR of DB allows.")
@option(
    "-e",
    "--effort",
    type=click.IntRange(1, 3),
    metavar="1-3",
    group="Coding",
    help="1 fast, 2 small, 3 better for its bytes but slow. [default: 2]",
)
@option(
    "--preprocess",
    multiple=True,
    metavar="NAME",
    group="Coding",
    advanced=True,
    help="Change the picture first, such as 'denoise'; again for more steps ('pgic plugins' lists them).",
)
@option(
    "--recognise",
    "annotations",
    metavar="NAME",
    group="Coding",
    advanced=True,
    help="Store what a recogniser finds as annotations ('pgic plugins' lists recognisers).",
)
@option(
    "--image-type",
    type=click.Choice(["visible", "infrared", "ultraviolet", "depth", "other"]),
    default="visible",
    group="Coding",
    advanced=True,
    help="What the pixels show; all but visible light is kept without loss.",
)
@option(
    "--model", metavar="NAME", group="Coding", advanced=True, help="Model, by id or digest (pgic --version)."
)
@option(
    "--strip",
    is_flag=True,
    group="Coding",
    advanced=True,
    help="Leave out EXIF, GPS, ICC, XMP and resolution.",
)
@roi_options
@output_options
@run_options
def encode(
    inputs: tuple[str, ...],
    output: str | None,
    force: bool,
    skip_existing: bool,
    jobs: int | None,
    threads: int | None,
    verbose: bool,
    quiet: bool,
    strip: bool,
    roi: str | None,
    roi_strength: float | None,
    roi_background: float,
    show_roi: Path | None,
    exact: tuple[str, ...],
    **options: Any,
) -> None:
    r"""Code photos as .pgi files.

    INPUT is a photo (JPEG, PNG, TIFF, WebP and what else Pillow opens), a pattern, a folder, which is gone
    through with all below it, or - for standard input. EXIF, ICC, XMP and resolution are kept, and
    metadata is filled from them.

    \b
    pgic encode photo.jpg photo.pgi
    pgic encode -q 60 photo.jpg           makes photo.pgi
    pgic encode photos -o coded -j 4      keeps the folders below photos
    pgic encode --roi saliency --show-roi kept.png photo.jpg
    pgic encode --exact 1200,640,300,180 photo.jpg      keeps a meter bit for bit

    A name that you type is overwritten; one that pgic makes from an input's name is not, unless you say -f.
    """
    from ..api.options import Rate

    try:
        Rate(
            **{
                name: options[name]
                for name in ("quality", "lossless", "max_bytes", "ratio", "bpp", "min_psnr")
            }
        )
    except PgiOptionError as error:
        raise click.UsageError(str(error)) from error
    regions = regions_of(roi, roi_strength, roi_background)
    options["exact"] = exact_of(exact)
    arguments, output = split_output(inputs, output, PGI_SUFFIXES)
    sources = find_sources(arguments, PHOTO_SUFFIXES)
    targets = place_targets(sources, output, PGI_SUFFIXES[0], PGI_SUFFIXES)
    if show_roi is not None and (regions is None or len(targets) != 1):
        raise click.UsageError("--show-roi needs --roi and one photo.")
    run = Run.plan(len(targets), jobs, threads, verbose, quiet)
    if strip:
        from ..container import Metadata

        options |= {"exif": b"", "icc_profile": b"", "xmp": b"", "metadata": Metadata()}

    def work(target: Target, progress: Progress) -> str:
        from ..api import encode as encode_picture

        image, source_bytes = open_photo(target.source.name)
        with image:
            if strip:
                image.info.pop("dpi", None)
            data = encode_picture(
                image,
                source_bytes=source_bytes,
                roi=regions,
                threads=run.threads,
                progress=progress,
                **options,
            )
            if show_roi is not None:
                show_regions(show_roi, image, data)
            pixels = image.width * image.height
        write_output(target.name, data)
        return (
            f"{target.source.name} -> {target.name}: {source_bytes:,} -> {len(data):,} bytes, "
            f"{source_bytes / len(data):.1f}:1, {len(data) * 8 / pixels:.3f} bpp"
        )

    run_targets(targets, work, run, force=force, skip_existing=skip_existing)
