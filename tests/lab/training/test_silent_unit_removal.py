"""Slimming leaves results as they are, and the weights of silent units out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage import data

from pgic_core.lab.training.integer_layers import calibrate, equalise, input_ranges
from pgic_core.lab.training.klt_start import start_from_klt
from pgic_core.lab.training.networks import Codec
from pgic_core.lab.training.silent_unit_removal import slim

from .architectures import SMALL

WIDE = replace(SMALL, context=64, encoder_fine=96, encoder_coarse=64, decoder=64)
CROPS = np.ascontiguousarray(np.stack([data.astronaut()[:128, :128], data.astronaut()[100:228, 100:228]]))


@pytest.fixture
def codec() -> Codec:
    """Random weights; in one block 40 of 96 mixing units and 70 of 192 others are silent."""
    torch.manual_seed(2)
    codec = Codec(WIDE).eval()
    start_from_klt(codec, torch.from_numpy(CROPS[:, :64, :64]).float() / 256 - 0.5)
    block = codec.analysis.fine[1]
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(std=0.1)
        block.mix.d.bias.normal_()
        block.mix.a.bias[7:47] = -1e3
        block.f1.bias[100:170] = -1e3
    return codec


def latent(codec: Codec) -> torch.Tensor:
    with torch.no_grad():
        return codec.analysis((torch.from_numpy(CROPS).float() - 128) / 256)


def test_results_stay(codec: Codec) -> None:
    before = latent(codec)
    grids = slim(codec, calibrate(codec, CROPS), CROPS)
    torch.testing.assert_close(latent(codec), before, rtol=1e-4, atol=1e-4)
    block = codec.analysis.fine[1]
    assert block.f1.weight.shape == (128, 96)
    assert block.f2.weight.shape == (96, 128)
    assert block.mix.a.weight.shape == (64, 96)
    assert block.mix.d.weight.shape == (64, 1, 3, 3)
    assert block.mix.b.weight.shape == (96, 64)
    assert {len(grids[f"analysis.fine.1.{n}"].scale) for n in ("mix.d", "mix.b")} == {64}


def test_a_slim_codec_can_be_equalised(codec: Codec) -> None:
    before = latent(codec)
    grids = slim(codec, calibrate(codec, CROPS), CROPS)
    equalise(codec, grids)
    torch.testing.assert_close(latent(codec), before, rtol=1e-3, atol=1e-3)
    layer = codec.analysis.fine[1].f2
    assert input_ranges(codec, grids)[layer][0] == 0


def test_a_unit_that_fires_at_one_place_is_kept(codec: Codec) -> None:
    block = codec.analysis.fine[1]
    highest = []
    hook = block.f1.register_forward_hook(lambda *seen: highest.append(seen[2].flatten(0, -2).amax(0)))
    codec.watch([], CROPS, print)
    hook.remove()
    with torch.no_grad():
        block.f1.bias[150] += 1e-3 - torch.stack(highest).amax(0)[150]
        block.f1.bias[[100, 151]] -= 1e3
    rare = block.f1.bias[150].clone()
    slim(codec, {}, CROPS)
    assert (block.f1.bias == rare).any()
    assert len(block.f1.bias) == 128
