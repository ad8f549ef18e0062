"""Symbols to pixels and latents on a device, as :mod:`pgic_core.codec.learned` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from pgic_core.codec.average_downscaling import reduced_side
from pgic_core.codec.learned.rendering.adaptive_regions import MOST_WEIGHT
from pgic_core.codec.learned.rendering.latent_reconstruction import LATENT_BOUND
from pgic_core.codec.learned.rendering.post_filter import BLOCK, REACH
from pgic_core.codec.learned.symbols.quality_to_steps import StepSizes
from pgic_core.codec.tiles_and_windows import CELL_STRIDE, Y_STRIDE

from .networks import DeviceNetworks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pgic_core.codec.learned.rendering.block_plan import BlockPlan, RenderPlan
    from pgic_core.codec.rectangle import Rectangle

    from .symbol_tensors import BlockTensors, PgiSymbols

__all__ = ["latent_on", "pixels_on"]


def pixels_on(symbols: PgiSymbols, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The pixels, uint8 (C, h, w) on the device, C as stored.

    Args:
        symbols: of any level but "latent".
        device: where networks run.
        dtype: what they compute in.

    Raises:
        PgiUnsupportedError: the package onnx is not installed.
        PgiModelError: the model is not installed, or a network of it has what is not known here.
    """
    symbols = symbols.to(device)
    if symbols.pixels is not None:
        return symbols.pixels
    assert symbols.area is not None
    picture = _Picture(symbols, device, dtype)
    first = symbols.area.reduced(symbols.scale)
    with torch.inference_mode():
        # An ordinary tensor: one of inference mode could not be trained on.
        with torch.inference_mode(False):
            out = torch.empty((3, first.height, first.width), dtype=torch.uint8, device=device)
        for block in symbols.blocks:
            place = block.plan.block.reduced(symbols.scale).inside(first)
            out[:, *place] = picture.pixels(block)
        for part in symbols.exact:
            there = out[:, part.rows, part.columns]
            there.copy_(torch.where(part.mask, part.pixels, there))
    return out if symbols.opacity is None else torch.cat([out, symbols.opacity])


def latent_on(symbols: PgiSymbols, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The latent, float32 (M, h, w) on the device, a position for 16 x 16 pixels.

    Args:
        symbols: of the level "latent".
        device, dtype: as for :func:`pixels_on`.

    Raises:
        PgiUnsupportedError, PgiModelError: as :func:`pixels_on`.
    """
    symbols = symbols.to(device)
    assert symbols.area is not None
    picture = _Picture(symbols, device, dtype)
    first = symbols.area.reduced(Y_STRIDE)
    out = torch.empty((picture.model.latent, first.height, first.width), device=device)
    with torch.inference_mode():
        for block in symbols.blocks:
            place = block.plan.block.reduced(Y_STRIDE).inside(first)
            out[:, *place] = picture.latent(block)[0].permute(2, 0, 1)
    return out


class _Picture:
    """What the blocks of a picture share."""

    def __init__(self, symbols: PgiSymbols, device: torch.device, dtype: torch.dtype) -> None:
        self.symbols = symbols
        self._networks = DeviceNetworks.of(symbols.model_digest, device, dtype)
        self.model = self._networks.model
        self._steps = StepSizes(self.model, symbols.quality, symbols.roi_map)

    def pixels(self, block: BlockTensors) -> Tensor:
        """Pixels (3, h, w) of the block, at the scale of the picture."""
        first, *over = block.drawings
        box, renderer = block.plan.block, first.plan.renderer
        if block.detail is None:
            pixels = self._of_base_group(block, first.plan)
        else:
            latent = self.latent(block)
            pixels = self._drawn(block.plan, first.plan, latent)
            if self.symbols.kernels is not None and renderer.post_filter:
                pixels = self._filtered(pixels, first.plan.render_box, box, self.symbols.kernels)
            else:
                there = first.plan.render_box.reduced(renderer.scale)
                pixels = pixels[box.reduced(renderer.scale).inside(there)]
            for drawing in over:
                assert drawing.weight is not None
                drawn = self._drawn(block.plan, drawing.plan, latent)
                drawn = drawn[drawing.plan.wanted.inside(drawing.plan.render_box)]
                here = pixels[drawing.plan.wanted.inside(box)]
                here.copy_(_mixed(here, drawn, drawing.weight))
        pixels = pixels.permute(2, 0, 1)
        if self.symbols.neutral:
            pixels = _without_tint(pixels)
        return _reduced(pixels, self.symbols.scale // renderer.scale)

    def _of_base_group(self, block: BlockTensors, plan: RenderPlan) -> Tensor:
        """Pixels ``(h, w, 3)`` of the block by a renderer of the base group."""
        inputs = self._of_base(block, self._state(block))
        offered = {name: (lambda value=value: value) for name, value in inputs.items()}
        picture = self._networks.draw(plan.renderer, offered)
        shown = block.plan.block.reduced(plan.renderer.scale)
        return picture[shown.inside(block.plan.base_box.reduced(plan.renderer.scale))]

    def _drawn(self, part: BlockPlan, plan: RenderPlan, known: Tensor) -> Tensor:
        """What a renderer of whole latents draws: pixels ``(h, w, 3)`` of its ``render_box``.

        Args:
            part: the plan of the block.
            plan: what to draw.
            known: the latent of the block, ``(1, h, w, M)``.
        """
        area = plan.synthesis_box
        latent = known[:, *area.inside(part.latent_box, Y_STRIDE)]
        rows, columns = plan.render_box.inside(area, Y_STRIDE)
        offered: dict[str, Callable[[], Tensor]] = {
            "latent": lambda: latent,
            "shown": lambda: latent[:, rows, columns],
            "inside": lambda: _corners(rows, columns),
            "origin": lambda: torch.tensor([area.top // Y_STRIDE, area.left // Y_STRIDE]),
            "embedding": lambda: self._given(self._steps.embedding("synthesis", area, Y_STRIDE)),
            "rate": lambda: self._given(self._steps.places(area, Y_STRIDE)),
        }
        return self._networks.draw(plan.renderer, offered)

    def latent(self, block: BlockTensors) -> Tensor:
        """The latent of the ``latent_box`` of a block, ``(1, h, w, M)``."""
        plan, detail = block.plan, block.detail
        assert plan.detail_box is not None
        assert detail is not None
        inputs = self._of_base(block, self._state(block))
        inputs["inside"] = _corners(*plan.detail_box.inside(plan.base_box, CELL_STRIDE))
        known, context = self._run("context", inputs)
        steps = self._steps.at(plan.detail_box, slice(self.model.base, None))
        inputs = {"known": known, "context": context, "detail": detail, "step": self._given(steps)}
        latent = self._run("means", inputs)[0][:, *plan.latent_box.inside(plan.detail_box, Y_STRIDE)]
        latent = torch.nan_to_num(latent, nan=0.0, posinf=LATENT_BOUND, neginf=-LATENT_BOUND)
        return latent.clamp_(-LATENT_BOUND, LATENT_BOUND)

    def _state(self, block: BlockTensors) -> Tensor:
        embedding = self._steps.embedding("means", block.plan.hyper_box, CELL_STRIDE)
        return self._run("state", {"z": block.z, "embedding": self._given(embedding)})[0]

    def _of_base(self, block: BlockTensors, state: Tensor) -> dict[str, Tensor]:
        plan = block.plan
        steps = self._steps.at(plan.base_box, slice(self.model.base))
        inside = state[:, *plan.base_box.inside(plan.hyper_box, CELL_STRIDE)]
        return {"state": inside, "base": block.base, "step": self._given(steps)}

    def _filtered(self, picture: Tensor, shown: Rectangle, block: Rectangle, kernels: Tensor) -> Tensor:
        """Pixels ``(h, w, 3)`` of ``block`` after the filter, of those of ``shown``, ``(H, W, 3)``."""
        assert self.symbols.whole is not None
        covered = block.grown(0, BLOCK, self.symbols.whole)
        wanted = covered.around(REACH)
        there = wanted.overlap(shown)
        beyond = (
            there.left - wanted.left,
            wanted.right - there.right,
            there.top - wanted.top,
            wanted.bottom - there.bottom,
        )
        seen = picture[None, *there.inside(shown)]
        if any(beyond):
            seen = F.pad(seen.permute(0, 3, 1, 2).float(), beyond, mode="replicate").permute(0, 2, 3, 1)
        pixels = self._networks.filtered(seen, kernels)[0][block.inside(covered)]
        if self.symbols.raises is None:
            return pixels
        raises = self.symbols.raises.roll((-block.top, -block.left), (0, 1)).to(torch.int16)
        times = -(-block.height // len(raises)), -(-block.width // len(raises)), 1
        return (pixels + raises.repeat(times)[: block.height, : block.width]).clamp_(0, 255).to(torch.uint8)

    def _run(self, name: str, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        return self._networks.run(name, inputs)

    def _given(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array).to(self._networks.device, non_blocking=True)


def _corners(rows: slice, columns: slice) -> Tensor:
    return torch.tensor([rows.start, columns.start, rows.stop, columns.stop])


def _without_tint(pixels: Tensor) -> Tensor:
    """Pixels (3, h, w), each of the mean of its three colours."""
    grey = (pixels.to(torch.int16).sum(0, keepdim=True, dtype=torch.int16) + 1) // 3
    return grey.to(torch.uint8).expand(3, -1, -1)


def _mixed(before: Tensor, over: Tensor, weight: Tensor) -> Tensor:
    """Pixels ``(h, w, 3)`` over others, as :meth:`KeyRegions.blend` lays them."""
    share = weight[:, :, None].to(torch.int16)
    mixed = before * (MOST_WEIGHT - share) + over * share + MOST_WEIGHT // 2
    return (mixed // MOST_WEIGHT).to(torch.uint8)


def _reduced(pixels: Tensor, factor: int) -> Tensor:
    """Pixels (3, h, w), as :func:`pgic_core.codec.average_downscaling.mean_reduce` makes them smaller."""
    if factor == 1:
        return pixels
    height, width = pixels.shape[1:]
    down, across = (reduced_side(side, factor) for side in (height, width))
    padded = F.pad(pixels, (0, across * factor - width, 0, down * factor - height))
    sums = padded.reshape(3, down, factor, across, factor).sum((2, 4), dtype=torch.int32)
    high, wide = (
        (side - torch.arange(0, side, factor, device=pixels.device)).clamp(max=factor)
        for side in (height, width)
    )
    counts = torch.outer(high, wide)
    return ((sums + counts // 2) // counts).to(torch.uint8)
