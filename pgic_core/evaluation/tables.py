"""Results as tables for a terminal or a text file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rd import BdRow, QualityRow
    from .steps import StepReport

__all__ = ["bd_table", "number", "quality_table", "step_table"]


def bd_table(rows: Sequence[BdRow], anchors: Sequence[str]) -> Table:
    """BD-rates; a cell names the number of pictures where it is not all of the group."""
    table = Table(title="BD-rate (PSNR over RGB; below zero: fewer bytes than the other codec)")
    table.add_column("codec")
    table.add_column("pictures")
    table.add_column("", justify="right")
    for anchor in anchors:
        table.add_column(f"against {anchor}", justify="right")
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
    table = Table(title="By quality (means; worst tile of 512 x 512 by MS-SSIM of luma)")
    for name in ("codec", "pictures"):
        table.add_column(name)
    for name in ("quality", "bpp", "PSNR", "MS-SSIM", "worst tile"):
        table.add_column(name, justify="right")
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
            number(row.bpp, 3),
            number(row.psnr, 2),
            number(row.ms_ssim, 4),
            number(row.worst_tile, 4),
            row.worst_image,
        )
    return table


def step_table(report: StepReport) -> Table:
    """Mean rate and PSNR at each quality step."""
    table = Table(title="Quality steps")
    for name in ("quality", "bpp", "PSNR"):
        table.add_column(name, justify="right")
    table.add_column("")
    for quality, (bpp, psnr) in report.means.items():
        note = "does not rise" if quality in report.falling_means else ""
        table.add_row(str(quality), number(bpp, 3), number(psnr, 2), note)
    return table


def number(value: float, digits: int) -> str:
    """A number, or a dash where nothing was measured."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
