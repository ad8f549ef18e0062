"""Rate and distortion: every picture through every codec at every quality (A-8.1)."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections import defaultdict
from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import PgiInputError
from ..single_thread_pool import single_thread_pool
from .bdrate import bd_rate, mean_bd_rate
from .csv_rows import write_records
from .metrics import bits_per_pixel, ms_ssim, psnr, worst_tile_ms_ssim
from .peer_codecs import find_codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from .bench_pictures import Sample

__all__ = [
    "TILE",
    "BdRow",
    "Point",
    "QualityRow",
    "bd_rows",
    "measure",
    "quality_rows",
    "read_points",
    "write_points",
]

TILE = 512
"""Side of the tiles of which the worst is reported, in pixels."""


@dataclass(frozen=True, slots=True)
class Point:
    """One coded picture.

    Attributes:
        folder: of the picture.
        image: name of its file.
        part: as of :class:`~pgic_core.lab.bench.bench_pictures.Sample`.
        codec: name of the codec.
        quality: as given to it.
        width: pixels.
        height: pixels.
        bytes: of the whole file.
        bpp: bits per pixel, of the whole file.
        psnr: dB over RGB.
        ms_ssim: of luma; NaN where it was not measured.
        worst_tile: lowest MS-SSIM of a tile of 512 x 512; likewise.
    """

    folder: str
    image: str
    part: str
    codec: str
    quality: int
    width: int
    height: int
    bytes: int
    bpp: float
    psnr: float
    ms_ssim: float = math.nan
    worst_tile: float = math.nan

    @property
    def picture(self) -> tuple[str, str, str]:
        """What was coded: folder, file and part."""
        return self.folder, self.image, self.part


def measure(
    samples: Sequence[Sample],
    qualities: Mapping[str, Sequence[int]],
    *,
    structural: bool = True,
    jobs: int = 1,
) -> Iterator[list[Point]]:
    """Code all pictures.

    Args:
        samples: the pictures.
        qualities: for each codec by name, the qualities.
        structural: measure MS-SSIM as well, and for pgic that of the worst tile.
        jobs: processes; with more than one, each uses one thread.

    Yields:
        The points of one picture and codec, or with several processes of one picture.

    Raises:
        PgiError: a picture cannot be read or coded.
    """
    if jobs == 1:
        for sample in samples:
            yield from _measure_sample(sample, qualities, structural)
        return
    with single_thread_pool(jobs) as pool:
        futures = [pool.submit(_measured_sample, sample, dict(qualities), structural) for sample in samples]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _measured_sample(sample: Sample, qualities: Mapping[str, Sequence[int]], structural: bool) -> list[Point]:
    return [point for points in _measure_sample(sample, qualities, structural) for point in points]


def _measure_sample(
    sample: Sample, qualities: Mapping[str, Sequence[int]], structural: bool
) -> Iterator[list[Point]]:
    original = sample.load()
    height, width = original.shape[:2]
    for name, steps in qualities.items():
        codec = find_codec(name)
        points = []
        for quality in steps:
            data = codec.encode(original, quality)
            decoded = codec.decode(data)
            points.append(
                Point(
                    *sample.picture,
                    name,
                    quality,
                    width,
                    height,
                    len(data),
                    bits_per_pixel(len(data), width, height),
                    psnr(original, decoded),
                    ms_ssim(original, decoded) if structural else math.nan,
                    worst_tile_ms_ssim(original, decoded, TILE)[0]
                    if structural and name.startswith("pgic")
                    else math.nan,
                )
            )
        yield points


def write_points(points: Sequence[Point], path: Path) -> None:
    """Write all points as CSV, in a fixed order."""
    ordered = sorted(points, key=lambda p: (p.folder, p.image, p.part, p.codec, p.quality))
    write_records(Point, ordered, path)


def read_points(path: Path) -> list[Point]:
    """Read what :func:`write_points` wrote.

    Raises:
        PgiInputError: it is not such a file.
    """
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Point)}
    convert: dict[str, Callable[[str], Any]] = {
        "str": str,
        "int": int,
        "float": lambda text: float(text) if text else math.nan,
    }
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
            if not set(kinds) <= set(reader.fieldnames or ()):
                raise ValueError("its columns are others")
        return [Point(**{name: convert[kind](row[name]) for name, kind in kinds.items()}) for row in rows]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise PgiInputError(f"{path} does not hold measured points: {error}.") from error


@dataclass(frozen=True, slots=True)
class BdRow:
    """BD-rate of one codec over a group of pictures.

    Attributes:
        codec: the one measured.
        group: name of a folder, ``"<folder>: whole"``, ``"<folder>: crop"``, or ``"all"``.
        pictures: in the group.
        against: for each anchor, the mean in per cent and the number of pictures where there is one.
    """

    codec: str
    group: str
    pictures: int
    against: Mapping[str, tuple[float | None, int]]


def bd_rows(points: Sequence[Point], tests: Sequence[str], anchors: Sequence[str]) -> list[BdRow]:
    """BD-rate per picture, averaged over folders and over all (each picture counts once).

    Args:
        points: measured.
        tests: codecs whose rate is asked for.
        anchors: codecs it is compared with.
    """
    curves: dict[tuple[tuple[str, str, str], str], list[tuple[float, float]]] = defaultdict(list)
    for point in points:
        curves[point.picture, point.codec].append((point.bpp, point.psnr))
    rows = []
    for group, pictures in _groups(points).items():
        for test in tests:
            against = {
                anchor: mean_bd_rate(
                    bd_rate(curves[picture, anchor], curves[picture, test]) for picture in pictures
                )
                for anchor in anchors
                if anchor != test
            }
            rows.append(BdRow(test, group, len(pictures), against))
    return rows


def _groups(points: Sequence[Point]) -> dict[str, list[tuple[str, str, str]]]:
    pictures = sorted({point.picture for point in points})
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for folder in dict.fromkeys(picture[0] for picture in pictures):
        inside = [picture for picture in pictures if picture[0] == folder]
        groups[folder] = inside
        parts = dict.fromkeys(picture[2] for picture in inside)
        if len(parts) > 1:
            for part in sorted(parts, reverse=True):
                groups[f"{folder}: {part}"] = [picture for picture in inside if picture[2] == part]
    if len({picture[0] for picture in pictures}) > 1:
        groups["all"] = pictures
    return groups


@dataclass(frozen=True, slots=True)
class QualityRow:
    """One codec at one quality over a folder.

    Attributes:
        codec: its name.
        folder: name of the folder.
        quality: as given.
        bpp: mean.
        psnr: mean, dB.
        ms_ssim: mean; NaN where not measured.
        worst_tile: the lowest of all; likewise.
        worst_image: name of the file it is in.
    """

    codec: str
    folder: str
    quality: int
    bpp: float
    psnr: float
    ms_ssim: float
    worst_tile: float
    worst_image: str


def quality_rows(points: Sequence[Point]) -> list[QualityRow]:
    """Means over each folder by codec and quality, in that order."""
    cells: dict[tuple[str, str, int], list[Point]] = defaultdict(list)
    for point in points:
        cells[point.codec, point.folder, point.quality].append(point)
    rows = []
    for (codec, folder, quality), inside in sorted(cells.items()):
        worst = min(inside, key=lambda p: math.inf if math.isnan(p.worst_tile) else p.worst_tile)
        rows.append(
            QualityRow(
                codec,
                folder,
                quality,
                _mean([p.bpp for p in inside]),
                _mean([p.psnr for p in inside]),
                _mean([p.ms_ssim for p in inside]),
                worst.worst_tile,
                f"{worst.image} ({worst.part})" if worst.part == "crop" else worst.image,
            )
        )
    return rows


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
