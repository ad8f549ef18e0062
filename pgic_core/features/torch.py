"""The feature codec between the two halves of a torch network (B-6): edge extracts, cloud analyses.

::

    front, back = split_at(model, "layer3")     # model.layer3 is the last child the edge runs
    codec = FeatureCodec(codec="pgic", qp=26)
    data = codec.compress(front(image))          # send this
    answer = back(codec.decompress(data))

or, to see what coding costs the task, ``nn.Sequential(front, codec, back)``. Needs torch, which pgic does
not depend on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgic_core.errors import PgiOptionError, PgiUnsupportedError
from pgic_core.limits import DEFAULT_LIMITS, Limits

from .api import decode_features, encode_features, inspect_features

try:
    import torch
    from torch import fx, nn
except ImportError:
    raise PgiUnsupportedError("pgic_core.features.torch needs torch: pip install 'pgic[torch]'.") from None

__all__ = ["FeatureCodec", "decode_tensors", "split_at"]


def decode_tensors(
    data: bytes, *, device: torch.device | str = "cpu", limits: Limits = DEFAULT_LIMITS
) -> torch.Tensor | list[torch.Tensor] | dict[str, torch.Tensor]:
    """Decode to torch tensors of the type that was encoded, bfloat16 included.

    Raises:
        PgiFormatError, PgiUnsupportedError, PgiLimitError: as :func:`~pgic_core.features.decode_features`.
    """
    arrays = decode_features(data, limits=limits)
    types = [getattr(torch, record.dtype) for record in inspect_features(data, limits=limits).records]

    def one(array: Any, dtype: torch.dtype) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device=device, dtype=dtype)

    if isinstance(arrays, dict):
        return {name: one(array, dtype) for (name, array), dtype in zip(arrays.items(), types, strict=True)}
    if isinstance(arrays, list):
        return [one(array, dtype) for array, dtype in zip(arrays, types, strict=True)]
    return one(arrays, types[0])


class FeatureCodec(nn.Module):  # type: ignore[misc]
    """A layer that codes and decodes what passes: put it between the two halves of a network.

    Not differentiable: no gradient passes.

    Args:
        options: keyword arguments of :func:`~pgic_core.features.encode_features`.

    Attributes:
        bytes_coded: coded bytes of the last forward pass.
        bytes_plain: the same features' bytes in their own type.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options
        self.bytes_coded = 0
        self.bytes_plain = 0

    def compress(self, features: Any) -> bytes:
        """Code a tensor, or a sequence or mapping of tensors."""
        return encode_features(features, **self.options)

    def decompress(self, data: bytes, *, device: torch.device | str = "cpu") -> Any:
        """Decode what :meth:`compress` made."""
        return decode_tensors(data, device=device)

    def forward(self, features: Any) -> Any:
        """Code and decode a tensor, or a list, tuple or dict of tensors, on its device."""
        tensors = list(features.values()) if isinstance(features, dict) else features
        tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
        data = self.compress(features)
        self.bytes_coded = len(data)
        self.bytes_plain = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return self.decompress(data, device=tensors[0].device)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items())


def split_at(model: nn.Module, layer: str) -> tuple[nn.Module, nn.Module]:
    """Cut a network after one of its layers.

    The network is traced by ``torch.fx``, in the mode (``eval`` or ``train``) that it is in, so its forward
    pass may do what it likes between its layers as long as it can be traced, as torchvision's can. Both
    halves share the network's weights, and keep their names.

    Args:
        model: the network.
        layer: dotted path of the last layer of the first half ("layer3", "features.16", "layer2.0.relu").

    Returns:
        The half for the edge and the half for the cloud.

    Raises:
        PgiOptionError: the network cannot be traced, has no such layer, or uses behind it more than what it
            gives (a cut through parallel branches).
    """
    try:
        nodes = list(fx.Tracer().trace(model).nodes)
    except (fx.proxy.TraceError, TypeError, ValueError, NotImplementedError) as error:
        raise PgiOptionError(f"torch.fx cannot trace this network: {str(error).rstrip('.')}.") from None
    inside = [number for number, node in enumerate(nodes) if layer in _path(node)]
    if not inside:
        names = dict.fromkeys(name for node in nodes for name in _path(node) if name and "." not in name)
        raise PgiOptionError(
            f"No layer {layer!r} runs in this network; at its top it has {', '.join(names) or 'none'}."
        )
    cut = nodes[inside[-1]]
    front = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in nodes[: inside[-1] + 1]:
        copies[node] = front.node_copy(node, copies.__getitem__)
    front.output(copies[cut])
    back = fx.Graph()
    copies = {cut: back.placeholder("features")}
    for node in nodes[inside[-1] + 1 :]:
        if crossing := [str(used) for used in node.all_input_nodes if used not in copies]:
            raise PgiOptionError(f"What comes behind {layer} also needs {crossing[0]}; cut behind both.")
        copies[node] = back.node_copy(node, copies.__getitem__)
    return fx.GraphModule(model, front), fx.GraphModule(model, back)


def _path(node: fx.Node) -> list[str]:
    """Dotted paths of the layers that a step of a traced network belongs to, outermost first."""
    return [name for name, _ in node.meta.get("nn_module_stack", {}).values()]
