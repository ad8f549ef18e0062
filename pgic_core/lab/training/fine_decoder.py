"""The fine decoder: a larger synthesis with attention, for readers that have more to compute with.

It reads the latents of a codec that learns nothing from it, so the same files serve both decoders.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...codec.tiles_and_windows import Y_STRIDE
from .layers import Block, Pointwise, depth_to_space, enlarge, small

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import Architecture, FineArchitecture
    from .networks import Codec

__all__ = ["FineSynthesis", "WindowAttention", "fine_weights", "grid", "halo", "halo_steps"]

_EMBED = 32


def grid(a: FineArchitecture) -> int:
    """Pixels between the lines that attention windows are cut at, from the picture's upper left corner on."""
    return Y_STRIDE * a.window if a.attention else Y_STRIDE


def halo(a: FineArchitecture) -> int:
    """Pixels that a window on the grid needs around it, for the same result as in the whole picture.

    Each block sees one position further, at its own scale. Each attention sees as far as the next line of its
    grid, and what it reads is needed up to there. The window's sides must lie on lines of :func:`grid`.
    """
    pixels = 8 * a.middle_blocks + 4 * a.last_blocks
    positions = math.ceil(pixels / Y_STRIDE)
    for block in range(a.blocks, 0, -1):
        if block in a.attention:
            positions = math.ceil(positions / a.window) * a.window
        positions += 1
    return Y_STRIDE * positions


def halo_steps(a: FineArchitecture) -> list[list[int]]:
    """What any window needs around it, as a model's manifest states it.

    Steps from the window outwards: grow by so many pixels, then out to multiples of so many from the
    picture's upper left corner. A window on the grid needs :func:`halo`.
    """
    steps: list[list[int]] = []
    # The graph cuts the latent for the layers at 1/8, and again for those at 1/4: at whole positions.
    pixels = Y_STRIDE * (math.ceil(8 * a.middle_blocks / Y_STRIDE) + math.ceil(4 * a.last_blocks / Y_STRIDE))
    for block in range(a.blocks, 0, -1):
        if block in a.attention:
            steps.append([pixels, Y_STRIDE * a.window])
            pixels = 0
        pixels += Y_STRIDE
    return [*steps, [pixels, Y_STRIDE]]


class WindowAttention(nn.Module):
    """Residual attention within windows on the picture's grid, with a learned bias for relative positions.

    Args:
        channels: of the stream.
        heads: which share the channels.
        window: side of a window in positions.
    """

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(channels)
        self.qkv = Pointwise(channels, 3 * channels)
        self.leave = small(Pointwise(channels, channels), 1e-2 / math.sqrt(channels))
        self.bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        n = torch.arange(window)
        y, x = (t.flatten() for t in torch.meshgrid(n, n, indexing="ij"))
        row, column = y[:, None] - y + window - 1, x[:, None] - x + window - 1
        relative = F.one_hot((row * (2 * window - 1) + column).flatten(), (2 * window - 1) ** 2).float()
        self.relative: Tensor
        self.register_buffer("relative", relative, persistent=False)

    def forward(self, x: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """``x``: ``(B, h, w, C)``; ``origin``: row and column of its first position in the whole picture."""
        b, h, w, c = x.shape
        s, heads = self.window, self.heads
        up, left = (first % s for first in origin)
        down, right = -(up + h) % s, -(left + w) % s
        edges = (left, right, up, down)
        t = F.pad(self.norm(x), (0, 0, *edges))
        rows, columns = t.shape[1] // s, t.shape[2] // s
        qkv = self.qkv(t).reshape(b, rows, s, columns, s, 3, heads, c // heads)
        # Query, key and value, each (B * rows * columns * heads, s * s, C / heads).
        q, k, v = qkv.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, -1, s * s, c // heads).unbind(0)
        score = torch.bmm(q * (c // heads) ** -0.5, k.transpose(1, 2)).float()
        score = score.reshape(b, rows * columns, heads, s * s, s * s) + self._bias()
        if any(edges):
            outside = F.pad(torch.zeros(h, w, device=x.device), edges, value=-1e4)
            outside = outside.reshape(rows, s, columns, s).transpose(1, 2)
            score = score + outside.reshape(rows * columns, 1, 1, s * s)
        share = torch.softmax(score, -1).to(v.dtype).reshape(-1, s * s, s * s)
        t = torch.bmm(share, v).reshape(b, rows, columns, heads, s, s, c // heads)
        t = t.permute(0, 1, 4, 2, 5, 3, 6).reshape(b, rows * s, columns * s, c)
        return x + self.leave(t[:, up : up + h, left : left + w])

    def _bias(self) -> Tensor:
        """``(heads, s * s, s * s)``."""
        positions = self.window**2
        # A product: on a GPU the gradient of indexing is summed up in no fixed order.
        with torch.autocast(self.bias.device.type, enabled=False):
            bias = self.relative @ self.bias
        return bias.reshape(positions, positions, -1).permute(2, 0, 1)


class FineSynthesis(nn.Module):
    """Latent to picture: ``(B, H/16, W/16, M)`` to ``(B, H, W, 3)``, in units of 256 grey levels around 0.

    Args:
        a: channel counts and depths.
        codec: architecture of the codec whose latents it reads.
    """

    def __init__(self, a: FineArchitecture, codec: Architecture) -> None:
        super().__init__()
        self.architecture = a
        self.rates = codec.rates
        self.octaves = math.log2(codec.lambda_high / codec.lambda_low) / 2
        self.linear = Pointwise(codec.latent, 768)
        self.deviation: Tensor
        self.register_buffer("deviation", torch.ones(codec.latent))
        self.embed = Pointwise(1, _EMBED)
        self.embed_in = Pointwise(_EMBED, a.width)
        self.enter = Pointwise(codec.latent, a.width)
        self.body = nn.ModuleList([Block(a.width) for _ in range(a.blocks)])
        # By the number of blocks before it.
        self.attention = nn.ModuleDict(
            {str(after): WindowAttention(a.width, a.heads, a.window) for after in a.attention}
        )
        self.to_eighth = Pointwise(a.width, 4 * a.middle)
        self.eighth = nn.Sequential(*[Block(a.middle) for _ in range(a.middle_blocks)])
        self.to_quarter = Pointwise(a.middle, 4 * a.last)
        self.quarter = nn.Sequential(*[Block(a.last) for _ in range(a.last_blocks)])
        self.leave = small(Pointwise(a.last, 48))

    @torch.no_grad()
    def start_from(self, codec: Codec) -> None:
        """Take over a codec's linear path; the rest starts as nothing beside it."""
        self.linear.weight.copy_(codec.synthesis.linear.weight)
        self.linear.bias.copy_(codec.synthesis.linear.bias)
        self.deviation.copy_(codec.synthesis.deviation)

    def forward(
        self, latent: Tensor, rate: Tensor, roi_map: Tensor, origin: tuple[int, int] = (0, 0)
    ) -> Tensor:
        """Render.

        Args:
            latent: quantised, as :class:`.networks.Coded` holds it.
            rate: ``(B,)``, position between the anchors.
            roi_map: ``(B, H/64, W/64, 1)`` rounded up, octaves by which a block's steps are finer (ROI).
            origin: row and column of the first latent position in the whole picture.
        """
        with torch.autocast(latent.device.type, enabled=False):
            linear = depth_to_space(depth_to_space(self.linear(latent.float() * self.deviation), 2), 8)
        place = 2 * rate[:, None, None, None] / (self.rates - 1) - 1 + 2 * roi_map / self.octaves
        embedding = enlarge(self.embed_in(F.relu(self.embed(place))), 4)
        t = self.enter(latent) + embedding[:, : latent.shape[1], : latent.shape[2]]
        for after, block in enumerate(self.body, 1):
            t = block(t)
            if str(after) in self.attention:
                t = self.attention[str(after)](t, origin)
        t = self.eighth(depth_to_space(self.to_eighth(t), 2))
        t = self.quarter(depth_to_space(self.to_quarter(t), 2))
        return linear + depth_to_space(self.leave(t), 4).float()


def fine_weights(net: FineSynthesis, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an earlier fine decoder under the names of ``net``, whose attentions may stand elsewhere.

    Attentions that ``net`` has not are left out; those that ``weights`` have not start as they are. In early
    files attentions stood in one sequence with the blocks.

    Raises:
        KeyError: something other than an attention is missing.
    """
    found = net.state_dict()
    renamed = _apart(weights)
    for name, value in found.items():
        if name in renamed or not name.startswith("attention."):
            value.copy_(renamed[name])
    return found


def _apart(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights whose attentions stand in one sequence with the body's blocks, under names of this module."""
    numbers = {name: re.fullmatch(r"body\.(\d+)\.(.+)", name) for name in weights}
    attention = sorted({int(m[1]) for m in numbers.values() if m and m[2] == "qkv.weight"})
    out = {}
    for name, value in weights.items():
        if match := numbers[name]:
            number = int(match[1])
            before = number - sum(a < number for a in attention)  # blocks
            name = f"attention.{before}.{match[2]}" if number in attention else f"body.{before}.{match[2]}"
        out[name] = value
    return out
