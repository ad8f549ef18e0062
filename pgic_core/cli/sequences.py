"""``pgic append`` and ``pgic encode --sequence``: photos as the frames of a sequence."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..terminal import say
from .batch import run_batch
from .coding_options import effort_option, lossless_option, protect_option, quality_option
from .command_base import PgicCommand, option
from .file_options import run_options, strict_option
from .key_options import key_options, recipient_options
from .paths import STREAM, Source, Target, claim
from .photo_io import open_photo, photo_sources
from .running import Losses, Run, naming
from .signing_options import signing_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..api import SequenceWriter
    from .batch import Progress
    from .file_options import OutputOptions, RunOptions

__all__ = ["FrameOptions", "append", "frame_options", "write_frames"]


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """What is said of a sequence.

    Attributes:
        wanted: whether the photos are to become one.
        key_distance: the most change frames between any frame and its key frame, or None.
        duration: for how many milliseconds each frame is shown, or None.
        strip: leave out the resolution of the photos.
    """

    wanted: bool
    key_distance: int | None
    duration: int | None
    strip: bool = False


_KEY_DISTANCE = option(
    "--key-distance",
    type=click.IntRange(1, 1024),
    metavar="N",
    group="Sequence",
    advanced=True,
    help="At most N frames in a row need another. More make the file smaller, and single frames slower to "
    "open. [default: 64]",
)
_DURATION = option(
    "--duration",
    type=click.IntRange(1, 2**32 - 1),
    metavar="MS",
    group="Sequence",
    advanced=True,
    help="For how many milliseconds each frame is shown.",
)


def frame_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--sequence``, ``--key-distance`` and ``--duration``, which ``command`` gets as ``frames``."""

    @functools.wraps(command)
    def bundled(*, sequence: bool, key_distance: int | None, duration: int | None, **others: Any) -> None:
        if not sequence and (key_distance or duration):
            raise click.UsageError("--key-distance and --duration go with --sequence.")
        command(frames=FrameOptions(sequence, key_distance, duration), **others)

    made: Callable[..., None] = bundled
    for decorate in (
        _DURATION,
        _KEY_DISTANCE,
        option(
            "--sequence",
            is_flag=True,
            group="Sequence",
            help="Make one file of all photos, in their order, in which most frames hold only what changed. "
            "Photos of a folder are sorted by name, with digits as numbers: 2.jpg comes before 10.jpg.",
        ),
    ):
        made = decorate(made)
    return made


def write_frames(
    sources: Sequence[Source],
    output: str | None,
    frames: FrameOptions,
    options: dict[str, Any],
    run: Run,
    outputs: OutputOptions,
    losses: Losses,
) -> None:
    """Code photos as one sequence; exits with 1 if one of them could not be.

    Args:
        sources: the photos, in the order of the frames.
        output: the file to make.
        frames: what is said of the sequence.
        options: arguments of :func:`pgic_core.encode`.
        run: how to go about it.
        outputs: what to do about a file that is there.
        losses: which is told what pictures lose.

    Raises:
        click.UsageError: there is nothing to do, or no file to make.
    """
    if not sources:
        raise click.UsageError("There are no files of a known kind in what was named.")
    if output is None or output == STREAM or os.path.isdir(output):
        raise click.UsageError("With --sequence, name the file to make: -o site.pgi.")
    for source in sources:
        if not claim(Target(source, output, True), {}, "skip" if outputs.skip_existing else "overwrite"):
            return
    from ..api import SequenceWriter

    with naming(output):
        writer = SequenceWriter(output, key_distance=frames.key_distance, sync=False, **options)
    with writer:
        _append_all(writer, sources, frames, run, losses, output)


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic append site.pgi new.jpg",
        "pgic append site.pgi today/*.jpg",
        "pgic append -q 70 site.pgi new.jpg",
    ),
)
@click.argument("sequence", metavar="SEQUENCE.pgi")
@click.argument("inputs", nargs=-1, required=True, metavar="PHOTO...")
@quality_option(
    "Quality of the pictures. [default: that of the last frame, else 50; lossless behind a lossless frame]"
)
@lossless_option()
@effort_option()
@protect_option("Add parity of X percent to each frame.", advanced=True)
@recipient_options
@key_options(advanced=False)
@signing_options("each frame, and its place,")
@_KEY_DISTANCE
@_DURATION
@strict_option
@run_options
def append(
    sequence: str,
    inputs: tuple[str, ...],
    running: RunOptions,
    key_distance: int | None,
    duration: int | None,
    strict: bool,
    **options: Any,
) -> None:
    """Append photos to a sequence, in place.

    pgic neither reads again nor changes the frames that are there, so appending takes the same time however
    long the sequence is. A .pgi file of one picture becomes the first frame. A file that does not exist is
    made. All frames have the same size. What follows an encrypted frame is encrypted too: say for whom. It is
    a key frame unless --key opens the frame before. An
    interrupted run loses at most the frame that it was writing.
    Photos are coded one after the other, whatever -j says.

    PHOTO is a photo, a pattern, or a folder with all folders below it. Photos of a folder are sorted by name,
    with digits as numbers: 2.jpg comes before 10.jpg.
    """
    from ..api import SequenceWriter

    sources, unread = photo_sources(inputs, of_sequence=True)
    if not sources:
        raise click.UsageError("There are no files of a known kind in what was named.")
    run = Run.plan(1, running)
    losses = Losses(strict=strict, quiet=run.quiet)
    options = {**options, "threads": run.threads}
    is_new = not os.path.exists(sequence)
    with naming(sequence):
        writer = SequenceWriter(sequence, append=True, key_distance=key_distance, **options)
    with writer:
        frames = FrameOptions(True, key_distance, duration)
        _append_all(writer, sources, frames, run, losses, sequence, unread, is_new=is_new)


def _append_all(
    writer: SequenceWriter,
    sources: Sequence[Source],
    frames: FrameOptions,
    run: Run,
    losses: Losses,
    output: str,
    unread: Sequence[str] = (),
    *,
    is_new: bool = False,
) -> None:
    """Append photos one after the other, past bad ones; exits with 1 if there were any."""
    before = writer.n_frames

    def work(source: Source, progress: Progress) -> str:
        from ..photos.conversion_losses import collected

        image, source_bytes = open_photo(source.name)
        with image, collected() as lost:
            if frames.strip:
                image.info.pop("dpi", None)
            written = writer.append(
                image, duration=frames.duration, source_bytes=source_bytes, progress=progress
            )
        losses.tell(source.name, lost)
        kind = "key frame" if written.key else "change frame"
        return f"{source.name} -> {output}: frame {written.number}, {kind}, {written.bytes:,} bytes"

    report = run_batch(
        sources,
        lambda source: source.name,
        work,
        jobs=1,
        verbose=(run.verbose or len(sources) == 1) and not run.quiet,
        show_progress=not run.quiet,
    )
    done = writer.n_frames - before
    if done:
        writer.close()
    if not run.quiet:
        if is_new and done:
            say(f"{output} did not exist; a new sequence was started.")
        if len(sources) > 1 and done:
            size = os.path.getsize(output)
            say(f"{output}: {done} of {len(sources)} photos appended; the file has {size:,} bytes")
        for phrase in unread:
            say(f"pgic: {phrase}")
    report.finish()
