"""Means, curves and answers drawn from what was measured."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ..bench.bdrate import bd_rate, mean_bd_rate, quality_at
from .lossless_task import ExactTask
from .point_task import RAW, TIMES, EvalPoint, PointTask
from .task_running import RatioTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from .task_running import Task

    Curve: TypeAlias = list[tuple[float, float]]
    """Bits per pixel and a figure of each point."""

__all__ = [
    "Figures",
    "Mean",
    "bd_against",
    "bd_by_picture",
    "curves_of",
    "means",
    "more_in_as_many_bits",
    "shared_quality",
]

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


def curves_of(points: Sequence[EvalPoint], figure: str = "psnr") -> dict[str, dict[str, Curve]]:
    """Bits per pixel and a figure by codec and picture, whole pictures alone.

    Args:
        points: what was measured.
        figure: name of an attribute of :class:`EvalPoint`; points without it are left out.
    """
    curves: dict[str, dict[str, Curve]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        value = getattr(point, figure)
        if point.scale == 1 and point.codec != RAW and not math.isnan(value):
            curves[point.codec][point.picture].append((point.bpp, value))
    return curves


def more_in_as_many_bits(points: Sequence[EvalPoint], quality: int, figure: str = "psnr") -> dict[str, float]:
    """How much higher a figure of other codecs is than that of pgic in as many bits, mean over pictures.

    Pictures whose bits lie beyond a codec's points do not count for it.

    Args:
        points: what was measured.
        quality: of pgic.
        figure: as for :func:`curves_of`.

    Raises:
        PgiUnsupportedError: SciPy is not installed.
    """
    own = {p.picture: p for p in points if (p.codec, p.quality) == ("pgic", quality)}
    found = {}
    for codec, pictures in sorted(curves_of(points, figure).items()):
        both = [(curve, own[picture]) for picture, curve in pictures.items() if picture in own]
        theirs = [(quality_at(curve, mine.bpp), getattr(mine, figure)) for curve, mine in both]
        gains = [value - mine for value, mine in theirs if value is not None]
        if gains and not codec.startswith("pgic"):
            found[codec] = math.fsum(gains) / len(gains)
    return found


def shared_quality(found: Sequence[Mean], codec: str, quality: int) -> Mean | None:
    """The mean of a codec at the quality nearest to the one given."""
    own = [mean for mean in found if mean.codec == codec]
    return min(own, key=lambda mean: abs(mean.quality - quality)) if own else None
