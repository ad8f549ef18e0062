"""``pgic bench speed`` and ``pgic bench memory``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import PgiOptionError
from ..terminal import console
from .base import PgicCommand, option
from .bench_common import available_codecs, csv_option, megapixels_option, quality_option
from .progress import progress_bar
from .value_types import EXISTING_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["memory", "speed"]

_threads_option = option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    group="Running",
    help="Processors that each codec may use. [default: all]",
)


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench speed                       on a made-up picture",
        "pgic bench speed photo.jpg --codec pgic --codec avif --threads 4",
    ),
)
@click.argument("image", required=False, type=EXISTING_FILE)
@option(
    "--codec",
    "names",
    multiple=True,
    group="Codecs",
    help="Codec to measure; again for more. [default: pgic and every peer that is installed]",
)
@quality_option(75)
@megapixels_option(5.0, "Size of the picture.")
@_threads_option
@option(
    "--runs",
    type=click.IntRange(1),
    metavar="N",
    default=3,
    show_default=True,
    group="Running",
    advanced=True,
    help="Turns; in each, every codec is measured once.",
)
@option(
    "--repeats",
    type=click.IntRange(1),
    metavar="N",
    default=3,
    show_default=True,
    group="Running",
    advanced=True,
    help="Warm calls in each process.",
)
@csv_option("the figures")
@option(
    "--stages", is_flag=True, group="Output", advanced=True, help="Show the time of pgic by stage instead."
)
def speed(
    image: Path | None,
    names: tuple[str, ...],
    megapixels: float,
    quality: int,
    threads: int | None,
    runs: int,
    repeats: int,
    csv_path: Path | None,
    stages: bool,
) -> None:
    """Measure speed, latency, processor time and memory.

    IMAGE is scaled down to the size asked for, or extended by mirroring. Without IMAGE the bench takes a
    made-up picture. Every figure comes from a fresh process, and codecs take turns.

    "Warm" is a call in a process that has made one before. "Cold" is the time from the start of a process to
    its first result, with interpreter and imports. Peak memory is that of the whole process.
    """
    from ..lab.bench.peers import PEERS
    from ..lab.bench.pictures import fit_megapixels, load_rgb, synthetic_picture
    from ..lab.bench.printed_tables import speed_table, stage_table
    from ..lab.bench.records import write_records
    from ..lab.bench.speed import ANCHOR, SpeedRow, measure_speed, measure_stages, steps_of

    codecs = available_codecs(names or (("pgic",) if stages else ("pgic", *PEERS)))
    picture = synthetic_picture(megapixels) if image is None else fit_megapixels(load_rgb(image), megapixels)
    stdout = console()
    stdout.print(
        f"{picture.shape[1]} x {picture.shape[0]} pixels, {image or 'made-up picture'}", highlight=False
    )
    if stages:
        if peers := [codec.name for codec in codecs if codec.name in PEERS]:
            raise PgiOptionError(f"Stages are known of pgic only, not of {', '.join(peers)}.")
        for codec in codecs:
            times = measure_stages(
                picture, codec.name, quality=quality, threads=threads, repeats=runs * repeats
            )
            stdout.print(stage_table(codec.name, times))
        return
    qualities = {codec.name: quality for codec in codecs if codec.name.startswith("pgic")}
    with progress_bar(steps_of(codecs, runs)) as advance:
        rows = measure_speed(
            picture,
            codecs,
            qualities=qualities,
            threads=threads,
            runs=runs,
            repeats=repeats,
            on_step=lambda: advance(1, ""),
        )
    if csv_path is not None:
        write_records(SpeedRow, rows, csv_path)
    stdout.print(speed_table(rows, ANCHOR))


@click.command(cls=PgicCommand, examples=("pgic bench memory photo.jpg --codec pgic --codec jxl",))
@click.argument("image", required=False, type=EXISTING_FILE)
@option(
    "--codec",
    "names",
    multiple=True,
    group="Codecs",
    help="Codec to measure; again for more. [default: pgic, JPEG XL and AVIF]",
)
@quality_option(75)
@megapixels_option(80.0, "Size of the picture.")
@_threads_option
@csv_option("the figures")
def memory(
    image: Path | None,
    names: tuple[str, ...],
    megapixels: float,
    quality: int,
    threads: int | None,
    csv_path: Path | None,
) -> None:
    """Measure peak memory on a large picture.

    IMAGE is scaled down to the size asked for, or extended by mirroring. Without IMAGE the bench takes a
    made-up picture. Each line counts all memory of a process that did nothing else.
    """
    from ..lab.bench.memory import MemoryRow, measure_memory, memory_table
    from ..lab.bench.pictures import fit_megapixels, load_rgb, synthetic_picture
    from ..lab.bench.records import write_records
    from ..lab.bench.speed import steps_of

    codecs = available_codecs(names or ("pgic", "jxl", "avif"))
    picture = synthetic_picture(megapixels) if image is None else fit_megapixels(load_rgb(image), megapixels)
    stdout = console()
    stdout.print(
        f"{picture.shape[1]} x {picture.shape[0]} pixels, {picture.nbytes / 1e6:.0f} MB of RGB, "
        f"{image or 'made-up picture'}",
        highlight=False,
    )
    qualities = {codec.name: quality for codec in codecs if codec.name.startswith("pgic")}
    with progress_bar(steps_of(codecs, 1)) as advance:
        rows = measure_memory(
            picture, codecs, qualities=qualities, threads=threads, on_step=lambda: advance(1, "")
        )
    if csv_path is not None:
        write_records(MemoryRow, rows, csv_path)
    stdout.print(memory_table(rows))
