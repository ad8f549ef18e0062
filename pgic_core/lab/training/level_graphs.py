"""ONNX graphs that draw levels and sizes, beside ``synthesis``: reduced sizes, and the fine decoder.

A renderer takes what it asks for by name (see ``pgic_core/codec/STREAM.md``), and gives grey levels
``(1, H, W, 3)`` of the part ``inside``, at its scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from ...codec.tiles_and_windows import Y_STRIDE
from .codec_graphs import grey_levels
from .onnx_writer import GraphWriter, array
from .preview_fit import LOW_RATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from .fine_decoder import FineSynthesis, WindowAttention
    from .networks import Codec
    from .preview_fit import AffineMap

    Ranges = Mapping[nn.Module, tuple[float, float]]

__all__ = ["fine_graph", "half_graph", "quarter_graph"]

_OUTSIDE = -1e4  # what is added to the score of a position that is not there


def half_graph(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Decoder: latent to picture at 1/2.

    The layers that close ``synthesis`` are linear, so means of 2x2 of their outputs are outputs of layers
    with means of weights.
    """
    g, a, net = GraphWriter("half", ranges), codec.architecture, codec.synthesis
    r = a.renderer
    latent = g.input("latent", [1, "h", "w", a.latent])
    corners = g.split(g.input("inside", [4], TensorProto.INT64), [2, 2])
    embedding = g.channels_last(g.input("embedding", [1, a.decoder, "he", "we"]))
    body = g.layer(g.add(g.layer(latent, net.enter, exact=True), embedding), net.body)
    body = g.crop(g.prepared(body, net.lift), *corners)
    height, width = g.size(body)
    places = g.times(height, width)
    t = g.reshape(g.layer(body, net.lift), [1, places, 16, r])
    u = g.activated(t, net.r1, net.rd)
    u = g.depth_to_space(g.reshape(u, [1, height, width, 32 * r]), 4, 2 * r)
    u = g.space_to_depth(g.prepared(g.layer(u, net.rd), net.r2), 4, 2 * r)
    u = g.layer(g.reshape(u, [1, places, 16, 2 * r]), net.r2)
    weight = array(net.leave.weight).reshape(2, 2, 2, 2, 3, r).mean((1, 3)).reshape(12, r)
    bias = array(net.leave.bias).reshape(2, 2, 2, 2, 3).mean((1, 3)).reshape(12)
    t = g.product(g.prepared(g.add(t, u), net.leave), weight.T, bias, ranges.get(net.leave))
    # Rows of the linear path's weights run over halves, then 8x8 pixels in them; those of t over quarters.
    linear = (array(net.linear.weight) * array(net.deviation)).reshape(2, 2, 2, 2, 2, 2, 2, 2, 3, -1)
    linear = linear.mean((4, 7)).transpose(0, 2, 1, 4, 3, 5, 6, 7).reshape(192, -1)
    constant = array(net.linear.bias).reshape(2, 2, 2, 2, 2, 2, 2, 2, 3).mean((4, 7))
    constant = constant.transpose(0, 2, 1, 4, 3, 5, 6).reshape(192)
    linear_path = g.crop(g.product(latent, linear.T, constant), *corners)
    x = grey_levels(g, g.add(linear_path, g.reshape(t, [1, height, width, 192])))
    x = g.transpose(g.reshape(x, [height, width, 4, 4, 2, 6]), [0, 2, 4, 1, 3, 5])
    x = g.reshape(x, [1, g.times(height, 8), g.times(width, 8), 3])
    g.output("picture", x, [1, "H", "W", 3], TensorProto.UINT8)
    return g.finish()


def quarter_graph(codec: Codec, usual: AffineMap, low: AffineMap) -> onnx.ModelProto:
    """Decoder: latent to picture at 1/4, an affine map by rate (see :func:`.preview_fit.fit_quarter`)."""
    g, a = GraphWriter("quarter"), codec.architecture
    latent = g.input("latent", [1, "h", "w", a.latent])
    corners = g.split(g.input("inside", [4], TensorProto.INT64), [2, 2])
    rate = g.channels_last(g.input("rate", [1, 1, "he", "we"]))
    # 0 from LOW_RATE on, 1 at the lowest rate.
    slope = np.float32(-1 / (LOW_RATE + 1))
    share = g.relu(g.mul(g.add(rate, g.constant(np.float32(-LOW_RATE))), g.constant(slope)))
    weight, bias = (np.concatenate(parts) for parts in zip(usual, low, strict=True))
    both = g.product(latent, weight.T, bias)
    x, more = g.split(both, [48, 48], axis=3)
    x = g.crop(g.add(x, g.mul(share, more)), *corners)
    g.output("picture", g.depth_to_space(grey_levels(g, x), 4, 3), [1, "H", "W", 3], TensorProto.UINT8)
    return g.finish()


def fine_graph(net: FineSynthesis) -> onnx.ModelProto:
    """Decoder: latent to picture through the fine decoder, weights in half precision.

    Beside ``latent`` and ``inside`` it takes ``rate`` (the place of the rate, see ``Model.rate_place``), and
    ``origin``, row and column of the first latent position in the whole picture: attention windows are cut
    on the picture's grid. Each layer works on what the layers behind it need and no more. What is left of
    ``latent`` at the edges of the picture stays, because there is nothing beyond.
    """
    g, a = GraphWriter("fine"), net.architecture
    latent = g.input("latent", [1, "h", "w", net.linear.weight.shape[1]])
    first, last = g.split(g.input("inside", [4], TensorProto.INT64), [2, 2])
    rate = g.channels_last(g.input("rate", [1, 1, "he", "we"]))
    origin = g.input("origin", [2], TensorProto.INT64) if a.attention else ""
    embedding = g.layer(g.relu(g.layer(rate, net.embed)), net.embed_in)
    area = _Area(g, g.add(g.layer(latent, net.enter), embedding), origin)
    wanted, needs = area.grown((first, last), math.ceil(8 * a.middle_blocks / Y_STRIDE)), {}
    rendered = wanted
    for after in range(a.blocks, 0, -1):
        if after in a.attention:
            wanted = needs[f"attention {after}"] = area.aligned(wanted, a.window)
        wanted = needs[f"block {after}"] = area.grown(wanted, 1)
    for after, block in enumerate(net.body, 1):
        area.crop(needs[f"block {after}"])
        area.value = g.layer(area.value, block)
        if after in a.attention:
            area.crop(needs[f"attention {after}"])
            place = g.add(origin, area.first)
            area.value = _attention(g, net.attention[str(after)], area.value, place)
    area.crop(rendered)
    t = g.layer(g.depth_to_space(g.layer(area.value, net.to_eighth), 2, a.middle), net.eighth)
    two = g.constant(np.array([2]))
    t = g.crop(t, *(g.mul(g.node("Sub", edge, area.first), two) for edge in (first, last)))
    t = g.layer(g.depth_to_space(g.layer(t, net.to_quarter), 2, a.last), net.quarter)
    t = g.depth_to_space(g.layer(t, net.leave), 4, 3)
    weight = array(net.linear.weight) * array(net.deviation)
    linear = g.product(g.crop(latent, first, last), weight.T, array(net.linear.bias))
    x = g.add(g.depth_to_space(g.depth_to_space(linear, 2, 192), 8, 3), t)
    g.output("picture", grey_levels(g, x), [1, "H", "W", 3], TensorProto.UINT8)
    return g.finish()


class _Area:
    """A value that covers a part of the latent's positions, and corners of parts: row and column each.

    Args:
        g: writes the graph.
        value: of all of the latent, ``(1, h, w, C)``.
        origin: row and column of its first position in the picture.

    Attributes:
        value: what it is now.
        first: the first position that it covers.
    """

    def __init__(self, g: GraphWriter, value: str, origin: str) -> None:
        self._g = g
        self._origin = origin
        self._zero = g.constant(np.array([0, 0]))
        self._size = g.concat([g.number(n) for n in g.size(value)], 0)
        self.value = value
        self.first = self._zero

    def crop(self, part: tuple[str, str]) -> None:
        """Keep a part."""
        g = self._g
        self.value = g.crop(self.value, *(g.node("Sub", edge, self.first) for edge in part))
        self.first = part[0]

    def grown(self, part: tuple[str, str], by: int) -> tuple[str, str]:
        """A part with so many positions around it, as far as they are there."""
        g, step = self._g, self._g.constant(np.array([by]))
        return self._there(g.node("Sub", part[0], step), g.add(part[1], step))

    def aligned(self, part: tuple[str, str], side: int) -> tuple[str, str]:
        """A part and the rest of the windows that it touches, as far as they are there."""
        g, step = self._g, self._g.constant(np.array([side]))
        first, last = (g.add(edge, self._origin) for edge in part)
        before, behind = g.node("Mod", first, step), g.node("Mod", g.node("Neg", last), step)
        return self._there(g.node("Sub", part[0], before), g.add(part[1], behind))

    def _there(self, first: str, last: str) -> tuple[str, str]:
        return self._g.node("Max", first, self._zero), self._g.node("Min", last, self._size)


def _attention(g: GraphWriter, layer: WindowAttention, x: str, origin: str) -> str:
    """As :meth:`.fine_decoder.WindowAttention.forward`."""
    s, heads = layer.window, layer.heads
    channels = layer.norm.weight.shape[0]
    depth = channels // heads
    pads, height, width = _padding(g, x, origin, s)
    norm = g.node(
        "LayerNormalization",
        x,
        g.constant(array(layer.norm.weight)),
        g.constant(array(layer.norm.bias)),
        axis=-1,
        epsilon=layer.norm.eps,
    )
    down, across = g.over(height, s), g.over(width, s)
    windows = g.times(down, across)
    t = g.reshape(g.node("Pad", norm, pads), [down, s, across, s * channels])
    t = g.reshape(g.transpose(t, [0, 2, 1, 3]), [1, windows, s * s, channels])
    qkv = g.reshape(g.layer(t, layer.qkv), [windows, s * s, 3 * heads, depth])
    q, k, v = g.split(g.transpose(qkv, [0, 2, 1, 3]), [heads] * 3, axis=1)
    score = g.node("MatMul", g.mul(q, g.constant(np.float32(depth**-0.5))), g.transpose(k, [0, 1, 3, 2]))
    score = g.add(g.add(score, g.half(_relative_bias(layer))), _mask(g, x, pads, (down, across), s))
    t = g.node("MatMul", g.node("Softmax", score, axis=-1), v)
    t = g.layer(g.reshape(g.transpose(t, [0, 2, 1, 3]), [1, windows, s * s, channels]), layer.leave)
    t = g.transpose(g.reshape(t, [down, across, s, s * channels]), [0, 2, 1, 3])
    t = g.reshape(t, [1, height, width, channels])
    first = g.node("Slice", pads, *(g.constant(np.array([n])) for n in (1, 3)))
    size = g.concat([g.number(n) for n in g.size(x)], 0)
    return g.add(x, g.crop(t, first, g.add(first, size)))


def _padding(g: GraphWriter, x: str, origin: str, side: int) -> tuple[str, str, str]:
    """What is added around ``x`` up to whole windows, as ``Pad`` takes it; height and width then."""
    step = g.constant(np.array([side]))
    size = g.concat([g.number(n) for n in g.size(x)], 0)
    first = g.node("Mod", origin, step)
    beyond = g.add(first, size)
    last = g.node("Mod", g.node("Neg", beyond), step)
    zero = g.constant(np.array([0]))
    pads = g.concat([zero, first, zero, zero, last, zero], 0)
    height, width = g.split(g.add(beyond, last), [1, 1], axis=0)
    return pads, height, width


def _mask(g: GraphWriter, x: str, pads: str, windows: tuple[str, str], side: int) -> str:
    """What is added to the scores of each window for positions that are not there."""
    height, width = g.size(x)
    there = g.node("ConstantOfShape", g.concat([g.number(n) for n in (1, height, width, 1)], 0))
    outside = g.node("Pad", there, pads, g.constant(np.float32(_OUTSIDE)))
    down, across = windows
    t = g.transpose(g.reshape(outside, [down, side, across, side]), [0, 2, 1, 3])
    return g.reshape(t, [g.times(down, across), 1, 1, side * side])


def _relative_bias(layer: WindowAttention) -> NDArray[np.float32]:
    bias: torch.Tensor = layer._bias()
    return array(bias)
