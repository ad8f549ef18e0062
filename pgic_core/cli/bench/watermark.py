"""``pgic bench watermark``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command_base import PgicCommand, option
from ..measuring_options import csv_option, images_argument, limit_option, megapixels_option, print_rows
from ..progress import progress_bar
from ..value_types import EXISTING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["watermark"]

_PARTS = ("found", "false-ids")


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench watermark photos --csv marks.csv",
        "pgic bench watermark photos --only false-ids --unmarked more --pairs 100000",
    ),
)
@images_argument()
@megapixels_option(None, "Size to which larger pictures are scaled down before they are marked.")
@option(
    "--unmarked",
    type=EXISTING,
    multiple=True,
    group="Pictures",
    help="Pictures and folders whose tiles hold no watermark; may be repeated. [default: IMAGES]",
)
@limit_option("At most N pictures from each folder.")
@option(
    "--pairs",
    type=click.IntRange(1),
    metavar="N",
    default=100_000,
    show_default=True,
    group="Running",
    help="Tiles without a watermark, each with a key, in which one is looked for.",
)
@option(
    "--only",
    "parts",
    type=click.Choice(_PARTS),
    multiple=True,
    group="Running",
    help="Part to measure; may be repeated. [default: all]",
)
@csv_option("the figures of every picture")
def watermark(
    images: tuple[Path, ...],
    megapixels: float | None,
    unmarked: tuple[Path, ...],
    pairs: int,
    parts: tuple[str, ...],
    csv_path: Path | None,
    limit: int | None,
) -> None:
    """Count watermarks found, edits found and false ids.

    The part "found" gives each of IMAGES a mark and looks for its id after each change. A mark for quality 50
    is looked for after JPEG 70, after scaling by 0.75 and by 1.5, and after a crop to a quarter, both of the
    marked picture and of the same picture coded at quality 50. Marks for 40, 60 and 80 are looked for after
    coding at these qualities, and the one for 60 also after scaling by 0.75 and JPEG 70. For edits, the bench
    pastes blocks of 64 x 64 pixels of another picture into the one coded at 50, and saves it as JPEG 80.

    The part "false-ids" looks into each tile of 512 x 512 pixels with keys that marked none of it. A tenth as
    many further pairs are tiles of IMAGES with the mark of another key. Keys and ids follow from numbers, so
    that the figures can be repeated.
    """
    from ...lab.bench.bench_pictures import find_samples
    from ...lab.bench.csv_rows import write_records
    from ...lab.bench.watermark_false import measure_false
    from ...lab.bench.watermark_ids import measure_ids
    from ...lab.bench.watermark_rows import WatermarkRow, watermark_table

    paths = list(dict.fromkeys(sample.path for sample in find_samples(images, limit)))
    others = list(dict.fromkeys(sample.path for sample in find_samples(unmarked or images, limit)))
    chosen = parts or _PARTS
    measured = {
        "found": lambda: measure_ids(paths, megapixels),
        "false-ids": lambda: measure_false(others, paths, pairs),
    }
    steps = sum(len(paths) + len(others) * (part == "false-ids") for part in chosen)
    rows: list[WatermarkRow] = []
    with progress_bar(steps) as advance:
        for part in chosen:
            for found in measured[part]():
                rows += found
                advance(1, found[0].picture)
                if csv_path is not None:  # a run takes long: what was measured stays if it is stopped
                    write_records(WatermarkRow, rows, csv_path)
    print_rows(WatermarkRow, rows, watermark_table(rows), csv_path)
