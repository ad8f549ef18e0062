"""``pgic bench compressai``: pgic in CompressAI's own bench."""

from __future__ import annotations

from pathlib import Path

import click

from ...terminal import say
from ..command_base import PgicCommand
from ..measuring_options import (
    csv_option,
    images_argument,
    limit_option,
    print_rows,
    qualities_option,
)
from ..progress import progress_bar

__all__ = ["compressai"]


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

    from ...lab.bench.bench_pictures import find_samples
    from ...lab.bench.compressai_bench import (
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
