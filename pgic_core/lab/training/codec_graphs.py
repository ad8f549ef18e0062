"""The ONNX graphs of a model, as :mod:`pgic_core.codec` calls them.

Latents, symbols and their thresholds come in and go out as ``(1, h, w, C)``, pictures as ``(1, H, W, 3)``
grey levels; small things as ``(1, C, h, w)``. Inside, channels come last (see :mod:`.onnx_writer`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from ...codec.learned.symbols.entropy_coding import LARGEST
from .coding_order import BASE_STEPS, detail_position
from .onnx_writer import GraphWriter, array

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx
    from numpy.typing import NDArray
    from torch import nn

    from .config import Architecture
    from .layers import Pointwise
    from .networks import Codec

    Ranges = Mapping[nn.Module, tuple[float, float]]
    # The number of a turn of a group and the means of what it codes, to the values of its symbols.
    _Quantise = Callable[[int, str], str]

__all__ = ["GRAPHS", "PICTURE", "grey_levels", "large_preview_graph", "preview_graph", "symbol_channels"]

# Pictures are in units of 256 grey levels around 128: 8-bit levels of this scale and zero point.
PICTURE = (1 / 256, 128)


def symbol_channels(a: Architecture) -> NDArray[np.int64]:
    """Where each coded symbol of a cell stands in the cell's ``4 * latent`` space-to-depth channels.

    The coded order is: base steps 0 to 2, detail steps 0 to 3; within a step by cell position (base)
    or by channel quarter (detail).
    """
    quarter = (a.latent - a.base) // 4
    order: list[NDArray[np.int64]] = []
    for positions in BASE_STEPS:
        order += [p * a.latent + np.arange(a.base) for p in positions]
    for step in range(4):
        for group in range(4):
            first = a.base + group * quarter
            order.append(detail_position(step, group) * a.latent + np.arange(first, first + quarter))
    return np.concatenate(order)


def _analysis(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Encoder: picture to latent."""
    g, a, net = GraphWriter("analysis", ranges), codec.architecture, codec.analysis
    picture = g.input("picture", [1, "H", "W", 3], TensorProto.UINT8)
    patches = g.space_to_depth(g.on_grid(picture, *PICTURE), 8, 3)
    deviation = array(net.deviation)
    blocks = g.space_to_depth(patches, 2, 192)
    linear = g.product(blocks, *_divided(net.linear, deviation), ranges.get(net.linear))
    t = g.prepared(g.layer(g.layer(patches, net.enter), net.fine), net.down)
    t = g.layer(g.layer(g.space_to_depth(t, 2, a.encoder_fine), net.down), net.coarse)
    y = g.add(linear, g.product(t, *_divided(net.leave, deviation), ranges.get(net.leave)))
    g.output("latent", y, [1, "h", "w", a.latent])
    return g.finish()


def _divided(layer: Pointwise, by: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights ``(in, out)`` and bias of a layer whose outputs are divided by a number each."""
    return array(layer.weight).T / by, array(layer.bias) / by


def _latent(g: GraphWriter, a: Architecture) -> str:
    return g.input("latent", [1, "h", "w", a.latent])


def _steps(g: GraphWriter, name: str, channels: int) -> str:
    """Quantisation steps per channel, once or for every cell (where a ROI map makes them differ)."""
    return g.channels_last(g.input(name, [1, channels, f"h_{name}", f"w_{name}"]))


def _base_sizes(g: GraphWriter, step: str) -> list[str]:
    """Quantisation steps of the symbols of the base group's turns."""
    return [g.concat([step] * len(positions)) for positions in BASE_STEPS]


def _hyper_analysis(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Encoder: latent to z."""
    g, a = GraphWriter("hyper_analysis", ranges), codec.architecture
    y = g.prepared(_latent(g, a), codec.ha_enter)
    embedding = g.channels_last(g.input("embedding", [1, a.hyper_analysis, "he", "we"]))
    t = g.add(g.layer(g.space_to_depth(y, 2, a.latent), codec.ha_enter), embedding)
    t = g.prepared(g.layer(g.relu(t), codec.ha_block), codec.ha_leave)
    z = g.layer(g.space_to_depth(t, 2, a.hyper_analysis), codec.ha_leave)
    g.output("z", g.channels_first(z), [1, a.hyper, "hz", "wz"])
    return g.finish()


def _state(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Decoder: z to the state of cells from which all else is predicted."""
    g, a = GraphWriter("state", ranges), codec.architecture
    g.output("state", _state_of(g, codec), [1, "h", "w", a.context])
    return g.finish()


def _state_of(g: GraphWriter, codec: Codec) -> str:
    a = codec.architecture
    z = g.channels_last(g.input("z", [1, a.hyper, "hz", "wz"]))
    embedding = g.channels_last(g.input("embedding", [1, a.context, "he", "we"]))
    t = g.depth_to_space(g.layer(z, codec.hs_enter), 2, a.context)
    return g.layer(g.add(t, embedding), codec.hs_block)


def _turns(a: Architecture) -> list[list[tuple[int, int]]]:
    """What the turns code: cell position, and group of channels (0 the base, 1 to 4 the quarters)."""
    base = [[(p, 0) for p in positions] for positions in BASE_STEPS]
    return base + [[(detail_position(step, g), g + 1) for g in range(4)] for step in range(4)]


def _groups(a: Architecture) -> tuple[list[int], list[int]]:
    """Symbols per cell of the turns, of the base group and of detail."""
    return [len(positions) * a.base for positions in BASE_STEPS], [a.latent - a.base] * 4


def _code(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Encoder: latent to symbols, and to the latent that decoders make of them.

    A residual below its symbol's threshold becomes zero.
    """
    return _quantised(GraphWriter("code", ranges), codec, change=False)


def _change(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Encoder of change frames: as ``code``, but what is quantised is the difference to a reference's symbol.

    A difference below its symbol's threshold becomes zero: the symbol is then that of the reference.
    """
    return _quantised(GraphWriter("change", ranges), codec, change=True)


def _quantised(g: GraphWriter, codec: Codec, *, change: bool) -> onnx.ModelProto:
    a = codec.architecture
    cells = g.space_to_depth(_latent(g, a), 2, a.latent)
    base, rest = g.split(_steps(g, "step", a.latent), [a.base, a.latent - a.base])
    sizes = _base_sizes(g, base) + [rest] * 4
    of_base, of_detail = _groups(a)
    threshold = g.input("threshold", [1, "hc", "wc", 4 * a.latent], TensorProto.FLOAT16)
    thresholds = g.split(g.cast(threshold, TensorProto.FLOAT), [*of_base, *of_detail])
    earlier: list[str] = []
    if change:
        reference = g.input("reference", [1, "hc", "wc", 4 * a.latent], TensorProto.INT16)
        earlier = g.split(g.cast(reference, TensorProto.FLOAT), [*of_base, *of_detail])
    pieces = g.split(cells, [a.base, *[(a.latent - a.base) // 4] * 4] * 4)
    wanted = [g.concat([pieces[5 * p + group] for p, group in turn]) for turn in _turns(a)]
    bounds = [g.constant(np.float32(v)) for v in (-LARGEST, LARGEST)]
    symbols: list[str] = []

    def quantise(turn: int, mean: str) -> str:
        residual = g.node("Div", g.node("Sub", wanted[turn], mean), sizes[turn])
        if change:
            residual = g.node("Sub", residual, earlier[turn])
        kept = g.node("GreaterOrEqual", g.node("Abs", residual), thresholds[turn])
        s = g.mul(g.node("Round", residual), g.cast(kept, TensorProto.FLOAT))
        s = g.node("Clip", g.add(s, earlier[turn]) if change else s, *bounds)
        symbols.append(s)
        return g.add(g.mul(s, sizes[turn]), mean)

    values, state = _base(g, codec, _state_of(g, codec), quantise, last=False)
    values += _detail(g, codec, lambda turn, mean: quantise(len(BASE_STEPS) + turn, mean), state)
    coded = g.cast(g.concat(symbols), TensorProto.INT16)
    g.output("symbols", coded, [1, "hc", "wc", 4 * a.latent], TensorProto.INT16)
    g.output("decoded", _in_place(g, a, values), [1, "h", "w", a.latent])
    return g.finish()


def _base(
    g: GraphWriter,
    codec: Codec,
    state: str,
    quantise: _Quantise,
    *,
    last: bool,
    crop: Callable[[str], str] = lambda value: value,
) -> tuple[list[str], str]:
    """Take the turns of the base group: each predicts means from what the turns before gave.

    Args:
        g: writes it.
        codec: the networks.
        state: that the first turn reads.
        quantise: as its name says.
        last: nothing comes after the base group.
        crop: cuts out the area of the last turn, which sees no neighbours; ``quantise`` must give its values
            for that area alone.

    Returns:
        The values of all, and the state that the next turn reads; that of the last turn if it is the last.
    """
    values: list[str] = []
    for turn in range(len(BASE_STEPS)):
        if turn == len(BASE_STEPS) - 1:
            state, values = crop(state), list(map(crop, values))
        values.append(quantise(turn, g.layer(state, codec.base_out[turn])))
        if turn < len(BASE_STEPS) - 1 or not last:
            seen = g.layer(g.concat(values), codec.base_in[turn])
            state = g.layer(g.add(state, seen), codec.base_mix[turn])
    return values, state


def _detail(g: GraphWriter, codec: Codec, quantise: _Quantise, state: str) -> list[str]:
    """Take the four turns of the detail group; gives the values of each."""
    values = []
    for turn in range(4):
        state = g.layer(state, codec.detail_block[turn])
        values.append(quantise(turn, g.layer(state, codec.detail_out[turn])))
        if turn < 3:
            state = g.add(state, g.layer(values[turn], codec.detail_in[turn]))
    return values


def _symbols(g: GraphWriter, name: str, sizes: list[int]) -> list[str]:
    """Decoder: the symbols of a layer, of each of its turns."""
    coded = g.input(name, [1, f"h_{name}", f"w_{name}", sum(sizes)], TensorProto.INT16)
    return g.split(g.cast(coded, TensorProto.FLOAT), sizes)


def _dequantise(g: GraphWriter, residuals: list[str]) -> _Quantise:
    return lambda turn, mean: g.add(residuals[turn], mean)


def _in_place(g: GraphWriter, a: Architecture, values: list[str]) -> str:
    """What the turns gave as a latent: of the base group alone, or whole."""
    pieces: dict[tuple[int, int], str] = {}
    for keys, value in zip(_turns(a), values, strict=False):
        size = a.base if keys[0][1] == 0 else (a.latent - a.base) // 4
        pieces |= dict(zip(keys, g.split(value, [size] * len(keys)), strict=True))
    cells = g.concat([pieces[key] for key in sorted(pieces)])
    return g.depth_to_space(cells, 2, a.base if len(values) == len(BASE_STEPS) else a.latent)


def _context(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Decoder: base symbols, and the state of their cells, to their values and the state for detail.

    ``inside`` (top, left, bottom and right, in cells of the inputs) says for which cells these are wanted.
    """
    g, a = GraphWriter("context", ranges), codec.architecture
    state, residuals = _state_input(g, a), _base_residuals(g, a)
    corners = g.split(g.input("inside", [4], TensorProto.INT64), [2, 2])
    residuals[-1] = g.crop(residuals[-1], *corners)
    values, state = _base(
        g, codec, state, _dequantise(g, residuals), last=False, crop=lambda value: g.crop(value, *corners)
    )
    g.output("known", g.concat(values), [1, "h", "w", 4 * a.base])
    g.output("context", state, [1, "h", "w", a.context])
    return g.finish()


def _state_input(g: GraphWriter, a: Architecture) -> str:
    return g.input("state", [1, "h_state", "w_state", a.context])


def _base_residuals(g: GraphWriter, a: Architecture) -> list[str]:
    sizes = _base_sizes(g, _steps(g, "step", a.base))
    return list(map(g.mul, _symbols(g, "base", _groups(a)[0]), sizes))


def _means(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Decoder: detail symbols, and what :func:`_context` gave for their cells, to the latent."""
    g, a = GraphWriter("means", ranges), codec.architecture
    of_base, of_detail = _groups(a)
    values = g.split(g.input("known", [1, "hc", "wc", 4 * a.base]), of_base)
    context = g.input("context", [1, "hc", "wc", a.context])
    step = _steps(g, "step", a.latent - a.base)
    residuals = [g.mul(symbols, step) for symbols in _symbols(g, "detail", of_detail)]
    values += _detail(g, codec, _dequantise(g, residuals), context)
    g.output("latent", _in_place(g, a, values), [1, "h", "w", a.latent])
    return g.finish()


def _synthesis(codec: Codec, ranges: Ranges) -> onnx.ModelProto:
    """Decoder: latent to picture.

    The latent covers an area with the halo that the body needs. ``inside`` (top, left, bottom and right, in
    positions of that area) says which part of it is rendered, and ``shown`` must be the latent of that part:
    the graph would copy it even where it is all of the area.

    Between ``lift`` and the end, the sixteen positions at 1/4 under one at 1/16 stay next to each other
    wherever their neighbours do not matter: what is then moved into place are 8-bit levels.
    """
    g, a, net = GraphWriter("synthesis", ranges), codec.architecture, codec.synthesis
    r = a.renderer
    y = _latent(g, a)
    shown = g.input("shown", [1, "hs", "ws", a.latent])
    corners = g.split(g.input("inside", [4], TensorProto.INT64), [2, 2])
    height, width = g.size(shown)
    places = g.times(height, width)
    embedding = g.channels_last(g.input("embedding", [1, a.decoder, "he", "we"]))
    t = g.layer(g.add(g.layer(y, net.enter, exact=True), embedding), net.body)
    t = g.crop(g.prepared(t, net.lift), *corners)
    t = g.reshape(g.layer(t, net.lift), [1, places, 16, r])
    u = g.activated(t, net.r1, net.rd)
    u = g.depth_to_space(g.reshape(u, [1, height, width, 32 * r]), 4, 2 * r)
    u = g.space_to_depth(g.prepared(g.layer(u, net.rd), net.r2), 4, 2 * r)
    u = g.layer(g.reshape(u, [1, places, 16, 2 * r]), net.r2)
    t = g.layer(g.prepared(g.add(t, u), net.leave), net.leave)
    # Rows of the linear path's weights run over halves, then pixels within them; those of t over quarters.
    weight = array(net.linear.weight) * array(net.deviation)
    weight = weight.reshape(2, 2, 2, 4, 2, 4, 3, -1).transpose(0, 2, 1, 4, 3, 5, 6, 7)
    bias = array(net.linear.bias).reshape(2, 2, 2, 4, 2, 4, 3).transpose(0, 2, 1, 4, 3, 5, 6)
    linear = g.product(shown, weight.reshape(768, -1).T, bias.reshape(768))
    x = grey_levels(g, g.add(linear, g.reshape(t, [1, height, width, 768])))
    x = g.transpose(g.reshape(x, [height, width, 4, 4, 4, 12]), [0, 2, 4, 1, 3, 5])
    x = g.reshape(x, [1, g.times(height, 16), g.times(width, 16), 3])
    g.output("picture", x, [1, "H", "W", 3], TensorProto.UINT8)
    return g.finish()


def grey_levels(g: GraphWriter, x: str) -> str:
    """Grey levels: rounded and clipped to 0 to 255; what is not finite becomes one of them too."""
    scale, zero = PICTURE
    return g.node("QuantizeLinear", x, g.constant(np.float32(scale)), g.constant(np.uint8(zero)))


def preview_graph(
    codec: Codec, ranges: Ranges, weight: NDArray[np.float32], bias: NDArray[np.float32]
) -> onnx.ModelProto:
    """Decoder: base symbols, and the state of their cells, to a picture at 1/8.

    It is a linear map of the base group (see :mod:`.preview_fit`).
    """
    g = GraphWriter("preview", ranges)
    x = grey_levels(g, g.product(_base_group(g, codec), weight.T, bias))
    g.output("picture", g.depth_to_space(x, 2, 3), [1, "H", "W", 3], TensorProto.UINT8)
    return g.finish()


def large_preview_graph(
    codec: Codec, ranges: Ranges, weight: NDArray[np.float32], bias: NDArray[np.float32]
) -> onnx.ModelProto:
    """Decoder: likewise, to a picture at 1/4.

    It is a linear map of the base group of 3 x 3 positions (see :func:`.preview_fit.fit_large_preview`). At
    the edges of what is there the outermost positions are repeated.
    """
    g = GraphWriter("preview-quarter", ranges)
    y = _base_group(g, codec)
    height, width = g.size(y)
    for axis, size in ((1, height), (2, width)):
        ends = [g.constant(np.array([n])) for n in (0, 1)]
        last = g.number(size)
        edges = (ends[0], ends[1]), (g.node("Sub", last, ends[1]), last)
        first, beyond = (g.node("Slice", y, *edge, g.constant(np.array([axis]))) for edge in edges)
        y = g.concat([first, y, beyond], axis)
    kernel = g.constant(weight.reshape(48, -1, 3, 3))
    x = g.node("Conv", g.channels_first(y), kernel, g.constant(bias), kernel_shape=[3, 3])
    x = grey_levels(g, g.channels_last(x))
    g.output("picture", g.depth_to_space(x, 4, 3), [1, "H", "W", 3], TensorProto.UINT8)
    return g.finish()


def _base_group(g: GraphWriter, codec: Codec) -> str:
    """The base group as a latent, ``(1, h, w, B)``, from inputs of its own."""
    a = codec.architecture
    state, residuals = _state_input(g, a), _base_residuals(g, a)
    return _in_place(g, a, _base(g, codec, state, _dequantise(g, residuals), last=True)[0])


GRAPHS: dict[str, Callable[[Codec, Ranges], onnx.ModelProto]] = {
    "analysis": _analysis,
    "hyper_analysis": _hyper_analysis,
    "code": _code,
    "change": _change,
    "state": _state,
    "context": _context,
    "means": _means,
    "synthesis": _synthesis,
}
"""By name: from the trained networks and the input ranges of the layers that are to be integer ones."""
