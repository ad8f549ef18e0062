"""``pgic bench speed`` and ``pgic bench memory``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import PgiOptionError
from ...terminal import console
from ..command_base import PgicCommand, option
from ..measuring_options import (
    ALL_CODECS,
    available_codecs,
    codecs_option,
    csv_option,
    image_argument,
    megapixels_option,
    one_picture,
    print_rows,
    quality_option,
    repeats_option,
    runs_option,
    threads_option,
)
from ..progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["levels", "memory", "speed"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench speed                       on a generated picture",
        "pgic bench speed photo.jpg --codec pgic --codec avif --threads 4",
    ),
)
@image_argument()
@codecs_option(ALL_CODECS)
@quality_option(75)
@megapixels_option(5.0, "Size of the picture.")
@threads_option()
@runs_option("codec")
@repeats_option("Warm calls in each process.")
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
    generated picture. Every figure comes from a fresh process, and codecs take turns.

    "Warm" is a call in a process that has made one before. "Cold" is the time from the start of a process to
    its first result, with interpreter and imports. Peak memory is that of the whole process.
    """
    from ...lab.bench.peer_codecs import PEERS
    from ...lab.bench.printed_tables import speed_table, stage_table
    from ...lab.bench.speed import ANCHOR, SpeedRow, measure_speed, measure_stages, steps_of

    codecs = available_codecs(names or (("pgic",) if stages else ("pgic", *PEERS)))
    picture, line = one_picture(image, megapixels)
    stdout = console()
    stdout.print(line, highlight=False)
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
    print_rows(SpeedRow, rows, speed_table(rows, ANCHOR), csv_path)


@click.command(cls=PgicCommand, examples=("pgic bench memory photo.jpg --codec pgic --codec jxl",))
@image_argument()
@codecs_option("pgic, JPEG XL and AVIF")
@quality_option(75)
@megapixels_option(80.0, "Size of the picture.")
@threads_option()
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
    generated picture. Each line counts all memory of a process that did nothing else.
    """
    from ...lab.bench.memory import MemoryRow, measure_memory, memory_table
    from ...lab.bench.speed import steps_of

    codecs = available_codecs(names or ("pgic", "jxl", "avif"))
    picture, line = one_picture(image, megapixels)
    stdout = console()
    stdout.print(line, highlight=False)
    qualities = {codec.name: quality for codec in codecs if codec.name.startswith("pgic")}
    with progress_bar(steps_of(codecs, 1)) as advance:
        rows = measure_memory(
            picture, codecs, qualities=qualities, threads=threads, on_step=lambda: advance(1, "")
        )
    print_rows(MemoryRow, rows, memory_table(rows), csv_path)


@click.command(cls=PgicCommand, examples=("pgic bench levels photo.jpg --threads 1",))
@image_argument()
@quality_option(50)
@megapixels_option(5.0, "Size of the picture.")
@option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    group="Running",
    help="Threads of each call. [default: all]",
)
@runs_option("level")
@csv_option("the figures")
def levels(
    image: Path | None, quality: int, megapixels: float, threads: int | None, runs: int, csv_path: Path | None
) -> None:
    """Measure what each level and size of one file costs and shows.

    IMAGE is scaled down to the size asked for, or extended by mirroring. Without IMAGE the bench takes a
    generated picture. Levels take turns. "Against fast" compares with what fast shows, shrunk by area where
    the size is reduced. adaptive decodes a box of a tenth of the picture finely, and is compared with fine
    there.
    """
    from ...api import encode
    from ...lab.bench.level_costs import LevelRow, level_table, measure_levels

    picture, described = one_picture(image, megapixels)
    data = encode(picture, quality=quality, codec="learned")
    console().print(f"{described}, {len(data):,} bytes at quality {quality}")
    with progress_bar(runs + 1) as advance:
        rows = measure_levels(picture, data, threads=threads, runs=runs, on_step=lambda: advance(1, ""))
    print_rows(LevelRow, rows, level_table(rows), csv_path)
