"""Narrowing changes nothing where a stream has channels to spare, and keeps the directions that matter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from pgic_core.lab.training import residual_channel_reduction
from pgic_core.lab.training.export import load_codec

from .architectures import SMALL
from .small_training import CROPS, SmallTraining, small_codec

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core.lab.training.networks import Codec, Coded


@pytest.fixture
def codec() -> Codec:
    codec = small_codec()
    with torch.no_grad():
        for layer in (codec.scale, *codec.base_out, *codec.detail_out, codec.synthesis.leave):
            layer.weight.normal_(std=0.02)
    return codec


def coded(codec: Codec) -> Coded:
    picture = (torch.from_numpy(CROPS).float() - 128) / 256
    with torch.no_grad():
        return codec(picture, torch.linspace(0, 2, len(CROPS)), torch.zeros(len(CROPS), 2, 2, 1), noise=False)


def difference(one: Coded, other: Coded) -> float:
    return float((one.picture - other.picture).abs().mean())


@pytest.mark.parametrize("name", list(residual_channel_reduction.STREAMS))
def test_all_layers_of_a_stream_are_known(codec: Codec, name: str) -> None:
    """A layer that was forgotten would have the wrong number of channels."""
    width = getattr(SMALL, name) - 3
    less = residual_channel_reduction.narrow(codec, name, width, CROPS)
    assert less.architecture == replace(SMALL, **{name: width})
    assert 0 < difference(coded(less), coded(codec)) < 1e-2


@pytest.mark.parametrize("name", list(residual_channel_reduction.STREAMS))
def test_of_all_channels_all_is_kept(codec: Codec, name: str) -> None:
    same = residual_channel_reduction.narrow(codec, name, getattr(SMALL, name), CROPS)
    assert difference(coded(same), coded(codec)) < 1e-5


def test_channels_without_readers_go_without_a_trace(codec: Codec) -> None:
    """Mixed with others beforehand, so that none of them is one of those."""
    mixing = torch.linalg.qr(torch.randn(SMALL.decoder, SMALL.decoder, generator=torch.manual_seed(1)))[0]
    unread = mixing[:, :5]
    with torch.no_grad():
        for block in codec.synthesis.body:
            for layer in (block.mix.a, block.f1):
                layer.weight -= layer.weight @ unread @ unread.T
        codec.synthesis.lift.weight -= codec.synthesis.lift.weight @ unread @ unread.T
    before = coded(codec)
    assert (
        difference(
            coded(residual_channel_reduction.narrow(codec, "decoder", SMALL.decoder - 5, CROPS)), before
        )
        < 1e-4
    )
    fewer = difference(
        coded(residual_channel_reduction.narrow(codec, "decoder", SMALL.decoder - 8, CROPS)), before
    )
    assert fewer > 1e-3


def test_all_channels_vary_alike(codec: Codec) -> None:
    less = residual_channel_reduction.narrow(codec, "decoder", 12, CROPS)
    streams: list[torch.Tensor] = []
    less.synthesis.lift.register_forward_pre_hook(lambda _, inputs: streams.append(inputs[0]))
    coded(less)
    deviation = streams[0].std((0, 1, 2))
    assert deviation.max() < 4 * deviation.min()


def test_a_narrow_model_is_trained_on_and_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = SmallTraining.run(tmp_path)
    residual_channel_reduction.main([*training.arguments, "--width", "decoder=12", "--width", "context=10"])
    assert "decoder: 12 of 16 channels kept" in capsys.readouterr().out
    codec, read, _ = load_codec(training.go_on())
    assert read.architecture == codec.architecture == replace(SMALL, decoder=12, context=10)
    assert codec.synthesis.lift.weight.shape[1] == 12
    for width in ("decoder=17", "decoder=0", "decoder", "latent=8", "context=-1"):
        with pytest.raises(SystemExit):
            residual_channel_reduction.main([*training.arguments, "--width", width])
        assert f"--width {width}" in capsys.readouterr().err
