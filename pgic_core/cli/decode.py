"""``pgic decode``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..container import atomic_write
from ..errors import PgiTruncatedError, damage_of_frame
from ..options import FAST, PREVIEW, DecodeOptions
from ..terminal import say
from .command_base import PgicCommand, option
from .file_facts_output import pgi_sources
from .file_options import output_options, run_options, strict_option
from .frame_numbers import frame_targets, numbers_of
from .key_options import key_options
from .paths import PGI_SUFFIXES, STREAM, place_targets, split_decoded
from .photo_io import WRITTEN_SUFFIXES, read_stdin, streamed_photo, write_output
from .running import Losses, Run, naming, run_targets
from .value_types import FRAME, FRAMES, LEVEL, QUALITY, SCALE

if TYPE_CHECKING:
    from ..api import PgiFile
    from ..models import Renderer
    from ..options import OnDamage
    from ..photos.side_data_for_photo import Carried
    from ..security.keyring import KeyLike
    from .batch import Progress
    from .file_options import OutputOptions, RunOptions
    from .paths import Target

__all__ = ["decode"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic decode photo.pgi photo.png",
        "pgic decode --level preview photo.pgi thumbnail.jpg",
        "pgic decode --scale 4 photo.pgi quarter.jpg",
        "pgic decode --window 1000 500 640 480 photo.pgi part.png",
        "pgic decode coded -o photos --format jpg",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT... [OUTPUT]")
@option(
    "--level",
    type=LEVEL,
    default=FAST,
    group="Decoding",
    help="fast decodes every pixel, preview 1/8 of the width and of the height. fine decodes better and "
    "takes longer, adaptive does so in key regions only. perceptual and recognition "
    "synthesise detail, for eyes and for detectors: never as evidence.",
    show_default=True,
)
@option(
    "--scale",
    type=SCALE,
    default="1",
    group="Decoding",
    help="Decode 1/2, 1/4 or 1/8 of the width and of the height. --level preview takes 4, too: faster than "
    "fast at that size, and less sharp.",
)
@option(
    "--region",
    "regions",
    nargs=4,
    type=float,
    multiple=True,
    metavar="X Y W H",
    group="Decoding",
    advanced=True,
    help="With --level adaptive: decode this box finely, in pixels of the upright picture. May be given "
    "several times. [default: the file's ROI map and annotations]",
)
@option(
    "--window",
    nargs=4,
    type=int,
    metavar="X Y W H",
    group="Decoding",
    help="Decode only this part, in pixels of the stored picture.",
)
@option(
    "--frame",
    type=FRAME,
    metavar="N",
    group="Decoding",
    help="Frame of a sequence, counted from 0; -1 is the last. [default: 0]",
)
@option(
    "--frames",
    type=FRAMES,
    metavar="A:B",
    group="Decoding",
    help="Frames of a sequence from A to B - 1, each into a file of its own in the folder that -o names; "
    "':' stands for all.",
)
@option(
    "--conceal",
    is_flag=True,
    group="Decoding",
    help="Fill damaged parts instead of failing, and report how much was filled.",
)
@option(
    "--format",
    "suffix",
    type=click.Choice([suffix[1:] for suffix in WRITTEN_SUFFIXES]),
    metavar="SUFFIX",
    group="Output",
    help="File format, where OUTPUT does not name one: png, jpg, tiff, webp, npy ... [default: png]",
)
@option(
    "-q",
    "--quality",
    type=QUALITY,
    metavar="1-100",
    group="Output",
    advanced=True,
    help="Quality of a JPEG, WebP or AVIF file. [default: JPEG 95, WebP lossless]",
)
@option(
    "--strip",
    is_flag=True,
    group="Output",
    advanced=True,
    help="Leave out EXIF, GPS, ICC, XMP, comments and resolution; the picture is turned upright.",
)
@key_options(advanced=False)
@strict_option
@output_options
@run_options
def decode(
    inputs: tuple[str, ...],
    outputs: OutputOptions,
    running: RunOptions,
    level: str,
    scale: str,
    regions: tuple[tuple[float, float, float, float], ...],
    window: tuple[int, int, int, int] | None,
    frame: int | None,
    frames: slice | None,
    conceal: bool,
    suffix: str | None,
    quality: int | None,
    strip: bool,
    strict: bool,
    keys: list[KeyLike],
) -> None:
    """Turn .pgi files into photos.

    INPUT is a .pgi file, a pattern, a folder with all folders below it, or - for standard input. The suffix
    of OUTPUT says what to write. EXIF, ICC, XMP, IPTC, comments and resolution are passed on where the format
    holds them. pgic names what a format cannot hold; --strict makes it an error. The picture keeps its
    EXIF orientation; it is turned upright only where the format has no place for an orientation.

    .npy, .ppm and .pgm are written strip by strip, so that memory does not grow with the picture's height.
    Pillow makes the other kinds and holds the whole picture.

    An output that you name is overwritten. One that pgic names after its input is not, unless you give -f.
    """
    arguments, output = split_decoded(inputs, outputs.output, PGI_SUFFIXES, WRITTEN_SUFFIXES)
    named = Path(output).suffix.lower() if output else ""
    chosen = f".{suffix}" if suffix else ".png"
    sources = pgi_sources(arguments)
    if frames is not None and (frame is not None or output is None or len(sources) != 1):
        raise click.UsageError("--frames takes one file, a folder named by -o, and no --frame.")
    if frames is not None and named in WRITTEN_SUFFIXES and not os.path.isdir(str(output)):
        raise click.UsageError(
            f"--frames makes a file of each frame: name a folder with -o, not {output} (--format says which)."
        )
    targets = [] if frames is not None else place_targets(sources, output, chosen, WRITTEN_SUFFIXES)
    if suffix and named in WRITTEN_SUFFIXES and named != chosen and targets and targets[0].typed:
        raise click.UsageError(f"--format {suffix} contradicts the output's suffix {named}.")
    run = Run.plan(len(targets) or 1, running)
    losses = Losses(strict=strict, quiet=run.quiet)
    on_damage: OnDamage = "conceal" if conceal else "raise"
    options = DecodeOptions(level, window, on_damage, run.threads, None, int(scale), regions or None)
    work = _Decoding(options, chosen, quality, strip, losses, keys, frame)
    if frames is None:
        run_targets(targets, work, run, outputs, losses)
    else:
        work.frames(sources[0].name, str(output), frames, run, outputs)


@dataclass(frozen=True, slots=True)
class _Decoding:
    """Decodes files, one for each call, from several threads at once.

    Attributes:
        options: of decoding, with the threads for each file.
        stream_suffix: what to write to standard output.
        quality: 1 to 100 of a lossy output, or None for the usual one.
        strip: write pixels only.
        losses: what is told what pictures lose.
        keys: of encrypted files.
        frame: which frame of sequences; None for the first.
    """

    options: DecodeOptions
    stream_suffix: str
    quality: int | None
    strip: bool
    losses: Losses
    keys: list[KeyLike]
    frame: int | None

    def __call__(self, target: Target, progress: Progress) -> str:
        """Make ``target``, and return the line to say about it."""
        from ..api import open_file

        name = target.source.name
        with open_file(read_stdin() if name == STREAM else name, keys=self.keys) as file:
            if self.frame is not None:
                return self._write_frame(file, self.frame, target, progress)
            try:
                frames = f"has {file.n_frames} frames" if file.n_frames > 1 else ""
            except PgiTruncatedError:
                frames = "ends too early"
            if frames:
                self.losses.tell(name, [f"{frames}; the first is decoded"])
            return self._write(file, target, progress)

    def frames(self, name: str, folder: str, which: slice, run: Run, outputs: OutputOptions) -> None:
        """Make a file of each of several frames.

        Args:
            name: of the sequence.
            folder: where the files go.
            which: frames, as of a list.
            run: how to go about it; one frame at a time, since most need those before.
            outputs: what to do about files that are there.
        """
        from ..api import open_file

        with naming(name):
            opened = open_file(read_stdin() if name == STREAM else name, keys=self.keys)
            count = opened.n_frames
        with opened as file:
            numbers = numbers_of(count, which)
            placed = frame_targets(name, folder, self.stream_suffix, numbers, count)
            of_target = {target.name: number for target, number in placed}

            def work(target: Target, progress: Progress) -> str:
                return self._write_frame(file, of_target[target.name], target, progress)

            one_by_one = replace(run, jobs=1)
            run_targets([target for target, _ in placed], work, one_by_one, outputs, self.losses)

    def _write_frame(self, file: PgiFile, number: int, target: Target, progress: Progress) -> str:
        """As :meth:`_write`, for a frame, which errors name."""
        with damage_of_frame(number if number >= 0 else number + file.n_frames):
            return self._write(file.frame(number), target, progress)

    def _write(self, file: PgiFile, target: Target, progress: Progress) -> str:
        """Decode one picture, and return the line to say about it."""
        kind = self.stream_suffix if target.name == STREAM else Path(target.name).suffix.lower()
        described = self._write_strips(file, target, kind, progress)
        if described is None:
            described = self._write_whole(file, target, kind, progress)
        return f"{target.source.name} -> {target.name}: {described}"

    @property
    def _is_whole(self) -> bool:
        """Whether all of the picture is wanted in full size."""
        return self.options.scale == 1 and self.options.window is None

    def _write_strips(self, file: PgiFile, target: Target, kind: str, progress: Progress) -> str | None:
        """Write the picture while it is decoded; None where the kind or the options do not allow it."""
        from ..photos.side_data_for_photo import not_held

        if self.options.window is not None or self.options.conceals or target.name == STREAM:
            return None
        pieces = streamed_photo(file, kind, self.options, progress)
        if pieces is None:
            return None
        lost: list[str] = []
        renderer = file.renderer(self.options.level, self.options.scale)
        names = self._carried(file, renderer, kind, lost).names()
        if kind != ".npy" and names:
            lost.append(not_held(names, "PPM"))
        self.losses.tell(target.source.name, lost)
        atomic_write(target.name, pieces, replace=target.replace)
        width, height = (-(-side // self.options.scale) for side in (file.width, file.height))
        return f"{width} x {height} {file.channels.label}{self._drawn_by(renderer)}"

    def _carried(self, file: PgiFile, renderer: Renderer | None, kind: str, lost: list[str]) -> Carried:
        """What goes into an output beside its pixels; a note that they were synthesised, always."""
        from ..photos.side_data_for_photo import Carried

        carried = Carried() if self.strip else Carried.of(file, whole=self._is_whole)
        if renderer is None or not renderer.synthesised:
            return carried
        if kind == ".npy":
            lost.append("has pixels that were synthesised, which this .npy file cannot say")
        return carried.marked_synthesised(lost)

    def _write_whole(self, file: PgiFile, target: Target, kind: str, progress: Progress) -> str:
        """Decode the picture, then write it."""
        from ..photos.photo_writing import photo_bytes

        picture, mask = file.decode_with(replace(self.options, progress=progress))
        renderer = file.renderer(self.options.level, self.options.scale)
        lost: list[str] = []
        carried = self._carried(file, renderer, kind, lost)
        if self.options.window is not None:
            carried = carried.of_part((picture.width, picture.height), lost)
        data = photo_bytes(
            picture, carried, kind, orientation=file.orientation, quality=self.quality, losses=lost
        )
        self.losses.tell(target.source.name, lost)
        write_output(target.name, data, replace=target.replace)
        if mask is not None and mask.any():
            say(f"{target.source.name}: {mask.mean():.2%} of the pixels are damaged and were filled")
        return f"{picture.width} x {picture.height} {picture.channels.label}{self._drawn_by(renderer)}"

    def _drawn_by(self, renderer: Renderer | None) -> str:
        """What drew the picture, where that is not what always does."""
        if renderer is None or self.options.level in (FAST, PREVIEW):
            return ""
        remark = "; its detail is synthesised, never evidence" if renderer.synthesised else ""
        return f", level {self.options.level} by renderer {renderer.digest[:16]}{remark}"
