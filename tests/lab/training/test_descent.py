"""The graph of effort 3 goes down the true gradient."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
from skimage import data

from pgic_core.lab.training.latent_descent_graph import descent, sensitivity
from pgic_core.lab.training.networks import Codec

from .architectures import SMALL

PHOTO = np.ascontiguousarray(data.coffee()[100:228, 150:342])


def _codec() -> Codec:
    torch.manual_seed(0)
    codec = Codec(SMALL)
    for name, weight in codec.synthesis.named_parameters():
        # Far enough from their start that every layer has a say.
        torch.nn.init.normal_(weight, std=0.15 if weight.ndim > 1 else 0.05)
        if name == "linear.weight":
            weight.data.mul_(0.1)
    return codec


def test_descent_follows_the_gradient_of_the_error() -> None:
    codec = _codec()
    weight = np.linspace(1, 3, SMALL.latent, dtype=np.float32)
    session = onnxruntime.InferenceSession(descent(codec, weight).SerializeToString())
    latent = np.random.default_rng(1).normal(size=(1, 8, 12, SMALL.latent)).astype(np.float32)
    embedding = np.random.default_rng(2).normal(size=(1, SMALL.decoder, 1, 1)).astype(np.float32)
    inputs = {"latent": latent, "embedding": embedding, "picture": PHOTO[None]}
    move, error = session.run(None, inputs)

    y = torch.from_numpy(latent).requires_grad_(True)
    away = codec.synthesis(y, torch.from_numpy(embedding).permute(0, 2, 3, 1))
    away = away - (torch.from_numpy(PHOTO).float()[None] - 128) / 256
    (gradient,) = torch.autograd.grad(away.square().sum() / 2, y)
    expected = -gradient.numpy() / weight
    # Weights of the graph have 8 bits, so that a few rectifiers of so random a network open or close.
    assert np.square(move - expected).mean() < 0.05**2 * np.square(expected).mean()
    squares = (256 * away).square().mean(3)[0].detach().numpy().reshape(8, 16, 12, 16).sum((1, 3))
    np.testing.assert_allclose(error[0], squares, rtol=0.05)


def test_sensitivity_is_that_of_the_linear_path_where_there_is_no_other() -> None:
    codec = _codec()
    torch.nn.init.zeros_(codec.synthesis.leave.weight)
    crops = np.stack([PHOTO[:128, :128], PHOTO[:128, 64:192]] * 4)
    found = sensitivity(codec, crops)
    weight = codec.synthesis.linear.weight.detach().square().sum(0).numpy()
    assert np.median(np.abs(found / weight - 1)) < 0.15
    assert np.abs(found / weight - 1).max() < 0.4
