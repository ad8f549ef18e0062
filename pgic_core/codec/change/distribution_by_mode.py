"""Which distribution codes what in a change frame, by mode (``STREAM.md``, "Change")."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...models import ROWS
from ..learned.symbols.difference_distributions import ALL_ROWS
from .modes import CHANGE_MODES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SUMS", "index_table"]

_DETAIL_SHIFTS = (20, 16, 12, 8, 2, -3, -6, -9, -12, -15, -17, -19, -26, -42)
"""By mode from 2 on: what is added to the CDF index of a detail symbol."""
_BASE_LEVELS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 22)
"""Likewise: how little base symbols change."""
_SHIFT_STEP, _UNSHIFTED = 4, 4
SUMS = 256
"""Indexes that may follow from z and the ROI map before they end at that of the last CDF. Larger ones count
as 255: from there every mode ends at it."""


@lru_cache(maxsize=4)
def index_table(layer: str, *, third: bool) -> NDArray[np.uint8]:
    """CDF index of what is coded, by mode and by the index that follows from z; 0 for what is not coded.

    Args:
        layer: "base" or "detail".
        third: of version 3, or of the versions before it.

    Returns:
        ``(16, SUMS)``; the second index does not yet end at that of the last CDF.
    """
    summed = np.arange(SUMS)
    index = np.minimum(summed, ROWS - 1)
    table = np.tile(index, (16, 1))
    for mode in CHANGE_MODES:
        place = mode - CHANGE_MODES[0]
        level = _BASE_LEVELS[place]
        if not third:
            table[mode] = np.clip(summed + _SHIFT_STEP * (_UNSHIFTED - mode), 0, ROWS - 1)
        elif layer == "detail":
            table[mode] = np.clip(index + _DETAIL_SHIFTS[place], 0, ROWS - 1)
        else:
            found = (576 + 128 * level - (16 + 3 * level) * (index - 15)) >> 6
            table[mode] = ROWS + np.clip(found, 0, ALL_ROWS - ROWS - 1)
    table[0], table[:, 0] = 0, 0
    small = table.astype(np.uint8)
    small.setflags(write=False)
    return small
