"""The codec's networks: analysis, hyperprior, context and synthesis.

Shapes are ``(batch, height, width, channels)``. With a picture of H x W pixels (multiples of 64):
latent y ``(H/16, W/16, M)``, hyper-latent z ``(H/64, W/64, Z)``. Everything between z and the means of y
works on *cells*, the 2x2 latent positions under one element at 1/32.

The parts have modules of their own: the transforms (:mod:`.transforms`), the order of coding
(:mod:`.coding_order`), rounding and estimated bits (:mod:`.rate_estimation`), the start of training
(:mod:`.klt_start`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .coding_order import BASE_STEPS, detail_position, neighbours
from .layers import Block, Mix, Pointwise, depth_to_space, enlarge, hidden_layers, small, space_to_depth
from .rate_estimation import (
    LOG2_SCALE_MAX,
    LOG2_SCALE_MIN,
    bits_of,
    dead_zone,
    round_straight_through,
    symbols_of,
    with_gradient_of,
    with_noise,
)
from .transforms import Analysis, Synthesis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from .config import Architecture

__all__ = ["Codec", "Coded"]

_EMBED = 32


@dataclass(frozen=True, slots=True)
class Coded:
    """What one pass through the codec gives.

    Attributes:
        picture: reconstruction ``(B, H, W, 3)``, in units of 256 grey levels around 0.
        latent: what it was made from, the quantised latent ``(B, H/16, W/16, M)``.
        bits_y, bits_z: estimated bits per picture, ``(B,)``.
    """

    picture: Tensor
    latent: Tensor
    bits_y: Tensor
    bits_z: Tensor


class Codec(nn.Module):
    """The whole codec, for training.

    Args:
        a: channel counts and depths.
    """

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.architecture = a
        m, h, t, z, b = a.latent, a.hyper_analysis, a.context, a.hyper, a.base
        self.analysis = Analysis(a)
        self.synthesis = Synthesis(a)
        # Hyper-analysis: latent cells to z.
        self.ha_enter = Pointwise(4 * m, h)
        self.ha_block = Block(h)
        self.ha_leave = Pointwise(4 * h, z)
        # Hyper-synthesis: z to the state that all means are read from.
        self.hs_enter = Pointwise(z, 4 * t)
        self.hs_block = Block(t)
        # Scale of every symbol: one linear map of z, pointwise. Exported as integers.
        self.scale = small(Pointwise(z, 16 * m), 1e-2)
        self.z_scale = nn.Parameter(torch.zeros(a.rates, z))
        # z from its neighbours to the left and above. Exported as integers.
        self.z_mean = Pointwise(4 * z, z)
        nn.init.zeros_(self.z_mean.weight)
        nn.init.zeros_(self.z_mean.bias)
        # Base group. After each step the state takes in all that is known of it; after the last it does not
        # look at neighbours, so that windows read fewer of them.
        known = accumulate(map(len, BASE_STEPS))
        self.base_out = nn.ModuleList([small(Pointwise(t, len(step) * b)) for step in BASE_STEPS])
        self.base_in = nn.ModuleList([small(Pointwise(count * b, t), 1e-2) for count in known])
        self.base_mix = nn.ModuleList([Mix(t), Mix(t), Block(t, mix=False)])
        # Detail: four steps, pointwise in cells, so that they spend no halo.
        r = m - b
        self.detail_block = nn.ModuleList([Block(t, mix=False) for _ in range(4)])
        self.detail_out = nn.ModuleList([small(Pointwise(t, r)) for _ in range(4)])
        self.detail_in = nn.ModuleList([small(Pointwise(r, t), 1e-2) for _ in range(3)])
        # Quantisation: log2 of the step, and log2 shift of the scale, per anchor rate and channel (A-6.4.2c).
        self.log_step = nn.Parameter(torch.zeros(a.rates, m))
        self.log_shift = nn.Parameter(torch.zeros(a.rates, m))
        # What the networks are told of the rate.
        self.embed = Pointwise(1, _EMBED)
        self.embed_ha = Pointwise(_EMBED, h)
        self.embed_hs = Pointwise(_EMBED, t)
        self.embed_synthesis = Pointwise(_EMBED, a.decoder)

    @classmethod
    def of(cls, a: Architecture, weights: Mapping[str, Tensor]) -> Codec:
        """A codec of given weights, of any precision; its branches have as many hidden units as those."""
        codec = cls(a)
        for branch in hidden_layers(codec):
            # Whatever units: their weights are replaced below.
            branch.choose(torch.zeros(len(weights[f"{branch.name}.bias"]), dtype=torch.long))
        codec.load_state_dict({name: value.float() for name, value in weights.items()})
        return codec

    def streams(self) -> dict[str, tuple[list[Pointwise], list[Pointwise]]]:
        """Residual streams: the layers that write them, and those that read them.

        By the field of the architecture that says how wide they are. A layer with a multiple of the channels
        writes or reads several positions at once.
        """
        a, s = self.analysis, self.synthesis
        return {
            "encoder_fine": _stream([a.enter], a.fine, [a.down]),
            "encoder_coarse": _stream([a.down], a.coarse, [a.leave]),
            "decoder": _stream([s.enter, self.embed_synthesis], s.body, [s.lift]),
            "context": _stream(
                [self.hs_enter, self.embed_hs, *self.base_in, *self.detail_in],
                nn.ModuleList([self.hs_block, *self.base_mix, *self.detail_block]),
                [*self.base_out, *self.detail_out],
            ),
        }

    @property
    def octaves(self) -> float:
        """Octaves of quantisation step between the first and the last anchor."""
        a = self.architecture
        return math.log2(a.lambda_high / a.lambda_low) / 2

    def error_weight(self, rate: Tensor) -> Tensor:
        """What a squared error of one grey level is worth, in bits per pixel, at fractional anchors."""
        low, high = math.log2(self.architecture.lambda_low), math.log2(self.architecture.lambda_high)
        return torch.exp2(low + (high - low) * rate / (self.architecture.rates - 1))

    def anchor_lambdas(self) -> Tensor:
        """Rate-distortion weight of each anchor, ``(rates,)``."""
        a = self.architecture
        return torch.logspace(math.log10(a.lambda_low), math.log10(a.lambda_high), a.rates)

    def interpolate(self, table: Tensor, rate: Tensor) -> Tensor:
        """Rows of ``table`` at fractional anchors ``rate`` (B,), as ``(B, 1, 1, columns)``."""
        low = rate.floor().clamp(0, self.architecture.rates - 2)
        w = rate - low
        anchor = torch.arange(self.architecture.rates, device=rate.device)
        # A weighted sum of all rows: on a GPU the gradient of indexing would be a sort.
        weight = (anchor == low[:, None]) * (1 - w)[:, None] + (anchor == low[:, None] + 1) * w[:, None]
        return (weight[:, :, None] * table).sum(1)[:, None, None, :]

    def embedding(self, rate: Tensor, roi_map: Tensor) -> Tensor:
        """Hidden features of the rate, ``(B, H/64, W/64, 32)``."""
        t = 2 * rate / (self.architecture.rates - 1) - 1
        t = t[:, None, None, None] + 2 * roi_map / self.octaves
        return F.relu(self.embed(t))

    def forward(
        self,
        picture: Tensor,
        rate: Tensor,
        roi_map: Tensor,
        *,
        noise: bool = True,
        drop: bool = False,
    ) -> Coded:
        """Code and decode.

        Args:
            picture: ``(B, H, W, 3)``, grey levels minus 128, over 256.
            rate: ``(B,)``, position between the anchors, 0 to ``rates - 1``.
            roi_map: ``(B, H/64, W/64, 1)``, octaves by which a block's steps are finer (ROI).
            noise: additive noise in place of rounding where the rate is estimated.
            drop: quantise as the encoder does, which drops symbols that cost more bits than they are worth.
                What follows from symbols then learns from those that will be coded; the analysis, which
                has no gradient through them, still learns its rate from noise.
        """
        e = self.embedding(rate, roi_map)
        log_step = self.interpolate(self.log_step, rate) - enlarge(roi_map, 4)
        y = self.analysis(picture)
        z = self.hyper_analysis(y, e)
        z_hat = round_straight_through(z)
        with torch.autocast(picture.device.type, enabled=False):
            mean = self.z_mean(neighbours(z_hat))
        z_scale = torch.exp2(self.interpolate(self.z_scale, rate))
        bits_z = bits_of((z_hat - torch.round(mean)).detach(), z_scale)
        if noise:
            bits_z = with_gradient_of(bits_z, bits_of(with_noise(z - mean), z_scale.detach()))
        log_scale = depth_to_space(self.scale(z_hat).float(), 4) + self.interpolate(self.log_shift, rate)
        log_scale = (log_scale + enlarge(roi_map, 4)).clamp(LOG2_SCALE_MIN, LOG2_SCALE_MAX)
        zone = dead_zone(log_scale) if drop else None
        y_hat, residual = self.means(y, z_hat, e, torch.exp2(log_step), zone)
        scale = torch.exp2(log_scale)
        if noise and zone is not None:
            smooth = bits_of(with_noise(residual), scale.detach())
            bits_y = with_gradient_of(bits_of(symbols_of(residual, zone), scale), smooth)
        else:
            bits_y = bits_of(with_noise(residual) if noise else symbols_of(residual, zone), scale)
        reconstruction = self.synthesis(y_hat, enlarge(self.embed_synthesis(e), 4))
        return Coded(reconstruction, y_hat, bits_y, bits_z)

    @torch.no_grad()
    def watch(
        self,
        layers: Iterable[nn.Module],
        crops: NDArray[np.uint8],
        see: Callable[[nn.Module, tuple[Tensor]], None],
    ) -> None:
        """Have ``see`` called with each input of some layers, while crops are coded.

        Args:
            layers: to watch.
            crops: ``(N, H, W, 3)``; the first is coded at the lowest rate and the last at the highest.
            see: takes a layer and its inputs.
        """
        hooks = [layer.register_forward_pre_hook(see) for layer in layers]
        device = self.log_step.device
        rates = torch.linspace(0, self.architecture.rates - 1, len(crops), device=device)
        for crop, rate in zip(crops, rates, strict=True):
            picture = (torch.from_numpy(crop.copy()).to(device).float()[None] - 128) / 256
            roi_map = torch.zeros(1, crop.shape[0] // 64, crop.shape[1] // 64, 1, device=device)
            self(picture, rate[None], roi_map, noise=False)
        for hook in hooks:
            hook.remove()

    def hyper_analysis(self, y: Tensor, e: Tensor) -> Tensor:
        """Scaled latent to z, before rounding."""
        t = self.ha_block(F.relu(self.ha_enter(space_to_depth(y, 2)) + enlarge(self.embed_ha(e), 2)))
        return self.ha_leave(space_to_depth(t, 2)).float()

    def state(self, z_hat: Tensor, e: Tensor) -> Tensor:
        """Hyper-synthesis: z to the cells' state ``(B, H/32, W/32, T)``."""
        return self.hs_block(depth_to_space(self.hs_enter(z_hat), 2) + enlarge(self.embed_hs(e), 2))

    def means(
        self, y: Tensor, z_hat: Tensor, e: Tensor, step: Tensor, zone: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Quantise y around its predicted means, in turn; to zero within ``zone`` steps, where given.

        Returns:
            y-hat, and ``y - mean`` in quantisation steps, both ``(B, H/16, W/16, M)``.
        """
        b = self.architecture.base
        quarter = (self.architecture.latent - b) // 4
        cells = _to_cells(y)
        steps = _to_cells(step.expand_as(y))
        zones = _to_cells(torch.full_like(y, 0.5) if zone is None else zone)
        state = self.state(z_hat, e)
        y_hat: dict[tuple[int, int], Tensor] = {}  # (cell position, group) -> values; group -1 is the base
        residual: dict[tuple[int, int], Tensor] = {}

        def code(keys: list[tuple[int, int]], columns: list[slice], mean: Tensor) -> Tensor:
            values, size, zero = (
                torch.cat([x[p][..., c] for (p, _), c in zip(keys, columns, strict=True)], -1)
                for x in (cells, steps, zones)
            )
            r = (values - mean) / size
            q = values + size * (symbols_of(r, zero) - r).detach()
            for i, part in enumerate(torch.chunk(r, len(keys), -1)):
                residual[keys[i]] = part
            for i, part in enumerate(torch.chunk(q, len(keys), -1)):
                y_hat[keys[i]] = part
            return q

        known: list[Tensor] = []
        for turn, positions in enumerate(BASE_STEPS):
            keys = [(p, -1) for p in positions]
            known.append(code(keys, [slice(b)] * len(keys), self.base_out[turn](state).float()))
            state = self.base_mix[turn](state + self.base_in[turn](torch.cat(known, -1)))
        columns = [slice(b + g * quarter, b + (g + 1) * quarter) for g in range(4)]
        for turn in range(4):
            keys = [(detail_position(turn, g), g) for g in range(4)]
            state = self.detail_block[turn](state)
            q = code(keys, columns, self.detail_out[turn](state).float())
            if turn < 3:
                state = state + self.detail_in[turn](q)
        order = [-1, 0, 1, 2, 3]
        return (
            _from_cells([torch.cat([y_hat[p, g] for g in order], -1) for p in range(4)]),
            _from_cells([torch.cat([residual[p, g] for g in order], -1) for p in range(4)]),
        )


def _stream(
    writers: list[Pointwise], blocks: nn.Module, readers: list[Pointwise]
) -> tuple[list[Pointwise], list[Pointwise]]:
    branches = hidden_layers(blocks)
    return [*writers, *(b.closing for b in branches)], [*(b.opening for b in branches), *readers]


def _to_cells(y: Tensor) -> tuple[Tensor, ...]:
    return torch.chunk(space_to_depth(y, 2), 4, -1)


def _from_cells(cells: list[Tensor]) -> Tensor:
    return depth_to_space(torch.cat(cells, -1), 2)
