"""The levels of a model folder: the graph that draws each, and its entry in the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ...errors import PgiInputError
from .checkpoint import load_state
from .codec_graphs import large_preview_graph
from .config import FineArchitecture, TrainingConfig
from .fine_decoder import FineSynthesis, fine_weights, halo_steps
from .level_graphs import fine_graph, half_graph, quarter_graph
from .preview_fit import fit_large_preview, fit_quarter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from .config import Architecture
    from .networks import Codec

__all__ = ["LARGER", "larger_entry", "load_fine", "write_renderers"]

LARGER = {"fine": False, "perceptual": True, "recognition": True}
"""Levels that a fine decoder draws, and whether they synthesise detail."""


def load_fine(path: Path, architecture: Architecture) -> FineSynthesis:
    """A fine decoder from a checkpoint, or from a file with its averaged weights alone.

    Its own architecture is the one that the file states, or the default one.

    Raises:
        PgiInputError: the file cannot be read, or its weights do not fit.
    """
    state = load_state(path)
    config = TrainingConfig.from_dict(state["config"]) if "config" in state else None
    net = FineSynthesis(config.fine if config else FineArchitecture(), architecture)
    try:
        weights = state.get("fine", state)["average"]
        net.load_state_dict(fine_weights(net, {name: value.half() for name, value in weights.items()}))
    except (KeyError, RuntimeError) as error:
        raise PgiInputError(f"{path} holds no fine decoder of its architecture: {error}.") from error
    return net.eval()


@torch.no_grad()
def write_renderers(
    folder: Path,
    codec: Codec,
    ranges: Mapping[nn.Module, tuple[float, float]],
    crops: NDArray[np.uint8] | None,
    larger: Mapping[str, FineSynthesis],
) -> list[dict[str, Any]]:
    """Write the graphs of all renderers but ``synthesis`` and ``preview``, which the folder has.

    Args:
        folder: of the model.
        codec: the networks, as those graphs were made from them.
        ranges: of their integer layers.
        crops: training crops, ``(N, H, W, 3)``, to fit pictures at 1/4 on; None for none, and then a reader
            makes them of the whole picture.
        larger: fine decoders by the level that they draw, one of :data:`LARGER`.

    Returns:
        Entries for :func:`pgic_core.models.manifest.write_manifest`.
    """
    a = codec.architecture
    body = 16 * a.decoder_blocks  # pixels that the synthesis body sees around what it gives
    graphs = {"synthesis-half": half_graph(codec, ranges)}
    entries = [
        _entry("fast", 1, "synthesis", [[body + 4, 16]], 4, post_filter=True),
        _entry("fast", 2, "synthesis-half", [[body + 4, 16]], 4),
        _entry("preview", 8, "preview", [[0, 16]], 0, layer="base"),
    ]
    if crops is not None:
        graphs["synthesis-quarter"] = quarter_graph(codec, *fit_quarter(codec, crops))
        entries.insert(2, _entry("fast", 4, "synthesis-quarter", [[0, 16]], 0))
        graphs["preview-quarter"] = large_preview_graph(codec, ranges, *fit_large_preview(codec, crops))
        entries.append(_entry("preview", 4, "preview-quarter", [[16, 16]], 0, layer="base"))
    for level, net in larger.items():
        graphs[level] = fine_graph(net)
        entries.append(larger_entry(level, net.architecture))
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    return entries


def larger_entry(level: str, a: FineArchitecture) -> dict[str, Any]:
    """The manifest's entry for a fine decoder; its network is called as the level."""
    return _entry(level, 1, level, halo_steps(a), 4 * a.last_blocks, synthesised=LARGER[level])


def _entry(
    level: str,
    scale: int,
    network: str,
    halo: list[list[int]],
    inside_halo: int,
    *,
    layer: str = "latent",
    post_filter: bool = False,
    synthesised: bool = False,
) -> dict[str, Any]:
    return {
        "level": level,
        "scale": scale,
        "layer": layer,
        "network": f"{network}.onnx",
        "halo": halo,
        "inside_halo": inside_halo,
        "post_filter": post_filter,
        "synthesised": synthesised,
    }
