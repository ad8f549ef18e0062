"""The training run: ``python -m pgic_core.training.train CONFIG --data DIR --out DIR``.

A run can be cut off at any time: it saves every few minutes, and the same command goes on where it was.
``--decay`` takes the newest checkpoint, lets the learning rate fall to zero over the schedule's decay steps
(with symbols dropped as the encoder drops them, and at the end with integer layers rounding as their graphs
will) and writes ``decayed.pt`` beside it; the constant run is not touched and can go on later.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .config import TrainingConfig, load_config
from .data import CropSampler, load_folders
from .networks import Codec
from .quantise import Grid, calibrate, calibration_crops, grids_of, pattern_crops, round_in_training

__all__ = ["main", "train"]

_LOG_EVERY = 100
_OUTLIER = 10.0  # A gradient so many times larger than usual is left out.
_AVERAGE_EVERY = 4  # Averaging each step would cost a tenth of the time on a CPU.
_FIELDS = ("step", "minutes", "loss", "cost", "bpp", "bpp_z", "psnr", "rate")


class Run:
    """A model with its optimiser, averaged weights and place in the data.

    Args:
        config: what to train.
        device: where.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        torch.manual_seed(config.schedule.seed)
        self.config = config
        self.device = device
        self._take(Codec(config.architecture))
        self.step = 0
        self.seconds = 0.0
        self.decay_from: int | None = None
        self.usual_norm = 0.0
        self.grids: dict[str, Grid] = {}
        # Without AVX-512, a processor took fifteen times as long for bfloat16 as for float32.
        self.bfloat16 = device.type != "cpu" or torch.backends.cpu.get_cpu_capability().startswith("AVX512")

    def _take(self, model: Codec) -> None:
        self.model = model.to(self.device)
        self.optimiser = torch.optim.Adam(self.model.parameters(), betas=(0.9, 0.99), fused=True)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write a checkpoint; the old one stays until the new one is whole."""
        state = {
            "config": self.config.to_dict(),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "decay_from": self.decay_from,
        }
        if self.grids:
            state["grids"] = {name: grid.to_dict() for name, grid in self.grids.items()}
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint. Half-precision weights without optimiser state do, too (a warm start)."""
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self._take(Codec.of(self.config.architecture, state.get("model", state["average"])))
        self.average = {k: v.float() for k, v in state["average"].items()}
        if "optimiser" in state:
            self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.seconds = state["seconds"]
        self.decay_from = state.get("decay_from")
        self.grids = {} if self.decay_from is None else grids_of(state)
        round_in_training(self.model, self.grids)

    def round_as_exported(self, data: Path) -> None:
        """From now on, let integer layers round as their graphs will (quantisation-aware training)."""
        averaged = Codec.of(self.config.architecture, self.average).to(self.device)
        crops = calibration_crops(self.config, data)
        self.grids = calibrate(averaged, crops, pattern_crops(self.config))
        round_in_training(self.model, self.grids)

    def learn(self, picture: Tensor, rate: Tensor, offsets: Tensor, fraction: float) -> dict[str, float]:
        """One step on a batch, at a fraction of the peak learning rate; returns what the log shows."""
        model, schedule = self.model, self.config.schedule
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            decaying = self.decay_from is not None
            coded = model(picture, rate, offsets, drop=decaying and fraction <= schedule.drop)
        weight = model.error_weight(rate)
        pixels = picture.shape[1] * picture.shape[2]
        error = 256.0 * (coded.picture - picture)
        # A block whose steps are finer by k octaves counts 4^k times as much.
        local = (4**offsets).repeat_interleave(64, 1).repeat_interleave(64, 2)
        distortion = (local * error.square()).flatten(1).mean(1)
        bpp = (coded.bits_y + coded.bits_z) / pixels
        cost = weight * distortion + bpp
        loss = (cost / weight.sqrt()).mean() * 0.1
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        usual = self.usual_norm or norm.item()
        if norm.item() < _OUTLIER * usual:  # also false for what is no number
            self.usual_norm = 0.98 * usual + 0.02 * norm.item()
            self.optimiser.param_groups[0]["lr"] = fraction * schedule.learning_rate
            self.optimiser.step()
        else:  # One bad batch must not end a run of hours.
            print(f"step {self.step}: left out, its gradient of {norm.item():.3g} is no use", file=sys.stderr)
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        if self.step % _AVERAGE_EVERY == 0:
            keep = min(schedule.ema, self.step / (self.step + 50)) ** _AVERAGE_EVERY
            for name, value in model.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        mse = error.detach().square().flatten(1).mean(1)
        return {
            "loss": loss.item(),
            "cost": cost.mean().item(),
            "bpp": bpp.mean().item(),
            "bpp_z": coded.bits_z.mean().item() / pixels,
            "psnr": (10 * torch.log10(255**2 / mse)).mean().item(),
        }


def _offsets(count: int, side: int, share: float, random: np.random.Generator) -> Tensor:
    """Random ROI maps: a rectangle of finer blocks on a coarser ground, in eighths of an octave."""
    blocks = side // 64
    maps = np.zeros((count, blocks, blocks, 1), np.float32)
    for m in maps:
        if random.random() < share:
            m += random.integers(-8, 1) / 8
            y, x = random.integers(blocks, size=2)
            m[y : y + 1 + random.integers(blocks), x : x + 1 + random.integers(blocks)] = (
                random.integers(0, 13) / 8
            )
    return torch.from_numpy(maps)


def train(
    config: TrainingConfig,
    data: Path,
    out: Path,
    *,
    minutes: float = math.inf,
    steps: float = math.inf,
    decay: bool = False,
    device: str = "cpu",
    start: Path | None = None,
) -> None:
    """Run, or go on with, a training.

    Args:
        config: what to train.
        data: root of the training folders.
        out: where checkpoints and the log go.
        minutes: stop after so much wall time.
        steps: stop at this step.
        decay: let the learning rate fall from the newest checkpoint instead of going on at a constant one.
        device: ``cpu`` or ``cuda``.
        start: checkpoint or released weights to start from where ``out`` has none.
    """
    schedule = config.schedule
    torch.set_float32_matmul_precision("medium")
    out.mkdir(parents=True, exist_ok=True)
    run = Run(config, torch.device(device))
    newest, log_name = out / "checkpoint.pt", "log.csv"
    pictures = load_folders(data, config.data, config.exclude)
    if newest.exists():
        run.load(newest)
    elif start is not None:
        run.load(start)
        run.step = 0
    else:
        patches = CropSampler(pictures, config.data, schedule.seed).batch(600, 64)
        run.model.start_from_klt((torch.from_numpy(patches).to(run.device).float() - 128) / 256)
        run.average = {k: v.detach().clone() for k, v in run.model.state_dict().items()}
    target = newest
    if decay:
        target, log_name = out / "decayed.pt", "log-decay.csv"
        started_here = run.step
        if target.exists():
            run.load(target)
        if run.decay_from != started_here:  # none yet, or one that an older checkpoint started
            if newest.exists():
                run.load(newest)
            run.decay_from = run.step
    sampler = CropSampler(pictures, config.data, schedule.seed + run.step, schedule.harsh, schedule.generated)
    random = np.random.default_rng(schedule.seed + run.step)
    log_path = out / log_name
    fresh = not log_path.exists()
    began, saved = time.monotonic(), time.monotonic()
    history: list[dict[str, float]] = []
    with log_path.open("a", newline="") as stream:
        log = csv.writer(stream)
        if fresh:
            log.writerow(_FIELDS)
        while run.step < steps and time.monotonic() - began < 60 * minutes:
            fraction = min(1.0, (run.step + 1) / schedule.warmup)
            if run.decay_from is not None:
                fraction *= 1 - (run.step - run.decay_from) / schedule.decay
                if fraction <= 0:
                    break
                if fraction <= schedule.integer and not run.grids:
                    run.round_as_exported(data)
            crops = torch.from_numpy(sampler.batch(schedule.batch, schedule.crop)).to(run.device)
            rate = torch.from_numpy(random.random(schedule.batch, dtype=np.float32)).to(run.device)
            offsets = _offsets(schedule.batch, schedule.crop, schedule.roi, random).to(run.device)
            tick = time.monotonic()
            seen = run.learn(
                (crops.float() - 128) / 256, rate * (config.architecture.rates - 1), offsets, fraction
            )
            run.seconds += time.monotonic() - tick
            history.append(seen)
            if run.step % _LOG_EVERY == 0:
                means: dict[str, float] = {k: sum(h[k] for h in history) / len(history) for k in seen}
                means |= {"step": run.step, "minutes": run.seconds / 60, "rate": fraction}
                log.writerow([f"{means[key]:.6g}" for key in _FIELDS])
                stream.flush()
                history.clear()
            if time.monotonic() - saved > 180:
                run.save(target)
                saved = time.monotonic()
    run.save(target)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pgic_core.training.train", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="root of the training folders")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints and the log go")
    parser.add_argument("--start", type=Path, help="weights to start from where --out has none")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--steps", type=float, default=math.inf)
    parser.add_argument("--decay", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a schedule value"
    )
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    config = load_config(given.config)
    changes = {k: type(getattr(config.schedule, k))(v) for k, v in (s.split("=", 1) for s in given.set)}
    config = replace(config, schedule=replace(config.schedule, **changes))
    train(
        config,
        given.data,
        given.out,
        minutes=given.minutes,
        steps=given.steps,
        decay=given.decay,
        device=given.device,
        start=given.start,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
