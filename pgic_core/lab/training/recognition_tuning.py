"""Tuning the encoder to what recognisers see (A-7.3a): their features in the loss, beside rate and fidelity.

Of the codec only the analysis and the hyper-analysis learn. Whatever decodes stays as it is, so files of a
tuned encoder are files of the same model. A fine decoder may learn beside it, from the same features: the
decoder of the level "recognition" did. The loss adds to that of :mod:`.training_step` how far the features of
given recognisers lie apart before and after coding, as unit-length vectors (Zhang et al. 2018). Rounding and
ranges of integer layers are those of the weights that the tuning starts from, as in files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from ...errors import PgiInputError, PgiUnsupportedError
from .training_step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .config import Schedule
    from .fine_decoder import FineSynthesis
    from .networks import Codec

__all__ = ["ENCODER", "RecogniserFeatures", "RecognitionStep"]

ENCODER = ("analysis.", "ha_")
"""What the names of tuned weights begin with."""
_TINY = 1e-6


class RecogniserFeatures(nn.Module):
    """Recognisers cut down to their features, on crops of one size.

    Args:
        files: ONNX files. Each takes red, green and blue in grey levels, float32 ``(B, 3, H, W)``, and gives
            feature maps ``(B, C, h, w)``.
        example: float32 ``(B, 3, H, W)`` of the size that crops will have.

    Raises:
        PgiUnsupportedError: onnx2torch is not installed.
        PgiInputError: a file cannot be read.
    """

    def __init__(self, files: Sequence[Path], example: Tensor) -> None:
        super().__init__()
        self.networks = nn.ModuleList([_network(file, example) for file in files])

    def of(self, picture: Tensor) -> list[list[Tensor]]:
        """Features of unit length over channels: by network, maps ``(B, C, h, w)``.

        Args:
            picture: ``(B, H, W, 3)`` in units of 256 grey levels around 128.
        """
        grey_levels = (256 * picture + 128).permute(0, 3, 1, 2).contiguous()
        return [[_unit(found) for found in network(grey_levels)] for network in self.networks]

    def distance(self, picture: Tensor, wanted: list[list[Tensor]]) -> Tensor:
        """Mean squared distance from wanted features, summed over networks: ``(B,)``, 0 to 4 for each."""
        total = torch.zeros(len(picture), device=picture.device)
        for found, aims in zip(self.of(picture), wanted, strict=True):
            maps = [(a - b).square().sum(1).mean((1, 2)) for a, b in zip(found, aims, strict=True)]
            total = total + torch.stack(maps).mean(0)
        return total


class RecognitionStep(TrainingStep):
    """A step that tunes the encoder, and a fine decoder if there is one.

    Args:
        codec: the codec; only its encoder learns.
        fine: a fine decoder that learns from the same features.
        features: of the recognisers.
        schedule: batch, crop, learning rates and the weight of features.
        device: where.
        eager: no CUDA graph even on ``cuda``.
    """

    def __init__(
        self,
        codec: Codec,
        fine: FineSynthesis | None,
        features: RecogniserFeatures,
        schedule: Schedule,
        device: torch.device,
        *,
        eager: bool = False,
    ) -> None:
        for name, parameter in codec.named_parameters():
            parameter.requires_grad_(name.startswith(ENCODER))
        super().__init__(codec, fine, schedule, device, eager=eager)
        self.features = features.to(device)
        fine_names = ["fine_loss", "fine_psnr", "fine_features"] if fine is not None else []
        self.name_figures(["loss", "cost", "bpp", "bpp_z", "psnr", "features", *fine_names])

    def backward(self) -> list[Tensor]:
        """See :meth:`.TrainingStep.backward`."""
        picture = (self.crops.float() - 128) / 256
        with self.cast():
            coded = self.codec(picture, self.rate, self.roi_map, noise=True, drop=True)
            with torch.no_grad():
                wanted = self.features.of(picture)

        def distance(shown: Tensor) -> Tensor:
            """Mean distance of features."""
            with self.cast():
                return self.features.distance(shown.clamp(-0.5, 127 / 256), wanted).mean()

        loss, figures = self.coding_loss(coded, picture)
        features = distance(coded.picture)
        total = loss + self.schedule.features * features
        seen = [total, *figures, features]
        if self.fine is not None:
            shown, fine_loss, psnr = self.fine_loss(self.fine, coded, picture)
            features = distance(shown)
            fine_loss = fine_loss + self.schedule.features * features
            seen += [fine_loss, psnr, features]
            total = total + fine_loss
        total.backward()
        return seen


def _network(file: Path, example: Tensor) -> nn.Module:
    try:
        import onnx2torch
        from torch.fx.experimental.proxy_tensor import make_fx
    except ImportError as error:
        raise PgiUnsupportedError(
            f"Features of recognisers need onnx2torch: pip install 'pgic[tune]' ({error})."
        ) from error
    try:
        network = onnx2torch.convert(str(file)).eval().requires_grad_(False)
    except (OSError, ValueError, NotImplementedError) as error:
        raise PgiInputError(f"The recogniser {file} cannot be read: {error}.") from error
    with torch.no_grad():
        # Sizes become constants, so that no step waits for the device to learn them.
        return cast("nn.Module", make_fx(lambda picture: tuple(network(picture)))(example))


def _unit(features: Tensor) -> Tensor:
    """Features of unit length over channels."""
    values = features.float()
    return values * values.square().sum(1, keepdim=True).add(_TINY).rsqrt()
