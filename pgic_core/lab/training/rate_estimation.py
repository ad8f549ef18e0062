"""Quantisation and its estimated bits, with gradients to train on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...codec.learned.symbols.dead_zone_width import DEAD_ZONE
from ...models.entropy_coder_tables import ROWS_PER_OCTAVE, row_of_log2_scale

__all__ = [
    "LOG2_SCALE_MAX",
    "LOG2_SCALE_MIN",
    "bits_of",
    "dead_zone",
    "round_straight_through",
    "symbols_of",
    "with_gradient_of",
    "with_noise",
]

LOG2_SCALE_MIN, LOG2_SCALE_MAX = -3.2, 6.8
"""Range of the log2 deviations, in quantisation steps, that the CDF tables cover."""


def round_straight_through(x: Tensor) -> Tensor:
    """Rounding whose gradient is that of the identity."""
    return x + (torch.round(x) - x).detach()


def with_noise(x: Tensor) -> Tensor:
    """``x`` plus uniform noise from -0.5 to 0.5, which stands for rounding while the rate is estimated."""
    return x + torch.rand_like(x) - 0.5


def with_gradient_of(value: Tensor, other: Tensor) -> Tensor:
    """``value``, with the gradient of ``other`` added to its own."""
    return value + other - other.detach()


def symbols_of(x: Tensor, zone: Tensor | None) -> Tensor:
    """The integers that residuals are coded as."""
    rounded = torch.round(x).detach()
    return rounded if zone is None else torch.where(x.abs() < zone, 0.0, rounded)


@torch.no_grad()
def dead_zone(log_scale: Tensor) -> Tensor:
    """Below how many steps the encoder drops a residual.

    See :mod:`pgic_core.codec.learned.symbols.latent_quantisation`.
    """
    k = math.sqrt(0.5) * torch.exp2(-log_scale)
    zero = torch.erf(0.5 * k)
    one = 0.5 * (torch.erf(1.5 * k) - zero)
    saved = torch.log2(zero / one.clamp(min=1e-9)).clamp(min=0)
    coded = log_scale * ROWS_PER_OCTAVE + row_of_log2_scale(0.0) >= 0.5  # Symbols of row 0 are zero.
    return torch.where(coded, 0.5 + DEAD_ZONE * saved, torch.inf)


def bits_of(x: Tensor, scale: Tensor) -> Tensor:
    """Bits of integers ``x`` under zero-mean Gaussians of deviation ``scale``, summed per picture."""
    v = x.abs()
    k = math.sqrt(0.5) / scale
    p = 0.5 * (torch.erfc((v - 0.5) * k) - torch.erfc((v + 0.5) * k))
    return -torch.log2(p.clamp(min=1e-9)).flatten(1).sum(1)
