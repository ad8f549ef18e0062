"""Train the codec and its fine decoder.

``python -m pgic_core.lab.training.train CONFIG --data ROOT --out DIR``.

``--stage N`` or ``--stage all`` runs the stages of the config file. ``--steps N`` or ``--seconds S`` runs one
training of that length instead, from the weights that ``--start`` names. A training can be stopped at any
time: the same command goes on where it was. TRAINING.md beside this file says more.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
import tomllib
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...errors import PgiError, PgiOptionError
from . import STARTED
from .checkpoint import load_state
from .config import Stage, TrainingConfig, load_config, with_values
from .crop_sampling import load_sampler
from .smoke import smoke
from .training_jobs import Job, jobs
from .training_stage import TrainingRun
from .training_step import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main", "train"]


def train(
    config: TrainingConfig,
    data: Path,
    out: Path,
    todo: Sequence[Job],
    *,
    device: str = "cpu",
    start_fine: Path | None = None,
    features: Sequence[Path] = (),
    eager: bool = False,
    compiled: bool = False,
    stop: Callable[[], bool] = lambda: False,
    began: float | None = None,
) -> bool:
    """Run stages, or go on with them.

    Args:
        config: what to train.
        data: root of the training folders.
        out: where checkpoints and the log go.
        todo: the stages, in order; those that are done already are passed over.
        device: ``cpu`` or ``cuda``.
        start_fine: a file whose fine decoder the first of them starts with.
        features: what features are compared of: weights of a network, or recognisers (see TRAINING.md).
        eager: no CUDA graph.
        compiled: have ``torch.compile`` fuse kernels; on ``cuda`` alone.
        stop: asked before each step.
        began: when the work began, of ``time.monotonic``; schedules by wall time count from then on.

    Returns:
        Whether all are done.

    Raises:
        PgiInputError: pictures or checkpoints are missing or cannot be read.
        PgiOptionError: a stage cannot be run.
        CaptureError: the CUDA graph could not be recorded; what was learned is saved.
    """
    began = time.monotonic() if began is None else began
    out.mkdir(parents=True, exist_ok=True)
    # Linear paths carry nearly all of the picture: on a GPU, products keep at least 10 bits.
    torch.set_float32_matmul_precision("medium" if device == "cpu" else "high")
    sampler = load_sampler(config, data, torch.device(device))
    print(
        f"{len(sampler.index.entries)} pictures and copies after {time.monotonic() - began:.1f} s", flush=True
    )
    for job in todo:
        file = out / (f"stage-{job.number}.pt" if job.number else "checkpoint.pt")
        if file.exists() and load_state(file).get("done"):
            print(f"{file} is done already.", flush=True)
            continue
        run = TrainingRun(
            config,
            job.stage,
            job.number,
            sampler,
            out,
            start=job.start,
            start_fine_from=start_fine,
            features=features,
            eager=eager,
            compiled=compiled,
            began=began,
        )
        if not run.go(stop):
            return False
        began, start_fine = time.monotonic(), None
    return True


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    try:
        config, todo = _todo(given)
        if given.smoke:
            more = {"start_fine": given.start_fine, "features": given.features, "compiled": given.compile}
            for line in smoke(config, todo, given.data, given.device, **more):
                print(line, flush=True)
            return
        last = time.monotonic() + 60 * given.minutes
        with _asked_to_end() as ended:
            train(
                config,
                given.data,
                given.out,
                todo,
                device=given.device,
                start_fine=given.start_fine,
                features=given.features,
                eager=given.eager,
                compiled=given.compile,
                stop=lambda: ended() or time.monotonic() > last,
                began=STARTED,
            )
    except PgiError as error:
        parser.error(str(error))
    except CaptureError as error:
        # What was learned is saved, and a new process goes on from there; the seconds so far count.
        print(
            f"The step cannot be recorded as a CUDA graph ({error}). Going on without one.", file=sys.stderr
        )
        sys.stderr.flush()
        os.execv(
            sys.executable, [sys.executable, "-m", "pgic_core.lab.training.train", *arguments, "--eager"]
        )


@contextmanager
def _asked_to_end() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM came within the block: a training then saves itself before it ends."""
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield lambda: ended
    finally:
        # Whoever called this in a process of their own, a test for one, wants to be ended as before.
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pgic_core.lab.training.train", description=__doc__)
    parser.add_argument("config", type=Path, help="TOML file of the model")
    parser.add_argument("--data", type=Path, required=True, help="root of the training folders")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints and the log go")
    parser.add_argument("--stage", help="number of a stage of the config file, or all")
    parser.add_argument("--steps", type=int, default=0, help="train for so many steps")
    parser.add_argument("--seconds", type=float, default=0.0, help="train for so long, start-up included")
    parser.add_argument("--start", type=Path, help="weights to start from where --out has none")
    parser.add_argument("--start-fine", type=Path, help="likewise, of the fine decoder")
    parser.add_argument(
        "--features",
        type=Path,
        nargs="+",
        default=[],
        help="for tuning: weights of a network, or recognisers",
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; to go on later")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU")
    parser.add_argument("--eager", action="store_true", help="no CUDA graph")
    parser.add_argument("--compile", action="store_true", help="have torch.compile fuse kernels, on cuda")
    parser.add_argument("--smoke", action="store_true", help="measure time and memory of a step, and stop")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a schedule value"
    )
    return parser


def _todo(given: argparse.Namespace) -> tuple[TrainingConfig, list[Job]]:
    """What the options ask for."""
    config = load_config(given.config)
    values = _values(given.set)
    length = {key: getattr(given, key) for key in ("steps", "seconds") if getattr(given, key)}
    if given.smoke and not given.stage and not length:
        length = {"steps": 1}
    if bool(given.stage) == bool(length) or len(length) > 1:
        raise PgiOptionError("Give one of --stage, --steps and --seconds.")
    config = replace(config, schedule=with_values(config.schedule, values))
    if not given.stage:
        stage = Stage(replace(config.schedule, **{"steps": 0, "seconds": 0.0, **length}))
        # So that patterns are kept ready only if this training shows any.
        return replace(config, stages=()), [Job(0, stage, given.start)]
    stages = tuple(replace(s, schedule=with_values(s.schedule, values)) for s in config.stages)
    todo = jobs(replace(config, stages=stages), given.config.parent, given.out, given.stage)
    if given.start is not None:
        todo[0] = replace(todo[0], start=given.start)
    return replace(config, stages=tuple(job.stage for job in todo)), todo


def _values(texts: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            values |= tomllib.loads(f"{key} = {value}")
        except tomllib.TOMLDecodeError:
            values[key] = value  # a word without quotation marks
    return values


if __name__ == "__main__":
    main()
