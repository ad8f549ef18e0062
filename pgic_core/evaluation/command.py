"""``pgic bench``: rate-distortion, quality steps, speed, memory and loading for training."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import PgiError, PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console

    from .peers import Codec
    from .pictures import Sample
    from .rd import Point

__all__ = ["bench"]

_PIPE_WIDTH = 140
_EXISTING = click.Path(exists=True, path_type=Path)
_OUTPUT = click.Path(dir_okay=False, path_type=Path)


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


@bench.command()
@click.argument("images", nargs=-1, type=_EXISTING)
@click.option("--codec", "names", multiple=True, help="Leave out to take pgic and every peer installed.")
@click.option("--from", "stored", type=_EXISTING, help="CSV of points that need not be measured again.")
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write every point.")
@click.option("--plot", type=_OUTPUT, help="Write the curves as PNG.")
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
    from .peers import PEERS
    from .pictures import find_samples
    from .plot import plot_curves
    from .rd import bd_rows, quality_rows, read_points, write_points
    from .tables import bd_table, quality_table, worst_tile_line

    if not images and stored is None:
        raise PgiOptionError("Give pictures to measure, or --from with points that were measured before.")
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        csv_path, plot = csv_path or results / "results.csv", plot or results / "rd.png"
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
            if csv_path is not None and found:
                write_points(found, csv_path)
    elif csv_path is not None:
        write_points(found, csv_path)
    if plot is not None:
        plot_curves(found, plot)
    present = dict.fromkeys(p.codec for p in found)
    anchors = [name for name in PEERS if name in present]
    tests = [name for name in present if name not in PEERS] or anchors
    console = _stdout()
    rows = [row for row in quality_rows(found) if row.codec in tests]
    console.print(quality_table(rows))
    console.print(worst_tile_line(rows), highlight=False)
    console.print(bd_table(bd_rows(found, tests, anchors), anchors))


@bench.command()
@click.argument("images", nargs=-1, required=True, type=_EXISTING)
@click.option("--codec", "name", default="pgic", show_default=True)
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write every point.")
@click.option("--limit", type=click.IntRange(1), help="Pictures per folder at most.")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
def quality(images: tuple[Path, ...], name: str, csv_path: Path | None, limit: int | None, jobs: int) -> None:
    """Check that quality is a scale: 20 steps from 5 to 100 over IMAGES.

    Mean rate and mean PSNR must rise at every step, and PSNR of no picture may fall by more than 0.05 dB.
    The exit status is 1 where that does not hold.
    """
    from .pictures import find_samples
    from .rd import write_points
    from .steps import QUALITY_STEPS, TOLERANCE, check_steps
    from .tables import step_table

    codec = _available((name,))[0]
    found: list[Point] = []
    _measure_into(found, find_samples(images, limit), {codec.name: QUALITY_STEPS}, jobs, structural=False)
    if csv_path is not None:
        write_points(found, csv_path)
    report = check_steps(found)
    console = _stdout()
    console.print(step_table(report))
    for picture, step, fall in report.falls:
        console.print(f"{picture}: PSNR falls by {fall:.2f} dB at quality {step}", highlight=False)
    if report.holds:
        console.print(f"Mean rate and PSNR rise at every step; no picture falls by more than {TOLERANCE} dB.")
    else:
        console.print("Quality is not a scale here: see the lines above.")
        raise SystemExit(1)


@bench.command()
@click.argument("image", required=False, type=_EXISTING)
@click.option("--codec", "names", multiple=True, help="Leave out to take pgic and every peer installed.")
@click.option("--megapixels", type=click.FloatRange(0.01, 80), default=5.0, show_default=True)
@click.option("--quality", type=click.IntRange(1, 100), default=75, show_default=True, help="Of pgic.")
@click.option("--threads", type=click.IntRange(1), help="Processors that each codec may use.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Turns of all codecs.")
@click.option(
    "--repeats", type=click.IntRange(1), default=3, show_default=True, help="Warm calls per process."
)
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write the figures.")
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
    from .peers import PEERS
    from .pictures import fit_megapixels, load_rgb, synthetic_picture
    from .records import write_records
    from .speed import ANCHOR, SpeedRow, measure_speed, measure_stages, steps_of
    from .tables import speed_table, stage_table

    picture = synthetic_picture(megapixels) if image is None else fit_megapixels(load_rgb(image), megapixels)
    console = _stdout()
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
    with _bar(steps_of(codecs, runs)) as advance:
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
@click.argument("image", required=False, type=_EXISTING)
@click.option("--codec", "names", multiple=True, help="Leave out to take pgic, JPEG XL and AVIF.")
@click.option("--megapixels", type=click.FloatRange(0.01, 80), default=80.0, show_default=True)
@click.option("--quality", type=click.IntRange(1, 100), default=75, show_default=True, help="Of pgic.")
@click.option("--threads", type=click.IntRange(1), help="Processors that each codec may use.")
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write the figures.")
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
    from .memory import MemoryRow, measure_memory, memory_table
    from .pictures import fit_megapixels, load_rgb, synthetic_picture
    from .records import write_records
    from .speed import steps_of

    picture = synthetic_picture(megapixels) if image is None else fit_megapixels(load_rgb(image), megapixels)
    console = _stdout()
    console.print(
        f"{picture.shape[1]} x {picture.shape[0]} pixels, {picture.nbytes / 1e6:.0f} MB of RGB, "
        f"{image or 'made-up picture'}",
        highlight=False,
    )
    codecs = _available(names or ("pgic", "jxl", "avif"))
    qualities = {codec.name: quality for codec in codecs if codec.name.startswith("pgic")}
    with _bar(steps_of(codecs, 1)) as advance:
        rows = measure_memory(
            picture, codecs, qualities=qualities, threads=threads, on_step=lambda: advance(1)
        )
    if csv_path is not None:
        write_records(MemoryRow, rows, csv_path)
    console.print(memory_table(rows))


@bench.command()
@click.argument("annotations", type=_EXISTING)
@click.option("-q", "--quality", type=click.IntRange(1, 100), default=50, show_default=True)
@click.option("--strength", type=click.FloatRange(0, 4), default=1.0, show_default=True, help="Octaves.")
@click.option("--background", type=click.FloatRange(-4, 4), default=0.0, show_default=True, help="Octaves.")
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write the figures of every picture.")
@click.option("--limit", type=click.IntRange(1), help="Pictures at most.")
def roi(
    annotations: Path,
    quality: int,
    strength: float,
    background: float,
    csv_path: Path | None,
    limit: int | None,
) -> None:
    """What a region of interest gains inside, in no more bytes.

    ANNOTATIONS is a COCO file beside its pictures. Each one whose boxes cover at most a fifth of it is coded
    at a quality, then with its boxes as region of interest in at most as many bytes.
    """
    from ..roi import Roi
    from .records import write_records
    from .regions import RegionRow, find_boxed, measure_regions, region_table

    files = find_boxed(annotations, limit)
    rows = []
    with _bar(len(files)) as advance:
        for row in measure_regions(files, quality, Roi((), strength, background)):
            advance(1)
            if row is not None:
                rows.append(row)
    if not rows:
        raise PgiOptionError("No picture has boxes that cover some of it and at most a fifth.")
    if csv_path is not None:
        write_records(RegionRow, rows, csv_path)
    _stdout().print(region_table(rows, quality))


@bench.command()
@click.argument("images", nargs=-1, required=True, type=_EXISTING)
@click.option(
    "-q",
    "--quality",
    "qualities",
    type=click.IntRange(1, 100),
    multiple=True,
    default=(10, 30, 50, 70, 90),
    show_default=True,
    help="Of pgic, JPEG and WebP; again for more.",
)
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write every point.")
@click.option("--limit", type=click.IntRange(1), help="Pictures per folder at most.")
def compressai(
    images: tuple[Path, ...], qualities: tuple[int, ...], csv_path: Path | None, limit: int | None
) -> None:
    """Measure IMAGES with CompressAI's own bench, pgic beside its codecs.

    Needs the extra [compressai]. Pictures are taken as by 'pgic bench rd'. CompressAI pads them with black to
    multiples of 64 pixels before its eval_model codes them, and runs torch on one thread; pgic's codec takes
    PGIC_THREADS or all processors.
    """
    from tempfile import TemporaryDirectory

    from .compressai_bench import CompressaiPoint, compressai_table, measure_compressai, write_pictures
    from .pictures import find_samples
    from .records import write_records

    points = []
    samples = find_samples(images, limit)
    with TemporaryDirectory(prefix="pgic-") as folder:
        paths = write_pictures(samples, Path(folder))
        with _bar(5 * len(qualities)) as advance:
            for point in measure_compressai(paths, qualities, lambda line: click.echo(line, err=True)):
                points.append(point)
                advance(1)
    if csv_path is not None:
        write_records(CompressaiPoint, points, csv_path)
    _stdout().print(compressai_table(points))


@bench.command()
@click.argument("images", nargs=-1, required=True, type=_EXISTING)
@click.option("--megapixels", type=click.FloatRange(0.01, 80), default=5.0, show_default=True)
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write the figures of every picture.")
@click.option("--limit", type=click.IntRange(1), help="Pictures per folder at most.")
def ratio(images: tuple[Path, ...], megapixels: float, csv_path: Path | None, limit: int | None) -> None:
    """How many of IMAGES fit in a tenth of a JPEG of quality 95, and in a fifth of one of quality 80.

    Each is brought to the megapixels asked for (scaled down, or continued by mirroring) and saved as JPEG;
    what that shows is coded in that share of its bytes, and should stay above 35 dB.
    """
    from .pictures import find_samples
    from .ratio import RATIOS, RatioRow, measure_ratio, ratio_table
    from .records import write_records

    paths = list(dict.fromkeys(sample.path for sample in find_samples(images, limit)))
    rows = []
    with _bar(len(paths) * len(RATIOS)) as advance:
        for row in measure_ratio(paths, megapixels):
            advance(1)
            rows.append(row)
    if csv_path is not None:
        write_records(RatioRow, rows, csv_path)
    _stdout().print(ratio_table(rows))


@bench.command()
@click.argument("images", nargs=-1, required=True, type=_EXISTING)
@click.option("--count", type=click.IntRange(1), default=200, show_default=True, help="Pictures per epoch.")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, help="Of the DataLoader.")
@click.option("--megapixels", type=click.FloatRange(0.01, 80), help="Size of each; as they are if not given.")
@click.option("--quality", type=click.IntRange(1, 100), default=50, show_default=True, help="Of pgic.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Turns of all readers.")
@click.option("--csv", "csv_path", type=_OUTPUT, help="Write the figures.")
def loader(
    images: tuple[Path, ...],
    count: int,
    workers: int,
    megapixels: float | None,
    quality: int,
    runs: int,
    csv_path: Path | None,
) -> None:
    """Pictures per second that a torch DataLoader gets from coded IMAGES (files and folders).

    Whole .pgi pictures, previews, windows of 512 x 512 and latents beside JPEG at quality 90, AVIF at speed 6
    and PNG, which Pillow reads. IMAGES are coded into a temporary folder; where they are fewer than --count,
    they are read again. Each figure comes from a fresh process, over one epoch after its workers have
    started; readers take turns.
    """
    from .loader import LoaderRow, find_pictures, loader_table, measure_loader, readers
    from .records import write_records

    chosen, missing = readers()
    for name, reason in missing.items():
        click.echo(f"{name} is left out: {reason}", err=True)
    pictures = find_pictures(images, count)
    with _bar(len(pictures) + runs * len(chosen)) as advance:
        rows = measure_loader(
            pictures,
            chosen,
            count=count,
            workers=workers,
            megapixels=megapixels,
            quality=quality,
            runs=runs,
            on_step=lambda: advance(1),
        )
    if csv_path is not None:
        write_records(LoaderRow, rows, csv_path)
    _stdout().print(loader_table(rows))


def _available(names: tuple[str, ...]) -> list[Codec]:
    from .peers import available

    codecs, missing = available(names)
    for name, reason in missing.items():
        click.echo(f"{name} is left out: {reason}", err=True)
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
    from .rd import measure

    total = len(samples) * sum(map(len, qualities.values()))
    with _bar(total) as advance:
        for points in measure(samples, qualities, structural=structural, jobs=jobs):
            found += points
            advance(len(points))


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal; gives what moves it on."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("Measuring", total=total)
        yield lambda steps: progress.advance(task, steps)


def _stdout() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
