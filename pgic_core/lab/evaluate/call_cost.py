"""Time, processor time and memory of one call in this process (A-B.2f)."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cost", "costing", "processor_name"]

_SELF = Path("/proc/self")


@dataclass(slots=True)
class Cost:
    """What a call took.

    Attributes:
        seconds: by the clock.
        cpu: seconds of processor time, all threads together.
        memory: bytes by which the process grew at most; NaN where the system does not tell.
    """

    seconds: float = math.nan
    cpu: float = math.nan
    memory: float = math.nan


@contextmanager
def costing() -> Iterator[Cost]:
    """Measure what is done in the block; the figures are there after it."""
    cost = Cost()
    before = _restart_peak()
    seconds, cpu = time.perf_counter(), time.process_time()
    yield cost
    cost.seconds, cost.cpu = time.perf_counter() - seconds, time.process_time() - cpu
    if before is not None:
        cost.memory = max(0, _status("VmHWM") - before)


def _restart_peak() -> int | None:
    """Have Linux forget the highest memory so far; returns what is in use now, or None elsewhere."""
    try:
        (_SELF / "clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return None


def _status(name: str) -> int:
    for line in (_SELF / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    return 0


def processor_name() -> str:
    """As the system calls it."""
    import platform

    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
