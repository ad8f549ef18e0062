"""``pgic bench``: what files are good for - regions of interest, byte budgets, training, other benches."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import PgiOptionError
from ..terminal import say
from .bench_terminal import EXISTING, OUTPUT, bar, stdout

__all__ = ["compressai", "loader", "ratio", "roi", "worst"]


@click.command()
@click.argument("annotations", type=EXISTING)
@click.option("-q", "--quality", type=click.IntRange(1, 100), default=50, show_default=True)
@click.option("--strength", type=click.FloatRange(0, 4), default=1.0, show_default=True, help="Octaves.")
@click.option("--background", type=click.FloatRange(-4, 4), default=0.0, show_default=True, help="Octaves.")
@click.option("--csv", "csv_path", type=OUTPUT, help="Write the figures of every picture.")
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
    from ..lab.bench.records import write_records
    from ..lab.bench.regions import RegionRow, find_boxed, measure_regions, region_table
    from ..roi import Roi

    files = find_boxed(annotations, limit)
    rows = []
    with bar(len(files)) as advance:
        for row in measure_regions(files, quality, Roi((), strength, background)):
            advance(1)
            if row is not None:
                rows.append(row)
    if not rows:
        raise PgiOptionError("No picture has boxes that cover some of it and at most a fifth.")
    if csv_path is not None:
        write_records(RegionRow, rows, csv_path)
    stdout().print(region_table(rows, quality))


@click.command()
@click.argument("images", nargs=-1, required=True, type=EXISTING)
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
@click.option("--csv", "csv_path", type=OUTPUT, help="Write every point.")
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

    from ..lab.bench.compressai_bench import (
        CompressaiPoint,
        compressai_table,
        measure_compressai,
        write_pictures,
    )
    from ..lab.bench.pictures import find_samples
    from ..lab.bench.records import write_records

    points = []
    samples = find_samples(images, limit)
    with TemporaryDirectory(prefix="pgic-") as folder:
        paths = write_pictures(samples, Path(folder))
        with bar(5 * len(qualities)) as advance:
            for point in measure_compressai(paths, qualities, say):
                points.append(point)
                advance(1)
    if csv_path is not None:
        write_records(CompressaiPoint, points, csv_path)
    stdout().print(compressai_table(points))


@click.command()
@click.argument("images", nargs=-1, required=True, type=EXISTING)
@click.option("--megapixels", type=click.FloatRange(0.01, 80), default=5.0, show_default=True)
@click.option("--csv", "csv_path", type=OUTPUT, help="Write the figures of every picture.")
@click.option("--limit", type=click.IntRange(1), help="Pictures per folder at most.")
def ratio(images: tuple[Path, ...], megapixels: float, csv_path: Path | None, limit: int | None) -> None:
    """How many of IMAGES fit in a tenth of a JPEG of quality 95, and in a fifth of one of quality 80.

    Each is brought to the megapixels asked for (scaled down, or continued by mirroring) and saved as JPEG;
    what that shows is coded in that share of its bytes, and should stay above 35 dB.
    """
    from ..lab.bench.pictures import find_samples
    from ..lab.bench.ratio import RATIOS, RatioRow, measure_ratio, ratio_table
    from ..lab.bench.records import write_records

    paths = list(dict.fromkeys(sample.path for sample in find_samples(images, limit)))
    rows = []
    with bar(len(paths) * len(RATIOS)) as advance:
        for row in measure_ratio(paths, megapixels):
            advance(1)
            rows.append(row)
    if csv_path is not None:
        write_records(RatioRow, rows, csv_path)
    stdout().print(ratio_table(rows))


@click.command()
@click.argument("images", nargs=-1, type=EXISTING)
@click.option(
    "--patterns", type=click.IntRange(0), default=4, show_default=True, help="Generated, of each kind."
)
@click.option("-q", "--quality", "qualities", type=click.IntRange(1, 100), multiple=True, help="Of pgic.")
@click.option(
    "--crops", type=click.Path(file_okay=False, path_type=Path), help="Folder for PNGs of bad blocks."
)
@click.option("--csv", "csv_path", type=OUTPUT, help="Write the figures of every picture.")
@click.option("--limit", type=click.IntRange(1), help="Pictures per folder at most.")
def worst(
    images: tuple[Path, ...],
    patterns: int,
    qualities: tuple[int, ...],
    crops: Path | None,
    csv_path: Path | None,
    limit: int | None,
) -> None:
    """The worst blocks of IMAGES and of generated patterns, beside AVIF at the same bytes.

    Stripes, checks, rings, text, drawings, lamps, flat fields and noise are generated. Of blocks of 64 x 64
    pixels below 40 dB, none should lie more than 6 dB under AVIF's (speed 6, 4:4:4, at most as many bytes for
    the whole picture). From quality 50 on, neutral blocks should keep Cb and Cr within 6 levels. The exit
    status is 1 where that does not hold.
    """
    from ..lab.bench.pictures import find_samples
    from ..lab.bench.records import write_records
    from ..lab.bench.worst import QUALITIES, WorstRow, generated_pictures, measure_worst, worst_table

    samples = find_samples(images, limit) if images else []
    generated = list(generated_pictures(patterns))
    if not samples and not generated:
        raise PgiOptionError("Give pictures to measure, or --patterns above 0.")
    if crops is not None:
        crops.mkdir(parents=True, exist_ok=True)
    rows: list[WorstRow] = []
    with bar(len(samples) + len(generated)) as advance:
        for name, picture in generated:
            rows += measure_worst(name, picture, qualities or QUALITIES, crops)
            advance(1)
        for sample in samples:
            name = "-".join(sample.picture)
            rows += measure_worst(name, sample.load(), qualities or QUALITIES, crops)
            advance(1)
    if csv_path is not None:
        write_records(WorstRow, rows, csv_path)
    stdout().print(worst_table(rows))
    bad = sum(not row.holds for row in rows)
    stdout().print(f"{bad} of {len(rows)} pictures and qualities are out of bounds.", highlight=False)
    if bad:
        raise SystemExit(1)


@click.command()
@click.argument("images", nargs=-1, required=True, type=EXISTING)
@click.option("--count", type=click.IntRange(1), default=200, show_default=True, help="Pictures per epoch.")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, help="Of the DataLoader.")
@click.option("--megapixels", type=click.FloatRange(0.01, 80), help="Size of each; as they are if not given.")
@click.option("--quality", type=click.IntRange(1, 100), default=50, show_default=True, help="Of pgic.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Turns of all readers.")
@click.option("--csv", "csv_path", type=OUTPUT, help="Write the figures.")
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
    from ..lab.bench.loader import LoaderRow, find_pictures, loader_table, measure_loader, readers
    from ..lab.bench.records import write_records

    chosen, missing = readers()
    for name, reason in missing.items():
        say(f"{name} is left out: {reason}")
    pictures = find_pictures(images, count)
    with bar(len(pictures) + runs * len(chosen)) as advance:
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
    stdout().print(loader_table(rows))
