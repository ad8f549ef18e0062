"""``pgic encode``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from .coding_options import effort_option, lossless_option, protect_option, quality_option
from .command_base import PgicCommand, option
from .file_options import output_options, run_options, strict_option
from .key_options import recipient_options
from .paths import PGI_SUFFIXES, place_targets, split_output
from .photo_io import open_photo, photo_sources, write_output
from .roi_options import roi_options, show_roi_map
from .running import Losses, Run, run_targets
from .sequences import frame_options, write_frames
from .signing_options import signing_options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..roi import Roi
    from .batch import Progress
    from .file_options import OutputOptions, RunOptions
    from .paths import Target
    from .sequences import FrameOptions

__all__ = ["encode"]

_RATE = "Rate (one of these)"
_RATES = ("quality", "lossless", "max_bytes", "ratio", "bpp", "min_psnr")


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic encode photo.jpg photo.pgi",
        "pgic encode -q 60 photo.jpg            makes photo.pgi",
        "pgic encode photos -o coded -j 4       keeps the folders below photos",
        "pgic encode --ratio 20 photo.jpg       a twentieth of the bytes of photo.jpg",
        "pgic encode --roi saliency --show-roi kept.png photo.jpg",
        "pgic encode --exact 1200,640,300,180 photo.jpg",
        "pgic encode --sequence cam/*.jpg -o site.pgi",
        "pgic encode --to anna.pub --to preview:ben.pub photo.jpg",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT... [OUTPUT.pgi]")
@quality_option("Quality of the picture. [default: 50]", _RATE)
@lossless_option(_RATE)
@option(
    "--codec",
    type=click.Choice(["auto", "learned", "lossless"]),
    metavar="CODEC",
    group="Coding",
    advanced=True,
    help="learned, lossless or auto, which takes lossless for drawings and the like where it needs fewer "
    "bytes. [default: auto; learned with --model]",
)
@option("--ratio", type=float, metavar="X", group=_RATE, help="At most 1/X of the input file's size.")
@option("--max-bytes", type=click.IntRange(min=1), metavar="N", group=_RATE, help="At most N bytes.")
@option("--bpp", type=float, metavar="X", group=_RATE, help="At most X bits for each pixel.")
@option(
    "--min-psnr", type=float, metavar="DB", group=_RATE, help="The smallest file that reaches a PSNR of DB."
)
@effort_option()
@option(
    "--preprocess",
    multiple=True,
    metavar="NAME",
    group="Coding",
    advanced=True,
    help="Change the picture first, such as by 'denoise'; may be repeated ('pgic plugins' lists them).",
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
    metavar="TYPE",
    group="Coding",
    advanced=True,
    help="What the pixels show: visible, infrared, ultraviolet, depth or other. All except visible are "
    "stored losslessly. "
    "[default: infrared for pictures of thermal cameras, else visible]",
)
@option(
    "--model",
    metavar="NAME",
    group="Coding",
    advanced=True,
    help="Model to use, by id or digest ('pgic --version' lists them).",
)
@protect_option(
    "Add parity of X percent of the file, such as 5%, from which 'pgic repair' restores lost bytes."
)
@option(
    "--strip",
    is_flag=True,
    group="Coding",
    advanced=True,
    help="Leave out EXIF (except the orientation), GPS, ICC, XMP, IPTC, comments, resolution and raw "
    "temperatures.",
)
@option(
    "--frame",
    type=click.IntRange(min=1),
    metavar="N",
    group="Coding",
    advanced=True,
    help="Which frame to code of a file that has several. [default: 1]",
)
@recipient_options
@signing_options("the file")
@strict_option
@frame_options
@roi_options
@output_options
@run_options
def encode(
    inputs: tuple[str, ...],
    outputs: OutputOptions,
    running: RunOptions,
    frames: FrameOptions,
    roi: Roi | None,
    show_roi: Path | None,
    strip: bool,
    frame: int | None,
    strict: bool,
    **options: Any,
) -> None:
    """Encode photos as .pgi files.

    INPUT is a photo (JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, JPEG 2000 or PNM; HEIC and JPEG XL where
    pillow-heif and pillow-jxl-plugin are installed), a pattern, a folder with all folders below it, or - for
    standard input. The file keeps EXIF, ICC, XMP, IPTC, comments and resolution, and pgic fills the metadata
    fields from them.

    With --sequence, all photos become the frames of one file, coded one after the other; 'pgic append' adds
    further ones.

    A .pgi file cannot hold everything, further frames for instance. pgic names what is left out, one line
    for each file; --strict makes it an error.

    An output that you name is overwritten. One that pgic names after its input is not, unless you give -f.
    """
    from ..options import RateRequest

    # Wrong options end the command before any file is opened.
    RateRequest(**{name: options[name] for name in _RATES})
    arguments, output = split_output(inputs, outputs.output, PGI_SUFFIXES)
    sources, unread = photo_sources(arguments, of_sequence=frames.wanted)
    targets = [] if frames.wanted else place_targets(sources, output, PGI_SUFFIXES[0], PGI_SUFFIXES)
    if show_roi is not None and (roi is None or len(targets) != 1):
        raise click.UsageError("--show-roi needs --roi and one photo.")
    if show_roi is not None and options["recipients"]:
        raise click.UsageError("--show-roi would show openly what --to encrypts.")
    run = Run.plan(len(targets) or 1, running)
    if strip:
        options |= _nothing_beside_pixels()
    losses = Losses(strict=strict, quiet=run.quiet)
    if frames.wanted:
        if frame is not None:
            raise click.UsageError("--frame and --sequence contradict each other.")
        options |= {"roi": roi, "threads": run.threads}
        write_frames(sources, output, replace(frames, strip=strip), options, run, outputs, losses)
        return
    work = _Encoding(options | {"roi": roi, "threads": run.threads}, strip, frame, show_roi, losses)
    run_targets(targets, work, run, outputs, losses, passed_over=unread)


def _nothing_beside_pixels() -> dict[str, Any]:
    """Arguments of :func:`pgic_core.encode` that leave out what a photo carries."""
    from ..api import SideData
    from ..container import Metadata

    empty = dict.fromkeys(("exif", "icc_profile", "xmp", "segments"), b"")
    return {**empty, "metadata": Metadata(), "side_data": SideData()}


@dataclass(frozen=True, slots=True)
class _Encoding:
    """Encodes photos, one for each call, from several threads at once.

    Attributes:
        options: arguments of :func:`pgic_core.encode`.
        strip: leave out the resolution too.
        frame: which frame of each photo, from 1; None for the first.
        show_roi: where to draw the ROI map, or None.
        losses: what is told what pictures lose.
    """

    options: Mapping[str, Any]
    strip: bool
    frame: int | None
    show_roi: Path | None
    losses: Losses

    def __call__(self, target: Target, progress: Progress) -> str:
        """Make ``target``, and return the line to say about it."""
        from ..api import encode as encode_picture
        from ..api import inspect
        from ..photos.conversion_losses import collected

        name = target.source.name
        image, source_bytes = open_photo(name, self.frame)
        with image, collected() as lost:
            if self.strip:
                image.info.pop("dpi", None)
            data = encode_picture(image, source_bytes=source_bytes, progress=progress, **self.options)
            if self.show_roi is not None:
                show_roi_map(self.show_roi, image, data)
            pixels = image.width * image.height
            codec = inspect(data).codec
        self.losses.tell(name, lost)
        write_output(target.name, data, replace=target.replace)
        return (
            f"{name} -> {target.name}: {source_bytes:,} -> {len(data):,} bytes, "
            f"{source_bytes / len(data):.1f}:1, {len(data) * 8 / pixels:.3f} bpp, {codec}"
        )
