"""From trained weights to a folder that :mod:`pgic_core.runtime` reads.

``python -m pgic_core.training.export CHECKPOINT FOLDER`` writes the ONNX graphs, the integer tables, the
resumable half-precision weights and the manifest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from onnx import TensorProto

from ..runtime.manifest import identity_digest, write_manifest
from ..runtime.tables import ROWS, ROWS_PER_OCTAVE, Tables, gaussian_frequencies, row_of_log2_scale
from .config import Architecture, Schedule, TrainingConfig
from .graph import GraphWriter, array
from .networks import BASE_STEPS, Codec, detail_position

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

__all__ = ["export", "load_codec"]

_QUALITIES = 100


def load_codec(path: Path) -> tuple[Codec, TrainingConfig, dict[str, Any]]:
    """A checkpoint's averaged weights as a network, its config and what else it holds."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    raw = state["config"]
    config = TrainingConfig(
        name=raw["name"],
        architecture=Architecture(**raw["architecture"]),
        schedule=Schedule(**raw["schedule"]),
        data=raw["data"],
        exclude=tuple(raw["exclude"]),
    )
    codec = Codec(config.architecture)
    codec.load_state_dict({k: v.float() for k, v in state["average"].items()})
    codec.eval()
    return codec, config, state


def symbol_channels(a: Architecture) -> NDArray[np.int64]:
    """Where each coded symbol of a cell stands in the cell's ``4 * latent`` space-to-depth channels.

    The coded order is: base step 0, base step 1, detail steps 0 to 3; within a step by cell position (base)
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


def _picture_convolution(
    weight: NDArray[np.float32], bias: NDArray[np.float32], side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A linear map of space-to-depth patches as a strided convolution over grey levels 0 to 255."""
    if side == 16:  # channels run over (row of 8, column of 8, row, column, colour)
        w = weight.reshape(-1, 2, 2, 8, 8, 3).transpose(0, 5, 1, 3, 2, 4)
    else:
        w = weight.reshape(-1, 8, 8, 3).transpose(0, 3, 1, 2)
    w = w.reshape(len(weight), 3, side, side)
    return w / 256, bias - 0.5 * w.sum((1, 2, 3))


def _analysis(codec: Codec) -> onnx.ModelProto:
    g, net = GraphWriter("analysis"), codec.analysis
    picture = g.input("picture", [1, "H", "W", 3], TensorProto.UINT8)
    x = g.cast(g.node("Transpose", picture, perm=[0, 3, 1, 2]), TensorProto.FLOAT)
    linear = g.convolution(
        x, *_picture_convolution(array(net.linear.weight), array(net.linear.bias), 16), stride=16
    )
    t = g.convolution(x, *_picture_convolution(array(net.enter.weight), array(net.enter.bias), 8), stride=8)
    t = g.layer(t, net.fine)
    channels = codec.architecture.encoder_fine
    down = array(net.down.weight).reshape(-1, 2, 2, channels).transpose(0, 3, 1, 2)
    t = g.convolution(t, down, array(net.down.bias), stride=2)
    y = g.add(linear, g.layer(g.layer(t, net.coarse), net.leave))
    g.output("latent", y, [1, codec.architecture.latent, "h", "w"])
    return g.finish()


def _scaled(g: GraphWriter, codec: Codec) -> str:
    m = codec.architecture.latent
    latent = g.input("latent", [1, m, "h", "w"])
    gain = g.input("gain", [1, m, 1, 1])
    finer = g.input("finer", [1, 1, "hf", "wf"])
    return g.mul(g.mul(latent, gain), finer)


def _hyper_analysis(codec: Codec) -> onnx.ModelProto:
    g, a = GraphWriter("hyper_analysis"), codec.architecture
    y = _scaled(g, codec)
    embedding = g.input("embedding", [1, a.context, "he", "we"])
    # The first layer sees cells: a 2x2 convolution of stride 2 does both.
    weight = array(codec.ha_enter.weight).reshape(-1, 2, 2, a.latent).transpose(0, 3, 1, 2)
    t = g.convolution(y, weight, array(codec.ha_enter.bias), stride=2)
    t = g.layer(g.relu(g.add(t, embedding)), codec.ha_block)
    weight = array(codec.ha_leave.weight).reshape(-1, 2, 2, a.context).transpose(0, 3, 1, 2)
    z = g.convolution(t, weight, array(codec.ha_leave.bias), stride=2)
    g.output("z", z, [1, a.hyper, "hz", "wz"])
    return g.finish()


def _state(g: GraphWriter, codec: Codec) -> str:
    a = codec.architecture
    z = g.input("z", [1, a.hyper, "hz", "wz"])
    embedding = g.input("embedding", [1, a.context, "he", "we"])
    t = g.depth_to_space(g.layer(z, codec.hs_enter), 2)
    return g.layer(g.add(t, embedding), codec.hs_block)


def _groups(a: Architecture) -> list[int]:
    """Symbols per cell of the six steps."""
    return [2 * a.base] * 2 + [a.latent - a.base] * 4


def _code(codec: Codec) -> onnx.ModelProto:
    """Encoder: latent to symbols. A residual below its symbol's threshold becomes zero."""
    g, a = GraphWriter("code"), codec.architecture
    y = _scaled(g, codec)
    state = _state(g, codec)
    threshold = g.input("threshold", [1, 4 * a.latent, "hc", "wc"], TensorProto.FLOAT16)
    ordered = g.gather(g.space_to_depth(y, 2), symbol_channels(a))
    values = g.split(ordered, _groups(a))
    thresholds = g.split(g.cast(threshold, TensorProto.FLOAT), _groups(a))
    symbols: list[str] = []

    def quantise(step: int, mean: str) -> str:
        residual = g.node("Sub", values[step], mean)
        kept = g.node("GreaterOrEqual", g.node("Abs", residual), thresholds[step])
        s = g.mul(g.node("Round", residual), g.cast(kept, TensorProto.FLOAT))
        symbols.append(s)
        return g.add(s, mean)

    for step in range(2):
        q = quantise(step, g.layer(state, codec.base_out[step]))
        state = g.layer(g.add(state, g.layer(q, codec.base_in[step])), codec.base_mix[step])
    for step in range(4):
        state = g.layer(state, codec.detail_block[step])
        q = quantise(2 + step, g.layer(g.relu(state), codec.detail_out[step]))
        if step < 3:
            state = g.add(state, g.layer(q, codec.detail_in[step]))
    bound = [g.constant(np.float32(v)) for v in (-32767, 32767)]
    clipped = g.node("Clip", g.concat(symbols), *bound)
    g.output("symbols", g.cast(clipped, TensorProto.INT16), [1, 4 * a.latent, "hc", "wc"], TensorProto.INT16)
    return g.finish()


def _base(g: GraphWriter, codec: Codec, symbols: list[str]) -> tuple[str, list[str]]:
    """Decoder: the base group's values, and the state after it."""
    state, values = _state(g, codec), []
    for step in range(2):
        q = g.add(symbols[step], g.layer(state, codec.base_out[step]))
        values.append(q)
        state = g.layer(g.add(state, g.layer(q, codec.base_in[step])), codec.base_mix[step])
    return state, values


def _means(codec: Codec) -> onnx.ModelProto:
    """Decoder: symbols to scaled latent."""
    g, a = GraphWriter("means"), codec.architecture
    symbols = g.input("symbols", [1, 4 * a.latent, "hc", "wc"], TensorProto.INT16)
    parts = g.split(g.cast(symbols, TensorProto.FLOAT), _groups(a))
    state, values = _base(g, codec, parts)
    for step in range(4):
        state = g.layer(state, codec.detail_block[step])
        q = g.add(parts[2 + step], g.layer(g.relu(state), codec.detail_out[step]))
        values.append(q)
        if step < 3:
            state = g.add(state, g.layer(q, codec.detail_in[step]))
    cells = g.gather(g.concat(values), np.argsort(symbol_channels(a)))
    g.output("latent", g.depth_to_space(cells, 2), [1, a.latent, "h", "w"])
    return g.finish()


def _to_picture(g: GraphWriter, x: str) -> None:
    """Units of 256 grey levels around 0, to grey levels; what is not finite becomes an end of the range."""
    x = g.add(g.mul(x, g.constant(np.float32(256))), g.constant(np.float32(128)))
    bound = [g.constant(np.float32(v)) for v in (0, 255)]
    x = g.node("Clip", g.node("Round", x), *bound)
    x = g.node("Transpose", g.cast(x, TensorProto.UINT8), perm=[0, 2, 3, 1])
    g.output("picture", x, [1, "H", "W", 3], TensorProto.UINT8)


def _unscaled(g: GraphWriter, latent: str, channels: int) -> str:
    step = g.input("step", [1, channels, 1, 1])
    coarser = g.input("coarser", [1, 1, "hf", "wf"])
    return g.mul(g.mul(latent, step), coarser)


def _synthesis(codec: Codec) -> onnx.ModelProto:
    """Decoder: scaled latent to picture."""
    g, a, net = GraphWriter("synthesis"), codec.architecture, codec.synthesis
    y = _unscaled(g, g.input("latent", [1, a.latent, "h", "w"]), a.latent)
    embedding = g.input("embedding", [1, a.decoder, "he", "we"])
    t = g.layer(g.add(g.layer(y, net.enter), embedding), net.body)
    t = g.depth_to_space(g.layer(t, net.lift), 4)
    r = g.layer(g.relu(g.layer(g.relu(g.layer(t, net.r1)), net.rd)), net.r2)
    t = g.depth_to_space(g.layer(g.relu(g.add(t, r)), net.leave), 4)
    linear = g.depth_to_space(g.depth_to_space(g.layer(y, net.linear), 2), 8)
    _to_picture(g, g.add(linear, t))
    return g.finish()


def _preview(codec: Codec) -> onnx.ModelProto:
    """Decoder: base symbols to a picture at 1/8, through the linear path averaged over 8x8 pixels."""
    g, a, net = GraphWriter("preview"), codec.architecture, codec.synthesis
    symbols = g.input("symbols", [1, 4 * a.base, "hc", "wc"], TensorProto.INT16)
    parts = g.split(g.cast(symbols, TensorProto.FLOAT), [2 * a.base] * 2)
    _, values = _base(g, codec, parts)
    position = [p for step in BASE_STEPS for p in step]
    order = np.concatenate([np.arange(a.base) + position.index(p) * a.base for p in range(4)])
    y = _unscaled(g, g.depth_to_space(g.gather(g.concat(values), order), 2), a.base)
    weight = array(net.linear.weight)[:, : a.base].reshape(2, 2, 64, 3, a.base).mean(2)
    bias = array(net.linear.bias).reshape(2, 2, 64, 3).mean(2)
    x = g.convolution(y, weight.reshape(12, a.base)[:, :, None, None], bias.reshape(12))
    _to_picture(g, g.depth_to_space(x, 2))
    return g.finish()


def _scale_map(codec: Codec) -> tuple[NDArray[np.int8], NDArray[np.uint8], NDArray[np.int32]]:
    """The integer map from z to row indexes: weights, right shifts, biases, one line per symbol of a z cell.

    Lines run over the four cells under one z (row, column) and the base symbols of a cell in coded order,
    then in the same way over the detail symbols. The bias holds the half that turns the shift's floor into
    rounding.
    """
    a = codec.architecture
    channels = symbol_channels(a)
    position, channel = channels // a.latent, channels % a.latent
    lines = []
    for cell in range(4):
        row = 2 * (cell // 2) + position // 2
        column = 2 * (cell % 2) + position % 2
        lines.append((row * 4 + column) * a.latent + channel)
    index = np.concatenate([line[: 4 * a.base] for line in lines] + [line[4 * a.base :] for line in lines])
    weight = array(codec.scale.weight)[index] * ROWS_PER_OCTAVE
    bias = array(codec.scale.bias)[index] * ROWS_PER_OCTAVE
    peak = np.abs(weight).max(1)
    shift = np.clip(np.floor(np.log2(127 / np.maximum(peak, 1e-6))), 0, 8).astype(np.uint8)
    factor = 2.0**shift
    quantised = np.clip(np.rint(weight * factor[:, None]), -127, 127).astype(np.int8)
    rounded = np.rint((bias + 0.5) * factor).astype(np.int32)
    return quantised, shift, rounded


def _quality_tables(codec: Codec) -> dict[str, NDArray[Any]]:
    """Steps, shifts and z rows for each quality from 1 to 100, snapped to whole rows."""
    rate = torch.linspace(0, codec.architecture.rates - 1, _QUALITIES)
    with torch.no_grad():
        step = codec.interpolate(codec.log_step, rate)[:, 0, 0].numpy()
        shift = codec.interpolate(codec.log_shift, rate)[:, 0, 0].numpy()
        z = codec.interpolate(codec.z_scale, rate)[:, 0, 0].numpy()
    exponent = np.rint(step * ROWS_PER_OCTAVE).astype(np.int16)
    # What the step loses by snapping, the scale of its symbols loses with it.
    exact = shift + step - exponent / ROWS_PER_OCTAVE
    offset = row_of_log2_scale(0.0)
    channel = symbol_channels(codec.architecture) % codec.architecture.latent
    return {
        "step_exponent": exponent,
        "row_shift": np.rint(exact * ROWS_PER_OCTAVE + offset).astype(np.int16)[:, channel],
        "z_row": np.clip(np.rint(z * ROWS_PER_OCTAVE + offset), 0, ROWS - 1).astype(np.uint8),
    }


def export(checkpoint: Path, folder: Path, *, released: bool = False) -> str:
    """Write a model folder.

    Args:
        checkpoint: of :mod:`.train`.
        folder: where to; created.
        released: whether files of this model must decode for ever; otherwise it is marked provisional.

    Returns:
        The model's digest.
    """
    codec, config, state = load_codec(checkpoint)
    a = config.architecture
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {
        "analysis": _analysis(codec),
        "hyper_analysis": _hyper_analysis(codec),
        "code": _code(codec),
        "means": _means(codec),
        "synthesis": _synthesis(codec),
        "preview": _preview(codec),
    }
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    weight, shift, bias = _scale_map(codec)
    Tables(
        scale_weight=weight,
        scale_shift=shift,
        scale_bias=bias,
        **_quality_tables(codec),
        frequencies=gaussian_frequencies(),
        embed_weight=np.stack([array(codec.embed.weight)[:, 0], array(codec.embed.bias)]),
        embed_hyper_analysis=_affine(codec.embed_ha),
        embed_means=_affine(codec.embed_hs),
        embed_synthesis=_affine(codec.embed_synthesis),
    ).save(folder / "tables.npz")
    torch.save(
        {
            "config": state["config"],
            "average": {k: v.half() for k, v in state["average"].items()},
            "step": state["step"],
            "seconds": state["seconds"],
        },
        folder / "weights_fp16.pt",
    )
    write_manifest(
        folder,
        {
            "id": config.name,
            "provisional": not released,
            "license": "Apache-2.0",
            "steps": state["step"],
            "latent": a.latent,
            "base": a.base,
            "hyper": a.hyper,
            "octaves": codec.octaves,
            # Pixels, from the 3x3 layers that each network passes through at 1/8, 1/16, 1/32 and 1/4.
            "halo": {
                "analysis": 8 * a.encoder_fine_blocks + 16 * a.encoder_coarse_blocks,
                "hyper_analysis": 32,
                "means": 96,
                "synthesis": 16 * a.decoder_blocks + 4,
            },
        },
    )
    return identity_digest(folder)


def _affine(layer: torch.nn.Linear) -> NDArray[np.float32]:
    """Weights with the bias as a last column."""
    return np.concatenate([array(layer.weight), array(layer.bias)[:, None]], 1)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pgic_core.training.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--released", action="store_true", help="files of this model must decode for ever")
    given = parser.parse_args(arguments)
    print(json.dumps({"digest": export(given.checkpoint, given.folder, released=given.released)}))


if __name__ == "__main__":
    main()
