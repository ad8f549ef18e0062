"""Results as tables for a terminal or a text file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .quality_scale import StepReport
    from .rate_distortion import BdRow, QualityRow
    from .speed import SpeedRow

__all__ = [
    "bd_table",
    "new_table",
    "number_or_dash",
    "quality_table",
    "speed_table",
    "stage_table",
    "step_table",
    "worst_tile_line",
]


def new_table(title: str, words: Sequence[str], figures: Sequence[str]) -> Table:
    """A table without rows.

    Args:
        title: above it.
        words: heads of the first columns, which are aligned to the left.
        figures: heads of the columns behind, which are aligned to the right.
    """
    table = Table(title=title)
    for name in words:
        table.add_column(name)
    for name in figures:
        table.add_column(name, justify="right")
    return table


def bd_table(rows: Sequence[BdRow], anchors: Sequence[str]) -> Table:
    """BD-rates; a cell names the number of pictures where it is not all of the group."""
    table = new_table(
        "BD-rate (PSNR over RGB; below zero: fewer bytes than the other codec)",
        ["codec", "group"],
        ["pictures", *(f"against {anchor}" for anchor in anchors)],
    )
    for row in rows:
        cells = []
        for anchor in anchors:
            mean, count = row.against.get(anchor, (None, 0))
            if mean is None:
                cells.append("-")
            else:
                cells.append(f"{mean:+.1f} %" + ("" if count == row.pictures else f" ({count})"))
        table.add_row(row.codec, row.group, str(row.pictures), *cells)
    return table


def quality_table(rows: Sequence[QualityRow]) -> Table:
    """Means by quality of the codecs in ``rows``, and the worst tile."""
    table = new_table(
        "By quality (means; worst tile of 512 x 512 by MS-SSIM of luma)",
        ["codec", "folder"],
        ["quality", "bpp", "PSNR", "MS-SSIM", "worst tile"],
    )
    table.add_column("in")
    last = None
    for row in rows:
        if last is not None and last != (row.codec, row.folder):
            table.add_section()
        last = (row.codec, row.folder)
        table.add_row(
            row.codec,
            row.folder,
            str(row.quality),
            number_or_dash(row.bpp, 3),
            number_or_dash(row.psnr, 2),
            number_or_dash(row.ms_ssim, 4),
            number_or_dash(row.worst_tile, 4),
            row.worst_image,
        )
    return table


def worst_tile_line(rows: Sequence[QualityRow], least_quality: int = 50) -> str:
    """The worst tile of all at or above a quality (A-8.2c), as a sentence."""
    measured = [row for row in rows if row.quality >= least_quality and not math.isnan(row.worst_tile)]
    if not measured:
        return f"No tile was measured at quality {least_quality} or above."
    worst = min(measured, key=lambda row: row.worst_tile)
    return (
        f"Worst tile at quality {least_quality} and above: MS-SSIM {worst.worst_tile:.4f}, "
        f"{worst.codec} at quality {worst.quality} in {worst.folder}/{worst.worst_image}."
    )


def step_table(report: StepReport) -> Table:
    """Mean rate and PSNR at each quality step."""
    table = new_table("Quality steps", [], ["quality", "bpp", "PSNR"])
    table.add_column("")
    for quality, (bpp, psnr) in report.means.items():
        note = "does not rise" if quality in report.falling_means else ""
        table.add_row(str(quality), number_or_dash(bpp, 3), number_or_dash(psnr, 2), note)
    return table


def speed_table(rows: Sequence[SpeedRow], anchor: str) -> Table:
    """Speed, latency, processor time and memory; medians."""
    table = new_table(
        f"Speed (fresh processes, medians; ratio against {anchor} in the same turn)",
        ["operation", "codec"],
        ["quality", "bpp", "PSNR", "MP/s", "warm ms", "cold ms", "CPU ms", "peak MB", f"x {anchor}"],
    )
    for operation in dict.fromkeys(row.operation for row in rows):
        for row in rows:
            if row.operation == operation:
                table.add_row(
                    operation,
                    row.codec,
                    str(row.quality),
                    number_or_dash(row.bpp, 3),
                    number_or_dash(row.psnr, 2),
                    number_or_dash(row.megapixels_per_second, 2),
                    number_or_dash(1e3 * row.warm, 1),
                    number_or_dash(1e3 * row.cold, 0),
                    number_or_dash(1e3 * row.cpu, 0),
                    number_or_dash(row.peak / 1e6, 0),
                    number_or_dash(row.ratio, 2),
                )
        table.add_section()
    return table


def stage_table(codec: str, times: Mapping[str, Mapping[str, float]]) -> Table:
    """Milliseconds and share of the whole by stage, for each operation."""
    figures = [name for operation in times for name in (f"{operation} ms", "share")]
    table = new_table(f"{codec}: time by stage (warm, mean of a call)", ["stage"], figures)
    totals = {operation: sum(stages.values()) for operation, stages in times.items()}
    for stage in next(iter(times.values())):
        cells: list[str] = []
        for operation, stages in times.items():
            cells += [number_or_dash(1e3 * stages[stage], 1), f"{stages[stage] / totals[operation]:.0%}"]
        table.add_row(stage, *cells)
    table.add_section()
    sums = [number_or_dash(1e3 * total, 1) for total in totals.values()]
    table.add_row("all", *(cell for total in sums for cell in (total, "100%")))
    return table


def number_or_dash(value: float, digits: int) -> str:
    """A number, or a dash where nothing was measured."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
