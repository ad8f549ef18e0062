"""``pgic bench``: rate-distortion, quality steps, speed, memory and loading for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import PgiError, PgiOptionError
from ..terminal import say
from .bench_terminal import EXISTING, OUTPUT, bar, stdout
from .bench_uses import compressai, loader, ratio, roi, worst

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..lab.bench.peers import Codec
    from ..lab.bench.pictures import Sample
    from ..lab.bench.rd import Point

__all__ = ["bench"]


class _Bench(click.Group):
    """Turns errors of pgic into a sentence and an exit status."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PgiOptionError as error:
            raise click.UsageError(str(error)) from error
        except PgiError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Bench)
def bench() -> None:
    """Measure files, quality and speed beside other codecs."""


for _command in (compressai, loader, ratio, roi, worst):
    bench.add_command(_command)


@bench.command()
@click.argument("images", nargs=-1, type=EXISTING)
@click.option("--codec", "names", multiple=True, help="Leave out to take pgic and every peer installed.")
@click.option("--from", "stored", type=EXISTING, help="CSV of points that need not be measured again.")
@click.option("--csv", "csv_path", type=OUTPUT, help="Write every point.")
@click.option("--plot", type=OUTPUT, help="Write the curves as PNG.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write results.csv and rd.png into this folder, such as a model's.",
)
@click.option("--limit", type=click.IntRange(1), help="Pictures per folder at most.")
@click.option("--points", type=click.IntRange(2), help="Qualities per codec at most.")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
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
    """Rate and distortion of IMAGES (files and folders), and BD-rate of pgic against each peer.

    Pictures above 1600 px on the long side are scaled down to that, and a crop of 1024 px from their centre
    is measured besides at native size. Bytes are those of whole files. BD-rate is taken per picture, then
    averaged.

    With --from, codecs whose points of IMAGES stand in that CSV are not measured again unless named with
    --codec, and pgic always is; without IMAGES nothing is measured.
    """
    from ..lab.bench.peers import PEERS
    from ..lab.bench.pictures import find_samples
    from ..lab.bench.plot import plot_curves
    from ..lab.bench.rd import bd_rows, quality_rows, read_points, write_points
    from ..lab.bench.tables import bd_table, quality_table, worst_tile_line

    if not images and stored is None:
        raise PgiOptionError("Give pictures to measure, or --from with points that were measured before.")
    tables, plots = [csv_path] if csv_path else [], [plot] if plot else []
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        tables.append(results / "results.csv")
        plots.append(results / "rd.png")
    found = [] if stored is None else read_points(stored)
    if images:
        samples = find_samples(images, limit)
        pictures = {sample.picture for sample in samples}
        found = [p for p in found if p.picture in pictures]
        lacking = [n for n in PEERS if {p.picture for p in found if p.codec == n} != pictures]
        codecs = _available(names or ("pgic", *lacking))
        qualities = {codec.name: _spread(codec.qualities, points) for codec in codecs}
        found = [p for p in found if p.codec not in qualities]
        try:
            _measure_into(found, samples, qualities, jobs)
        finally:  # hours may be in them
            if found:
                for path in tables:
                    write_points(found, path)
    else:
        for path in tables:
            write_points(found, path)
    for path in plots:
        plot_curves(found, path)
    present = dict.fromkeys(p.codec for p in found)
    anchors = [name for name in PEERS if name in present]
    tests = [name for name in present if name not in PEERS] or anchors
    console = stdout()
    rows = [row for row in quality_rows(found) if row.codec in tests]
    console.print(quality_table(rows))
    console.print(worst_tile_line(rows), highlight=False)
    console.print(bd_table(bd_rows(found, tests, anchors), anchors))


@bench.command()
@click.argument("images", nargs=-1, required=True, type=EXISTING)
@click.option("--codec", "name", default="pgic", show_default=True)
@click.option("--csv", "csv_path", type=OUTPUT, help="Write every point.")
@click.option("--limit", type=click.IntRange(1), help="Pictures per folder at most.")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
def quality(images: tuple[Path, ...], name: str, csv_path: Path | None, limit: int | None, jobs: int) -> None:
    """Check that quality is a scale: 20 steps from 5 to 100 over IMAGES.

    Mean rate and mean PSNR must rise at every step, and PSNR of no picture may fall by more than 0.05 dB.
    The exit status is 1 where that does not hold.
    """
    from ..lab.bench.pictures import find_samples
    from ..lab.bench.rd import write_points
    from ..lab.bench.steps import QUALITY_STEPS, TOLERANCE, check_steps
    from ..lab.bench.tables import step_table

    codec = _available((name,))[0]
    found: list[Point] = []
    _measure_into(found, find_samples(images, limit), {codec.name: QUALITY_STEPS}, jobs, structural=False)
    if csv_path is not None:
        write_points(found, csv_path)
    report = check_steps(found)
    console = stdout()
    console.print(step_table(report))
    for picture, step, fall in report.falls:
        console.print(f"{picture}: PSNR falls by {fall:.2f} dB at quality {step}", highlight=False)
    if report.holds:
        console.print(f"Mean rate and PSNR rise at every step; no picture falls by more than {TOLERANCE} dB.")
    else:
        console.print("Quality is not a scale here: see the lines above.")
        raise SystemExit(1)


@bench.command()
@click.argument("image", required=False, type=EXISTING)
@click.option("--codec", "names", multiple=True, help="Leave out to take pgic and every peer installed.")
@click.option("--megapixels", type=click.FloatRange(0.01, 80), default=5.0, show_default=True)
@click.option("--quality", type=click.IntRange(1, 100), default=75, show_default=True, help="Of pgic.")
@click.option("--threads", type=click.IntRange(1), help="Processors that each codec may use.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Turns of all codecs.")
@click.option(
    "--repeats", type=click.IntRange(1), default=3, show_default=True, help="Warm calls per process."
)
@click.option("--csv", "csv_path", type=OUTPUT, help="Write the figures.")
@click.option("--stages", is_flag=True, help="Time of pgic by stage instead.")
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
    """Speed, latency, processor time and memory on IMAGE, beside other codecs.

    IMAGE is scaled down to the megapixels asked for, or continued by mirroring. Without it a made-up picture
    is taken. Every figure comes from a fresh process; codecs take turns.

    Warm is a call in a process that has made one before; cold is from the start of a process to its first
    result, interpreter and imports included. Peak memory is that of the whole process.
    """
    from ..lab.bench.peers import PEERS
    from ..lab.bench.pictures import fit_megapixels, load_rgb, synthetic_picture
    from ..lab.bench.records import write_records
    from ..lab.bench.speed import ANCHOR, SpeedRow, measure_speed, measure_stages, steps_of
    from ..lab.bench.tables import speed_table, stage_table

    picture = synthetic_picture(megapixels) if image is None else fit_megapixels(load_rgb(image), megapixels)
    console = stdout()
    console.print(
        f"{picture.shape[1]} x {picture.shape[0]} pixels, {image or 'made-up picture'}", highlight=False
    )
    codecs = _available(names or (("pgic",) if stages else ("pgic", *PEERS)))
    if stages:
        if peers := [codec.name for codec in codecs if codec.name in PEERS]:
            raise PgiOptionError(f"Stages are known of pgic only, not of {', '.join(peers)}.")
        for codec in codecs:
            times = measure_stages(
                picture, codec.name, quality=quality, threads=threads, repeats=runs * repeats
            )
            console.print(stage_table(codec.name, times))
        return
    qualities = {codec.name: quality for codec in codecs if codec.name.startswith("pgic")}
    with bar(steps_of(codecs, runs)) as advance:
        rows = measure_speed(
            picture,
            codecs,
            qualities=qualities,
            threads=threads,
            runs=runs,
            repeats=repeats,
            on_step=lambda: advance(1),
        )
    if csv_path is not None:
        write_records(SpeedRow, rows, csv_path)
    console.print(speed_table(rows, ANCHOR))


@bench.command()
@click.argument("image", required=False, type=EXISTING)
@click.option("--codec", "names", multiple=True, help="Leave out to take pgic, JPEG XL and AVIF.")
@click.option("--megapixels", type=click.FloatRange(0.01, 80), default=80.0, show_default=True)
@click.option("--quality", type=click.IntRange(1, 100), default=75, show_default=True, help="Of pgic.")
@click.option("--threads", type=click.IntRange(1), help="Processors that each codec may use.")
@click.option("--csv", "csv_path", type=OUTPUT, help="Write the figures.")
def memory(
    image: Path | None,
    names: tuple[str, ...],
    megapixels: float,
    quality: int,
    threads: int | None,
    csv_path: Path | None,
) -> None:
    """Peak memory on a large picture made from IMAGE, beside other codecs.

    IMAGE is scaled down to the megapixels asked for, or continued by mirroring. Without it a made-up picture
    is taken. Each line is one process that did nothing else; it counts all of its memory.
    """
    from ..lab.bench.memory import MemoryRow, measure_memory, memory_table
    from ..lab.bench.pictures import fit_megapixels, load_rgb, synthetic_picture
    from ..lab.bench.records import write_records
    from ..lab.bench.speed import steps_of

    picture = synthetic_picture(megapixels) if image is None else fit_megapixels(load_rgb(image), megapixels)
    console = stdout()
    console.print(
        f"{picture.shape[1]} x {picture.shape[0]} pixels, {picture.nbytes / 1e6:.0f} MB of RGB, "
        f"{image or 'made-up picture'}",
        highlight=False,
    )
    codecs = _available(names or ("pgic", "jxl", "avif"))
    qualities = {codec.name: quality for codec in codecs if codec.name.startswith("pgic")}
    with bar(steps_of(codecs, 1)) as advance:
        rows = measure_memory(
            picture, codecs, qualities=qualities, threads=threads, on_step=lambda: advance(1)
        )
    if csv_path is not None:
        write_records(MemoryRow, rows, csv_path)
    console.print(memory_table(rows))


def _available(names: tuple[str, ...]) -> list[Codec]:
    from ..lab.bench.peers import available

    codecs, missing = available(names)
    for name, reason in missing.items():
        say(f"{name} is left out: {reason}")
    if not codecs:
        raise PgiOptionError("None of the codecs asked for is installed.")
    return codecs


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
    from ..lab.bench.rd import measure

    total = len(samples) * sum(map(len, qualities.values()))
    with bar(total) as advance:
        for points in measure(samples, qualities, structural=structural, jobs=jobs):
            found += points
            advance(len(points))
