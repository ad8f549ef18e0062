"""One TOML file per model: its architecture, its data and its schedule."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PgiOptionError

__all__ = ["Architecture", "Schedule", "TrainingConfig", "load_config"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """Channel counts and depths of the networks.

    Attributes:
        latent: channels M of the latent y at 1/16 of the picture's size.
        base: how many of them, lowest frequencies first, form the base group that the preview shows.
        hyper: channels of the hyper-latent z at 1/64.
        hyper_analysis: width of the hyper-analysis at 1/32.
        context: width of the hyper-synthesis and of the context networks at 1/32.
        encoder_fine, encoder_fine_blocks: analysis at 1/8.
        encoder_coarse, encoder_coarse_blocks: analysis at 1/16.
        decoder, decoder_blocks: synthesis body at 1/16.
        renderer: synthesis at 1/4.
        rates: anchors of the quantisation-step table between quality 1 and 100.
        lambda_low, lambda_high: rate-distortion weight at quality 1 and 100, for squared errors in
            units of one grey level.
    """

    latent: int = 320
    base: int = 32
    hyper: int = 96
    hyper_analysis: int = 192
    context: int = 160
    encoder_fine: int = 128
    encoder_fine_blocks: int = 2
    encoder_coarse: int = 256
    encoder_coarse_blocks: int = 4
    decoder: int = 128
    decoder_blocks: int = 2
    renderer: int = 32
    rates: int = 12
    lambda_low: float = 0.0005
    lambda_high: float = 1.0

    def __post_init__(self) -> None:
        if (self.latent - self.base) % 4 or not 0 < self.base < self.latent:
            raise PgiOptionError("latent minus base channels must be a positive multiple of four.")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    The learning rate warms up, stays constant for as many steps as one cares to run, and falls only in a
    *decay* run that starts from a checkpoint of the constant phase: so training can always go on.

    Attributes:
        batch: crops per step.
        crop: side of a square crop, a multiple of 64 pixels.
        learning_rate: of Adam, at its peak.
        warmup: steps over which it rises from zero.
        decay: steps over which a decay run lets it fall to zero.
        integer: learning rate, as a share of its peak, below which a decay run rounds as integer layers do.
        drop: likewise, below which symbols are dropped as the encoder drops them; 0 for never.
        clip: gradient norm above which a step is scaled down.
        ema: decay per step of the averaged weights.
        roi: share of crops that carry a random map of quality offsets.
        harsh: share of crops in bad light: dim, noisy, or against the light.
        generated: share of crops with generated stripes, text, drawings, lamps and the like.
        seed: of crops and noise.
    """

    batch: int = 8
    crop: int = 256
    learning_rate: float = 8e-4
    warmup: int = 200
    decay: int = 3000
    integer: float = 0.3
    drop: float = 1.0
    clip: float = 1.0
    ema: float = 0.999
    roi: float = 0.2
    harsh: float = 0.0
    generated: float = 0.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A whole config file.

    Attributes:
        name: the model's id.
        architecture: its networks.
        schedule: its training.
        data: folder name below the data root -> how often a crop comes from it (relative weight).
        exclude: files whose name contains one of these are never read (scenes kept for measuring).
    """

    name: str
    architecture: Architecture = field(default_factory=Architecture)
    schedule: Schedule = field(default_factory=Schedule)
    data: dict[str, float] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The config as plain values, for checkpoints and model cards."""
        return asdict(self)


def load_config(path: str | Path) -> TrainingConfig:
    """Read a config file.

    Raises:
        PgiOptionError: it does not parse, or names something unknown.
    """
    try:
        raw = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return TrainingConfig(
            name=raw["name"],
            architecture=Architecture(**raw.get("architecture", {})),
            schedule=Schedule(**raw.get("schedule", {})),
            data=raw["data"],
            exclude=tuple(raw.get("exclude", ())),
        )
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise PgiOptionError(f"The training config {path} cannot be used: {error}.") from error
