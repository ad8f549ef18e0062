"""The networks of a model on a device, loaded when they are first used and kept."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from pgic_core.codec.learned.rendering.post_filter import PATH
from pgic_core.errors import PgiModelError
from pgic_core.models import Network, find_model

from .torch_network import TorchNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from pgic_core.models import Model, Renderer

__all__ = ["DeviceNetworks"]

_FILTER = "post_filter"


class DeviceNetworks:
    """Networks of one model. Make it with :meth:`of`.

    Args:
        model: whose networks.
        device: where they run.
        dtype: what renderers of latents compute in, which takes most of the time. All others compute in
            float32: an error of the latent spreads over many pixels, and the post-filter is exact there.

    Attributes:
        model, device, dtype: as given.
    """

    def __init__(self, model: Model, device: torch.device, dtype: torch.dtype) -> None:
        self.model, self.device, self.dtype = model, device, dtype
        self._loaded: dict[str, TorchNetwork] = {}

    @staticmethod
    def of(model_digest: str, device: torch.device, dtype: torch.dtype) -> DeviceNetworks:
        """Those of the model with this digest; kept for the next caller.

        Raises:
            PgiModelError: it is not installed.
        """
        # By model and not by digest: another folder may hold better renderers for the same digest.
        return _kept(find_model(model_digest), device, dtype)

    def run(self, name: str, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Outputs of the network called ``name``, which computes in float32, in the order of its file.

        Raises:
            PgiModelError: the model has none, or it was changed.
            PgiUnsupportedError: the package onnx is not installed.
        """
        return self._network(name, torch.float32)(inputs)

    def draw(self, renderer: Renderer, offered: Mapping[str, Callable[[], Tensor]]) -> Tensor:
        """What the network of a renderer makes of those inputs that it takes: pixels, uint8 ``(h, w, 3)``.

        Args:
            renderer: of the model.
            offered: makes inputs, by name.

        Raises:
            PgiModelError: it wants other inputs, or has an operator not known here; or as :meth:`run`.
            PgiUnsupportedError: as :meth:`run`.
        """
        dtype = torch.float32 if renderer.layer == "base" else self.dtype
        network = self._network(renderer.network, dtype)
        if unknown := network.input_names - offered.keys():
            raise PgiModelError(
                f"The renderer {renderer.name} of the model {self.model.id} asks for "
                f"{', '.join(sorted(unknown))}."
            )
        pixels: Tensor = network({name: offered[name]() for name in network.input_names})[0][0]
        return pixels

    def _network(self, name: str, dtype: torch.dtype) -> TorchNetwork:
        if name not in self._loaded:
            self._loaded[name] = TorchNetwork(self.model.network(name).read(), self.device, dtype)
        return self._loaded[name]

    def filtered(self, pixels: Tensor, kernels: Tensor) -> Tensor:
        """Pixels ``(1, H, W, 3)`` after the picture's own filter, without the frame that it takes."""
        if _FILTER not in self._loaded:
            self._loaded[_FILTER] = TorchNetwork(Network(PATH).read(), self.device, torch.float32)
        return self._loaded[_FILTER]({"picture": pixels, "kernels": kernels})[0]


@lru_cache(maxsize=4)
def _kept(model: Model, device: torch.device, dtype: torch.dtype) -> DeviceNetworks:
    return DeviceNetworks(model, device, dtype)
