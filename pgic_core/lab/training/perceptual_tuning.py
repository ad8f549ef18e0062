"""Tuning a fine decoder for the eye at low rates: adversarial and feature losses beside fidelity (A-6.5.1c).

Squared error makes texture that was not transmitted blurred. The perceptual decoder has the fine decoder's
architecture and reads the same latents. Two losses tune it beside the squared error: a critic of patches
(Isola et al. 2017, with spectral norm and hinge loss as in Miyato et al. 2018), and distances between
features of a given network (Zhang et al. 2018). Blocks of finer steps hold key regions. Their errors weigh
more, so that they stay true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .training_step import Learner, TrainingStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import Schedule
    from .fine_decoder import FineSynthesis
    from .networks import Codec

__all__ = ["Critic", "FeatureNetwork", "PerceptualStep", "blended"]

_MEAN = (
    122.67891434,
    116.66876762,
    104.00698793,
)  # what VGG networks of this kind subtract from red, green, blue
_TINY = 1e-10
_ENLARGED = 16.0
_MOMENTUM = 0.5  # Opponents that change their minds are followed at once.


class FeatureNetwork(nn.Module):
    """The first blocks of a VGG-16 of given weights: 3x3 convolutions with rectifiers, halved between blocks.

    Args:
        weights: ``B.N.weight`` and ``B.N.bias`` of convolution N of block B, both from 0. The first takes
            red, green and blue in grey levels around the mean.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        blocks = 1 + max(int(name.split(".")[0]) for name in weights)
        self.blocks = nn.ModuleList()
        for block in range(blocks):
            kernels = [name for name in sorted(weights) if name.startswith(f"{block}.") and "weight" in name]
            layers = nn.ModuleList()
            for name in kernels:
                out, channels = weights[name].shape[:2]
                layer = nn.Conv2d(channels, out, 3, padding=1)
                layer.load_state_dict(
                    {"weight": weights[name].float(), "bias": weights[name.replace("weight", "bias")].float()}
                )
                layers.append(layer)
            self.blocks.append(layers)
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN))
        self.requires_grad_(False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Features of each block, ``(B, C, h, w)`` of unit length over channels.

        Args:
            picture: ``(B, H, W, 3)`` in units of 256 grey levels around 128.
        """
        t = (picture * 256 + 128 - self.mean).permute(0, 3, 1, 2)
        found = []
        for number, block in enumerate(self.blocks):
            if number:
                t = F.max_pool2d(t, 2)
            for layer in cast("nn.ModuleList", block):
                t = F.relu(layer(t))
            length = t.float().square().sum(1, keepdim=True).add(_TINY).rsqrt()
            found.append(t * length.to(t.dtype))
        return found

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """Mean squared distance of features, summed over blocks, ``(B,)``; it has the gradient of ``one``."""
        with torch.no_grad():
            wanted = self(other)
        pairs = zip(self(one), wanted, strict=True)
        return torch.stack([(a - b).float().square().sum(1).mean((1, 2)) for a, b in pairs]).sum(0)


class Critic(nn.Module):
    """Scores patches of about 70 pixels: above 0 for photographs, below for what a decoder made.

    It sees what the fine decoder shows, and enlarged what a picture adds to that: texture of few grey levels.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        sizes = ((6, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 4 * width, 1))
        self.layers = nn.ModuleList(
            [spectral_norm(nn.Conv2d(a, b, 4 if stride == 2 else 3, stride, 1)) for a, b, stride in sizes]
        )
        self.leave = spectral_norm(nn.Conv2d(4 * width, 1, 3, 1, 1))

    def forward(self, picture: Tensor, shown: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores ``(B, 1, h, w)``, and what the layers saw.

        Args:
            picture: ``(B, H, W, 3)``, in units of 256 grey levels around 0.
            shown: likewise, of the fine decoder.
        """
        t = torch.cat([2 * shown, _ENLARGED * (picture - shown)], -1).permute(0, 3, 1, 2)
        seen = []
        for layer in self.layers:
            t = F.leaky_relu(layer(t), 0.2)
            seen.append(t)
        return self.leave(t), seen


class PerceptualStep(TrainingStep):
    """A step that tunes a copy of a fine decoder; codec and fine decoder stay as they are.

    Args:
        codec: the codec.
        fine: the fine decoder that the critic compares with.
        perceptual: what learns.
        features: network of the feature distance.
        schedule: batch, crop, learning rates and weights of the losses.
        device: where.
        eager: no CUDA graph even on ``cuda``.
    """

    def __init__(
        self,
        codec: Codec,
        fine: FineSynthesis,
        perceptual: FineSynthesis,
        features: FeatureNetwork,
        schedule: Schedule,
        device: torch.device,
        *,
        eager: bool = False,
    ) -> None:
        super().__init__(codec, fine.to(device), schedule, device, eager=eager)
        fine.requires_grad_(False).eval()
        self.features = features.to(device)
        self.learners = {
            "perceptual": Learner(perceptual, device, schedule.clip, _MOMENTUM),
            "critic": Learner(Critic(), device, schedule.clip, _MOMENTUM),
        }
        self.perceptual = perceptual
        self.critic = cast("Critic", self.learners["critic"].net)
        self.name_figures(["loss", "fine_psnr", "psnr", "features", "adversarial", "matching", "critic"])

    def compile(self) -> None:
        """See :meth:`.TrainingStep.compile`."""
        super().compile()
        if self.device.type == "cuda":
            self.perceptual.compile()

    def backward(self) -> list[Tensor]:
        """Losses of both, and their gradients."""
        picture = (self.crops.float() - 128) / 256
        schedule = self.schedule
        with self.cast():
            with torch.no_grad():
                coded = self.codec(picture, self.rate, self.roi_map, noise=False, drop=True)
                fine = cast("FineSynthesis", self.fine)(coded.latent, self.rate, self.roi_map)
            shown = self.perceptual(coded.latent, self.rate, self.roi_map)
            features = self.features.distance(shown, picture).mean()
            self.critic.requires_grad_(False)
            score, seen = self.critic(shown, fine)
            with torch.no_grad():
                _, wanted = self.critic(picture, fine)
            adversarial = -score.float().mean()
            matching = torch.stack(
                [(a - b).float().abs().mean() for a, b in zip(seen, wanted, strict=True)]
            ).mean()
        distortion, psnr = self.distortion(shown, picture)
        fidelity = 0.1 * (self.codec.error_weight(self.rate).sqrt() * distortion).mean()
        loss = fidelity + schedule.features * features
        loss = loss + schedule.adversarial * (adversarial + schedule.matching * matching)
        loss.backward()
        self.critic.requires_grad_(True)
        with self.cast():
            score_of_true, _ = self.critic(picture, fine)
            score_of_made, _ = self.critic(shown.detach(), fine)
        judged = F.relu(1 - score_of_true.float()).mean() + F.relu(1 + score_of_made.float()).mean()
        judged.backward()
        fine_psnr = self.distortion(fine, picture)[1]
        return [loss, fine_psnr, psnr, features, adversarial, matching, judged]


def blended(fine: Mapping[str, Tensor], perceptual: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights between a fine decoder and the one that was tuned from it (Wang et al. 2018, section 3.4).

    Args:
        fine: weights.
        perceptual: weights of the same names.
        share: of the second, 0 to 1.
    """
    return {name: torch.lerp(value.float(), perceptual[name].float(), share) for name, value in fine.items()}
