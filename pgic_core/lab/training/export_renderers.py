"""The renderers of a model folder: their graphs, and their entries in its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ...errors import PgiInputError
from .checkpoint import load_state
from .config import FineArchitecture, TrainingConfig
from .fine import FineSynthesis, fine_weights, halo_steps
from .renderer_graphs import fine_graph, half_graph, quarter_affine, quarter_graph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from .config import Architecture
    from .networks import Codec
    from .renderer_graphs import Affine

__all__ = ["LARGER", "load_fine", "write_renderers"]

LARGER = {"fine": False, "perceptual": True}
"""Levels that a fine decoder draws, and whether they synthesise detail."""
_RIDGE = 1e-3  # share of a feature's own power that keeps its weight small


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
        crops: training crops, ``(N, H, W, 3)``, to fit the picture at 1/4 on; None for none.
        larger: fine decoders by the level that they draw, one of :data:`LARGER`.

    Returns:
        Entries for :func:`pgic_core.models.manifest.write_manifest`.
    """
    a = codec.architecture
    body = 16 * a.decoder_blocks  # pixels that the synthesis body sees around what it gives
    latent, of_body = quarter_affine(codec)
    if crops is not None:
        latent, of_body = _with_fit(codec, crops, latent, of_body)
    graphs = {
        "synthesis-half": half_graph(codec, ranges),
        "synthesis-quarter": quarter_graph(codec, ranges, latent, of_body),
        **{level: fine_graph(net) for level, net in larger.items()},
    }
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    return [
        _entry("fast", 1, "synthesis", [[body + 4, 16]], 4, post_filter=True),
        _entry("fast", 2, "synthesis-half", [[body + 4, 16]], 4),
        _entry("fast", 4, "synthesis-quarter", [[body, 16]], 0),
        _entry("preview", 8, "preview", [[0, 16]], 0, layer="base"),
        *(_larger_entry(level, net.architecture) for level, net in larger.items()),
    ]


def _larger_entry(level: str, a: FineArchitecture) -> dict[str, Any]:
    inside = 8 * a.middle_blocks + 4 * a.last_blocks
    return _entry(level, 1, level, halo_steps(a), inside, synthesised=LARGER[level])


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


def _with_fit(
    codec: Codec, crops: NDArray[np.uint8], latent_part: Affine, body_part: Affine
) -> tuple[Affine, Affine]:
    """The maps to the picture at 1/4, with what they can say of the branch at 1/4 on some crops."""
    net = codec.synthesis
    seen: dict[nn.Module, list[Tensor]] = {net: [], net.lift: [], net.r2: []}
    codec.watch(seen, crops, lambda layer, inputs: seen[layer].append(inputs[0]))
    leave = net.leave.weight.reshape(16, 3, -1).mean(0)
    wanted = []
    for hidden in seen[net.r2]:
        mean = net.r2(hidden) @ leave.T
        _, height, width, _ = mean.shape
        mean = mean.reshape(height // 4, 4, width // 4, 4, 3).transpose(1, 2)
        wanted.append(mean.reshape(-1, 48))
    features = [torch.cat([t.flatten(0, 2) for t in seen[layer]]) for layer in (net, net.lift)]
    known = F.pad(torch.cat(features, 1), (0, 1), value=1.0).double()
    moments = known.T @ known
    moments += _RIDGE * torch.diag(moments.diagonal())
    found = torch.linalg.solve(moments, known.T @ torch.cat(wanted).double()).T.float().numpy()
    (weight, bias), (of_body, constant) = latent_part, body_part
    split = weight.shape[1]
    return (
        (weight + found[:, :split], bias + found[:, -1]),
        (of_body + found[:, split:-1], constant),
    )
