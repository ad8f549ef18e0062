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
    from torch import nn
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


class _Tail(nn.Module):  # type: ignore[misc]
    """The children after the split, with the flattening that torchvision's forward functions do by hand."""

    def __init__(self, children: list[tuple[str, nn.Module]]) -> None:
        super().__init__()
        for name, child in children:
            self.add_module(name, child)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        for child in self.children():
            if features.dim() > 2 and _wants_vector(child):
                features = torch.flatten(features, 1)
            features = child(features)
        return features


def split_at(model: nn.Module, layer: str) -> tuple[nn.Module, nn.Module]:
    """Cut a network after one of its layers.

    For networks whose forward pass runs their children in order, with at most a flattening before the
    classifier: ResNet, VGG, AlexNet, MobileNet, EfficientNet, ConvNeXt, RegNet and others of torchvision.
    Both halves share the model's weights.

    Args:
        model: the network.
        layer: dotted path of the last layer of the first half ("layer3", "features.16").

    Returns:
        The half for the edge and the half for the cloud.

    Raises:
        PgiOptionError: there is no such layer, or something on the path is not a sequence of layers.
    """
    first, _, inner = layer.partition(".")
    children = list(model.named_children())
    names = [name for name, _ in children]
    if first not in names:
        raise PgiOptionError(f"The model has no layer {first!r}; it has {', '.join(names) or 'none'}.")
    place = names.index(first)
    front, back = children[:place], children[place + 1 :]
    if inner:
        child = children[place][1]
        if not isinstance(child, nn.Sequential):
            raise PgiOptionError(f"Layer {first!r} is not a Sequential, so it cannot be cut at {inner!r}.")
        head, tail = split_at(child, inner)
        front, back = [*front, (first, head)], [(first, tail), *back]
    else:
        front = [*front, children[place]]
    return _Tail(front), _Tail(back)


def _wants_vector(layer: nn.Module) -> bool:
    """Whether a layer begins with a linear one (after dropout), which takes no feature map."""
    if isinstance(layer, nn.Sequential):
        inner = [child for child in layer.children() if not isinstance(child, nn.Dropout)]
        return bool(inner) and _wants_vector(inner[0])
    return isinstance(layer, nn.Linear)
