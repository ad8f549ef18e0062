"""Distributions of the differences of change frames, and which one codes what (``STREAM.md``, "Change").

Differences are more often zero, and then larger, than the normal distributions of a model's tables say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...models import ROWS
from .change_modes import CHANGE_MODES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALL_ROWS", "SUMS", "difference_frequencies", "index_table"]

_ZEROS = (
    2567, 3229, 4050, 5064, 6306, 7812, 9620, 11761, 14257, 17115,
    20318, 23825, 27569, 31458, 35384, 39236, 42910, 46322, 49413, 52151,
    54525, 56554, 58258, 59672, 60833, 61779, 62544, 63160, 63652, 64045,
    64357, 64605, 64801, 64957, 65080, 65176, 65253, 65313, 65360, 65398,
)  # fmt: skip
"""Probability of zero, in 65536ths."""
_RATIOS = (
    60719, 60322, 59264, 57916, 56265, 54261, 51857, 49009, 45689, 41582,
    35976, 30353, 25973, 21423, 16830, 13727, 11057, 8703, 6618, 5231,
    4076, 3265, 2744, 2425, 2290, 2211, 2134, 2073, 2023, 1984,
    1966, 1966, 1966, 1966, 1966, 1966, 1966, 1966, 1966, 1966,
)  # fmt: skip
"""How much less likely the next magnitude is, in 65536ths."""
ALL_ROWS = ROWS + len(_ZEROS)
"""CDF indexes of models, and behind them those of differences."""
_FULL = 1 << 24
_DETAIL_SHIFTS = (20, 16, 12, 8, 2, -3, -6, -9, -12, -15, -17, -19, -26, -42)
"""By mode from 2 on: what is added to the CDF index of a detail symbol."""
_BASE_LEVELS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 22)
"""Likewise: how little base symbols change."""
_SHIFT_STEP, _UNSHIFTED = 4, 4
SUMS = 256
"""Indexes that may follow from z and the ROI map before they end at that of the last CDF. Larger ones count
as 255: from there every mode ends at it."""


def difference_frequencies() -> list[NDArray[np.uint32]]:
    """Frequencies of each distribution: of the values from -bound to bound, then of the escape."""
    return [_frequencies(zero << 8, ratio) for zero, ratio in zip(_ZEROS, _RATIOS, strict=True)]


def _frequencies(zero: int, ratio: int) -> NDArray[np.uint32]:
    side = []
    next_one = (_FULL - zero) * (65536 - ratio) >> 17
    while next_one:
        side.append(next_one)
        next_one = next_one * ratio >> 16
    escape = _FULL - zero - 2 * sum(side)
    return np.array([*side[::-1], zero, *side, escape], np.uint32)


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
            table[mode] = ROWS + np.clip(found, 0, len(_ZEROS) - 1)
    table[0], table[:, 0] = 0, 0
    small = table.astype(np.uint8)
    small.setflags(write=False)
    return small
