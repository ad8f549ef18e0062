"""``pgic bench roi | compressai | ratio | worst``: how well files serve particular uses."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import PgiOptionError
from ..terminal import console, say
from .bench_options import (
    csv_option,
    images_argument,
    limit_option,
    megapixels_option,
    print_rows,
    qualities_option,
    quality_option,
)
from .command_base import PgicCommand, option
from .progress import progress_bar
from .value_types import EXISTING_FILE, OUTPUT_FOLDER

__all__ = ["compressai", "ratio", "roi", "worst"]


@click.command(cls=PgicCommand, examples=("pgic bench roi instances.json --limit 20",))
@click.argument("annotations", type=EXISTING_FILE)
@quality_option(50)
@option(
    "--strength",
    type=click.FloatRange(0, 4),
    metavar="0-4",
    default=1.0,
    show_default=True,
    group="Regions of interest",
    help="How much better, in octaves of the quantisation step.",
)
@option(
    "--background",
    type=click.FloatRange(-4, 4),
    metavar="X",
    default=0.0,
    show_default=True,
    group="Regions of interest",
    help="Quality of all else, in octaves from -4 to 4; below 0 is coarser.",
)
@limit_option("At most N pictures.")
@csv_option("the figures of every picture")
def roi(
    annotations: Path,
    quality: int,
    strength: float,
    background: float,
    csv_path: Path | None,
    limit: int | None,
) -> None:
    """Measure what a region of interest gains at equal bytes.

    ANNOTATIONS is a COCO file beside its pictures. A picture whose boxes cover at most a fifth of it is coded
    twice: plainly, then in at most as many bytes with its boxes as region of interest.
    """
    from ..lab.bench.roi_gain import RegionRow, find_boxed, measure_regions, region_table
    from ..roi import Roi

    files = find_boxed(annotations, limit)
    rows = []
    with progress_bar(len(files)) as advance:
        for row in measure_regions(files, quality, Roi((), strength, background)):
            advance(1, row.picture if row else "")
            if row is not None:
                rows.append(row)
    if not rows:
        raise PgiOptionError("No picture has boxes that cover some of it and at most a fifth.")
    print_rows(RegionRow, rows, region_table(rows, quality), csv_path)


@click.command(cls=PgicCommand, examples=("pgic bench compressai photos -q 30 -q 70",))
@images_argument()
@qualities_option("Quality of pgic, JPEG and WebP; may be repeated.", (10, 30, 50, 70, 90))
@limit_option("At most N pictures from each folder.")
@csv_option("every point")
def compressai(
    images: tuple[Path, ...], qualities: tuple[int, ...], csv_path: Path | None, limit: int | None
) -> None:
    """Run CompressAI's bench on pgic and on its own codecs.

    Needs the extra [compressai]. IMAGES are taken as 'pgic bench rd' takes them. CompressAI pads them with
    black to multiples of 64 pixels before its eval_model codes them, and runs torch on one thread. pgic uses
    PGIC_THREADS threads, or all processors.
    """
    from tempfile import TemporaryDirectory

    from ..lab.bench.bench_pictures import find_samples
    from ..lab.bench.compressai_bench import (
        CompressaiPoint,
        compressai_table,
        measure_compressai,
        write_pictures,
    )

    points = []
    samples = find_samples(images, limit)
    with TemporaryDirectory(prefix="pgic-") as folder:
        paths = write_pictures(samples, Path(folder))
        with progress_bar(5 * len(qualities)) as advance:
            for point in measure_compressai(paths, qualities, say):
                points.append(point)
                advance(1, point.codec)
    print_rows(CompressaiPoint, points, compressai_table(points), csv_path)


@click.command(cls=PgicCommand, examples=("pgic bench ratio photos --megapixels 5",))
@images_argument()
@megapixels_option(5.0, "Size of each picture.")
@limit_option("At most N pictures from each folder.")
@csv_option("the figures of every picture")
def ratio(images: tuple[Path, ...], megapixels: float, csv_path: Path | None, limit: int | None) -> None:
    """Count pictures that fit in a tenth or a fifth of a JPEG file.

    Each picture is brought to the size asked for (scaled down, or extended by mirroring) and saved as JPEG
    of quality 95 and of quality 80. What these files show is coded in a tenth of the bytes of the first, and
    in a fifth of the second. PSNR should stay above 35 dB.
    """
    from ..lab.bench.bench_pictures import find_samples
    from ..lab.bench.jpeg_ratio import RATIOS, RatioRow, measure_ratio, ratio_table

    paths = list(dict.fromkeys(sample.path for sample in find_samples(images, limit)))
    rows = []
    with progress_bar(len(paths) * len(RATIOS)) as advance:
        for row in measure_ratio(paths, megapixels):
            advance(1, row.picture)
            rows.append(row)
    print_rows(RatioRow, rows, ratio_table(rows), csv_path)


@click.command(
    cls=PgicCommand,
    examples=("pgic bench worst photos --crops bad", "pgic bench worst --patterns 20 -q 50"),
)
@images_argument(required=False)
@option(
    "--patterns",
    type=click.IntRange(0),
    metavar="N",
    default=4,
    show_default=True,
    group="Pictures",
    help="Generated pictures of each kind.",
)
@qualities_option("Quality of pgic; may be repeated. [default: those that this bench is made for]")
@limit_option("At most N pictures from each folder.")
@csv_option("the figures of every picture")
@option("--crops", type=OUTPUT_FOLDER, group="Output", help="Folder for PNG files of the bad blocks.")
def worst(
    images: tuple[Path, ...],
    patterns: int,
    qualities: tuple[int, ...],
    crops: Path | None,
    csv_path: Path | None,
    limit: int | None,
) -> None:
    """Compare the worst blocks with AVIF at equal bytes.

    The bench measures IMAGES, and patterns that it generates: stripes, checks, rings, text, drawings, lamps,
    flat fields and noise. A block of 64 x 64 pixels below 40 dB should be no more than 6 dB worse than AVIF's
    (speed 6, 4:4:4, at most as many bytes for the whole picture). From quality 50 on, neutral blocks should
    keep Cb and Cr within 6 levels. The exit status is 1 where that does not hold.
    """
    from ..lab.bench.bench_pictures import find_samples
    from ..lab.bench.worst_case import QUALITIES, WorstRow, generated_pictures, measure_worst, worst_table

    samples = find_samples(images, limit) if images else []
    generated = list(generated_pictures(patterns))
    if not samples and not generated:
        raise PgiOptionError("Give pictures to measure, or --patterns above 0.")
    if crops is not None:
        crops.mkdir(parents=True, exist_ok=True)
    rows: list[WorstRow] = []
    with progress_bar(len(samples) + len(generated)) as advance:
        for name, picture in generated:
            rows += measure_worst(name, picture, qualities or QUALITIES, crops)
            advance(1, name)
        for sample in samples:
            name = "-".join(sample.picture)
            rows += measure_worst(name, sample.load(), qualities or QUALITIES, crops)
            advance(1, name)
    print_rows(WorstRow, rows, worst_table(rows), csv_path)
    bad = sum(not row.holds for row in rows)
    console().print(f"{bad} of {len(rows)} pictures and qualities are out of bounds.", highlight=False)
    if bad:
        raise SystemExit(1)
