"""Exporting trained weights to a folder that :mod:`pgic_core.models` reads.

``python -m pgic_core.lab.training.export CHECKPOINT FOLDER`` writes the ONNX graphs, the integer tables, the
resumable half-precision weights and the manifest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...models.entropy_coder_tables import (
    ROWS,
    ROWS_PER_OCTAVE,
    Tables,
    gaussian_frequencies,
    row_of_log2_scale,
)
from ...models.manifest import identity_digest, write_manifest
from ...options import QUALITIES
from .codec_graphs import GRAPHS, preview_graph, symbol_channels
from .config import TrainingConfig
from .export_levels import LARGER, load_fine, write_renderers
from .integer_layers import calibrate, calibration_crops, equalise, grids_of, input_ranges, pattern_crops
from .latent_descent_graph import descent, sensitivity
from .layers import Mix
from .linear_path_rounding import round_linear_path
from .networks import Codec
from .onnx_writer import array
from .preview_fit import fit_preview, linear_preview
from .silent_unit_removal import slim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["export", "load_codec", "tables_of"]


def load_codec(path: Path) -> tuple[Codec, TrainingConfig, dict[str, Any]]:
    """A checkpoint's averaged weights as a network, its config and what else it holds."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    config = TrainingConfig.from_dict(state["config"])
    # In half precision, as the released weights are: so a model can be exported anew from those.
    codec = Codec.of(config.architecture, {k: v.half() for k, v in state["average"].items()})
    codec.eval()
    return codec, config, state


def _scale_map(codec: Codec) -> tuple[NDArray[np.int8], NDArray[np.uint8], NDArray[np.int32]]:
    """The map from z to row indexes (see :func:`_whole_map`), one line per symbol of a z cell.

    Lines run over the four cells under one z (row, column) and the base symbols of a cell in coded order,
    then in the same way over the detail symbols.
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
    return _whole_map(
        array(codec.scale.weight)[index] * ROWS_PER_OCTAVE, array(codec.scale.bias)[index] * ROWS_PER_OCTAVE
    )


def _whole_map(
    weight: NDArray[np.float32], bias: NDArray[np.float32]
) -> tuple[NDArray[np.int8], NDArray[np.uint8], NDArray[np.int32]]:
    """A linear map whose results are rounded, in whole numbers: weights, right shifts, biases, line by line.

    The bias holds the half that turns the shift's floor into rounding.
    """
    peak = np.abs(weight).max(1)
    shift = np.clip(np.floor(np.log2(127 / np.maximum(peak, 1e-6))), 0, 8).astype(np.uint8)
    factor = 2.0**shift
    quantised = np.clip(np.rint(weight * factor[:, None]), -127, 127).astype(np.int8)
    rounded = np.rint((bias + 0.5) * factor).astype(np.int32)
    return quantised, shift, rounded


def _quality_tables(codec: Codec) -> dict[str, NDArray[Any]]:
    """Steps, shifts and z rows for each quality from 1 to 100, snapped to whole rows."""
    rate = torch.linspace(0, codec.architecture.rates - 1, len(QUALITIES))
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


def tables_of(codec: Codec) -> Tables:
    """The integer tables, with Gaussian rows (see :mod:`.cdf_row_fitting` for better ones)."""
    weight, shift, bias = _scale_map(codec)
    z_weight, z_shift, z_bias = _whole_map(array(codec.z_mean.weight), array(codec.z_mean.bias))
    return Tables(
        scale_weight=weight,
        scale_shift=shift,
        scale_bias=bias,
        z_weight=z_weight,
        z_shift=z_shift,
        z_bias=z_bias,
        **_quality_tables(codec),
        frequencies=gaussian_frequencies(),
        embed_weight=np.stack([array(codec.embed.weight)[:, 0], array(codec.embed.bias)]),
        embed_hyper_analysis=_affine(codec.embed_ha),
        embed_means=_affine(codec.embed_hs),
        embed_synthesis=_affine(codec.embed_synthesis),
    )


def export(
    checkpoint: Path,
    folder: Path,
    *,
    data: Path | None = None,
    released: bool = False,
    larger: Mapping[str, Path] | None = None,
) -> str:
    """Write a model folder.

    Args:
        checkpoint: of :mod:`.train`.
        folder: where to; created.
        data: root of the training folders; with it the graphs are 8-bit integer ones (A-6.4.2a), calibrated
            and slimmed on crops from there, and effort 3 has its own; otherwise they are float, without it.
        released: whether files of this model must decode for ever; otherwise it is marked provisional.
        larger: checkpoints of fine decoders, by the level that they draw: "fine", "perceptual".

    Returns:
        The model's digest.
    """
    codec, config, state = load_codec(checkpoint)
    a = config.architecture
    folder.mkdir(parents=True, exist_ok=True)
    ranges, crops = {}, None
    preview = linear_preview(codec)
    decoders = {level: load_fine(path, a) for level, path in (larger or {}).items()}
    if data is not None:
        crops = calibration_crops(config, data)
        patterns = pattern_crops(config)
        seen = crops if patterns is None else np.concatenate([patterns, crops])
        grids = slim(codec, grids_of(state) or calibrate(codec, crops, patterns), seen)
        preview = fit_preview(codec, crops)
        equalise(codec, grids)
        round_linear_path(codec, crops)
        ranges = input_ranges(codec, grids)
        way_down = descent(codec, sensitivity(codec, crops))
        (folder / "descent.onnx").write_bytes(way_down.SerializeToString())
    for name, graph in GRAPHS.items():
        (folder / f"{name}.onnx").write_bytes(graph(codec, ranges).SerializeToString())
    (folder / "preview.onnx").write_bytes(preview_graph(codec, ranges, *preview).SerializeToString())
    renderers = write_renderers(folder, codec, ranges, crops, decoders)
    tables_of(codec).save(folder / "tables.npz")
    _save_weights(folder, state)
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
            "error_weights": [a.lambda_low, a.lambda_high],
            "renderers": renderers,
            "halo": _halo(codec),
        },
    )
    return identity_digest(folder)


def _save_weights(folder: Path, state: dict[str, Any]) -> None:
    """The averaged weights in half precision, from which a training can go on."""
    torch.save(
        {
            "config": state["config"],
            "average": {k: v.half() for k, v in state["average"].items()},
            "step": state["step"],
            "seconds": state["seconds"],
            **({"grids": state["grids"]} if "grids" in state else {}),
        },
        folder / "weights_fp16.pt",
    )


def _halo(codec: Codec) -> dict[str, int]:
    """Pixels, from the 3x3 layers that each network passes through at 1/8, 1/16, 1/32 and 1/4."""
    a = codec.architecture
    looks = sum(isinstance(block, Mix) for block in codec.base_mix)
    return {
        "analysis": 8 * a.encoder_fine_blocks + 16 * a.encoder_coarse_blocks,
        "hyper_analysis": 32,
        "means": 32 * (1 + looks),
        "context": 32 * looks,  # the part of that behind the state of cells
        "synthesis": 16 * a.decoder_blocks + 4,
        "renderer": 4,  # the part of that behind the synthesis body
    }


def _affine(layer: torch.nn.Linear) -> NDArray[np.float32]:
    """Weights with the bias as a last column."""
    return np.concatenate([array(layer.weight), array(layer.bias)[:, None]], 1)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pgic_core.lab.training.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--int8", action="store_true", help="8-bit integer graphs; needs --data")
    parser.add_argument("--data", type=Path, help="root of the training folders, to calibrate on")
    for level in LARGER:
        parser.add_argument(f"--{level}", type=Path, help=f"checkpoint of the decoder of the level {level}")
    parser.add_argument("--released", action="store_true", help="files of this model must decode for ever")
    given = parser.parse_args(arguments)
    if given.int8 != (given.data is not None):
        parser.error("--int8 and --data go together")
    larger = {level: path for level in LARGER if (path := getattr(given, level)) is not None}
    digest = export(given.checkpoint, given.folder, data=given.data, released=given.released, larger=larger)
    print(json.dumps({"digest": digest}))


if __name__ == "__main__":
    main()
