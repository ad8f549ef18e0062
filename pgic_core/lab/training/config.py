"""One TOML file per model: its architecture, its data and the stages of its training."""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Architecture",
    "FineArchitecture",
    "Schedule",
    "Stage",
    "TrainingConfig",
    "load_config",
    "with_values",
]


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
class FineArchitecture:
    """Channel counts and depths of the fine decoder (:mod:`.fine_decoder`).

    Attributes:
        width, blocks: body at 1/16 of the picture's size.
        attention: after how many blocks of the body a window attention stands, in ascending order.
        window: side of an attention window in latent positions.
        heads: of each attention; they share the width.
        middle, middle_blocks: at 1/8.
        last, last_blocks: at 1/4.
    """

    width: int = 192
    blocks: int = 6
    attention: tuple[int, ...] = (4,)
    window: int = 8
    heads: int = 6
    middle: int = 128
    middle_blocks: int = 4
    last: int = 64
    last_blocks: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "attention", tuple(self.attention))
        if list(self.attention) != sorted(set(self.attention) & set(range(1, self.blocks + 1))):
            raise PgiOptionError(f"Attention must stand after blocks 1 to {self.blocks}, in ascending order.")
        if self.window < 1 or self.width % self.heads:
            raise PgiOptionError("The attention window must be positive, and heads must divide the width.")


_FINE = ("off", "joint", "frozen", "perceptual")
_TUNE = ("off", "recognition")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn, and from which crops.

    Progress runs from 0 to 1 over ``steps``, or over ``seconds`` of wall time, where start-up counts.

    Attributes:
        steps: length in steps; 0 where ``seconds`` gives it.
        seconds: length in seconds of wall time; 0 where ``steps`` gives it.
        batch: crops per step.
        crop: side of a square crop, a multiple of 64 pixels.
        learning_rate: of Adam, at its peak.
        fine_learning_rate: likewise, of the fine decoder.
        curve: how the learning rate falls after the warm-up, ``cosine`` or ``linear``.
        final: the share of the peak that it falls to; 1 keeps it constant.
        warmup: steps over which it rises from zero: Adam starts without knowing how large gradients are.
        integer: share of the length, at its end, in which integer layers round as their graphs will.
        drop: likewise, in which symbols are dropped as the encoder drops them.
        clip: gradient norm above which a step is scaled down.
        ema: share of the averaged weights that each step keeps.
        roi: share of crops that carry a random map of quality offsets.
        harsh: share of crops in bad light: dim, noisy, or against the light.
        generated: share of crops with generated stripes, text, drawings, lamps and the like.
        scales: of the smaller copies of each picture; half of all crops come from them.
        fine: ``off``; ``joint``, a fine decoder learns beside the codec; ``frozen``, it learns alone;
            ``perceptual``, a copy of it is tuned for the eye (see :mod:`.perceptual_tuning`).
        tune: ``off``; ``recognition``, of the codec the encoder alone learns, and a joint fine decoder, both
            from the features of recognisers as well (see :mod:`.recognition_tuning`).
        low: power that random rates between 0 and 1 are raised to; above 1, low rates come more often.
        features: weight of the distance between features, of perceptual tuning and of recognisers.
        adversarial, matching: weights of the other perceptual losses; the last is a share of the first.
        seed: of crops and noise.
    """

    steps: int = 0
    seconds: float = 0.0
    batch: int = 8
    crop: int = 256
    learning_rate: float = 8e-4
    fine_learning_rate: float = 1e-3
    curve: str = "cosine"
    final: float = 0.0
    warmup: int = 200
    integer: float = 0.2
    drop: float = 1.0
    clip: float = 1.0
    ema: float = 0.999
    roi: float = 0.2
    harsh: float = 0.0
    generated: float = 0.0
    scales: tuple[float, ...] = (0.8, 0.65, 0.5, 0.4)
    fine: str = "off"
    tune: str = "off"
    low: float = 1.0
    features: float = 1.0
    adversarial: float = 0.02
    matching: float = 5.0
    seed: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))
        shares = ("final", "integer", "drop", "ema", "roi", "harsh", "generated")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise PgiOptionError(f"The schedule's {name} must lie between 0 and 1.")
        if self.crop < 64 or self.crop % 64 or self.batch < 1:
            raise PgiOptionError("The schedule's crop must be a multiple of 64 pixels, its batch 1 or more.")
        if self.curve not in ("cosine", "linear") or self.fine not in _FINE:
            raise PgiOptionError(
                f"The curve is cosine or linear; the fine decoder is one of {', '.join(_FINE)}."
            )
        if self.tune not in _TUNE or (self.tune != "off" and self.fine not in ("off", "joint")):
            raise PgiOptionError(
                f"Tune is one of {', '.join(_TUNE)}; beside a tuned encoder, fine is off or joint."
            )
        if not all(0 < scale < 1 for scale in self.scales):
            raise PgiOptionError("The schedule's scales must lie between 0 and 1.")

    @property
    def as_files(self) -> bool:
        """Whether the codec runs as files need it from the first step on: what decodes stays as it is."""
        return self.fine in ("frozen", "perceptual") or self.tune != "off"

    def fraction(self, progress: float, step: int) -> float:
        """The learning rate of a step (from 0) at some progress (0 to 1), as a fraction of its peak."""
        left = 0.5 * (1 + math.cos(math.pi * progress)) if self.curve == "cosine" else 1 - progress
        ramp = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return ramp * (self.final + (1 - self.final) * left)


@dataclass(frozen=True, slots=True)
class Stage:
    """One ``[[stage]]`` table: a training with one schedule, from weights to weights.

    Attributes:
        schedule: the file's ``[schedule]`` with the table's values in place of its own.
        start: a checkpoint to start from, relative to the config file; otherwise the stage before, and
            for the first one new networks.
        units: hidden units to keep before it starts, as ``BRANCH = "KEPT[+NEW]"``; see
            :mod:`.hidden_unit_pruning`.
    """

    schedule: Schedule
    start: str = ""
    units: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A whole config file.

    Attributes:
        name: the model's id.
        architecture: its networks.
        schedule: its training, as far as a stage does not say otherwise.
        data: folder name below the data root -> how often a crop comes from it (relative weight).
        exclude: files whose name contains one of these are never read (scenes kept for measuring).
        fine: the fine decoder's networks.
        stages: how the model was trained, in order.
    """

    name: str
    architecture: Architecture = field(default_factory=Architecture)
    schedule: Schedule = field(default_factory=Schedule)
    data: dict[str, float] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    fine: FineArchitecture = field(default_factory=FineArchitecture)
    stages: tuple[Stage, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The config as plain values, without stages, for checkpoints and model cards."""
        return asdict(replace(self, stages=()))

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> TrainingConfig:
        """The inverse of :meth:`to_dict`; what only earlier versions know is left out."""

        def known(kind: type, values: Mapping[str, Any]) -> Any:
            names = {f.name for f in fields(kind)}
            return kind(**{name: value for name, value in values.items() if name in names})

        return cls(
            name=raw["name"],
            architecture=known(Architecture, raw["architecture"]),
            schedule=known(Schedule, raw["schedule"]),
            data=dict(raw["data"]),
            exclude=tuple(raw["exclude"]),
            fine=known(FineArchitecture, raw.get("fine", {})),
        )


def with_values(schedule: Schedule, values: Mapping[str, Any]) -> Schedule:
    """A schedule with some values changed.

    Raises:
        PgiOptionError: a name is unknown or a value has the wrong type.
    """
    for name, value in values.items():
        kind = type(getattr(schedule, name, None))
        also = {float: (int, float), tuple: (list, tuple)}.get(kind, kind)
        if kind is type(None) or isinstance(value, bool) or not isinstance(value, also):
            raise PgiOptionError(f"A schedule has no value {name} = {value!r}.")
    return replace(schedule, **values)


def load_config(path: str | Path) -> TrainingConfig:
    """Read a config file.

    Raises:
        PgiOptionError: it does not parse, or names something unknown.
    """
    try:
        raw = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        schedule = with_values(Schedule(), raw.get("schedule", {}))
        return TrainingConfig(
            name=raw["name"],
            architecture=Architecture(**raw.get("architecture", {})),
            schedule=schedule,
            data=raw["data"],
            exclude=tuple(raw.get("exclude", ())),
            fine=FineArchitecture(**raw.get("fine", {})),
            stages=tuple(_stage(schedule, table) for table in raw.get("stage", ())),
        )
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise PgiOptionError(f"The training config {path} cannot be used: {error}.") from error


def _stage(schedule: Schedule, table: dict[str, Any]) -> Stage:
    values = dict(table)
    start, units = values.pop("start", ""), values.pop("units", {})
    if {"steps", "seconds"} & set(values):
        schedule = replace(schedule, steps=0, seconds=0.0)
    if "scales" in values:
        raise PgiOptionError("Smaller copies are made once: scales stand in [schedule], not in a stage.")
    changed = with_values(schedule, values)
    if bool(changed.steps) == bool(changed.seconds):
        raise PgiOptionError("A stage gives its length either as steps or as seconds.")
    return Stage(changed, str(start), {str(branch): str(count) for branch, count in units.items()})
