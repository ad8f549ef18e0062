"""Where the time of a coding run goes, measured from outside: the codec holds no timing code.

Python's profiler hook reports every call. Those of functions that belong to a stage are noted, with their
thread. Each instant is then shared out evenly among the threads that are inside a stage, so that the stages
and the rest add up to the wall time. The hook itself takes up to a tenth of it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

__all__ = ["REST", "STAGES", "StageClock", "stage_functions", "stage_times"]

NETWORKS, ENTROPY, ROWS, CONTAINER = "networks", "entropy coding", "rows and grouping", "container"
REST = "colour and copies"
STAGES = (NETWORKS, ENTROPY, ROWS, CONTAINER, REST)

T = TypeVar("T")


class StageClock:
    """Notes when stages begin and end; of nested stages the inner one counts.

    Args:
        functions: the stage of each function to watch.
    """

    def __init__(self, functions: Mapping[Callable[..., Any], str]) -> None:
        self._stages = {function.__code__: stage for function, stage in functions.items()}
        self._events: list[tuple[float, int, str | None]] = []
        self._on = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch this thread, and those that start in the block."""
        self._on = True
        threading.setprofile(self._hook)
        sys.setprofile(self._hook)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self._on = False  # threads that started in the block keep the hook

    def reset(self) -> None:
        """Forget what was noted."""
        self._events.clear()

    def _hook(self, frame: FrameType, event: str, _: object) -> None:
        if not self._on or event not in ("call", "return"):
            return
        stage = self._stages.get(frame.f_code)
        if stage is not None:
            self._events.append(
                (time.perf_counter(), threading.get_ident(), stage if event == "call" else None)
            )

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


def stage_times(work: Callable[[], T], repeats: int = 1) -> tuple[dict[str, float], T]:
    """Run ``work`` once to warm up, then ``repeats`` times.

    The codec keeps its threads, and the hook watches only threads that start under it. ``work`` must not have
    run in this process before, or what kept threads do counts as :data:`REST`.

    Returns:
        Mean seconds of a call for each of :data:`STAGES`, which add up to its wall time; and its result.
    """
    clock = StageClock(stage_functions())
    with clock.running():
        result = work()
        clock.reset()
        start = time.perf_counter()
        for _ in range(repeats):
            result = work()
        total = time.perf_counter() - start
    shares = clock.shares()
    shares[REST] = total - sum(shares.values())
    return {stage: shares.get(stage, 0.0) / repeats for stage in STAGES}, result


def stage_functions() -> dict[Callable[..., Any], str]:
    """Every function to watch, and its stage."""
    from ...codec.learned.payload import header, tile_index
    from ...codec.learned.symbols import cdf_index_from_z, entropy_coding
    from ...codec.learned.symbols.hyper_prediction import HyperPrediction
    from ...container import PgiReader, writer
    from ...models import Network

    reader = entropy_coding.SegmentReader
    by_stage: dict[str, tuple[Callable[..., Any], ...]] = {
        NETWORKS: (Network.run,),
        ENTROPY: (entropy_coding.encode_segments, reader.__init__, reader.read, reader.finish),
        ROWS: (
            HyperPrediction.residual,
            HyperPrediction.restore,
            cdf_index_from_z.RowMap.rows,
            cdf_index_from_z.RowMap.rows_of_z,
            cdf_index_from_z.to_cells,
            cdf_index_from_z.from_cells,
        ),
        CONTAINER: (
            header.serialise,
            header.parse,
            tile_index.StreamIndex.read_tile,
            writer.build_file,
            PgiReader.__init__,
            PgiReader.read_payload,
        ),
    }
    return {function: stage for stage, functions in by_stage.items() for function in functions}
