"""Rounding the weights of the analysis's linear path with feedback, so that its results hardly change.

Its inputs are grey levels, which are whole numbers of 8 bits anyway, but weights that are each rounded to the
nearest of few levels would cost tenths of a decibel at high rates. Neighbouring pixels are nearly alike,
though, so what rounding one weight does wrong, those after it can take back (the optimal brain surgeon of
Hassibi and Stork, 1993, as Frantar et al., 2022, use it to quantise).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .integer_layers import WEIGHT_LEVELS
from .layers import space_to_depth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .networks import Codec

__all__ = ["round_linear_path", "rounded"]

_DAMPING = 1e-4  # of the inputs' mean variance: what the crops never show must not count as free


@torch.no_grad()
def round_linear_path(codec: Codec, crops: NDArray[np.uint8]) -> None:
    """Give ``analysis.linear`` weights that its integer graph holds exactly, in place.

    Args:
        codec: the networks.
        crops: ``(N, H, W, 3)``, whose patches the results are to stay the same for.
    """
    layer = codec.analysis.linear
    pixels = (torch.from_numpy(crops).double() - 128) / 256
    patches = space_to_depth(space_to_depth(pixels, 8), 2).flatten(0, 2)
    mean = patches.mean(0)
    patches -= mean
    weight = layer.weight.double()
    few = rounded(weight, patches.T @ patches / len(patches))
    layer.bias += ((weight - few) @ mean).float()
    layer.weight.copy_(few)


def rounded(weight: Tensor, covariance: Tensor) -> Tensor:
    """Weights rounded to whole multiples of a step for each output, at most 64 of them.

    Args:
        weight: float64 ``(out, in)``.
        covariance: ``(in, in)``, of the inputs.

    Returns:
        Likewise; the largest weight of each output is kept as it is, so that the step follows from it.
    """
    damping = _DAMPING * covariance.diagonal().mean() * torch.eye(len(covariance), dtype=covariance.dtype)
    order = covariance.diagonal().argsort(descending=True)
    # Row by row: how far a mistake in one weight is to be made good by those after it.
    inverse = torch.linalg.inv((covariance + damping)[order][:, order])
    spread = torch.linalg.cholesky(inverse, upper=True)
    left = weight[:, order].clone()
    peak, at = left.abs().max(1)
    step = peak.clamp(min=1e-9) / WEIGHT_LEVELS
    fixed = left.gather(1, at[:, None])[:, 0]
    out = torch.empty_like(left)
    for i in range(left.shape[1]):
        nearest = (left[:, i] / step).round().clamp(-WEIGHT_LEVELS, WEIGHT_LEVELS) * step
        out[:, i] = torch.where(at == i, fixed, nearest)
        left[:, i + 1 :] -= torch.outer((left[:, i] - out[:, i]) / spread[i, i], spread[i, i + 1 :])
    return out[:, order.argsort()]
