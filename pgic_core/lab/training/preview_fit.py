"""The preview's linear map: from a position's base group to the means of its 8x8 pixel blocks.

The linear path of the synthesis alone is no good picture: training may leave to the nonlinear branch what it
likes, colours included. So the map is fitted to training crops when a model is exported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from .graph import array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from .networks import Codec

__all__ = ["fit_preview", "linear_preview"]

# How many positions' worth of belief the linear path keeps.
_PRIOR = 100.0


def linear_preview(codec: Codec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear path of the synthesis, averaged.

    Returns:
        Weights ``(12, B)`` and biases ``(12,)``: for each row and column of the 2x2 preview pixels of a
        latent position its three colours, in units of 256 grey levels around 128.
    """
    base, net = codec.architecture.base, codec.synthesis
    weight = (array(net.linear.weight) * array(net.deviation))[:, :base].reshape(2, 2, 64, 3, base).mean(2)
    return weight.reshape(12, base), array(net.linear.bias).reshape(2, 2, 64, 3).mean(2).reshape(12)


def fit_preview(codec: Codec, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The map whose squared error is least on some crops.

    Args:
        codec: the networks.
        crops: ``(N, H, W, 3)``; the first is coded at the lowest rate and the last at the highest.

    Returns:
        As :func:`linear_preview`.
    """
    seen: list[Tensor] = []
    codec.watch([codec.synthesis], crops, lambda _, inputs: seen.append(inputs[0]))
    base = torch.cat([latent[..., : codec.architecture.base].flatten(0, 2) for latent in seen]).double()
    known = torch.cat([base, torch.ones_like(base[:, :1])], 1)
    means = F.avg_pool2d(torch.from_numpy(crops).permute(0, 3, 1, 2).double(), 8).permute(0, 2, 3, 1)
    n, height, width, _ = means.shape
    wanted = means.reshape(n, height // 2, 2, width // 2, 2, 3).transpose(2, 3).reshape(-1, 12)
    weight, bias = map(torch.from_numpy, linear_preview(codec))
    start = torch.cat([weight.T, bias[None]]).double()
    missing = (wanted - 128) / 256 - known @ start
    moments = known.T @ known + _PRIOR * torch.eye(len(start))
    found = start + torch.linalg.solve(moments, known.T @ missing)
    return found[:-1].T.float().numpy(), found[-1].float().numpy()
