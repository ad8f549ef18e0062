"""``pgic bench standard``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...terminal import console, say
from ..command_base import PgicCommand, option
from ..measuring_options import csv_option, limit_option, megapixels_option, quality_option
from ..progress import progress_bar
from ..value_types import EXISTING, OUTPUT_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["standard"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench standard scenes",
        "pgic bench standard scenes --worst worst.png --csv ratio.csv",
        "pgic bench standard --megapixels 1",
    ),
)
@click.argument("images", nargs=-1, type=EXISTING)
@megapixels_option(5.0, "Size of every picture; the standard asks for 5.")
@quality_option(50)
@limit_option("At most N pictures from each folder.")
@option(
    "--worst", type=OUTPUT_FILE, group="Output", help="Write the worst place as PNG, original and decoded."
)
@csv_option("bytes, PSNR and MS-SSIM of every picture")
def standard(
    images: tuple[Path, ...],
    megapixels: float,
    quality: int,
    limit: int | None,
    worst: Path | None,
    csv_path: Path | None,
) -> None:
    """Measure the standard's own numbers at its own size.

    First, speed with one and with all threads, and with one and with all processes of one thread each, in
    wall time and processor time. Then each of IMAGES is saved as JPEG 95 and JPEG 80, and coded into a tenth
    and a fifth of the bytes: PSNR and MS-SSIM of every picture, the worst first. Without IMAGES, a generated
    picture is used for speed alone.
    """
    from ...lab.bench.bench_pictures import find_samples, fit_megapixels, load_rgb, synthetic_picture
    from ...lab.bench.csv_rows import write_records
    from ...lab.bench.jpeg_ratio import RATIOS, RatioRow, ratio_rows, ratio_table
    from ...lab.bench.standard_demands import (
        OPERATIONS,
        ratio_picture_table,
        throughput_of_jobs,
        throughput_of_threads,
        throughput_table,
        worst_pair,
    )
    from ...lab.evaluate.call_cost import processor_name
    from ...models import default_threads

    paths = list(dict.fromkeys(s.path for s in find_samples(images, limit))) if images else []
    first = fit_megapixels(load_rgb(paths[0]), megapixels) if paths else synthetic_picture(megapixels)
    counts = sorted({1, default_threads()})
    with progress_bar(len(counts) * (4 + len(OPERATIONS)) + len(paths)) as advance:

        def step() -> None:
            advance(1, "speed")

        rows = throughput_of_threads(first, counts, quality=quality, on_step=step)
        rows += throughput_of_jobs(first, counts, quality=quality, on_step=step)
        ratios: list[RatioRow] = []
        for path in paths:
            ratios += ratio_rows(path.name, fit_megapixels(load_rgb(path), megapixels))
            advance(1, path.name)
    stdout = console()
    stdout.print(throughput_table(rows, megapixels, processor_name()))
    if not ratios:
        return
    stdout.print(ratio_picture_table(ratios))
    stdout.print(ratio_table(ratios))
    if csv_path is not None:
        write_records(RatioRow, ratios, csv_path)
    if worst is not None:
        row = min(ratios, key=lambda r: (not r.file_bytes, r.psnr))
        path = next(p for p in paths if p.name == row.picture)
        share = dict(RATIOS)[row.jpeg_quality]
        worst_pair(fit_megapixels(load_rgb(path), megapixels), int(share * row.jpeg_bytes)).save(worst)
        say(f"{worst}: {row.picture}, {row.psnr:.2f} dB, original and decoded")
