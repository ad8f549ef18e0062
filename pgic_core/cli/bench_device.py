"""``pgic bench device``: decoding on a device beside other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..terminal import say
from .bench_options import csv_option, megapixels_option, print_rows, quality_option
from .command_base import PgicCommand, option
from .value_types import EXISTING_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["device"]


@click.command(cls=PgicCommand, examples=("pgic bench device photo.jpg --seconds 1",))
@click.argument("images", nargs=-1, required=True, type=EXISTING_FILE)
@option(
    "--device",
    metavar="NAME",
    default="cuda",
    show_default=True,
    group="Running",
    help="The device, as torch names it.",
)
@option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    default=2.0,
    show_default=True,
    group="Running",
    help="How long each measurement goes on.",
)
@option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    default=8,
    show_default=True,
    group="Running",
    help="Workers of the DataLoader that feeds the device.",
)
@megapixels_option(6.0, "Size of each picture.")
@quality_option(50)
@csv_option("the figures")
def device(
    images: tuple[Path, ...],
    device: str,
    seconds: float,
    workers: int,
    megapixels: float,
    quality: int,
    csv_path: Path | None,
) -> None:
    """Measure decoding on a device.

    Networks run there in torch, in float32 and with synthesis in float16. The bench compares with
    torchvision's decode_jpeg on the same device and with two workers on the CPU, and says how far pixels
    differ from those of ONNX Runtime.
    """
    from ..lab.bench.device_decoding import DeviceRow, device_table, measure_device

    rows = []
    for row in measure_device(
        images, device=device, seconds=seconds, workers=workers, megapixels=megapixels, quality=quality
    ):
        say(str(row))
        rows.append(row)
    print_rows(DeviceRow, rows, device_table(rows), csv_path)
