"""Small networks and a training of two steps, for tests of the tools that work between two trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from skimage import data

from pgic_core.lab.training import train
from pgic_core.lab.training.config import Schedule, Stage, TrainingConfig
from pgic_core.lab.training.klt_start import start_from_klt
from pgic_core.lab.training.layers import hidden_layers
from pgic_core.lab.training.networks import Codec

from .architectures import SMALL

if TYPE_CHECKING:
    from pathlib import Path

CROPS = np.stack([data.astronaut()[y : y + 128, y : y + 128] for y in range(0, 320, 40)])
_SCHEDULE = Schedule(steps=2, batch=2, crop=64)


def small_codec() -> Codec:
    """Networks whose nonlinear branches do something."""
    torch.manual_seed(3)
    codec = Codec(SMALL)
    start_from_klt(codec, torch.from_numpy(CROPS[:, :64, :64]).float() / 256 - 0.5)
    with torch.no_grad():
        for branch in hidden_layers(codec):
            branch.closing.weight.normal_(std=0.1)
    return codec


@dataclass(frozen=True)
class SmallTraining:
    """A training that has run, and where a tool writes what it changes.

    Attributes:
        folder: of everything.
        out: what the tool writes.
        arguments: the tool's, without what it shall change.
    """

    folder: Path
    out: Path
    arguments: list[str]

    @classmethod
    def run(cls, folder: Path) -> SmallTraining:
        pictures = folder / "data" / "photos"
        pictures.mkdir(parents=True)
        Image.fromarray(data.astronaut()).save(pictures / "a.png")
        Image.fromarray(data.coffee()).save(pictures / "b.png")
        _train(folder, "whole", None)
        file = folder / "small.toml"
        file.write_text('name = "small"\n[schedule]\ncrop = 64\n[data]\nphotos = 1\n')
        out = folder / "changed.pt"
        options = ["--config", str(file), "--data", str(pictures.parent), "--crops", "6"]
        return cls(folder, out, [str(folder / "whole" / "checkpoint.pt"), str(out), *options])

    def go_on(self) -> Path:
        """Train on from what the tool wrote; the checkpoint."""
        _train(self.folder, "again", self.out)
        return self.folder / "again" / "checkpoint.pt"


def _train(folder: Path, name: str, start: Path | None) -> None:
    config = TrainingConfig("small", SMALL, _SCHEDULE, {"photos": 1.0})
    train.train(config, folder / "data", folder / name, [train.Job(0, Stage(_SCHEDULE), start)])
