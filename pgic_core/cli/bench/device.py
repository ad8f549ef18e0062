"""``pgic bench device``: decoding on a device beside other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...terminal import say
from ..command_base import PgicCommand
from ..measuring_options import (
    csv_option,
    device_option,
    megapixels_option,
    print_rows,
    quality_option,
    seconds_option,
    workers_option,
)
from ..value_types import EXISTING_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["device"]


@click.command(cls=PgicCommand, examples=("pgic bench device photo.jpg --seconds 1",))
@click.argument("images", nargs=-1, required=True, type=EXISTING_FILE)
@device_option("The device, as torch names it.")
@seconds_option(2.0, "How long each measurement goes on.")
@workers_option(1, 8, "Workers of the DataLoader that feeds the device.")
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
    from ...lab.bench.device_decoding import DeviceRow, device_table, measure_device

    rows = []
    for row in measure_device(
        images, device=device, seconds=seconds, workers=workers, megapixels=megapixels, quality=quality
    ):
        say(str(row))
        rows.append(row)
    print_rows(DeviceRow, rows, device_table(rows), csv_path)
