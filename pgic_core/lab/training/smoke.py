"""A few steps to measure what a training will take: time, memory, and whether a CUDA graph gives the same."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .crop_sampling import load_sampler
from .training_stage import TrainingRun, inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .config import TrainingConfig
    from .training_jobs import Job

__all__ = ["smoke"]

_ROUNDS = 4
_STEPS = 10  # per round


def smoke(
    config: TrainingConfig,
    todo: Sequence[Job],
    data: Path,
    device: str,
    *,
    start_fine: Path | None = None,
    features: Sequence[Path] = (),
    compiled: bool = False,
) -> Iterator[str]:
    """Measure steps of some stages, with and without integer layers' rounding; nothing is kept.

    All start from the weights of the first one. If ``compiled``, they are measured again with kernels that
    ``torch.compile`` made.

    Yields:
        A report for people, a line per figure.
    """
    tick = time.monotonic()
    torch.set_float32_matmul_precision("medium" if device == "cpu" else "high")
    sampler = load_sampler(config, data, torch.device(device))
    yield f"{device}: {len(sampler.index.entries)} pictures and copies in {time.monotonic() - tick:.1f} s"
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for job in todo:
            run = TrainingRun(
                config,
                job.stage,
                job.number,
                sampler,
                Path(folder),
                start=todo[0].start,
                start_fine_from=start_fine,
                features=features,
            )
            runs.append((f"stage {job.number}", run))
        for how in ("", "compiled, ")[: 1 + compiled]:
            for name, run in runs:
                if how:
                    run.step.compile()
                for line in _measured(run):
                    yield f"{name}, {how}{line}"


def _measured(run: TrainingRun) -> Iterator[str]:
    frozen = run.schedule.as_files
    for rounding in (True,) if frozen else (False, True):
        if rounding:
            run.grids = run.grids or run.calibrated()
        run.step.enter(drop=True, grids=run.grids if rounding else {})
        if run.step.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            tick = time.monotonic()
            run.step.capture()
            yield f"graph recorded in {time.monotonic() - tick:.1f} s; {_same(run)}"
        yield f"{'rounding' if rounding else 'float'}: {_speed(run)}"


def _same(run: TrainingRun) -> str:
    """How near the graph comes to the step kernel by kernel, with the same crops and noise."""
    seen = []
    run.step.hold.fill_(1)
    for go in (run.step.graph.replay, run.step.step):
        torch.manual_seed(5)
        go()
        seen.append(run.step.newest.tolist())
    run.step.hold.fill_(0)
    pairs = zip(run.step.names, *seen, strict=True)
    return ", ".join(f"{name} {graph:.6g}/{eager:.6g}" for name, graph, eager in pairs) + " (graph/eager)"


def _speed(run: TrainingRun) -> str:
    """Median milliseconds per step, crops included, and the memory that was in use at most."""
    step, schedule = run.step, run.schedule
    cuda = step.device.type == "cuda"
    steps = _STEPS if cuda else 1
    times = []
    for turn in range(_ROUNDS):
        tick = time.monotonic()
        for k in range(steps):
            batch = inputs(run.sampler, schedule, run.config.architecture.rates, 0, turn * steps + k)
            step.run(*batch, fraction=1e-3, keep=0.99)
        step.read()  # waits for the device
        times.append(1000 * (time.monotonic() - tick) / steps)
    middle = statistics.median(times)
    rate = 1000 * schedule.batch / middle
    text = f"{middle:.2f} ms a step ({min(times):.2f} to {max(times):.2f}), {rate:.0f} crops/s"
    return text + (f", {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB at most" if cuda else "")
