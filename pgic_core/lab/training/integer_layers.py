"""Integer layers (A-6.4.2a): which they are, what their inputs are rounded to, and training with it.

The averaged networks run on crops of training pictures, over all rates; how far each layer's inputs reach
there becomes its :class:`Grid` of 256 levels. The encoder's and the decoder's graphs share these grids, so
both predict the same means.

A few channels reach ten times as far as the others and would leave those with a handful of levels. Between
layers that only rectify or add, a channel may be scaled at will when the layers that write it and those that
read it are scaled against each other (cross-layer equalisation, Nagel et al. 2019); :func:`equalise` does so
before export, and the graphs stay as fast as they were.

Some layers stay float. The residual streams do, because errors would add up in them, and so do the layers
that take whole latents or the base group: at high rates 256 levels would be coarser than the quantiser
(8 bits for the base group cost 10 %). They are a small part of the work, as is the hyper-analysis. Layers
that take grey levels or z take them as they are: both are whole numbers of 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..generated_patterns import PATTERNS
from .crop_sampling import sample_crops
from .layers import Depthwise, Pointwise, hidden_layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from .config import TrainingConfig
    from .networks import Codec

__all__ = [
    "CALIBRATION_CROPS",
    "CALIBRATION_SIDE",
    "FLOAT_LAYERS",
    "WEIGHT_LEVELS",
    "Grid",
    "calibrate",
    "calibration_crops",
    "equalise",
    "grids_of",
    "input_ranges",
    "pattern_crops",
    "round_in_training",
]

FLOAT_LAYERS = (
    "synthesis.linear",
    "synthesis.enter",
    "ha_",
    "base_in",
    "scale",
    "z_mean",
    "embed",
)
"""Names, or beginnings of names, of the layers that stay float."""
_ROUNDED_LATER = ("analysis.linear",)  # at export alone, see feedback.py
WEIGHT_LEVELS = 64
"""Weights of integer layers run from minus to plus this.

x86 processors without VNNI add pairs of 8-bit products in 16 bits: 2 * 255 * 64 still fits, 2 * 255 * 127
saturates. So seven bits of weight give every processor the same sums. The eighth gains nothing.
"""
CALIBRATION_CROPS = 24
CALIBRATION_SIDE = 512  # pixels
# How much of a channel's reach is evened out: 1 gives all the same one, at the cost of the weights.
_EVEN = 0.85
_REACH = 0.85  # Of the extremes seen, so much is covered: finer levels for all others are worth more.
_PATTERN_REACH = 0.25  # The same, of the extremes seen on generated patterns.
_LEAST = 1e-3  # Channels that reach less far than this share of the widest are scaled no further.


@dataclass(frozen=True, slots=True)
class Grid:
    """What a layer's input is rounded to: 256 levels from ``low`` to ``high``, after a division by ``scale``.

    Attributes:
        scale: per input channel, at most 1.
        low, high: ends of the range; 0 lies within.
    """

    scale: Tensor
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values and a tensor, for checkpoints."""
        return {"scale": self.scale.cpu(), "low": self.low, "high": self.high}


def grids_of(checkpoint: Mapping[str, Any]) -> dict[str, Grid]:
    """What the end of a training rounded to; empty where it did not."""
    return {name: Grid(**grid) for name, grid in checkpoint.get("grids", {}).items()}


def calibration_crops(config: TrainingConfig, root: Path) -> NDArray[np.uint8]:
    """Crops of training pictures, ``(24, 512, 512, 3)``, always the same ones for a config."""
    return sample_crops(
        config, root, CALIBRATION_CROPS, CALIBRATION_SIDE, config.schedule.seed, config.schedule.harsh
    )


def pattern_crops(config: TrainingConfig) -> NDArray[np.uint8] | None:
    """Generated patterns, ``(N, 512, 512, 3)``, two of each kind; None where training sees none."""
    if not config.schedule.generated:
        return None
    random = np.random.default_rng(config.schedule.seed)
    return np.stack([draw(CALIBRATION_SIDE, random) for draw in PATTERNS.values() for _ in range(2)])


@torch.no_grad()
def calibrate(
    codec: Codec, crops: NDArray[np.uint8], patterns: NDArray[np.uint8] | None = None
) -> dict[str, Grid]:
    """Grids for the inputs of all layers, those that stay float as well (for their scales).

    Patterns reach up to ten times as far as photographs. To cover that would leave photographs a few levels,
    so patterns widen a grid only where a share of their reach lies beyond it. Training does the rest.

    Args:
        codec: the networks; not changed.
        crops: photographs, ``(N, H, W, 3)``; their rates run over all anchors.
        patterns: generated ones, likewise.

    Returns:
        By the layer's name.
    """
    layers = {m: name for name, m in codec.named_modules() if isinstance(m, Pointwise | Depthwise)}
    lows, highs = _extremes(codec, layers, crops)
    if patterns is not None:
        share = _PATTERN_REACH / _REACH
        far_lows, far_highs = _extremes(codec, layers, patterns)
        lows = {layer: torch.minimum(low, share * far_lows[layer]) for layer, low in lows.items()}
        highs = {layer: torch.maximum(high, share * far_highs[layer]) for layer, high in highs.items()}
    scales = {layer: torch.ones_like(low) for layer, low in lows.items()}
    for writers, readers in _streams(codec):
        channels = min(len(w.weight) for w in writers)
        reach = torch.stack(
            [torch.maximum(-lows[r], highs[r]).reshape(-1, channels).amax(0) for r in readers]
        ).amax(0)
        widest = reach.max().clamp(min=1e-9)
        scale = (reach / widest).clamp(min=_LEAST) ** _EVEN
        scales |= {r: scale.repeat(len(lows[r]) // channels) for r in readers}
    grids = {
        name: Grid(
            scales[layer],
            _REACH * min(0.0, float((lows[layer] / scales[layer]).min())),
            _REACH * max(0.0, float((highs[layer] / scales[layer]).max())),
        )
        for layer, name in layers.items()
        if layer in lows
    }
    whole = {"analysis.enter": 1 / 256, "analysis.linear": 1 / 256, "hs_enter": 1.0}
    return grids | {name: Grid(grids[name].scale, -128 * step, 127 * step) for name, step in whole.items()}


def _extremes(
    codec: Codec, layers: Iterable[nn.Module], crops: NDArray[np.uint8]
) -> tuple[dict[nn.Module, Tensor], dict[nn.Module, Tensor]]:
    """Lowest and highest input of each channel of some layers, zero included."""
    lows: dict[nn.Module, Tensor] = {}
    highs: dict[nn.Module, Tensor] = {}

    def see(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        low, high = torch.aminmax(inputs[0].flatten(0, -2).float(), dim=0)
        lows[layer] = torch.minimum(low, lows.get(layer, torch.zeros_like(low)))
        highs[layer] = torch.maximum(high, highs.get(layer, torch.zeros_like(high)))

    codec.watch(layers, crops, see)
    return lows, highs


@torch.no_grad()
def equalise(codec: Codec, grids: Mapping[str, Grid]) -> None:
    """Divide the input channels of all layers by their grids' scales, in place.

    The networks compute what they did before.
    """
    names = {layer: name for name, layer in codec.named_modules()}
    for writers, readers in _streams(codec):
        scale = min((grids[names[r]].scale for r in readers), key=len)
        for writer in writers:
            divisor = scale.repeat(len(writer.weight) // len(scale))
            writer.weight /= divisor.reshape(-1, *[1] * (writer.weight.dim() - 1))
            writer.bias /= divisor
        for reader in readers:
            if isinstance(reader, Depthwise):
                reader.weight *= scale[:, None, None, None]
            else:
                reader.weight *= scale.repeat(reader.weight.shape[1] // len(scale))


def input_ranges(codec: Codec, grids: Mapping[str, Grid]) -> dict[nn.Module, tuple[float, float]]:
    """Lowest and highest input of every integer layer of an equalised codec."""
    return {
        layer: (grids[name].low, grids[name].high)
        for name, layer in codec.named_modules()
        if name in grids and not name.startswith(FLOAT_LAYERS)
    }


def round_in_training(codec: Codec, grids: Mapping[str, Grid]) -> None:
    """Let integer layers see their inputs and weights as the exported graphs will; without grids, no longer.

    Gradients pass as if nothing were rounded, and not at all where an input leaves its grid.
    """
    for name, layer in codec.named_modules():
        if isinstance(layer, Pointwise | Depthwise):
            integer = name in grids and not name.startswith((*FLOAT_LAYERS, *_ROUNDED_LATER))
            layer.rounding = _Rounding(grids[name], layer.weight.device) if integer else None


class _Rounding:
    """Rounds a layer's input to its grid and its weights to seven bits per output channel."""

    def __init__(self, grid: Grid, device: torch.device) -> None:
        step = max(grid.high - grid.low, 1e-6) / 255
        self.scale = grid.scale.to(device)
        self.step = self.scale * step
        self.zero = round(-grid.low / step)

    def __call__(self, value: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        rounded: Tensor = _Round.apply(value, self.step, -self.zero, 255 - self.zero)
        if weight.dim() == 4:  # A depthwise layer's weights see one channel, so its scale changes nothing.
            scaled, scale = weight, torch.ones_like(self.scale[:1])
        else:
            scaled, scale = weight * self.scale, self.scale
        peak = scaled.detach().flatten(1).abs().amax(1).clamp(min=1e-9) / WEIGHT_LEVELS
        peak = peak.reshape(-1, *[1] * (weight.dim() - 1))
        levels = scaled / peak
        return rounded, (levels + (levels.round() - levels).detach()) * peak / scale


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, step: Tensor, low: int, high: int) -> Tensor:
        levels = value.float() / step
        clamped = levels.clamp(low, high)
        ctx.save_for_backward(clamped == levels)
        return clamped.round_().mul_(step).to(value.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None


def _streams(codec: Codec) -> Iterator[tuple[list[Any], list[Any]]]:
    """Values whose channels may be scaled: the layers that write them, and the layers that read them.

    A layer with a multiple of the channels writes or reads several positions at once.
    """
    s = codec.synthesis
    for branch in hidden_layers(codec):
        if not branch.name.startswith("ha_"):
            inner = [layer for layer in (branch.opening, branch.between, branch.closing) if layer is not None]
            yield from (([writer], [reader]) for writer, reader in pairwise(inner))
    yield from codec.streams().values()
    yield [s.lift, s.r2], [s.r1, s.leave]
    yield [s.r1], [s.rd]
    yield [s.rd], [s.r2]
