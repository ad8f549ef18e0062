"""``pgic bench perceptual``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...terminal import console
from ..command_base import PgicCommand
from ..measuring_options import csv_option, images_argument, limit_option, print_rows, qualities_option
from ..progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["perceptual"]


@click.command(cls=PgicCommand, examples=("pgic bench perceptual photos --limit 5 --csv distances.csv",))
@images_argument()
@qualities_option("Quality of the files; may be repeated.", (15, 25))
@limit_option("At most N pictures from each folder.")
@csv_option("the figures")
def perceptual(
    images: tuple[Path, ...], qualities: tuple[int, ...], limit: int | None, csv_path: Path | None
) -> None:
    """Compare what the levels of the same bytes look like.

    IMAGES are files and folders. The bench takes a square of 512 pixels from the middle of each picture, and
    counts files of 0.05 to 0.4 bits per pixel. It reports every distance that runs without a download, for
    fine, for perceptual, and for fast with an unsharp mask. Each figure is the difference to the distance of
    fast; below zero is nearer to the original.
    """
    from ...lab.bench.bench_pictures import find_samples
    from ...lab.bench.level_perceptual_distances import DistanceRow, distance_table, measure_distances

    samples = [sample for sample in find_samples(images, limit) if sample.part == "whole"]
    with progress_bar(len(samples) * len(qualities)) as advance:
        rows, rates = measure_distances(samples, qualities, on_step=lambda: advance(1, ""))
    if not rates:
        console().print("No file has from 0.05 to 0.4 bits per pixel.")
        return
    mean = sum(rates) / len(rates)
    console().print(f"{len(rates)} files, {min(rates):.3f} to {max(rates):.3f} bpp, {mean:.3f} on average")
    print_rows(DistanceRow, rows, distance_table(rows), csv_path)
