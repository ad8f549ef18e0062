"""``pgic bench loader``: what a torch DataLoader reads in a second, by format and by what is read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...terminal import say
from ..command_base import PgicCommand, option
from ..measuring_options import (
    csv_option,
    device_option,
    images_argument,
    print_rows,
    quality_option,
    runs_option,
    seconds_option,
    workers_option,
)
from ..progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["loader"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic bench loader photos --workers 4 --megapixels 2",
        "pgic bench loader photos --megapixels 0.25 --megapixels 20 --seconds 5",
    ),
)
@images_argument()
@option(
    "--megapixels",
    "sizes",
    type=click.FloatRange(0.01, 80),
    metavar="0.01-80",
    multiple=True,
    group="Pictures",
    help="Size of each picture; may be repeated. [default: as it is]",
)
@option(
    "--count",
    type=click.IntRange(1),
    metavar="N",
    default=200,
    show_default=True,
    group="Pictures",
    help="Pictures in each epoch.",
)
@seconds_option(10.0, "How long an epoch may take; then it ends before --count, but not before six pictures.")
@option(
    "--reader",
    "names",
    multiple=True,
    metavar="NAME",
    group="Running",
    help='Reader to measure, such as "pgic window 256"; may be repeated. [default: all]',
)
@quality_option(50)
@workers_option(0, 2, "Workers of the DataLoader.")
@device_option('Where "pgic device" decodes, as torch names it.')
@runs_option("reader")
@csv_option("the figures")
def loader(
    images: tuple[Path, ...],
    count: int,
    seconds: float,
    names: tuple[str, ...],
    workers: int,
    sizes: tuple[float, ...],
    quality: int,
    device: str,
    runs: int,
    csv_path: Path | None,
) -> None:
    """Measure pictures per second in a torch DataLoader.

    The bench reads .pgi pictures whole, at a half and a quarter of each side, as previews, windows and
    latents, and as symbols, which is all that workers do where a device decodes. Beside them it reads JPEG
    and WebP at quality 90, AVIF at speed 6 and PNG through Pillow; of JPEG also windows, a half to an eighth
    through draft(), and torchvision's decode_jpeg.

    IMAGES (files and folders) are coded into a temporary folder; where there are fewer than --count, they are
    read again. Each figure comes from a fresh process, after its workers have started. Readers take turns.
    Processor time counts all workers and the process that they feed. On a busy machine its ratios still
    hold, while those of pictures per second do not.
    """
    from ...lab.bench.loader_speed import LoaderRow, find_pictures, loader_table, measure_loader, readers

    chosen, missing = readers(names, device)
    for name, reason in missing.items():
        say(f"{name} is left out: {reason}")
    pictures = find_pictures(images, count)
    rows: list[LoaderRow] = []
    scales: tuple[float | None, ...] = sizes or (None,)
    with progress_bar(len(scales) * (len(pictures) + runs * len(chosen))) as advance:
        for megapixels in scales:
            rows += measure_loader(
                pictures,
                chosen,
                count=count,
                seconds=seconds,
                workers=workers,
                megapixels=megapixels,
                quality=quality,
                runs=runs,
                device=device,
                on_step=lambda: advance(1, ""),
            )
    print_rows(LoaderRow, rows, loader_table(rows), csv_path)
