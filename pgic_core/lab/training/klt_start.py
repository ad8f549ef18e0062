"""Where training starts: both linear transforms as the Karhunen-Loeve transform (KLT) of training patches.

So step 0 already is a working transform codec.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .layers import space_to_depth
from .rate_estimation import LOG2_SCALE_MAX, LOG2_SCALE_MIN

if TYPE_CHECKING:
    from torch import Tensor

    from .networks import Codec

__all__ = ["start_from_klt"]

# Latent channels are scaled to about unit deviation; those much weaker than this, in 256 grey levels, less.
_SOFT = 0.1


@torch.no_grad()
def start_from_klt(codec: Codec, patches: Tensor) -> None:
    """Start both linear paths as the KLT of some patches, and the tables to fit it.

    The rest of the channels (all but the base group) are dealt to the four quarters in turn, so that
    each holds its share of every frequency.

    Args:
        codec: the networks; changed.
        patches: ``(N, 16k, 16k, 3)``, grey levels minus 128, over 256.
    """
    a = codec.architecture
    blocks = space_to_depth(patches, 8)
    variance, basis = _klt(space_to_depth(blocks, 2))
    rest = torch.arange(a.base, a.latent)
    order = torch.cat([torch.arange(a.base), *[rest[g::4] for g in range(4)]])
    basis, deviation = basis[:, order], variance[order].sqrt()
    soft = torch.sqrt(variance[order] + _SOFT**2)
    codec.analysis.deviation.copy_(soft)
    codec.synthesis.deviation.copy_(soft)
    codec.analysis.linear.weight.copy_(basis.T)
    codec.analysis.linear.bias.zero_()
    codec.synthesis.linear.weight.copy_(basis)
    codec.synthesis.linear.bias.zero_()
    variance, basis = _klt(blocks)
    n = a.encoder_fine
    codec.analysis.enter.weight.copy_((basis[:, :n] / variance[:n].sqrt().clamp(min=0.02)).T)
    codec.analysis.enter.bias.zero_()
    # Uniform quantisation at high rate: D = step^2 / 12 and dD/dR = -1 / lambda give the step.
    step = torch.sqrt(18 / (codec.anchor_lambdas() * math.log(2))) / 256
    codec.log_step.copy_(torch.log2(step)[:, None] - torch.log2(soft))
    codec.log_shift.copy_(
        torch.log2(0.35 * deviation[None] / step[:, None]).clamp(LOG2_SCALE_MIN + 0.1, LOG2_SCALE_MAX)
    )


def _klt(x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.reshape(-1, x.shape[-1]).double()
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    return values.flip(0).clamp(min=1e-12).float(), vectors.flip(1).float()
