"""Reduced pictures as linear maps: of base groups to means of 8x8 or 4x4 pixels, of latents to 4x4.

The linear path of the synthesis alone is no good picture: training may leave to the nonlinear branch what it
likes, colours included. So the map is fitted to training crops when a model is exported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from .onnx_writer import array

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from .networks import Codec

__all__ = ["LOW_RATE", "AffineMap", "fit_large_preview", "fit_preview", "fit_quarter", "linear_preview"]

AffineMap: TypeAlias = "tuple[NDArray[np.float32], NDArray[np.float32]]"
"""Weights ``(outputs, inputs)`` and biases ``(outputs,)``."""

LOW_RATE = -0.2
"""Place of the rate (-1 to 1) below which the picture at 1/4 has a map of its own, faded in down to -1."""

# How many positions' worth of belief the linear path keeps.
_PRIOR = 100.0
# How often the crops are coded, each time at other rates.
_TURNS = 4


def linear_preview(codec: Codec) -> AffineMap:
    """The linear path of the synthesis, averaged.

    Returns:
        Weights ``(12, B)`` and biases ``(12,)``: for each row and column of the 2x2 preview pixels of a
        latent position its three colours, in units of 256 grey levels around 128.
    """
    base, net = codec.architecture.base, codec.synthesis
    weight = (array(net.linear.weight) * array(net.deviation))[:, :base].reshape(2, 2, 64, 3, base).mean(2)
    return weight.reshape(12, base), array(net.linear.bias).reshape(2, 2, 64, 3).mean(2).reshape(12)


def fit_preview(codec: Codec, crops: NDArray[np.uint8]) -> AffineMap:
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
    means = F.avg_pool2d(torch.from_numpy(crops).permute(0, 3, 1, 2).double(), 8).permute(0, 2, 3, 1)
    n, height, width, _ = means.shape
    wanted = means.reshape(n, height // 2, 2, width // 2, 2, 3).transpose(2, 3).reshape(-1, 12)
    known = F.pad(base, (0, 1), value=1.0)
    return _unstacked(_fitted(known, (wanted - 128) / 256, _stacked(*linear_preview(codec))))


@torch.no_grad()
def fit_quarter(codec: Codec, crops: NDArray[np.uint8]) -> tuple[AffineMap, AffineMap]:
    """Maps from the latent whose squared error against the decoded picture at 1/4 is least on some crops.

    Means of 4x4 pixels of the whole picture would take the whole synthesis. A linear map comes to 40 dB and
    more of them. At low rates the synthesis smooths what it does not know, and another map is best: the
    second is added, times how far the rate lies from :data:`LOW_RATE` (0) to -1 (1).

    Args:
        codec: the networks.
        crops: as for :func:`fit_preview`.

    Returns:
        Two maps of M channels to rows, columns and colours of a position's 4x4 pixels.
    """
    net = codec.synthesis
    seen: list[tuple[Tensor, ...]] = []
    for turn in range(_TURNS):  # each crop at several rates
        turned = np.roll(crops, turn * len(crops) // _TURNS, axis=0)
        codec.watch([net], turned, lambda _, inputs: seen.append(inputs))
    places = torch.linspace(-1, 1, len(crops)).double().repeat(_TURNS)
    shares = ((LOW_RATE - places) / (LOW_RATE + 1)).clamp(min=0)
    latents = [F.pad(inputs[0].flatten(0, 2).double(), (0, 1), value=1.0) for inputs in seen]
    known = torch.cat([torch.cat([x, s * x], 1) for x, s in zip(latents, shares, strict=True)])
    wanted = torch.cat([_quarters(net(*inputs)) for inputs in seen])
    usual = _stacked(*_linear_quarter(codec))
    found = _fitted(known, wanted, torch.cat([usual, torch.zeros_like(usual)]))
    first, second = found.split(len(usual))
    return _unstacked(first), _unstacked(second)


@torch.no_grad()
def fit_large_preview(codec: Codec, crops: NDArray[np.uint8]) -> AffineMap:
    """The map from the base groups of 3 x 3 positions that comes nearest to the decoded picture at 1/4.

    Args:
        codec: the networks.
        crops: as for :func:`fit_preview`.

    Returns:
        Weights ``(48, 9 B)``, each channel's positions row by row, and biases ``(48,)``: for rows and columns
        of a position's 4x4 pixels its three colours, in units of 256 grey levels around 128.
    """
    base, net = codec.architecture.base, codec.synthesis
    seen: list[tuple[Tensor, ...]] = []
    for turn in range(_TURNS):
        turned = np.roll(crops, turn * len(crops) // _TURNS, axis=0)
        codec.watch([net], turned, lambda _, inputs: seen.append(inputs))
    known = []
    for latent, *_ in seen:
        padded = F.pad(latent[..., :base].permute(0, 3, 1, 2), (1, 1, 1, 1), mode="replicate")
        known.append(F.pad(F.unfold(padded, 3)[0].T.double(), (0, 1), value=1.0))
    weight, bias = _linear_quarter(codec)
    alone = np.zeros((48, base, 9), np.float32)  # that of a position by itself
    alone[:, :, 4] = weight[:, :base]
    wanted = torch.cat([_quarters(net(*inputs)) for inputs in seen])
    return _unstacked(_fitted(torch.cat(known), wanted, _stacked(alone.reshape(48, -1), bias)))


def _quarters(picture: Tensor) -> Tensor:
    """Means of 4x4 pixels of a decoded picture ``(1, H, W, 3)``: ``(H W / 256, 48)``, by latent position."""
    means = F.avg_pool2d(picture.clamp(-0.5, 127 / 256).permute(0, 3, 1, 2), 4).permute(0, 2, 3, 1)
    _, height, width, _ = means.shape
    cut = means.reshape(height // 4, 4, width // 4, 4, 3).transpose(1, 2)
    return cut.reshape(-1, 48).double()


def _linear_quarter(codec: Codec) -> AffineMap:
    """The linear path of the synthesis, as means of 4x4 pixels."""
    net = codec.synthesis
    weight = (array(net.linear.weight) * array(net.deviation)).reshape(2, 2, 2, 4, 2, 4, 3, -1).mean((3, 5))
    bias = array(net.linear.bias).reshape(2, 2, 2, 4, 2, 4, 3).mean((3, 5))
    return weight.transpose(0, 2, 1, 3, 4, 5).reshape(48, -1), bias.transpose(0, 2, 1, 3, 4).reshape(48)


def _stacked(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Tensor:
    """An affine map as one matrix ``(inputs + 1, outputs)``."""
    return torch.cat([torch.from_numpy(weight).T, torch.from_numpy(bias)[None]]).double()


def _unstacked(matrix: Tensor) -> AffineMap:
    return matrix[:-1].T.float().numpy(), matrix[-1].float().numpy()


def _fitted(known: Tensor, wanted: Tensor, start: Tensor) -> Tensor:
    """The matrix that maps ``known`` to ``wanted`` with least squared error, near ``start``."""
    moments = known.T @ known + _PRIOR * torch.eye(len(start))
    return start + torch.linalg.solve(moments, known.T @ (wanted - known @ start))
