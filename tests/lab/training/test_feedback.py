"""Rounding with feedback."""

from __future__ import annotations

import numpy as np
import torch

from pgic_core.lab.training.integer_layers import WEIGHT_LEVELS
from pgic_core.lab.training.layers import space_to_depth
from pgic_core.lab.training.linear_path_rounding import round_linear_path, rounded
from pgic_core.lab.training.networks import Codec

from .architectures import SMALL


def levels_of(weight: torch.Tensor) -> torch.Tensor:
    return weight / (weight.abs().amax(1, keepdim=True) / WEIGHT_LEVELS)


def test_weights_are_whole_numbers_of_levels() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 12, dtype=torch.float64)
    out = levels_of(rounded(weight, torch.eye(12, dtype=torch.float64)))
    assert torch.allclose(out, out.round(), atol=1e-9)
    # Of inputs that tell nothing of each other, every weight is rounded on its own.
    assert torch.allclose(out, levels_of(weight).round(), atol=1e-9)


def test_an_output_without_weights_stays_so() -> None:
    assert not rounded(torch.zeros(2, 4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)).any()


def test_results_hardly_change_on_photos() -> None:
    from skimage.data import astronaut, coffee

    torch.manual_seed(0)
    codec = Codec(SMALL)
    crops = np.stack([astronaut()[:384, :512], coffee()[:384, :512]])
    patches = (torch.from_numpy(crops).float() - 128) / 256
    patches = space_to_depth(space_to_depth(patches, 8), 2)
    layer = codec.analysis.linear
    with torch.no_grad():
        before, nearest = (
            layer(patches),
            levels_of(layer.weight).round() * layer.weight.abs().amax(1)[:, None],
        )
        alone = patches @ (nearest / WEIGHT_LEVELS).T + layer.bias
        round_linear_path(codec, crops)
        after = layer(patches)
    levels = levels_of(layer.weight)
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert (after - before).std() < 0.1 * (alone - before).std()
    assert abs(float((after - before).mean())) < 1e-4
