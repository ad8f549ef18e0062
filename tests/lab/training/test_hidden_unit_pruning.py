"""Pruning keeps what matters, hands on what it can, and leaves room for new units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pgic_core.lab.training import hidden_unit_pruning
from pgic_core.lab.training.export import load_codec
from pgic_core.lab.training.layers import hidden_layers

from .small_training import CROPS, SmallTraining, small_codec

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core.lab.training.layers import Hidden
    from pgic_core.lab.training.networks import Codec


@pytest.fixture
def codec() -> Codec:
    codec = small_codec()
    with torch.no_grad():
        codec.analysis.leave.weight.normal_(std=0.1)
    return codec


def branch_of(codec: Codec, name: str) -> Hidden:
    return next(branch for branch in hidden_layers(codec) if branch.name == name)


def latent(codec: Codec) -> torch.Tensor:
    with torch.no_grad():
        return codec.analysis((torch.from_numpy(CROPS).float() - 128) / 256)


@pytest.mark.parametrize("name", ["analysis.fine.0.f1", "analysis.coarse.0.a"])
def test_others_take_over_what_a_repeated_unit_did(codec: Codec, name: str) -> None:
    """Units that stand there twice can go without a trace."""
    branch = branch_of(codec, name)
    half = branch.units // 2
    branch.choose(torch.arange(half).repeat(2))
    before = latent(codec)
    seen = hidden_unit_pruning.watch(codec, [branch], CROPS)[name]
    hidden_unit_pruning.keep(branch, seen, half)
    assert branch.units == half
    torch.testing.assert_close(latent(codec), before, rtol=1e-2, atol=1e-2)


def test_what_does_nothing_goes_first(codec: Codec) -> None:
    branch = branch_of(codec, "analysis.fine.1.f1")
    with torch.no_grad():
        branch.closing.weight[:, 4:9] = 0
        branch.opening.bias[20] = -1e3
    marks = branch.opening.bias.detach().clone()
    seen = hidden_unit_pruning.watch(codec, [branch], CROPS)[branch.name]
    before = latent(codec)
    hidden_unit_pruning.keep(branch, seen, branch.units - 6)
    gone = {unit for unit, mark in enumerate(marks) if mark not in branch.opening.bias}
    assert gone == {4, 5, 6, 7, 8, 20}
    torch.testing.assert_close(latent(codec), before, rtol=1e-3, atol=1e-3)


def test_new_units_fire_and_change_little(codec: Codec) -> None:
    branch = branch_of(codec, "analysis.fine.0.f1")
    before, old = latent(codec), branch.units
    seen = hidden_unit_pruning.watch(codec, [branch], CROPS)[branch.name]
    hidden_unit_pruning.add(branch, seen, 16, torch.Generator().manual_seed(1))
    assert branch.units == old + 16
    fired: list[torch.Tensor] = []
    hook = branch.closing.register_forward_pre_hook(lambda _, inputs: fired.append(inputs[0] > 0))
    after = latent(codec)
    hook.remove()
    share = fired[0][..., old:].float().mean((0, 1, 2))
    assert (share > 0.05).all()
    assert (share < 0.95).all()
    assert (after - before).abs().mean() < 0.01 * before.abs().mean()


def test_a_pruned_model_is_trained_on_and_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = SmallTraining.run(tmp_path)
    hidden_unit_pruning.main(
        [*training.arguments, "--units", "hs_block.f1=8", "--units", "analysis.fine.0.f1=16+4"]
    )
    codec, _, state = load_codec(training.go_on())
    assert state["step"] == 4
    assert branch_of(codec, "hs_block.f1").units == 8
    assert branch_of(codec, "analysis.fine.0.f1").units == 20
    for units in ("hs_block.f1=1000", "hs_block.f1=0", "hs_block=8", "hs_block.mix.a=8+8"):
        with pytest.raises(SystemExit):
            hidden_unit_pruning.main([*training.arguments, "--units", units])
        assert f"--units {units}" in capsys.readouterr().err
    hidden_unit_pruning.main([*training.arguments, "--units", "hs_block.f1=32+8"])  # all of them, and more
    assert branch_of(load_codec(training.out)[0], "hs_block.f1").units == 40
