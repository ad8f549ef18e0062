"""The fine decoder: what a window of it needs, what it starts from, and that it learns."""

from __future__ import annotations

import pytest
import torch
from skimage import data

from pgic_core.errors import PgiOptionError
from pgic_core.lab.training.config import FineArchitecture, Schedule
from pgic_core.lab.training.fine_decoder import FineSynthesis, fine_weights, grid, halo
from pgic_core.lab.training.klt_start import start_from_klt
from pgic_core.lab.training.networks import Codec
from pgic_core.lab.training.training_step import TrainingStep

from .architectures import SMALL, SMALL_FINE

ONE = FineArchitecture(width=16, blocks=3, attention=(2,), window=4, heads=2, middle=12, last=8)
MANY = FineArchitecture(
    width=16,
    blocks=3,
    attention=(1, 2, 3),
    window=2,
    heads=2,
    middle=12,
    middle_blocks=1,
    last=8,
    last_blocks=1,
)
NONE = FineArchitecture(width=16, blocks=2, attention=(), heads=2, middle=12, last=8)


def random_net(a: FineArchitecture) -> FineSynthesis:
    """All of whose layers do something."""
    torch.manual_seed(4)
    net = FineSynthesis(a, SMALL).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(std=0.3)
    return net


def needed(a: FineArchitecture, around: int) -> float:
    """Largest difference between windows on the grid with so many positions around them, and the whole."""
    net = random_net(a)
    height, width = 33, 41  # no multiples of the attention window
    latent = torch.randn(1, height, width, SMALL.latent).double()
    rate = torch.tensor([1.3]).double()

    def render(top: int, left: int, bottom: int, right: int) -> torch.Tensor:
        offsets = torch.full((1, -(-(bottom - top) // 4), -(-(right - left) // 4), 1), 0.5).double()
        picture: torch.Tensor = net(latent[:, top:bottom, left:right], rate, offsets, origin=(top, left))
        return picture

    whole, step, worst = render(0, 0, height, width), grid(a) // 16, 0.0
    for top, left in ((0, 0), (4 * step, 2 * step), (16, 20)):
        bottom, right = min(height, top + 2 * step), min(width, left + step)
        near = max(0, top - around), max(0, left - around)
        part = render(*near, min(height, bottom + around), min(width, right + around))
        y, x = 16 * (top - near[0]), 16 * (left - near[1])
        inner = part[:, y : y + 16 * (bottom - top), x : x + 16 * (right - left)]
        worst = max(
            worst, float((inner - whole[:, 16 * top : 16 * bottom, 16 * left : 16 * right]).abs().max())
        )
    return worst


@pytest.mark.parametrize("a", [ONE, MANY, NONE])
@torch.no_grad()
def test_a_window_on_the_grid_with_its_halo_gives_what_the_whole_gives(a: FineArchitecture) -> None:
    assert halo(a) % 16 == 0
    assert needed(a, halo(a) // 16) < 1e-9
    assert needed(a, halo(a) // 16 - 1) > 1e-6


def test_what_windows_cost() -> None:
    assert halo(FineArchitecture(attention=())) == 16 * (6 + 3)
    assert halo(FineArchitecture(attention=(4,))) == 16 * (8 + 4)
    assert halo(FineArchitecture(attention=(2, 4, 6))) == 16 * 26
    assert grid(FineArchitecture()) == 128
    for wrong in ({"attention": (7,)}, {"attention": (4, 2)}, {"heads": 5}, {"window": 0}):
        with pytest.raises(PgiOptionError):
            FineArchitecture(**wrong)


@torch.no_grad()
def test_weights_with_attentions_among_the_blocks_load() -> None:
    """Block, attention, block, block, attention in one sequence."""
    net = random_net(
        FineArchitecture(width=16, blocks=3, attention=(1, 3), window=2, heads=2, middle=12, last=8)
    )
    order = ["body.0", "attention.1", "body.1", "body.2", "attention.3"]
    old = {}
    for name, value in net.state_dict().items():
        room = ".".join(name.split(".")[:2])
        new = f"body.{order.index(room)}" if room in order else room
        old[name.replace(room, new, 1)] = value.half()
    assert "body.1.qkv.weight" in old
    again = random_net(net.architecture)
    again.load_state_dict(fine_weights(again, old))
    inputs = (
        torch.randn(1, 4, 8, SMALL.latent).double(),
        torch.ones(1).double(),
        torch.zeros(1, 1, 2, 1).double(),
    )
    torch.testing.assert_close(again(*inputs), net.half().double()(*inputs))
    # Attentions that are not configured are left out, new ones start as they are.
    fewer = random_net(
        FineArchitecture(width=16, blocks=3, attention=(2,), window=2, heads=2, middle=12, last=8)
    )
    fresh = fewer.attention["2"].bias.clone()
    fewer.load_state_dict(fine_weights(fewer, old))
    assert torch.equal(fewer.attention["2"].bias, fresh)
    torch.testing.assert_close(fewer.body[2].f1.weight, net.body[2].f1.weight)
    del old["enter.weight"]
    with pytest.raises(KeyError):
        fine_weights(again, old)


@pytest.mark.parametrize("fine", ["joint", "frozen"])
def test_it_learns_a_crop_and_leaves_the_codec_alone(fine: str) -> None:
    torch.manual_seed(1)
    crops = torch.from_numpy(data.astronaut()[:128, 100:228]).reshape(2, 64, 2, 64, 3).transpose(1, 2)
    crops = crops.reshape(4, 64, 64, 3)
    codec = Codec(SMALL)
    start_from_klt(codec, (crops.float() - 128) / 256)
    net = FineSynthesis(SMALL_FINE, SMALL)
    net.start_from(codec)
    schedule = Schedule(batch=4, crop=64, fine=fine, learning_rate=1e-4, fine_learning_rate=2e-3)
    step = TrainingStep(codec, net, schedule, torch.device("cpu"))
    before = {name: value.clone() for name, value in codec.state_dict().items()}
    rate, offsets = torch.linspace(0, 2, 4), torch.zeros(4, 1, 1, 1)

    def learn(steps: int) -> float:
        for _ in range(steps):
            torch.manual_seed(2)
            step.run(crops, rate, offsets, fraction=1.0, keep=0.9)
        return step.read()["fine_loss"]

    first = learn(1)
    learn(60)
    assert learn(1) < 0.9 * first
    same = all(torch.equal(before[name], value) for name, value in codec.state_dict().items())
    assert same == (fine == "frozen")


def test_the_codec_learns_the_same_with_and_without_it() -> None:
    """Nothing of the fine decoder's loss reaches the codec."""
    seen = []
    crops = torch.from_numpy(data.astronaut()[None, :64, 100:164].copy())
    for fine in ("off", "joint"):
        torch.manual_seed(1)
        codec = Codec(SMALL)
        net = FineSynthesis(SMALL_FINE, SMALL) if fine == "joint" else None
        step = TrainingStep(codec, net, Schedule(batch=1, crop=64, fine=fine), torch.device("cpu"))
        for _ in range(3):
            torch.manual_seed(2)
            step.run(crops, torch.ones(1), torch.zeros(1, 1, 1, 1), fraction=1.0, keep=0.9)
        seen.append(codec.state_dict())
    for name, value in seen[0].items():
        assert torch.equal(value, seen[1][name]), name
