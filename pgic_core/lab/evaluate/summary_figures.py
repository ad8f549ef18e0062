"""Means, curves and answers drawn from what was measured."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ..bench.bdrate import bd_rate, mean_bd_rate
from .lossless_task import ExactTask
from .point_task import RAW, TIMES, EvalPoint, PointTask
from .task_running import RatioTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .task_running import Task

__all__ = ["Figures", "Mean", "bd_against", "bd_by_picture", "curves_of", "means", "shared_quality"]

_AVERAGED = tuple(f.name for f in fields(EvalPoint) if f.type == "float" and f.name not in TIMES)


@dataclass(slots=True)
class Figures:
    """Everything that was measured.

    Attributes:
        points: sorted by picture, codec and quality.
        exact: rows of coding without loss.
        ratio: rows of files within a share of their JPEG.
        crops: as :class:`~pgic_core.lab.evaluate.crop_comparison.CropTask` gives them, the worst first.
        speed: rows of :class:`~pgic_core.lab.bench.speed.SpeedRow`.
        speed_megapixels: size of the picture by which speed was measured.
        recognition: rows of :func:`~pgic_core.lab.evaluate.recognition_table.recognition_rows`.
    """

    points: list[EvalPoint] = field(default_factory=list)
    exact: list[dict[str, Any]] = field(default_factory=list)
    ratio: list[dict[str, Any]] = field(default_factory=list)
    crops: list[dict[str, Any]] = field(default_factory=list)
    speed: list[dict[str, Any]] = field(default_factory=list)
    speed_megapixels: float = 0.0
    recognition: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def collect(cls, results: Iterable[tuple[Task, list[dict[str, Any]]]]) -> Figures:
        """Sort the results of tasks by kind."""
        figures = cls()
        for task, rows in results:
            if isinstance(task, PointTask):
                figures.points += [EvalPoint(**row) for row in rows]
            elif isinstance(task, ExactTask):
                figures.exact += rows
            elif isinstance(task, RatioTask):
                figures.ratio += rows
        figures.points.sort(key=lambda p: (p.picture, p.codec, p.quality))
        return figures


@dataclass(frozen=True, slots=True)
class Mean:
    """One codec at one quality, over all pictures.

    Attributes:
        codec: its name.
        quality: as given.
        scale: of the level.
        pictures: how many.
        values: mean of each figure over the pictures that have it; NaN if none has.
    """

    codec: str
    quality: int
    scale: int
    pictures: int
    values: dict[str, float]


def means(points: Sequence[EvalPoint]) -> list[Mean]:
    """Means by codec and quality, in that order."""
    cells: dict[tuple[str, int], list[EvalPoint]] = defaultdict(list)
    for point in points:
        cells[point.codec, point.quality].append(point)
    return [
        Mean(
            codec,
            quality,
            inside[0].scale,
            len(inside),
            {name: _mean([getattr(point, name) for point in inside]) for name in _AVERAGED},
        )
        for (codec, quality), inside in sorted(cells.items())
    ]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def bd_against(points: Sequence[EvalPoint], test: str) -> dict[str, tuple[float | None, int]]:
    """BD-rate over PSNR of one codec against every other: the mean over pictures, in per cent.

    Returns:
        For each other codec the mean, None if no picture has one, and the number of pictures that have.
    """
    curves = curves_of(points)
    own = curves.get(test, {})
    return {
        anchor: mean_bd_rate(bd_rate(others[name], curve) for name, curve in own.items() if name in others)
        for anchor, others in curves.items()
        if anchor.split()[0] != test.split()[0]
    }


def bd_by_picture(points: Sequence[EvalPoint], test: str) -> dict[tuple[str, str], float]:
    """The same of each picture: per cent by picture and other codec, those without one left out."""
    curves = curves_of(points)
    return {
        (picture, anchor): rate
        for anchor, others in curves.items()
        if anchor.split()[0] != test.split()[0]
        for picture, curve in curves.get(test, {}).items()
        if picture in others and (rate := bd_rate(others[picture], curve)) is not None
    }


def curves_of(points: Sequence[EvalPoint]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Bits per pixel and PSNR by codec and picture, whole pictures alone."""
    curves: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        if point.scale == 1 and point.codec != RAW:
            curves[point.codec][point.picture].append((point.bpp, point.psnr))
    return curves


def shared_quality(found: Sequence[Mean], codec: str, quality: int) -> Mean | None:
    """The mean of a codec at the quality nearest to the one given."""
    own = [mean for mean in found if mean.codec == codec]
    return min(own, key=lambda mean: abs(mean.quality - quality)) if own else None
