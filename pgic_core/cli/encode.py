"""``pgic encode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiOptionError
from .common import PGI_SUFFIXES, Losses, Run, output_options, run_options, run_targets, strict_option
from .paths import place_targets, split_output
from .photos import open_photo, photo_sources, write_output
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
@option(
    "--codec",
    type=click.Choice(["auto", "learned", "lossless"]),
    group="Coding",
    advanced=True,
    help="auto: lossless for drawings and the like, which take fewer bytes so. "
    "[default: auto; learned with --model]",
)
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
    group="Coding",
    advanced=True,
    help="What the pixels show; all but visible light is kept without loss. "
    "[default: infrared for pictures of thermal cameras, else visible]",
)
@option(
    "--model", metavar="NAME", group="Coding", advanced=True, help="Model, by id or digest (pgic --version)."
)
@option(
    "--strip",
    is_flag=True,
    group="Coding",
    advanced=True,
    help="Leave out EXIF (but for the orientation), GPS, ICC, XMP, resolution and raw temperatures.",
)
@option(
    "--frame",
    type=click.IntRange(min=1),
    metavar="N",
    group="Coding",
    advanced=True,
    help="Of a file with several frames, code the one of this number. [default: the first, 1]",
)
@strict_option
@roi_options
@output_options
@run_options
def encode(
    inputs: tuple[str, ...],
    output: str | None,
    force: bool,
    skip_existing: bool,
    keep_time: bool,
    jobs: int | None,
    threads: int | None,
    verbose: bool,
    quiet: bool,
    strip: bool,
    frame: int | None,
    strict: bool,
    roi: str | None,
    roi_strength: float | None,
    roi_background: float,
    show_roi: Path | None,
    exact: tuple[str, ...],
    **options: Any,
) -> None:
    r"""Code photos as .pgi files.

    INPUT is a photo (JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, JPEG 2000, PNM; HEIC and JPEG XL where
    pillow-heif and pillow-jxl-plugin are installed), a pattern, a folder, which is gone through with all
    below it, or - for standard input. EXIF, ICC, XMP, IPTC, comments and resolution are kept, and metadata is
    filled from them.

    \b
    pgic encode photo.jpg photo.pgi
    pgic encode -q 60 photo.jpg           makes photo.pgi
    pgic encode photos -o coded -j 4      keeps the folders below photos
    pgic encode --roi saliency --show-roi kept.png photo.jpg
    pgic encode --exact 1200,640,300,180 photo.jpg      keeps a meter bit for bit

    What a .pgi file cannot hold, such as further frames, is named in a line for each file; --strict makes
    that an error.

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
    sources, unread = photo_sources(arguments)
    targets = place_targets(sources, output, PGI_SUFFIXES[0], PGI_SUFFIXES)
    if show_roi is not None and (regions is None or len(targets) != 1):
        raise click.UsageError("--show-roi needs --roi and one photo.")
    run = Run.plan(len(targets), jobs, threads, verbose, quiet)
    if strip:
        from ..api import SideData
        from ..container import Metadata

        options |= {"exif": b"", "icc_profile": b"", "xmp": b"", "segments": b"", "metadata": Metadata()}
        options["side_data"] = SideData()

    losses = Losses(strict=strict, quiet=quiet)

    def work(target: Target, progress: Progress) -> str:
        from ..api import encode as encode_picture
        from ..api import inspect
        from ..api.losses import collected

        image, source_bytes = open_photo(target.source.name, frame)
        with image, collected() as lost:
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
            codec = inspect(data).codec
        losses.tell(target.source.name, lost)
        write_output(target.name, data, replace=target.replace)
        return (
            f"{target.source.name} -> {target.name}: {source_bytes:,} -> {len(data):,} bytes, "
            f"{source_bytes / len(data):.1f}:1, {len(data) * 8 / pixels:.3f} bpp, {codec}"
        )

    run_targets(
        targets,
        work,
        run,
        force=force,
        skip_existing=skip_existing,
        losses=losses,
        passed_over=unread,
        keep_time=keep_time,
    )
