"""``pgic split``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ..errors import damage_of_frame
from ..terminal import say
from .command_base import PgicCommand, option
from .file_options import OutputOptions, run_options
from .frame_numbers import frame_targets, numbers_of
from .key_options import key_options
from .photo_io import write_output
from .running import Losses, Run, naming, run_targets
from .value_types import FRAMES

if TYPE_CHECKING:
    from ..security.keyring import KeyLike
    from .batch import Progress
    from .file_options import RunOptions
    from .paths import Target

__all__ = ["split"]


@click.command(
    cls=PgicCommand,
    examples=("pgic split site.pgi -o frames", "pgic split site.pgi --frames 10:20 -o frames"),
)
@click.argument("sequence", metavar="SEQUENCE.pgi")
@option("-o", "--output", required=True, metavar="FOLDER", help="Where to make the files.")
@option("-f", "--force", is_flag=True, help="Overwrite files that are there.")
@option("--frames", type=FRAMES, metavar="A:B", help="Frames from A to B - 1, counted from 0. [default: all]")
@key_options(advanced=True)
@run_options
def split(
    sequence: str,
    output: str,
    force: bool,
    frames: slice | None,
    running: RunOptions,
    keys: list[KeyLike],
) -> None:
    """Make a .pgi file of each frame of a sequence.

    The files are named after the sequence and the number of the frame. The picture of a key frame is copied
    byte for byte; a change frame becomes a picture of its own, with the same pixels. Encrypted and signed
    key frames are copied as they are.
    """
    from ..api import open_file, still_file
    from ..api.frame_choice import frame_names
    from ..photos.conversion_losses import collected

    with naming(sequence):
        opened = open_file(sequence, keys=keys)
        count = opened.n_frames
    with opened as file:
        numbers = numbers_of(count, frames or slice(None))
        targets = frame_targets(sequence, output, ".pgi", numbers, count)
        unsigned: list[int] = []
        of_target = {target.name: number for target, number in targets}

        def work(target: Target, _: Progress) -> str:
            number = of_target[target.name]
            with collected() as lost, damage_of_frame(number):
                data = still_file(file, number)
            if lost:
                unsigned.append(number)
            write_output(target.name, data, replace=target.replace)
            return f"frame {number} -> {target.name}: {len(data):,} bytes"

        run = replace(Run.plan(len(numbers), running), jobs=1)
        outputs = OutputOptions(output, force, skip_existing=False, keep_time=False)
        try:
            run_targets([t for t, _ in targets], work, run, outputs, Losses(strict=False, quiet=True))
        finally:
            if unsigned:
                say(
                    f"pgic: signed as changes: {frame_names(unsigned)}; what is made of change frames is not "
                    "signed"
                )
