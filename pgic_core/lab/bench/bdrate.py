"""Bjontegaard delta rate: how many per cent more bytes one codec takes than another at the same PSNR.

Log rate is interpolated over PSNR by SciPy's monotone piecewise cubics (Fritsch and Carlson, known as PCHIP),
as video standardisation does today; the one cubic polynomial of the first proposal swings between distant
points. The package ``bjontegaard`` wraps the same interpolator. It has had no release since 2023 and wants
points that are sorted, finite and distinct, so that it would save nothing here; the tests compare with it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...errors import PgiUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["bd_rate", "mean_bd_rate", "quality_at"]


def bd_rate(anchor: Iterable[tuple[float, float]], test: Iterable[tuple[float, float]]) -> float | None:
    """Mean rate of ``test`` over that of ``anchor`` across the PSNR both reach.

    Args:
        anchor: points ``(rate, PSNR in dB)`` in any order; any unit of rate. Of points of equal PSNR the
            cheapest counts.
        test: likewise, same unit.

    Returns:
        Per cent: -50 where ``test`` needs half the bytes. None where the curves share no PSNR range, or one
        has fewer than two distinct finite points.

    Raises:
        PgiUnsupportedError: SciPy is not installed.
    """
    curves = [_curve(anchor), _curve(test)]
    if any(len(curve) < 2 for curve in curves):
        return None
    low = max(next(iter(curve)) for curve in curves)
    high = min(next(reversed(curve)) for curve in curves)
    if not high > low:
        return None
    areas = [_interpolated(curve).integrate(low, high) for curve in curves]
    return 100 * math.expm1(float(areas[1] - areas[0]) / (high - low))


def mean_bd_rate(values: Iterable[float | None]) -> tuple[float | None, int]:
    """Average over pictures.

    Args:
        values: one :func:`bd_rate` each.

    Returns:
        The mean of those that are not None (None if there is none), and their number.
    """
    known = [value for value in values if value is not None]
    return (sum(known) / len(known) if known else None), len(known)


def _curve(points: Iterable[tuple[float, float]]) -> dict[float, float]:
    """PSNR to log rate, in order of PSNR."""
    cheapest: dict[float, float] = {}
    for rate, quality in points:
        if math.isfinite(quality) and rate > 0:
            cheapest[quality] = min(rate, cheapest.get(quality, math.inf))
    return {quality: math.log(cheapest[quality]) for quality in sorted(cheapest)}


def _interpolated(curve: dict[float, float]) -> Any:
    try:
        from scipy.interpolate import PchipInterpolator
    except ImportError:
        raise PgiUnsupportedError("BD-rate needs SciPy: pip install 'pgic[eval]'.") from None
    return PchipInterpolator(list(curve), list(curve.values()))


def quality_at(curve: Iterable[tuple[float, float]], rate: float) -> float | None:
    """Quality of a codec at a rate, between its points as :func:`bd_rate` has it; None beyond them.

    Args:
        curve: rate and quality of each point.
        rate: in the same unit.

    Raises:
        PgiUnsupportedError: SciPy is not installed.
    """
    points = {math.log(bits): quality for bits, quality in sorted(curve)}
    if len(points) < 2 or not min(points) <= math.log(rate) <= max(points):
        return None
    return float(_interpolated(points)(math.log(rate)))
