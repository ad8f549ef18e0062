"""``pgic bench rd`` and ``pgic bench quality``."""

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
    images_argument,
    jobs_option,
    limit_option,
)
from ..progress import progress_bar
from ..value_types import EXISTING_FILE, OUTPUT_FILE, OUTPUT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ...lab.bench.bench_pictures import Sample
    from ...lab.bench.rate_distortion import Point

__all__ = ["quality", "rd"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench rd photos --plot rd.png --csv points.csv",
        "pgic bench rd photos --codec pgic --codec avif --limit 20",
        "pgic bench rd photos --codec pgic --codec pgic-fine",
        "pgic bench rd --from points.csv        prints the tables again",
    ),
)
@images_argument(required=False)
@codecs_option(ALL_CODECS)
@option(
    "--points",
    type=click.IntRange(2),
    metavar="N",
    group="Codecs",
    advanced=True,
    help="At most N qualities of each codec.",
)
@option(
    "--from",
    "stored",
    type=EXISTING_FILE,
    group="Codecs",
    advanced=True,
    help="CSV of points that need not be measured again.",
)
@limit_option("At most N pictures from each folder.")
@csv_option("every point")
@option("--plot", type=OUTPUT_FILE, group="Output", help="Write the curves as PNG.")
@option(
    "--results",
    type=OUTPUT_FOLDER,
    group="Output",
    advanced=True,
    help="Write results.csv and rd.png into this folder, such as a model's.",
)
@jobs_option()
def rd(
    images: tuple[Path, ...],
    names: tuple[str, ...],
    stored: Path | None,
    csv_path: Path | None,
    plot: Path | None,
    results: Path | None,
    limit: int | None,
    points: int | None,
    jobs: int,
) -> None:
    """Measure rate and distortion, and BD-rate against each peer.

    IMAGES are files and folders. Pictures above 1600 px on the long side are scaled down to that, and a crop
    of 1024 px from their centre is measured at native size as well. Bytes are those of whole files. BD-rate
    is computed for each picture, then averaged.

    --from names a CSV file of an earlier run. Peers that it covers are not measured again unless --codec
    names them; pgic always is. Without IMAGES nothing is measured.
    """
    from ...lab.bench.bench_pictures import find_samples
    from ...lab.bench.rate_distortion import read_points, write_points
    from ...lab.bench.rate_distortion_plot import plot_curves

    if not images and stored is None:
        raise PgiOptionError("Give pictures to measure, or --from with points that were measured before.")
    tables, plots = [csv_path] if csv_path else [], [plot] if plot else []
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        tables.append(results / "results.csv")
        plots.append(results / "rd.png")
    found = [] if stored is None else read_points(stored)
    try:
        if images:
            _measure_lacking(found, find_samples(images, limit), names, points, jobs)
    finally:  # hours may be in them
        for path in tables if found else ():
            write_points(found, path)
    for path in plots:
        plot_curves(found, path)
    _show_tables(found)


@click.command(cls=PgicCommand, examples=("pgic bench quality photos --limit 5",))
@images_argument()
@option("--codec", "name", default="pgic", show_default=True, group="Codecs", help="Codec to check.")
@limit_option("At most N pictures from each folder.")
@csv_option("every point")
@jobs_option()
def quality(images: tuple[Path, ...], name: str, csv_path: Path | None, limit: int | None, jobs: int) -> None:
    """Check that bytes and PSNR rise with the quality.

    IMAGES are coded at 20 qualities from 5 to 100. Mean rate and mean PSNR must rise at every step, and PSNR
    of no picture may fall by more than 0.05 dB. The exit status is 1 where that does not hold.
    """
    from ...lab.bench.bench_pictures import find_samples
    from ...lab.bench.printed_tables import step_table
    from ...lab.bench.quality_scale import QUALITY_STEPS, TOLERANCE, check_steps
    from ...lab.bench.rate_distortion import write_points

    codec = available_codecs((name,))[0]
    found: list[Point] = []
    _measure_into(found, find_samples(images, limit), {codec.name: QUALITY_STEPS}, jobs, structural=False)
    if csv_path is not None:
        write_points(found, csv_path)
    report = check_steps(found)
    stdout = console()
    stdout.print(step_table(report))
    for picture, step, fall in report.falls:
        stdout.print(f"{picture}: PSNR falls by {fall:.2f} dB at quality {step}", highlight=False)
    if report.holds:
        stdout.print(f"Mean rate and PSNR rise at every step; no picture falls by more than {TOLERANCE} dB.")
    else:
        stdout.print("Quality is not a scale here: see the lines above.")
        raise SystemExit(1)


def _measure_lacking(
    found: list[Point], samples: Sequence[Sample], names: tuple[str, ...], points: int | None, jobs: int
) -> None:
    """Keep of ``found`` the points of ``samples``, and add what is not among them."""
    from ...lab.bench.peer_codecs import PEERS

    pictures = {sample.picture for sample in samples}
    found[:] = [p for p in found if p.picture in pictures]
    lacking = [n for n in PEERS if {p.picture for p in found if p.codec == n} != pictures]
    codecs = available_codecs(names or ("pgic", *lacking))
    qualities = {codec.name: _spread(codec.qualities, points) for codec in codecs}
    found[:] = [p for p in found if p.codec not in qualities]
    _measure_into(found, samples, qualities, jobs)


def _show_tables(found: Sequence[Point]) -> None:
    from ...lab.bench.peer_codecs import PEERS
    from ...lab.bench.printed_tables import bd_table, quality_table, worst_tile_line
    from ...lab.bench.rate_distortion import bd_rows, quality_rows

    present = dict.fromkeys(p.codec for p in found)
    anchors = [name for name in PEERS if name in present]
    tests = [name for name in present if name not in PEERS] or anchors
    if "pgic" in tests and len(tests) > 1:  # other efforts and levels, against the usual one
        anchors.append("pgic")
    stdout = console()
    rows = [row for row in quality_rows(found) if row.codec in tests]
    stdout.print(quality_table(rows))
    stdout.print(worst_tile_line(rows), highlight=False)
    stdout.print(bd_table(bd_rows(found, tests, anchors), anchors))


def _spread(qualities: Sequence[int], count: int | None) -> tuple[int, ...]:
    """At most ``count`` of them, both ends included."""
    if count is None or count >= len(qualities):
        return tuple(qualities)
    last = len(qualities) - 1
    return tuple(qualities[round(i * last / (count - 1))] for i in range(count))


def _measure_into(
    found: list[Point],
    samples: Sequence[Sample],
    qualities: Mapping[str, Sequence[int]],
    jobs: int,
    *,
    structural: bool = True,
) -> None:
    from ...lab.bench.rate_distortion import measure

    total = len(samples) * sum(map(len, qualities.values()))
    with progress_bar(total) as advance:
        for points in measure(samples, qualities, structural=structural, jobs=jobs):
            found += points
            advance(len(points), points[0].image if points else "")
