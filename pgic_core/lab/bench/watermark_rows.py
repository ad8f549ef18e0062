"""What a measurement of watermarks counts, and its table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .printed_tables import new_table
from .wilson_interval import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

__all__ = ["SHORT_CHECK_BITS", "WatermarkRow", "watermark_table"]

SHORT_CHECK_BITS = 8
"""Of the check: codes that mean nothing have these right once in 256 times, which can be counted."""


@dataclass(frozen=True, slots=True)
class WatermarkRow:
    """Trials of one kind on one picture.

    Attributes:
        measure: ``"id found"``, ``"false id"``, ``"edit found"`` or ``"false edit"``.
        picture: folder and file name.
        case: what was done to the picture, or which tiles these are.
        trials: how often.
        hits: how often an id was found (the right one, where there is one), or a block was called changed.
        psnr: of the marked picture against the original in dB; NaN where there is none.
        megapixels: of the marked picture; NaN likewise.
        tiles: distinct tiles among the trials of ``"false id"``.
        codes: that were held against the check in them.
        short_checks: of those, how many had the first :data:`SHORT_CHECK_BITS` bits right.
    """

    measure: str
    picture: str
    case: str
    trials: int
    hits: int
    psnr: float = math.nan
    megapixels: float = math.nan
    tiles: int = 0
    codes: int = 0
    short_checks: int = 0


def watermark_table(rows: Sequence[WatermarkRow]) -> Table:
    """Sums over all pictures, with 95 % intervals, in the order of the rows."""
    table = new_table(
        "Watermarks",
        ["measure", "case"],
        ["pictures", "trials", "hits", "share %", "95 % interval", "PSNR dB"],
    )
    kinds = list(dict.fromkeys((row.measure, row.case) for row in rows))
    for measure, case in sorted(kinds, key=lambda kind: [m for m, _ in kinds].index(kind[0])):
        inside = [row for row in rows if (row.measure, row.case) == (measure, case)]
        trials, hits = sum(row.trials for row in inside), sum(row.hits for row in inside)
        low, high = wilson_interval(hits, trials)
        levels = [row.psnr for row in inside if not math.isnan(row.psnr)]
        table.add_row(
            measure,
            case,
            str(len(inside)),
            f"{trials:,}",
            f"{hits:,}",
            f"{100 * hits / trials:.4g}" if trials else "-",
            f"{100 * low:.3g} to {100 * high:.3g}",
            f"{min(levels):.2f} to {max(levels):.2f}, mean {np.mean(levels):.2f}" if levels else "-",
        )
    return table
