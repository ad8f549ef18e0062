"""``pgic bench ratio``: pictures that fit in a share of a JPEG file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command_base import PgicCommand
from ..measuring_options import (
    csv_option,
    images_argument,
    limit_option,
    megapixels_option,
    print_rows,
)
from ..progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ratio"]


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
    from ...lab.bench.bench_pictures import find_samples
    from ...lab.bench.jpeg_ratio import RATIOS, RatioRow, measure_ratio, ratio_table

    paths = list(dict.fromkeys(sample.path for sample in find_samples(images, limit)))
    rows = []
    with progress_bar(len(paths) * len(RATIOS)) as advance:
        for row in measure_ratio(paths, megapixels):
            advance(1, row.picture)
            rows.append(row)
    print_rows(RatioRow, rows, ratio_table(rows), csv_path)
