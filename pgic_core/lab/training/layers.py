"""Layers in channels-last layout.

All networks here work on ``(batch, height, width, channels)`` tensors, because a 1x1 convolution is then one
plain matrix product: on CPUs with bfloat16 units that trains about twice as fast as a convolution call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "Block",
    "Depthwise",
    "Hidden",
    "Mix",
    "Pointwise",
    "depth_to_space",
    "enlarge",
    "hidden_layers",
    "small",
    "space_to_depth",
]

Rounding = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Input and weight of a layer, to what an integer layer would see of them."""


def space_to_depth(x: Tensor, factor: int) -> Tensor:
    """``(B, H, W, C)`` to ``(B, H/f, W/f, f*f*C)``; the channel runs over row, column, then C.

    This is the order of ONNX's SpaceToDepth, so exported networks can use it.
    """
    b, h, w, c = x.shape
    x = x.reshape(b, h // factor, factor, w // factor, factor, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // factor, w // factor, factor * factor * c)


def depth_to_space(x: Tensor, factor: int) -> Tensor:
    """The inverse of :func:`space_to_depth`."""
    b, h, w, c = x.shape
    c //= factor * factor
    x = x.reshape(b, h, w, factor, factor, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * factor, w * factor, c)


def enlarge(x: Tensor, factor: int) -> Tensor:
    """``(B, H, W, C)`` to ``(B, f*H, f*W, C)``: each element is repeated (nearest neighbour)."""
    b, h, w, c = x.shape
    x = x[:, :, None, :, None, :].expand(b, h, factor, w, factor, c)
    return x.reshape(b, h * factor, w * factor, c)


class Pointwise(nn.Linear):
    """A 1x1 convolution."""

    rounding: Rounding | None = None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        if self.rounding is not None:
            x, weight = self.rounding(x, weight)
        return F.linear(x, weight, self.bias)


class Depthwise(nn.Module):
    """A 3x3 depthwise convolution with zero padding."""

    rounding: Rounding | None = None

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        if self.rounding is not None:
            x, weight = self.rounding(x, weight)
        y = F.conv2d(x.permute(0, 3, 1, 2), weight, self.bias, padding=1, groups=len(weight))
        return y.permute(0, 2, 3, 1)


def small(layer: Pointwise, std: float = 1e-3) -> Pointwise:
    """Start a layer near zero, so that the branch it closes starts as nothing."""
    nn.init.normal_(layer.weight, std=std)
    nn.init.zeros_(layer.bias)
    return layer


class Mix(nn.Module):
    """Residual 1x1, depthwise 3x3, 1x1: what lets neighbours see each other.

    No rectifier follows the depthwise layer. Its inputs are all positive, so a small drift of its few weights
    would leave most channels below zero for good, and with them all sight of the neighbours.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = Pointwise(channels, channels)
        self.d = Depthwise(channels)
        self.b = small(Pointwise(channels, channels), 1e-2 / math.sqrt(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b(self.d(F.relu(self.a(x))))


class Block(nn.Module):
    """A :class:`Mix`, then a residual pointwise 1x1 that starts with twice the width."""

    def __init__(self, channels: int, *, mix: bool = True) -> None:
        super().__init__()
        self.mix = Mix(channels) if mix else None
        self.f1 = Pointwise(channels, 2 * channels)
        self.f2 = small(Pointwise(2 * channels, channels), 1e-2 / math.sqrt(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.mix is not None:
            x = self.mix(x)
        return x + self.f2(F.relu(self.f1(x)))


@dataclass(frozen=True, slots=True)
class Hidden:
    """The hidden units of a residual branch, a rectifier in front of each. Their number is free.

    Attributes:
        name: of the opening layer.
        opening: from the stream to the units.
        between: the depthwise layer on the units, if there is one.
        closing: from the units back to the stream.
    """

    name: str
    opening: Pointwise
    between: Depthwise | None
    closing: Pointwise

    @property
    def units(self) -> int:
        """How many there are."""
        return len(self.opening.bias)

    @property
    def behind(self) -> Pointwise | Depthwise:
        """The layer that takes the units as they come from the rectifier."""
        return self.between or self.closing

    @torch.no_grad()
    def choose(self, units: Tensor) -> None:
        """Keep these units only, in this order; one named again stands there again."""
        for layer in (self.opening, self.between):
            if layer is not None:
                layer.weight = _like(layer.weight, layer.weight[units])
                layer.bias = _like(layer.bias, layer.bias[units])
        self.closing.weight = _like(self.closing.weight, self.closing.weight[:, units])


def _like(parameter: nn.Parameter, value: Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=parameter.requires_grad)


def hidden_layers(networks: nn.Module) -> list[Hidden]:
    """All residual branches of some networks."""
    found = []
    for name, block in networks.named_modules():
        if isinstance(block, Mix):
            found.append(Hidden(f"{name}.a", block.a, block.d, block.b))
        elif isinstance(block, Block):
            found.append(Hidden(f"{name}.f1", block.f1, None, block.f2))
    return found
