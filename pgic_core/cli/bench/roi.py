"""``pgic bench roi``: what a region of interest gains at equal bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import PgiOptionError
from ..command_base import PgicCommand, option
from ..measuring_options import (
    csv_option,
    limit_option,
    print_rows,
    quality_option,
)
from ..progress import progress_bar
from ..value_types import EXISTING_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["roi"]


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
    from ...lab.bench.roi_gain import RegionRow, find_boxed, measure_regions, region_table
    from ...roi import Roi

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
