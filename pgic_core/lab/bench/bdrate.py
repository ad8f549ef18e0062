"""Bjontegaard delta rate: how many per cent more bytes one codec takes than another at the same PSNR.

Log rate is interpolated over PSNR by monotone piecewise cubics (Fritsch and Carlson, known as PCHIP), as
video standardisation does today; the one cubic polynomial of the first proposal swings between distant
points.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["bd_rate", "mean_bd_rate"]

# Three points of Gauss and Legendre integrate a cubic exactly.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


def bd_rate(anchor: Iterable[tuple[float, float]], test: Iterable[tuple[float, float]]) -> float | None:
    """Mean rate of ``test`` over that of ``anchor`` across the PSNR both reach.

    Args:
        anchor: points ``(rate, PSNR in dB)`` in any order; any unit of rate.
        test: likewise, same unit.

    Returns:
        Per cent: -50 where ``test`` needs half the bytes. None where the curves share no PSNR range, or one
        has fewer than two distinct finite points.
    """
    curves = [_Curve(points) for points in (anchor, test)]
    if any(len(curve.x) < 2 for curve in curves):
        return None
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    if not high > low:
        return None
    difference = (curves[1].integral(low, high) - curves[0].integral(low, high)) / (high - low)
    return float(100 * np.expm1(difference))


def mean_bd_rate(values: Iterable[float | None]) -> tuple[float | None, int]:
    """Average over pictures.

    Args:
        values: one :func:`bd_rate` each.

    Returns:
        The mean of those that are not None (None if there is none), and their number.
    """
    known = [value for value in values if value is not None]
    return (sum(known) / len(known) if known else None), len(known)


class _Curve:
    """Log rate over PSNR."""

    def __init__(self, points: Iterable[tuple[float, float]]) -> None:
        cheapest: dict[float, float] = {}
        for rate, quality in points:
            if np.isfinite(quality) and rate > 0:
                cheapest[quality] = min(rate, cheapest.get(quality, np.inf))
        self.x = np.array(sorted(cheapest))
        self.y = np.log([cheapest[x] for x in self.x])
        self.slope = _slopes(self.x, self.y) if len(self.x) > 1 else np.zeros(len(self.x))

    def __call__(self, x: NDArray[np.float64], piece: int) -> NDArray[np.float64]:
        width = self.x[piece + 1] - self.x[piece]
        t = (x - self.x[piece]) / width
        y0, y1 = self.y[piece : piece + 2]
        m0, m1 = self.slope[piece : piece + 2] * width
        rise = y1 - y0
        return np.asarray(y0 + t * (m0 + t * (3 * rise - 2 * m0 - m1 + t * (m0 + m1 - 2 * rise))))

    def integral(self, low: float, high: float) -> float:
        total = 0.0
        for piece, (left, right) in enumerate(pairwise(self.x)):
            a, b = max(left, low), min(right, high)
            if b > a:
                x = (a + b) / 2 + (b - a) / 2 * _NODES
                total += float((b - a) / 2 * (_WEIGHTS @ self(x, piece)))
        return total


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slopes at the points that let no piece leave the range of its two ends."""
    width = np.diff(x)
    secant = np.diff(y) / width
    slopes = np.empty_like(x)
    if len(x) == 2:
        slopes[:] = secant[0]
        return slopes
    for i in range(1, len(x) - 1):
        before, after = secant[i - 1], secant[i]
        if before * after <= 0:
            slopes[i] = 0
            continue
        # Harmonic mean, weighted towards the shorter piece.
        w1, w2 = 2 * width[i] + width[i - 1], width[i] + 2 * width[i - 1]
        slopes[i] = (w1 + w2) / (w1 / before + w2 / after)
    slopes[0] = _end_slope(width[0], width[1], secant[0], secant[1])
    slopes[-1] = _end_slope(width[-1], width[-2], secant[-1], secant[-2])
    return slopes


def _end_slope(near: float, next_: float, secant: float, next_secant: float) -> float:
    """Of the parabola through the three outer points, kept from overshooting."""
    slope = ((2 * near + next_) * secant - near * next_secant) / (near + next_)
    if slope * secant <= 0:
        return 0.0
    if secant * next_secant <= 0 and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return slope
