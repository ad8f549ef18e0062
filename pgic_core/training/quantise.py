"""Calibration of the integer graphs (A-6.4.2a).

The trained networks run on crops of training pictures, over all rates; each layer's lowest and highest input
becomes the range that its 8-bit input covers. The encoder's and the decoder's graphs share these ranges, so
both predict the same means.

Some layers stay float. The residual streams do, because errors would add up in them, and so do layers that
take latents: at high rates 256 levels would be coarser than the quantiser. They are a small part of the
work. So are the hyper-analysis and the layers of the base group, which would cost 3 % and 0.7 % more bits at
low rates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from .data import CropSampler, load_folders
from .layers import Depthwise, Pointwise

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from .config import TrainingConfig
    from .networks import Codec

__all__ = ["FLOAT_LAYERS", "calibrate", "calibration_crops"]

FLOAT_LAYERS = (
    "analysis.linear",
    "synthesis.linear",
    "synthesis.enter",
    "ha_",
    "hs_enter",
    "base_",
    "detail_in",
    "scale",
    "embed",
)
"""Names, or beginnings of names, of the layers that stay float."""
_CROPS = 24
_SIDE = 512


def calibration_crops(config: TrainingConfig, root: Path) -> NDArray[np.uint8]:
    """Crops of training pictures, ``(24, 512, 512, 3)``, always the same ones for a config."""
    pictures = load_folders(root, config.data, config.exclude)
    return CropSampler(pictures, config.data, config.schedule.seed).batch(_CROPS, _SIDE)


@torch.no_grad()
def calibrate(codec: Codec, crops: NDArray[np.uint8]) -> dict[nn.Module, tuple[float, float]]:
    """Input ranges of the layers that become integer ones.

    Args:
        codec: in evaluation mode.
        crops: ``(N, H, W, 3)``; their rates run over all anchors.

    Returns:
        Layer to its lowest and highest input.
    """
    ranges: dict[nn.Module, tuple[float, float]] = {}

    def watch(layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        low, high = (float(v) for v in torch.aminmax(inputs[0]))
        before = ranges.get(layer, (low, high))
        ranges[layer] = min(low, before[0]), max(high, before[1])

    hooks = [
        layer.register_forward_pre_hook(watch)
        for name, layer in codec.named_modules()
        if isinstance(layer, Pointwise | Depthwise) and not name.startswith(FLOAT_LAYERS)
    ]
    last = codec.architecture.rates - 1
    for i, crop in enumerate(crops):
        picture = (torch.from_numpy(crop.copy()).float()[None] - 128) / 256
        rate = torch.tensor([last * i / max(1, len(crops) - 1)])
        offsets = torch.zeros(1, crop.shape[0] // 64, crop.shape[1] // 64, 1)
        codec(picture, rate, offsets, noise=False)
    for hook in hooks:
        hook.remove()
    return ranges
