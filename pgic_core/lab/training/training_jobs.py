"""Which stages of a config file a command runs, and from which weights each starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import PgiOptionError

if TYPE_CHECKING:
    from pathlib import Path

    from .config import Stage, TrainingConfig

__all__ = ["Job", "jobs"]


@dataclass(frozen=True, slots=True)
class Job:
    """A stage to run.

    Attributes:
        number: from 1, or 0 for a stage that stands in no config file.
        stage: its schedule and the like.
        start: where it starts; None for new networks.
    """

    number: int
    stage: Stage
    start: Path | None


def jobs(config: TrainingConfig, folder: Path, out: Path, which: str) -> list[Job]:
    """Stages of a config file.

    Args:
        config: whose.
        folder: that the file lies in.
        out: folder of checkpoints.
        which: the number of one, or ``all``.

    Raises:
        PgiOptionError: there is no such stage.
    """
    count = len(config.stages)
    numbers = range(1, count + 1) if which == "all" else [int(which) if which.isdigit() else 0]
    if not numbers or not all(1 <= number <= count for number in numbers):
        raise PgiOptionError(f"There is no stage {which}: the config file has {count}.")
    found = []
    for number in numbers:
        stage = config.stages[number - 1]
        start = out / f"stage-{number - 1}.pt" if number > 1 else None
        found.append(Job(number, stage, folder / stage.start if stage.start else start))
    return found
