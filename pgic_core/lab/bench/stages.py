"""Where the time of a coding run goes, measured from outside: the codec holds no timing code.

Functions of the codec are replaced, for as long as a measurement takes, by ones that note when they begin and
end in which thread. Each instant is then shared out evenly among the threads that are inside a stage, so that
the stages and the rest add up to the wall time.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["REST", "STAGES", "StageClock", "stage_times"]

NETWORKS, ENTROPY, ROWS, CONTAINER = "networks", "entropy coding", "rows and grouping", "container"
REST = "colour and copies"
STAGES = (NETWORKS, ENTROPY, ROWS, CONTAINER, REST)

T = TypeVar("T")


class StageClock:
    """Notes when stages begin and end."""

    def __init__(self) -> None:
        self._events: list[tuple[float, int, str | None]] = []

    def timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """``function``, its calls noted as ``stage``; of nested stages the inner one counts."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            thread = threading.get_ident()
            self._events.append((time.perf_counter(), thread, stage))
            try:
                return function(*args, **kwargs)
            finally:
                self._events.append((time.perf_counter(), thread, None))

        return wrapper

    def shares(self) -> dict[str, float]:
        """Seconds of wall time by stage, without what was outside all stages."""
        stacks: dict[int, list[str]] = defaultdict(list)
        seconds: dict[str, float] = defaultdict(float)
        events = sorted(self._events, key=lambda event: event[0])
        for (now, thread, stage), (then, _, _) in pairwise([*events, (0.0, 0, None)]):
            if stage is None:
                stacks[thread].pop()
            else:
                stacks[thread].append(stage)
            inside = [stack[-1] for stack in stacks.values() if stack]
            for name in inside:
                seconds[name] += (then - now) / len(inside)
        return dict(seconds)


def stage_times(work: Callable[[], T]) -> tuple[dict[str, float], T]:
    """Run ``work`` once.

    Returns:
        Seconds for each of :data:`STAGES`, which add up to its wall time, and what it returned.
    """
    clock = StageClock()
    with _patched(clock):
        start = time.perf_counter()
        result = work()
        total = time.perf_counter() - start
    shares = clock.shares()
    shares[REST] = total - sum(shares.values())
    return {stage: shares.get(stage, 0.0) for stage in STAGES}, result


def _targets() -> Iterator[tuple[Any, str, str]]:
    """Owner (class or module), name and stage of every function to watch."""
    from ... import container
    from ...codec.learned import entropy, hyper_prediction, rows, stream
    from ...models import Network

    yield Network, "run", NETWORKS
    yield entropy, "encode_segments", ENTROPY
    for name in ("__init__", "read", "finish"):
        yield entropy.SegmentReader, name, ENTROPY
    for name in ("residual", "restore"):
        yield hyper_prediction.HyperPrediction, name, ROWS
    for name in ("rows", "rows_of_z"):
        yield rows.RowMap, name, ROWS
    for name in ("to_cells", "from_cells"):
        yield rows, name, ROWS
    yield stream, "serialise", CONTAINER
    yield stream, "parse", CONTAINER
    yield stream.StreamIndex, "read_tile", CONTAINER
    yield container.writer, "build_file", CONTAINER
    for name in ("__init__", "read_payload"):
        yield container.PgiReader, name, CONTAINER


@contextmanager
def _patched(clock: StageClock) -> Iterator[None]:
    undo: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, stage in _targets():
            original = owner.__dict__[name]
            timed = clock.timed(original, stage)
            # Other modules imported the function by name: it is replaced in all of them.
            places = [owner] if isinstance(owner, type) else _holders(name, original)
            for place in places:
                undo.append((place, name, original))
                setattr(place, name, timed)
        yield
    finally:
        for place, name, original in reversed(undo):
            setattr(place, name, original)


def _holders(name: str, value: object) -> list[Any]:
    package = __name__.partition(".")[0]
    return [
        module
        for key, module in list(sys.modules.items())
        if key.partition(".")[0] == package and getattr(module, "__dict__", {}).get(name) is value
    ]
