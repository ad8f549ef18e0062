"""From a folder of pictures to the report."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...container import atomic_write
from ...models import default_model, default_threads
from ..bench.bench_pictures import fit_megapixels
from ..bench.peer_codecs import PEERS, available
from ..bench.perceptual_distances import has_st_lpips
from ..bench.speed import measure_speed, steps_of
from ..recognition import find_recogniser, read_places, read_truth
from .crop_comparison import CropTask
from .csv_tables import write_tables
from .evaluated_pictures import find_all
from .lossless_task import ExactTask
from .page import report_page
from .point_task import RAW, EvalPoint, PointTask
from .recognition_table import recognition_rows
from .recognition_task import recognition_tasks
from .summary_figures import Figures
from .task_running import RatioTask, Store, run_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ..bench.peer_codecs import Codec
    from .evaluated_pictures import Subject
    from .recognition_task import RecognitionTask
    from .task_running import Task

    Bar = Callable[[int], AbstractContextManager[Callable[[float, str], None]]]

__all__ = ["QUALITIES", "EvaluateOptions", "Report", "evaluate"]

QUALITIES = (10, 30, 50, 70, 90)
"""Qualities of pgic."""
CROP_QUALITY = 50
_PAGE = "report.html"
_MOST_JOBS = 4  # unless asked for: each takes up to two gigabytes


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """How to measure.

    Attributes:
        codecs: names of peers.
        qualities: of pgic.
        points: qualities of each peer at most.
        roi: name of the model that finds regions of interest, or None for no figures of regions.
        perceptual: whether ST-LPIPS is measured; None where its package is installed.
        crops: pictures shown side by side at most, the worst first.
        megapixels: size of the picture by which speed and memory are measured; 0 leaves both out.
        recogniser: name of what looks at decoded pictures, or None.
        truth: file of what is in the pictures; None to take what is seen in the originals.
        recogniser_peers: codecs that it looks at beside pgic.
        recogniser_roi: model of the regions that pgic keeps in more detail for it, or None.
        limit: of pictures from each folder.
        most_megapixels: larger pictures are scaled down to it first; None to take all as they are.
        jobs: processes at a time; None for as many as there are processors, at most four.
    """

    codecs: tuple[str, ...] = PEERS
    qualities: tuple[int, ...] = QUALITIES
    points: int = 5
    roi: str | None = "saliency"
    perceptual: bool | None = None
    crops: int = 12
    megapixels: float = 1.0
    recogniser: str | None = None
    truth: Path | None = None
    recogniser_peers: tuple[str, ...] = ("jpeg", "avif")
    recogniser_roi: str | None = None
    limit: int | None = None
    most_megapixels: float | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation made.

    Attributes:
        page: the page.
        pictures: how many were measured.
        missing: codecs that are not installed, with the reason.
        failures: label and reason of what could not be measured.
    """

    page: Path
    pictures: int
    missing: dict[str, str]
    failures: list[tuple[str, str]]


def evaluate(folders: Sequence[Path], output: Path, options: EvaluateOptions, bar: Bar) -> Report:
    """Measure folders and write the report.

    Args:
        folders: of pictures, or single pictures.
        output: folder for the page, the tables, and in ``work`` what a run that is cut off goes on from.
        options: how to measure.
        bar: makes a progress bar of so many steps.

    Raises:
        PgiOptionError: there is no picture, or a name is unknown.
        PgiInputError: the report cannot be written.
    """
    codecs, missing = available(options.codecs)
    truth, places = (
        (None, {}) if options.truth is None else (read_truth(options.truth), read_places(options.truth))
    )
    subjects, refused = find_all(folders, options.limit, options.most_megapixels)
    visible = [subject for subject in subjects if subject.visible]
    store = Store(output / "work")
    jobs = options.jobs or min(default_threads(), _MOST_JOBS)
    failures = list(refused)

    def measured(tasks: Sequence[Task]) -> list[list[dict[str, Any]]]:
        with bar(len(tasks)) as advance:
            results, failed = run_tasks(tasks, store, jobs, lambda task: advance(1, task.label))
        failures.extend(failed)
        return results

    model = default_model().digest
    tasks: list[Task] = [
        *_point_tasks(visible, codecs, options),
        *(ExactTask(subject) for subject in subjects if not subject.visible),
        *(RatioTask(subject, model) for subject in visible),
    ]
    figures = Figures.collect(zip(tasks, measured(tasks), strict=True))
    crops = _crop_tasks(visible, figures.points, codecs, options, model)
    figures.crops = [row for rows in measured(crops) for row in rows]
    if options.recogniser is not None:
        rows = [row for found in measured(_recognition_tasks(visible, options)) for row in found]
        figures.recognition = recognition_rows(rows, truth, places)
    if visible and options.megapixels:
        figures.speed_megapixels = options.megapixels
        figures.speed = _speed(visible, codecs, options.megapixels, store, bar)
    write_tables(output, figures)
    page = output / _PAGE
    names = {subject.name: subject.kind for subject in subjects}
    title = ", ".join(dict.fromkeys(folder.resolve().name for folder in folders))
    atomic_write(page, report_page(title, figures, names, missing, failures).encode())
    return Report(page, len(subjects), missing, failures)


def _point_tasks(
    subjects: Sequence[Subject], codecs: Sequence[Codec], options: EvaluateOptions
) -> list[PointTask]:
    perceptual = has_st_lpips() if options.perceptual is None else options.perceptual
    qualities = {codec.name: _spread(codec.qualities, options.points) for codec in codecs}
    qualities |= {"pgic": options.qualities, RAW: ()}
    return [
        PointTask(subject, name, steps, options.roi, perceptual)
        for subject in subjects
        for name, steps in qualities.items()
    ]


def _spread(qualities: Sequence[int], count: int) -> tuple[int, ...]:
    """At most ``count`` of them, both ends included."""
    if count >= len(qualities):
        return tuple(qualities)
    last = len(qualities) - 1
    return tuple(dict.fromkeys(qualities[round(i * last / max(1, count - 1))] for i in range(count)))


def _crop_tasks(
    subjects: Sequence[Subject],
    points: Sequence[EvalPoint],
    codecs: Sequence[Codec],
    options: EvaluateOptions,
    model: str,
) -> list[CropTask]:
    """The pictures whose worst tile is worst, in that order."""
    quality = min(options.qualities, key=lambda q: abs(q - CROP_QUALITY))
    by_name = {subject.name: subject for subject in subjects}
    found = [p for p in points if p.codec == "pgic" and p.quality == quality]
    found.sort(key=lambda p: (p.worst_tile, p.picture))
    peers = tuple(codec.name for codec in codecs)
    return [
        CropTask(by_name[p.picture], quality, (p.worst_x, p.worst_y), peers, model)
        for p in found[: options.crops]
    ]


def _recognition_tasks(subjects: Sequence[Subject], options: EvaluateOptions) -> list[RecognitionTask]:
    name = options.recogniser or ""
    find_recogniser(name)  # is there
    peers = tuple(codec.name for codec in available(options.recogniser_peers)[0])
    rois = () if options.recogniser_roi is None else (options.recogniser_roi,)
    return recognition_tasks(subjects, (name,), peers, rois)


def _speed(
    subjects: Sequence[Subject], codecs: Sequence[Codec], megapixels: float, store: Store, bar: Bar
) -> list[dict[str, Any]]:
    """Speed and memory of whole processes, one after the other, on the picture of median size."""
    sizes = sorted(subjects, key=lambda s: (s.width * s.height, s.name))
    subject = sizes[len(sizes) // 2]
    identity = {
        "speed": subject.digest,
        "codecs": [codec.name for codec in codecs],
        "megapixels": megapixels,
        "model": default_model().digest,
        "threads": default_threads(),
    }
    kept = store.find(identity)
    if kept is not None:
        return kept
    contenders = [*available(("pgic",))[0], *codecs]
    picture = fit_megapixels(subject.rgb(), megapixels)
    with bar(steps_of(contenders, 1)) as advance:
        rows = measure_speed(
            picture, contenders, runs=1, repeats=2, on_step=lambda: advance(1, "speed and memory")
        )
    result = [dataclasses.asdict(row) for row in rows]
    store.keep(identity, result)
    return result
