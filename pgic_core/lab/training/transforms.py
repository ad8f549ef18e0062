"""The codec's two transforms: analysis and synthesis.

Both are a linear 16x16 block transform plus a nonlinear branch that starts at zero. Shapes are
``(batch, height, width, channels)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Block, Depthwise, Mix, Pointwise, depth_to_space, small, space_to_depth

if TYPE_CHECKING:
    from .config import Architecture

__all__ = ["Analysis", "Synthesis"]


class Analysis(nn.Module):
    """Picture to latent: ``(B, H, W, 3)`` to ``(B, H/16, W/16, M)``."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.linear = Pointwise(768, a.latent)
        self.enter = Pointwise(192, a.encoder_fine)
        self.fine = nn.Sequential(*[Block(a.encoder_fine) for _ in range(a.encoder_fine_blocks)])
        self.down = Pointwise(4 * a.encoder_fine, a.encoder_coarse)
        self.coarse = nn.Sequential(*[Mix(a.encoder_coarse) for _ in range(a.encoder_coarse_blocks)])
        self.leave = small(Pointwise(a.encoder_coarse, a.latent))
        self.deviation: Tensor
        self.register_buffer("deviation", torch.ones(a.latent))

    def forward(self, picture: Tensor) -> Tensor:
        patches = space_to_depth(picture, 8)
        with torch.autocast(picture.device.type, enabled=False):
            linear = self.linear(space_to_depth(patches, 2))
        t = self.coarse(self.down(space_to_depth(self.fine(self.enter(patches)), 2)))
        return (linear + self.leave(t).float()) / self.deviation


class Synthesis(nn.Module):
    """Latent to picture: ``(B, H/16, W/16, M)`` to ``(B, H, W, 3)``."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        r = a.renderer
        self.linear = Pointwise(a.latent, 768)
        self.enter = Pointwise(a.latent, a.decoder)
        self.body = nn.Sequential(*[Block(a.decoder) for _ in range(a.decoder_blocks)])
        self.lift = Pointwise(a.decoder, 16 * r)
        self.r1 = Pointwise(r, 2 * r)
        self.rd = Depthwise(2 * r)
        self.r2 = Pointwise(2 * r, r)
        self.leave = small(Pointwise(r, 48))
        self.deviation: Tensor
        self.register_buffer("deviation", torch.ones(a.latent))

    def forward(self, latent: Tensor, embedding: Tensor) -> Tensor:
        with torch.autocast(latent.device.type, enabled=False):
            linear = depth_to_space(depth_to_space(self.linear(latent * self.deviation), 2), 8)
        t = depth_to_space(self.lift(self.body(self.enter(latent) + embedding)), 4)
        t = t + self.r2(self.rd(F.relu(self.r1(t))))
        # No rectifier stands before the closing layer: once all of the residual stream fell below zero,
        # nothing of this branch would learn any more.
        return linear + depth_to_space(self.leave(t), 4).float()
