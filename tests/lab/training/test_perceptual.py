"""Perceptual tuning: what its losses see, what learns, and what stays as it is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from skimage import data

from pgic_core.lab.training.config import Schedule
from pgic_core.lab.training.fine_decoder import FineSynthesis
from pgic_core.lab.training.networks import Codec
from pgic_core.lab.training.perceptual_tuning import Critic, FeatureNetwork, PerceptualStep, blended

from .architectures import SMALL, SMALL_FINE

if TYPE_CHECKING:
    from torch import Tensor

CPU = torch.device("cpu")


def features() -> FeatureNetwork:
    torch.manual_seed(7)
    shapes = {"0.0": (4, 3), "0.1": (4, 4), "1.0": (6, 4)}
    weights = {f"{name}.weight": torch.randn(*shape, 3, 3) / 9 for name, shape in shapes.items()}
    weights |= {f"{name}.bias": torch.randn(shape[0]) / 9 for name, shape in shapes.items()}
    return FeatureNetwork(weights)


def pictures(count: int = 2) -> Tensor:
    crops = data.astronaut()[:64, 100 : 100 + 64 * count].reshape(64, count, 64, 3).transpose(1, 0, 2, 3)
    return torch.from_numpy(crops.copy())


def tuning() -> PerceptualStep:
    torch.manual_seed(3)
    codec = Codec(SMALL)
    fine = FineSynthesis(SMALL_FINE, SMALL)
    fine.start_from(codec)
    schedule = Schedule(batch=2, crop=64, fine="perceptual", warmup=0, fine_learning_rate=1e-2)
    return PerceptualStep(codec, fine, copy.deepcopy(fine), features(), schedule, CPU)


def test_features_of_blocks_have_unit_length_and_half_the_size() -> None:
    first, second = features()((pictures().float() - 128) / 256)
    assert first.shape == (2, 4, 64, 64)
    assert second.shape == (2, 6, 32, 32)
    lengths = first.square().sum(1)
    torch.testing.assert_close(lengths[lengths > 0.5], torch.ones_like(lengths[lengths > 0.5]))


def test_distance_is_nothing_between_equals_and_grows_with_blur() -> None:
    net = features()
    one = (pictures().float() - 128) / 256
    blurred, more = (
        torch.nn.functional.avg_pool2d(one.permute(0, 3, 1, 2), side, 1, side // 2).permute(0, 2, 3, 1)
        for side in (3, 7)
    )
    assert net.distance(one, one).max() == 0
    assert (net.distance(blurred, one) > 0).all()
    assert (net.distance(blurred, one) < net.distance(more, one)).all()


def test_only_the_judged_picture_gets_a_gradient_from_the_distance() -> None:
    one = ((pictures().float() - 128) / 256).requires_grad_()
    other = (one.detach() * 0.9).requires_grad_()
    features().distance(one, other).sum().backward()  # type: ignore[no-untyped-call]
    assert one.grad is not None
    assert one.grad.abs().max() > 0
    assert other.grad is None


def test_the_critic_sees_what_was_added() -> None:
    torch.manual_seed(1)
    critic = Critic(width=8).eval()
    shown = (pictures().float() - 128) / 256
    score, seen = critic(shown, shown)
    other, _ = critic(shown + 2 / 256, shown)  # two grey levels
    assert score.shape[:2] == (2, 1)
    assert len(seen) == 4
    assert (score - other).abs().max() > 1e-4


def test_a_step_tunes_the_copy_and_the_critic_and_nothing_else() -> None:
    step = tuning()
    parts = {
        "codec": step.codec,
        "fine": step.fine,
        "perceptual": step.perceptual,
        "critic": step.critic,
        "features": step.features,
    }
    before = {name: [p.clone() for p in net.parameters()] for name, net in parts.items() if net is not None}
    step.run(pictures(), torch.tensor([0.3, 1.5]), torch.zeros(2, 1, 1, 1), fraction=1.0, keep=0.5)
    moved = {
        name: any(not torch.equal(old, new) for old, new in zip(before[name], net.parameters(), strict=True))
        for name, net in parts.items()
        if net is not None
    }
    assert moved == {"codec": False, "fine": False, "perceptual": True, "critic": True, "features": False}
    seen = step.read()
    assert seen["fine_psnr"] == pytest.approx(seen["psnr"], abs=1e-3)  # the copy began as the fine decoder
    assert seen["features"] > 0


def test_blending_runs_from_one_to_the_other() -> None:
    one, other = {"w": torch.zeros(3)}, {"w": torch.ones(3)}
    assert torch.equal(blended(one, other, 0.0)["w"], one["w"])
    assert torch.equal(blended(one, other, 1.0)["w"], other["w"])
    assert torch.equal(blended(one, other, 0.25)["w"], torch.full((3,), 0.25))
