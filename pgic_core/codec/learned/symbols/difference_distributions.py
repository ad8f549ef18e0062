"""Distributions of the differences of change frames (``STREAM.md``, "Change").

Differences are more often zero, and then larger, than the normal distributions of a model's tables say. They
have indexes behind those of the model's, so that one table of CDFs codes both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ....models import ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALL_ROWS", "difference_frequencies"]

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
