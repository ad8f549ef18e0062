"""One stage of a training, from weights to weights: its schedule, its steps, its files."""

from __future__ import annotations

import copy
import csv
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...errors import PgiOptionError
from .augment import to_device
from .checkpoint import Weights, halved, load_state, load_weights, start_fine, write_state
from .config import TrainingConfig
from .fine_decoder import FineSynthesis, fine_weights
from .integer_layers import CALIBRATION_CROPS, CALIBRATION_SIDE, calibrate, grids_of, pattern_crops
from .klt_start import start_from_klt
from .networks import Codec
from .perceptual_tuning import FeatureNetwork, PerceptualStep
from .recognition_tuning import RecogniserFeatures, RecognitionStep
from .training_step import CaptureError, TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from .config import Schedule, Stage
    from .crop_sampling import CropSampler
    from .integer_layers import Grid

__all__ = ["FIELDS", "TrainingRun", "first_weights", "inputs"]

FIELDS = (
    "step",
    "minutes",
    "loss",
    "cost",
    "bpp",
    "bpp_z",
    "psnr",
    "rate",
    "stage",
    "fine_loss",
    "fine_psnr",
    "norm",
    "fine_norm",
    "left_out",
    "fine_left_out",
    "features",
    "adversarial",
    "matching",
    "critic",
    "fine_features",
)
"""Columns of the log."""
_SHOWN = ("loss", "bpp", "psnr", "fine_psnr", "features", "fine_features", "adversarial", "critic")
_LOG_EVERY = 100  # steps
_SAVE_EVERY = 90.0  # seconds
_KLT_PATCHES = 600


def first_weights(config: TrainingConfig, stage: Stage, start: Path | None, sampler: CropSampler) -> Weights:
    """What a stage starts from: a checkpoint, or new networks; with hidden units as the stage says."""
    if start is None:
        torch.manual_seed(stage.schedule.seed)
        codec = Codec(config.architecture)
        patches = sampler.crops(np.random.default_rng(stage.schedule.seed), _KLT_PATCHES, 64).cpu()
        start_from_klt(codec, (patches.float() - 128) / 256)
        weights = Weights(config, codec)
    else:
        weights = load_weights(start)
    if stage.units:
        from .hidden_unit_pruning import prune  # with it come the exporter and onnx

        random = np.random.default_rng(5)
        prune(
            weights.codec, stage.units, lambda: sampler.crops(random, 96, stage.schedule.crop).cpu().numpy()
        )
        weights = replace(weights, grids={})
    return weights


def inputs(
    sampler: CropSampler, schedule: Schedule, rates: int, number: int, step: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Crops, rates and ROI maps of one step, and the seed of its noise: all follow from the step's number.

    Args:
        sampler: of crops.
        schedule: batch, crop, shares and seed.
        rates: anchors of the codec.
        number: of the stage.
        step: of the stage, from 0.

    Returns:
        See :meth:`.training_step.TrainingStep.run`.
    """
    random = np.random.default_rng([schedule.seed, number, step])
    torch.manual_seed(int(random.integers(2**62)))
    rate = random.random(schedule.batch, dtype=np.float32) ** np.float32(schedule.low) * (rates - 1)
    roi_map = _roi_map(schedule.batch, schedule.crop // 64, schedule.roi, random)
    crops = sampler.crops(
        random, schedule.batch, schedule.crop, harsh=schedule.harsh, generated=schedule.generated
    )
    return crops, to_device(rate, crops.device), to_device(roi_map, crops.device)


def _roi_map(count: int, blocks: int, share: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Random ROI maps: a rectangle of finer blocks on a coarser ground, in eighths of an octave."""
    maps = np.zeros((count, blocks, blocks, 1), np.float32)
    for m in maps[random.random(count) < share]:
        m += random.integers(-8, 1) / 8
        y, x = random.integers(blocks, size=2)
        m[y : y + 1 + random.integers(blocks), x : x + 1 + random.integers(blocks)] = (
            random.integers(0, 13) / 8
        )
    return maps


@dataclass(slots=True)
class _Clock:
    """Seconds of wall time that a stage took so far, those of processes that were stopped included."""

    before: float
    began: float

    def __call__(self) -> float:
        return self.before + time.monotonic() - self.began


class TrainingRun:
    """One stage under way.

    Args:
        config: of the whole training.
        stage: which.
        number: of the stage, from 1; 0 for one that stands in no config file.
        sampler: of crops.
        out: folder of checkpoints and the log.
        start: where the stage starts if nothing of it is there yet; None for new networks.
        start_fine_from: a file whose fine decoder it starts with, in place of that of ``start``.
        features: what features are compared of: weights of a network, or recognisers (see TRAINING.md).
        eager: no CUDA graph.
        compiled: have ``torch.compile`` fuse the kernels of the fine decoder; on ``cuda`` alone.
        began: when the work for this stage began in this process, of ``time.monotonic``.
    """

    def __init__(
        self,
        config: TrainingConfig,
        stage: Stage,
        number: int,
        sampler: CropSampler,
        out: Path,
        *,
        start: Path | None,
        start_fine_from: Path | None = None,
        features: Sequence[Path] = (),
        eager: bool = False,
        compiled: bool = False,
        began: float | None = None,
    ) -> None:
        self.schedule, self.number, self.sampler = stage.schedule, number, sampler
        name = f"stage-{number}" if number else "checkpoint"
        self.file, self._resume = out / f"{name}.pt", out / f"{name}.resume.pt"
        self._log = out / "log.csv"
        state = load_state(self._resume) if self._resume.exists() else None
        weights = first_weights(config, stage, start, sampler) if state is None else _unfinished(state)
        frozen = self.schedule.as_files
        if frozen:
            if start is None and state is None:
                raise PgiOptionError("Nothing can be tuned beside new networks that stay as they are.")
            # As the exporter rounds them, so that latents are those of files.
            weights = replace(
                weights, codec=Codec.of(weights.config.architecture, halved(weights.codec.state_dict()))
            )
        # Pruned and narrowed networks are trained on as they are: a checkpoint brings its architecture.
        self.config = replace(
            config, architecture=weights.config.architecture, schedule=self.schedule, stages=()
        )
        self._before = weights
        self.step = self._step(weights, start_fine_from, features, eager=eager)
        if compiled:
            self.step.compile()
        self.steps = 0
        """Of this stage, done."""
        self.grids: dict[str, Grid] = weights.grids if frozen else {}
        before = 0.0
        if state is not None:
            for key, learner in self.step.learners.items():
                learner.load(state["learners"][key])
            self.steps, before, self.grids = state["steps"], state["elapsed"], grids_of(state)
        self.elapsed = _Clock(before, time.monotonic() if began is None else began)

    def _fine(self, weights: Weights, start: Path | None) -> FineSynthesis | None:
        if self.schedule.fine == "off":
            return None
        torch.manual_seed(self.schedule.seed)
        net = FineSynthesis(self.config.fine, self.config.architecture)
        first = weights.fine
        if start is not None:
            state = load_state(start)
            first = state.get("fine", state)["average"]
        start_fine(net, weights.codec, first)
        return net

    def _step(
        self, weights: Weights, start_fine_from: Path | None, features: Sequence[Path], *, eager: bool
    ) -> TrainingStep:
        """The networks that learn, with their buffers."""
        device, fine = self.sampler.pictures.device, self._fine(weights, start_fine_from)
        if self.schedule.tune == "recognition":
            if not features:
                raise PgiOptionError("Tuning for recognition needs --features, ONNX files of recognisers.")
            crop = self.schedule.crop
            seen = RecogniserFeatures(features, torch.zeros(self.schedule.batch, 3, crop, crop))
            return RecognitionStep(weights.codec, fine, seen, self.schedule, device, eager=eager)
        if self.schedule.fine != "perceptual":
            return TrainingStep(weights.codec, fine, self.schedule, device, eager=eager)
        if fine is None or len(features) != 1:
            raise PgiOptionError("Perceptual tuning needs --features, the weights of one network.")
        perceptual = copy.deepcopy(fine)
        if weights.perceptual is not None:
            perceptual.load_state_dict(fine_weights(perceptual, weights.perceptual))
        network = FeatureNetwork(load_state(features[0]))
        return PerceptualStep(weights.codec, fine, perceptual, network, self.schedule, device, eager=eager)

    @property
    def progress(self) -> float:
        """From 0 to 1; when it is there, the stage is done."""
        if self.schedule.seconds:
            return self.elapsed() / self.schedule.seconds
        return self.steps / self.schedule.steps

    def go(self, stop: Callable[[], bool]) -> bool:
        """Learn until the stage is done or ``stop`` says so; returns whether it is done.

        Raises:
            CaptureError: the CUDA graph could not be recorded; what was learned is saved.
        """
        saved = time.monotonic()
        fresh = not self._log.exists()
        with self._log.open("a", newline="") as stream:
            log = csv.DictWriter(stream, FIELDS)
            if fresh:
                log.writeheader()
            try:
                while (progress := self.progress) < 1 and not stop():
                    self._one(progress)
                    if self.steps % _LOG_EVERY == 0:
                        log.writerow(self._row(progress))
                        stream.flush()
                    if time.monotonic() - saved > _SAVE_EVERY:
                        self.save()
                        saved = time.monotonic()
            except CaptureError:
                self.save()
                raise
        done = self.progress >= 1
        self.save(done=done)
        return done

    def _one(self, progress: float) -> None:
        schedule = self.schedule
        self._enter_phase(progress)
        fraction = schedule.fraction(progress, self.steps)
        batch = inputs(self.sampler, schedule, self.config.architecture.rates, self.number, self.steps)
        keep = min(schedule.ema, (self.steps + 1) / (self.steps + 51))
        self.step.run(*batch, fraction=fraction, keep=keep)
        self.steps += 1

    def _enter_phase(self, progress: float) -> None:
        """Drop symbols, and round as integer layers do, from where the schedule says."""
        left = 1 - progress
        frozen = self.schedule.as_files
        if not self.grids and (left <= self.schedule.integer or frozen):
            self.grids = self.calibrated()
        self.step.enter(drop=left <= self.schedule.drop or frozen, grids=self.grids)

    def calibrated(self) -> dict[str, Grid]:
        """Grids for the averaged codec, from crops like :func:`.integer_layers.calibration_crops`."""
        random = np.random.default_rng(self.schedule.seed)
        crops = self.sampler.crops(random, CALIBRATION_CROPS, CALIBRATION_SIDE, harsh=self.schedule.harsh)
        averaged = Codec.of(self.config.architecture, self.step.averaged.state_dict()).to(crops.device)
        return calibrate(averaged, crops.cpu().numpy(), pattern_crops(self.config))

    def _row(self, progress: float) -> dict[str, str]:
        means = self.step.read()
        for name, value in means.items():
            if name.endswith("left_out") and value:
                print(f"{name}: {value:.1%} of the last steps had a gradient of no use.", file=sys.stderr)
        seconds, total = self.elapsed(), self._before.seconds + self.elapsed()
        print(
            f"stage {self.number}: {progress:.1%}, step {self.steps}, {seconds:.0f} s, "
            + ", ".join(f"{name} {means[name]:.4g}" for name in _SHOWN if name in means),
            flush=True,
        )
        place = {"step": self._before.step + self.steps, "minutes": total / 60, "stage": self.number}
        values = {**means, **place, "rate": self.schedule.fraction(progress, self.steps - 1)}
        return {name: f"{values[name]:.6g}" for name in FIELDS if name in values}

    def save(self, *, done: bool = False) -> None:
        """Write both files, or once the stage is done the weights alone."""
        counts = {
            "config": self.config.to_dict(),
            "step": self._before.step + self.steps,
            "seconds": self._before.seconds + self.elapsed(),
        }
        if self.grids:
            counts["grids"] = {name: grid.to_dict() for name, grid in self.grids.items()}
        state: dict[str, Any] = {**counts, "average": halved(self.step.averaged.state_dict()), "done": done}
        if (fine := self.step.averaged_fine) is not None:
            state["fine"] = {"average": halved(fine.state_dict())}
        if (perceptual := self.step.learners.get("perceptual")) is not None:
            state["perceptual"] = {"average": halved(perceptual.averaged.state_dict())}
        write_state(state, self.file)
        if done:
            self._resume.unlink(missing_ok=True)
            return
        going = {
            "before": {"step": self._before.step, "seconds": self._before.seconds},
            "steps": self.steps,
            "elapsed": self.elapsed(),
            "codec": self.step.codec.state_dict(),
            "learners": {name: learner.to_dict() for name, learner in self.step.learners.items()},
        }
        write_state({**counts, **going}, self._resume)


def _unfinished(state: dict[str, Any]) -> Weights:
    """Where a stage started, as far as a stage that goes on needs it."""
    config = TrainingConfig.from_dict(state["config"])
    codec = Codec.of(config.architecture, state["codec"])
    return Weights(config, codec, grids_of(state), None, state["before"]["step"], state["before"]["seconds"])
