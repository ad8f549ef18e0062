"""Intervals of shares that were counted."""

from __future__ import annotations

import math

__all__ = ["wilson_interval"]

_Z = 1.959964


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    Args:
        hits: how often it happened.
        trials: of so many times.

    Returns:
        Its bounds, 0 to 1; 0 and 1 without a trial.
    """
    if trials == 0:
        return 0.0, 1.0
    share, square = hits / trials, _Z * _Z
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)
