"""Running tasks in several processes, and keeping what they gave, so that a run that was cut off goes on."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import BrokenExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ... import __version__
from ...container import atomic_write
from ...errors import PgiError
from ..bench.jpeg_ratio import ratio_rows
from ..single_thread_pool import single_thread_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .evaluated_pictures import Subject

__all__ = ["RatioTask", "Store", "Task", "run_tasks"]

_FORM = 2
"""Raised whenever what tasks return changes, so that results of older versions are not taken for new ones."""


class Task(Protocol):
    """Something to measure, in a process of its own."""

    @property
    def label(self) -> str:
        """For the progress bar."""

    def identity(self) -> dict[str, Any]:
        """What the result depends on, as JSON."""

    def run(self) -> list[dict[str, Any]]:
        """Measure; returns JSON, NaN and infinity included."""


@dataclass(frozen=True, slots=True)
class RatioTask:
    """Whether pgic fits a picture into a share of its JPEG (A-B.2c).

    Attributes:
        subject: the picture.
        model: digest of the model.
    """

    subject: Subject
    model: str

    @property
    def label(self) -> str:
        """For the progress bar."""
        return f"{self.subject.name} as a share of JPEG"

    def identity(self) -> dict[str, Any]:
        """What the result depends on."""
        return {"ratio": [self.subject.digest, self.subject.name], "model": self.model}

    def run(self) -> list[dict[str, Any]]:
        """A mapping for each JPEG quality that the clause names."""
        names = ("picture", "jpeg_quality", "jpeg_bytes", "file_bytes", "psnr", "ms_ssim")
        rows = ratio_rows(self.subject.name, self.subject.rgb())
        return [{name: getattr(row, name) for name in names} for row in rows]


class Store:
    """Results in a folder, one file each.

    Args:
        folder: is made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, identity: dict[str, Any]) -> list[dict[str, Any]] | None:
        """What was kept under this identity, if it is there and whole."""
        try:
            kept: list[dict[str, Any]] = json.loads(self._path(identity).read_text())
        except (OSError, ValueError):
            return None
        return kept

    def keep(self, identity: dict[str, Any], result: list[dict[str, Any]]) -> None:
        """Write a result, in one step."""
        atomic_write(self._path(identity), json.dumps(result).encode())

    def _path(self, identity: dict[str, Any]) -> Path:
        text = json.dumps({"form": _FORM, "pgic": __version__, **identity}, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


def run_tasks(
    tasks: Sequence[Task], store: Store, jobs: int, on_done: Callable[[Task], None]
) -> tuple[list[list[dict[str, Any]]], list[tuple[str, str]]]:
    """Run what is not in the store yet.

    Args:
        tasks: to run.
        store: takes every result as soon as it is there.
        jobs: processes at a time; each uses one thread.
        on_done: called after each task.

    Returns:
        The results in the order of the tasks, empty for those that failed; label and reason of each failure.
    """
    found: list[list[dict[str, Any]] | None] = [store.find(task.identity()) for task in tasks]
    missing = [index for index, result in enumerate(found) if result is None]
    failures: list[tuple[str, str]] = []
    for index, result in enumerate(found):
        if result is not None:
            on_done(tasks[index])
    if missing:
        with single_thread_pool(min(jobs, len(missing))) as pool:
            futures = {pool.submit(_run, tasks[index]): index for index in missing}
            try:
                for future in as_completed(futures):
                    index = futures[future]
                    try:
                        found[index] = future.result()
                        store.keep(tasks[index].identity(), found[index] or [])
                    except (PgiError, OSError, MemoryError, ValueError) as error:
                        failures.append((tasks[index].label, str(error)))
                    except BrokenExecutor:
                        failures.append(
                            (tasks[index].label, "Its process ended early, perhaps for want of memory.")
                        )
                    on_done(tasks[index])
            finally:
                pool.shutdown(cancel_futures=True)
    return [result or [] for result in found], sorted(failures)


def _run(task: Task) -> list[dict[str, Any]]:
    return task.run()
