"""pgic as one of CompressAI's models (extra ``[compressai]``): train, evaluate and compare it as those are.

::

    import pgic_plugins.compressai                      # registers the model "pgic"
    from compressai.registry import MODELS

    model = MODELS["pgic"](quality=50).eval()
    out = model(x)                                      # {"x_hat": ..., "likelihoods": {"y": ..., "z": ...}}
    coded = model.compress(x)                           # its strings are whole .pgi files
    x_hat = model.decompress(**coded)["x_hat"]

``forward`` runs the trainer's network in float, with gradients. ``compress`` and ``decompress`` run the
exported networks of the model that is installed, and what they write is a ``.pgi`` file like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import PIL

import pgic_core
from pgic_core.errors import PgiModelError, PgiOptionError, PgiUnsupportedError
from pgic_core.options import QUALITIES

from . import pillow  # registers the format with Pillow

try:
    import torch
    import torch.nn.functional as F
    from compressai.models import CompressionModel
    from compressai.registry import register_model
    from compressai.utils.bench.codecs import PillowCodec
    from torch import Tensor, nn
except ImportError as error:
    raise PgiUnsupportedError(
        f"pgic_plugins.compressai needs CompressAI ({error}): pip install 'pgic[compressai]'."
    ) from None

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pgic_core.models import Model

__all__ = ["Pgi", "PgiModel"]

_WEIGHTS = "weights_fp16.pt"
_UNIT = 64  # pixels along the side of what one element of the hyper-latent covers


@register_model("pgic")
class PgiModel(CompressionModel):
    """The learned codec of pgic.

    The weights of ``forward`` come from ``weights_fp16.pt`` in the model's folder, which the repository has
    and the wheel has not; without them only ``compress`` and ``decompress`` work. ``update`` has nothing to
    do: every table is part of the model.

    Args:
        quality: 1 to 100, as for :func:`pgic_core.encode`.
        model: the model, its id or its digest; the default model if not given.

    Raises:
        PgiOptionError: ``quality`` is out of range.
        PgiModelError: the model is not installed.
    """

    def __init__(self, quality: int = 50, *, model: Model | str | None = None) -> None:
        super().__init__()
        if isinstance(quality, bool) or not isinstance(quality, int) or quality not in QUALITIES:
            raise PgiOptionError(
                f"quality must be a whole number from 1 to {QUALITIES[-1]}, not {quality!r}."
            )
        self.quality = quality
        self.installed = (
            pgic_core.find_model(model) if isinstance(model, str) else model or pgic_core.default_model()
        )
        # Tells where the model is, as the weights of other models do, also where there are none.
        self.place = nn.Parameter(torch.empty(0), requires_grad=False)
        self.network: nn.Module | None = None
        if (weights := self.installed.folder / _WEIGHTS).is_file():
            self.network = _load(weights)

    @classmethod
    def from_state_dict(
        cls, state_dict: Mapping[str, Any], quality: int = 50, *, model: Model | str | None = None
    ) -> PgiModel:
        """A model with other weights for ``forward``, such as those that it was trained to.

        ``compress`` and ``decompress`` stay those of the installed model: its exported networks are what
        every reader of a file has.

        Args:
            state_dict: as ``state_dict()`` gave it.
            quality: as for the class.
            model: likewise.

        Raises:
            PgiModelError: the model is installed without the file that says how its network is built.
            RuntimeError: the weights are those of a network that is built differently.
        """
        made = cls(quality, model=model)
        made._weighted()
        made.load_state_dict(state_dict)
        return made

    def forward(self, x: Tensor) -> dict[str, Any]:
        """Code and decode with estimated rates, differentiable.

        Args:
            x: (B, 3, H, W) float, 0 to 1, RGB, of any size.

        Returns:
            ``x_hat`` (B, 3, H, W), not clamped, and ``likelihoods`` of ``y`` (B, M, H / 16, W / 16) and ``z``
            (B, Z, H / 64, W / 64), rounded up. The network gives the bits of a whole picture: each element of
            a latent has their geometric mean, so that the sum of their logarithms is exact. In training mode
            noise stands for rounding.

        Raises:
            PgiModelError: the model is installed without its weights.
            PgiOptionError: ``x`` is no such tensor.
        """
        network = self._weighted()
        batch, height, width = _checked(x)
        picture = F.pad(x, (0, -width % _UNIT, 0, -height % _UNIT), "replicate")
        picture = (picture.permute(0, 2, 3, 1) * 255 - 128) / 256
        rows, columns = picture.shape[1] // _UNIT, picture.shape[2] // _UNIT
        a = network.architecture
        rate = x.new_full((batch,), (self.quality - 1) / (QUALITIES[-1] - 1) * (a.rates - 1))
        coded = network(picture, rate, x.new_zeros(batch, rows, columns, 1), noise=self.training)
        x_hat = (coded.picture.permute(0, 3, 1, 2) * 256 + 128) / 255
        return {
            "x_hat": x_hat[:, :, :height, :width],
            "likelihoods": {
                "y": _shared(coded.bits_y, (batch, a.latent, 4 * rows, 4 * columns)),
                "z": _shared(coded.bits_z, (batch, a.hyper, rows, columns)),
            },
        }

    @torch.no_grad()
    def compress(self, x: Tensor) -> dict[str, Any]:
        """Code pictures as ``.pgi`` files.

        Args:
            x: (B, 3, H, W) float, 0 to 1, RGB; rounded to 8 bits.

        Returns:
            ``strings``, a list that holds the list of the files, and ``shape``, their (H, W).

        Raises:
            PgiOptionError: ``x`` is no such tensor.
            PgiError: as :func:`pgic_core.encode`.
        """
        _, height, width = _checked(x)
        pixels = (x.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu()
        files = [
            pgic_core.encode(np.ascontiguousarray(picture), quality=self.quality, model=self.installed)
            for picture in pixels.numpy()
        ]
        return {"strings": [files], "shape": torch.Size((height, width))}

    @torch.no_grad()
    def decompress(self, strings: Sequence[Sequence[bytes]], shape: Sequence[int]) -> dict[str, Any]:
        """Decode ``.pgi`` files.

        Args:
            strings: a list that holds the list of the files.
            shape: (H, W) of all of them.

        Returns:
            ``x_hat`` (B, 3, H, W) float, 0 to 1, where the model is.

        Raises:
            PgiOptionError: a file holds something else than such a picture.
            PgiError: as :func:`pgic_core.decode`.
        """
        if len(strings) != 1 or not strings[0]:
            raise PgiOptionError("strings must hold one list of files, as compress() gives them.")
        wanted = (*shape, 3)
        pictures = []
        for data in strings[0]:
            with pgic_core.open_file(data) as file:
                pixels = file.decode()
            if pixels.shape != wanted or pixels.dtype != np.uint8:
                raise PgiOptionError(
                    f"A file holds {pixels.dtype} {pixels.shape}, where the shape says uint8 {wanted}."
                )
            pictures.append(torch.from_numpy(pixels))
        x_hat = torch.stack(pictures).to(self.place.device).permute(0, 3, 1, 2).float() / 255
        return {"x_hat": x_hat}

    def _weighted(self) -> Any:
        if self.network is None:
            raise PgiModelError(
                f"The model {self.installed.id} is here without {_WEIGHTS}, which the repository has and the "
                "wheel has not: forward() needs it, compress() and decompress() do not."
            )
        return self.network


class Pgi(PillowCodec):  # CompressAI's bench names codecs by their class
    """pgic as one of the codecs of ``compressai.utils.bench``: through Pillow, as its JPEG and WebP are."""

    fmt = pillow.PgiImageFile.format
    _description = f"pgic {pgic_core.__version__}. Pillow version {PIL.__version__}"

    @property
    def name(self) -> str:
        """As its tables show it."""
        return "pgic"


def _load(weights: Path) -> nn.Module:
    # Not imported where the model is installed without its weights.
    from pgic_core.lab.training.export import load_codec

    return load_codec(weights)[0]


def _checked(x: Tensor) -> tuple[int, int, int]:
    """Pictures, height and width."""
    if x.ndim != 4 or x.shape[1] != 3 or not x.numel() or not x.is_floating_point():
        raise PgiOptionError(f"x must be float of shape (B, 3, H, W), not {x.dtype} of {tuple(x.shape)}.")
    batch, _, height, width = x.shape
    return batch, height, width


def _shared(bits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Likelihoods of this shape whose negative binary logarithms add up to ``bits`` (B,)."""
    elements = shape[1] * shape[2] * shape[3]
    return torch.exp2(-bits / elements)[:, None, None, None].expand(shape)
