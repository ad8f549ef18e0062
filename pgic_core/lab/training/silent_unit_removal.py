"""Slimming: hidden units of residual blocks that never fire are left out of the exported graphs.

With a rectifier behind them some units learn to stay silent: noise from the rest of the network keeps them
just below zero. What they add is nothing, or a constant that the next bias can hold, so leaving them out
changes no result and saves their share of two matrix products. Training keeps them: some wake again. What
fires but does little is cut between trainings (see :mod:`.hidden_unit_pruning`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .layers import hidden_layers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .integer_layers import Grid
    from .networks import Codec

__all__ = ["slim"]

# Integer kernels work on so many channels at once; a silent unit that fills them up costs nothing.
_TOGETHER = 32


@torch.no_grad()
def slim(codec: Codec, grids: dict[str, Grid], crops: NDArray[np.uint8]) -> dict[str, Grid]:
    """Take silent units out of a codec, in place.

    Args:
        codec: in evaluation mode.
        grids: of its layers' inputs (see :mod:`.integer_layers`).
        crops: ``(N, H, W, 3)``, on which a unit must fire to be kept; their rates run over all anchors.

    Returns:
        The grids of what is left.
    """
    loudest = _loudest(codec, crops)
    names = {layer: name for name, layer in codec.named_modules()}
    left = dict(grids)

    def take(layer: nn.Module, kept: Tensor) -> None:
        if (name := names[layer]) in left:
            left[name] = replace(left[name], scale=left[name].scale[kept])

    for branch in hidden_layers(codec):
        kept = _kept(loudest[branch.behind])
        if branch.between is not None:
            silent = torch.ones(branch.units, dtype=torch.bool)
            silent[kept] = False
            # Of silent inputs a depthwise layer makes its bias, everywhere.
            branch.closing.bias += branch.closing.weight[:, silent] @ branch.between.bias[silent]
            take(branch.between, kept)
        branch.choose(kept)
        take(branch.closing, kept)
    return left


def _loudest(codec: Codec, crops: NDArray[np.uint8]) -> dict[nn.Module, Tensor]:
    """Highest input per channel of the layers behind rectifiers."""
    highest: dict[nn.Module, Tensor] = {}

    def see(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        high = inputs[0].flatten(0, -2).amax(0)
        highest[layer] = torch.maximum(high, highest.get(layer, high))

    behind = [branch.behind for branch in hidden_layers(codec)]
    codec.watch(behind, crops, see)
    return highest


def _kept(highest: Tensor) -> Tensor:
    """Indexes of the units that fire, filled up to a whole number of those that are worked on at once."""
    count = max(1, -(-int((highest > 0).sum()) // _TOGETHER)) * _TOGETHER
    return highest.argsort(descending=True)[:count].sort().values
