"""Whether quality is a scale: every step up costs rate and brings PSNR."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rate_distortion import Point

__all__ = ["QUALITY_STEPS", "TOLERANCE", "StepReport", "check_steps"]

QUALITY_STEPS = tuple(range(5, 101, 5))
TOLERANCE = 0.05
"""How much PSNR of one picture may fall from a step to the next, in dB."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """What :func:`check_steps` found.

    Attributes:
        means: for each quality, mean bpp and mean PSNR in dB.
        falling_means: qualities whose mean rate or mean PSNR is not above that of the step before.
        falls: ``(picture, quality, dB)`` where PSNR of a picture fell by more than the tolerance.
    """

    means: dict[int, tuple[float, float]]
    falling_means: list[int]
    falls: list[tuple[str, int, float]]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.falling_means and not self.falls


def check_steps(points: Sequence[Point]) -> StepReport:
    """Check the points of one codec.

    Args:
        points: every picture at the same qualities.
    """
    by_quality: dict[int, list[Point]] = defaultdict(list)
    by_picture: dict[tuple[str, str, str], list[Point]] = defaultdict(list)
    for point in sorted(points, key=lambda p: p.quality):
        by_quality[point.quality].append(point)
        by_picture[point.picture].append(point)
    means = {
        quality: (sum(p.bpp for p in inside) / len(inside), sum(p.psnr for p in inside) / len(inside))
        for quality, inside in by_quality.items()
    }
    falling = [
        high
        for low, high in pairwise(means)
        if any(b <= a for a, b in zip(means[low], means[high], strict=True))
    ]
    falls = [
        (
            "/".join(picture[:2]) + (" (crop)" if picture[2] == "crop" else ""),
            high.quality,
            low.psnr - high.psnr,
        )
        for picture, inside in sorted(by_picture.items())
        for low, high in pairwise(inside)
        if low.psnr - high.psnr > TOLERANCE
    ]
    return StepReport(means, falling, falls)
