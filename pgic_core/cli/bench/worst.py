"""``pgic bench worst``: the worst blocks beside AVIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import PgiOptionError
from ...terminal import console
from ..command_base import PgicCommand, option
from ..measuring_options import (
    csv_option,
    images_argument,
    limit_option,
    print_rows,
    qualities_option,
)
from ..progress import progress_bar
from ..value_types import OUTPUT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["worst"]


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
    (speed 6, 4:4:4, at most as many bytes for the whole picture). Pictures of JPEG, AVIF and WebP files lose
    5 rows and 3 columns, so that AVIF does not find the blocks of the coder before it again. From quality 50
    on, neutral blocks should keep Cb and Cr within 6 levels. The exit status is 1 where that does not hold.
    """
    from ...lab.bench.bench_pictures import find_samples
    from ...lab.bench.worst_case import (
        QUALITIES,
        WorstRow,
        generated_pictures,
        measure_worst,
        off_the_grid,
        worst_table,
    )

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
            picture = off_the_grid(sample.load(), sample.path)
            rows += measure_worst(name, picture, qualities or QUALITIES, crops)
            advance(1, name)
    print_rows(WorstRow, rows, worst_table(rows), csv_path)
    bad = sum(not row.holds for row in rows)
    console().print(f"{bad} of {len(rows)} pictures and qualities are out of bounds.", highlight=False)
    if bad:
        raise SystemExit(1)
