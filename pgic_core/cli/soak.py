"""``pgic soak``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..terminal import console, show
from .command_base import PgicCommand, option
from .measuring_options import csv_option, images_argument
from .progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

    from ..lab.soak import Soak

__all__ = ["soak"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic soak photos --hours 1 --csv readings.csv",
        "pgic soak --hours 0.02",
        "pgic soak photos --hours 0 --generations 10",
    ),
)
@images_argument(required=False)
@option(
    "--hours",
    type=click.FloatRange(0),
    metavar="H",
    default=1.0,
    show_default=True,
    help="How long; 0 makes one round.",
)
@option(
    "--side",
    type=click.IntRange(16),
    metavar="PX",
    default=512,
    show_default=True,
    group="Pictures",
    help="Pictures are cut to this size.",
)
@option(
    "--generations",
    type=click.IntRange(1),
    metavar="N",
    group="Figures",
    help="Also save the first picture N times over, each time from the last file.",
)
@csv_option("every reading")
def soak(
    images: tuple[Path, ...], hours: float, side: int, generations: int | None, csv_path: Path | None
) -> None:
    """Code, decode, verify, edit and damage files for hours, and watch memory, files and threads.

    After every round, pgic measures memory, open files, threads and disk. It reports their drift with a 95 %
    interval, and extrapolates it to 30 days. IMAGES are files and folders; without them a generated picture
    is used. The exit status is 1 where a round failed, or files or threads pile up.
    """
    from tempfile import TemporaryDirectory

    from ..lab.bench.bench_pictures import find_samples, load_rgb, synthetic_picture
    from ..lab.soak import soak as run

    found = list(dict.fromkeys(sample.path for sample in find_samples(images))) if images else []
    pictures = [load_rgb(path)[:side, :side] for path in found] or [synthetic_picture(side * side / 1e6)]
    from pathlib import Path

    with TemporaryDirectory(prefix="pgic-soak-") as folder, progress_bar(100) as advance:
        told = 0.0

        def on_round(share: float) -> None:
            nonlocal told
            advance(100 * share - told, "per cent of the time")
            told = 100 * share

        result = run(pictures, Path(folder), hours * 3600, on_round=on_round)
    if csv_path is not None:
        result.write(csv_path)
    failed = _report(result)
    if generations is not None:
        _show_generations(pictures[0], generations)
    if failed:
        sys.exit(1)


def _report(result: Soak) -> bool:
    """Print what was found; returns whether something is wrong."""
    from rich.table import Table

    from ..lab.soak import DAYS, drifts

    hours = result.readings[-1].seconds / 3600
    rounds, failures = result.rounds, len(result.failures)
    show(
        f"{rounds} round{'s' * (rounds != 1)} in {hours:.2f} hours, {failures} failure{'s' * (failures != 1)}"
    )
    for failure in result.failures[:20]:
        show(failure)
    found = drifts(result.readings)
    if not found:
        show("Too few rounds for a drift.")
        return bool(result.failures)
    table = Table(title="Drift after the first fifth")
    for name in ("figure", "last", "for each day", "95 % interval", f"in {DAYS} days"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for drift in found:
        unit, scale = (" MB", 1e6) if drift.name in ("memory", "disk") else ("", 1)
        last = getattr(result.readings[-1], drift.name)
        table.add_row(
            drift.name,
            f"{last / scale:.1f}{unit}",
            f"{drift.per_day / scale:+.2f}{unit}",
            f"{drift.low / scale:+.2f} to {drift.high / scale:+.2f}",
            f"{DAYS * drift.low / scale:+.1f} to {DAYS * drift.high / scale:+.1f}{unit}",
        )
    console().print(table)
    leaking = [drift.name for drift in found if drift.shown and drift.name in ("handles", "threads", "disk")]
    if leaking:
        show(f"These pile up: {', '.join(leaking)}.")
    return bool(result.failures or leaking)


def _show_generations(picture: object, count: int) -> None:
    from rich.table import Table

    from ..lab.soak import generation_losses
    from ..options import DEFAULT_QUALITY

    table = Table(
        title=f"Saved over and over at quality {DEFAULT_QUALITY}; colours: means against the original"
    )
    for name in ("generation", "bytes", "PSNR", "red", "green", "blue"):
        table.add_column(name, justify="right")
    for row in generation_losses(picture, DEFAULT_QUALITY, count):  # type: ignore[arg-type]
        shown = [f"{row['psnr']:.2f}", *(f"{row[colour]:+.2f}" for colour in ("red", "green", "blue"))]
        table.add_row(str(row["generation"]), str(row["bytes"]), *shown)
    console().print(table)
