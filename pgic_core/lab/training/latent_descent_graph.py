"""The graph of effort 3: how the latent of a picture would have to move for it to be decoded better.

It runs the synthesis and then, by hand, the same layers backwards (the vector-Jacobian product of the error
of the decoded picture), so that the encoder refines latents without torch. Most weights have 8 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from onnx import TensorProto

from .codec_graphs import PICTURE
from .layers import Block, Depthwise, Mix, Pointwise
from .onnx_writer import GraphWriter, array

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from .networks import Codec

    # From the gradient of a layer's output to that of its input.
    Back = Callable[[str], str]

__all__ = ["descent", "sensitivity"]


def sensitivity(codec: Codec, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """By how much the picture depends on each channel of the latent.

    This is the diagonal of the Gauss-Newton matrix of the synthesis, estimated by products with random signs
    (Hutchinson), and averaged over positions, crops and rates. The nonlinear branch counts: at low rates it
    takes back much of what the linear path makes of high frequencies.

    Args:
        codec: the networks.
        crops: ``(N, H, W, 3)``; the first is coded at the lowest rate and the last at the highest.

    Returns:
        ``(M,)``, squared units of the picture per squared unit of the latent.
    """
    seen: list[tuple[Tensor, ...]] = []
    codec.watch([codec.synthesis], crops, lambda _, inputs: seen.append(inputs))
    random = torch.Generator().manual_seed(0)
    squares = []
    for latent, embedding in seen:
        y = latent.detach().requires_grad_(True)
        picture = codec.synthesis(y, embedding.detach())
        signs = torch.randint(0, 2, picture.shape, generator=random).to(picture) * 2 - 1
        (gradient,) = torch.autograd.grad((picture * signs).sum(), y)
        squares.append(gradient.square().mean((0, 1, 2)))
    return array(torch.stack(squares).mean(0))


def descent(codec: Codec, weight: NDArray[np.float32]) -> onnx.ModelProto:
    """Latent and picture to the way down, and how far up it is.

    Inputs are ``latent`` and ``embedding`` as of the graph ``synthesis``, and ``picture``, the grey levels to
    come near. Outputs are ``move``, the Newton step of each element by itself, ``(1, h, w, M)``, and
    ``error``, the sum of squared errors of the 16x16 pixels of a position in grey levels, averaged over
    colours, ``(1, h, w)``.

    Args:
        codec: the networks.
        weight: of :func:`sensitivity`.
    """
    g, a, net = GraphWriter("descent"), codec.architecture, codec.synthesis
    r = a.renderer
    y = g.input("latent", [1, "h", "w", a.latent])
    embedding = g.channels_last(g.input("embedding", [1, a.decoder, "he", "we"]))
    picture = g.cast(g.input("picture", [1, "H", "W", 3], TensorProto.UINT8), TensorProto.FLOAT)
    unit, zero = (g.constant(np.float32(v)) for v in PICTURE)
    target = _blocks(g, g.mul(g.node("Sub", picture, zero), unit))

    t, enter_back = _product(g, y, g.half(array(net.enter.weight).T), array(net.enter.bias))
    t, body_back = _layer(g, g.add(t, embedding), net.body)
    t, lift_back = _pointwise(g, t, net.lift)
    t = g.depth_to_space(t, 4, r)
    u, r1_back = _rectified(g, t, net.r1)
    u, rd_back = _depthwise(g, u, net.rd)
    u, r2_back = _pointwise(g, u, net.r2)
    out, leave_back = _pointwise(g, g.add(t, u), net.leave)
    scale = array(net.deviation)
    # The linear path carries nearly all of the picture: its weights have 16 bits, as in the decoder.
    weights = g.half(array(net.linear.weight).T * scale[:, None])
    linear, linear_back = _product(g, y, weights, array(net.linear.bias))
    error = g.node("Sub", g.add(linear, _blocks(g, g.depth_to_space(out, 4, 3))), target)

    pixels = g.depth_to_space(g.depth_to_space(error, 2, 192), 8, 3)
    back = leave_back(g.space_to_depth(pixels, 4, 3))
    back = g.add(back, r1_back(rd_back(r2_back(back))))
    back = enter_back(body_back(lift_back(g.space_to_depth(back, 4, r))))
    back = g.add(back, linear_back(error))
    move = g.mul(back, g.constant(-1 / np.maximum(weight, np.float32(1e-12))))
    squares = g.mul(g.mul(error, error), g.constant(np.float32(256**2 / 3)))
    g.output("move", move, [1, "h", "w", a.latent])
    total = g.node("ReduceSum", squares, g.constant(np.array([3])), keepdims=0)
    g.output("error", total, [1, "h", "w"])
    return g.finish()


def _blocks(g: GraphWriter, picture: str) -> str:
    """Pixels as the linear path gives them: ``(1, h, w, 768)``."""
    return g.space_to_depth(g.space_to_depth(picture, 8, 3), 2, 192)


def _product(g: GraphWriter, value: str, weight: str, bias: NDArray[np.float32]) -> tuple[str, Back]:
    out = g.add(g.node("MatMul", value, weight), g.constant(bias))
    return out, lambda grad: g.node("MatMul", grad, g.node("Transpose", weight, perm=[1, 0]))


def _pointwise(g: GraphWriter, value: str, layer: Pointwise) -> tuple[str, Back]:
    return _product(g, value, g.eight_bits(array(layer.weight).T), array(layer.bias))


def _rectified(g: GraphWriter, value: str, layer: Pointwise) -> tuple[str, Back]:
    """A 1x1 layer and its rectifier."""
    t, back = _pointwise(g, value, layer)
    open_ = g.cast(g.node("Greater", t, g.constant(np.float32(0))), TensorProto.FLOAT)
    return g.relu(t), lambda grad: back(g.mul(grad, open_))


def _depthwise(g: GraphWriter, value: str, layer: Depthwise) -> tuple[str, Back]:
    turned = Depthwise(len(layer.weight))
    with torch.no_grad():
        turned.weight.copy_(layer.weight.flip(2, 3))
    return g.layer(value, layer), lambda grad: g.layer(grad, turned)


def _residual(g: GraphWriter, value: str, branch: tuple[str, Back]) -> tuple[str, Back]:
    out, back = branch
    return g.add(value, out), lambda grad: g.add(grad, back(grad))


def _chain(*backs: Back) -> Back:
    """What goes back through several layers, given in forward order."""

    def through(grad: str) -> str:
        for back in reversed(backs):
            grad = back(grad)
        return grad

    return through


def _layer(g: GraphWriter, value: str, layer: nn.Module) -> tuple[str, Back]:
    """A layer of the synthesis body, forwards; and its way back."""
    if isinstance(layer, Mix):
        t, first = _rectified(g, value, layer.a)
        t, second = _depthwise(g, t, layer.d)
        t, third = _pointwise(g, t, layer.b)
        return _residual(g, value, (t, _chain(first, second, third)))
    if isinstance(layer, Block) and layer.mix is not None:
        value, mixed = _layer(g, value, layer.mix)
        t, first = _rectified(g, value, layer.f1)
        t, second = _pointwise(g, t, layer.f2)
        value, back = _residual(g, value, (t, _chain(first, second)))
        return value, _chain(mixed, back)
    backs: list[Back] = []
    for part in layer.children():
        value, back = _layer(g, value, part)
        backs.append(back)
    return value, _chain(*backs)
