"""Symbols to pixels and latents on a device, as :mod:`pgic_core.codec.learned.reconstruction` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from pgic_core.codec.learned.post_filter import BLOCK, REACH
from pgic_core.codec.learned.reconstruction import LATENT_BOUND
from pgic_core.codec.learned.step_sizes import StepSizes
from pgic_core.codec.tiling import CELL_STRIDE, Y_STRIDE
from pgic_core.errors import PgiUnsupportedError
from pgic_core.options import PREVIEW_FACTOR

from .networks import DeviceNetworks
from .symbols import SCALES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pgic_core.codec.tiling import Box

    from .symbols import BlockTensors, PgiSymbols

__all__ = ["latent_on", "pixels_on"]


def pixels_on(symbols: PgiSymbols, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The pixels, uint8 (C, h, w) on the device, C as stored.

    Args:
        symbols: of any level but "latent".
        device: where networks run.
        dtype: what they compute in.

    Raises:
        PgiUnsupportedError: the level has no networks here, or the package onnx is not installed.
        PgiModelError: the model is not installed.
    """
    symbols = symbols.to(device)
    if symbols.pixels is not None:
        return symbols.pixels
    render = _RENDERERS.get(symbols.level)
    if render is None:
        raise PgiUnsupportedError(f"The level {symbols.level} decodes on the CPU alone.")
    assert symbols.area is not None
    picture = _Picture(symbols, device, dtype)
    first = symbols.area.reduced(picture.scale)
    with torch.inference_mode():
        # An ordinary tensor: one of inference mode could not be trained on.
        with torch.inference_mode(False):
            out = torch.empty((3, first.height, first.width), dtype=torch.uint8, device=device)
        for block in symbols.blocks:
            place = block.plan.block.reduced(picture.scale).inside(first)
            pixels = render(picture, block).permute(2, 0, 1)
            out[:, *place] = _without_tint(pixels) if symbols.neutral else pixels
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

    @property
    def scale(self) -> int:
        """Pixels of the picture along one side of what is shown."""
        return SCALES[self.symbols.level]

    def preview(self, block: BlockTensors) -> Tensor:
        """Pixels ``(h, w, 3)`` of the block at 1/8, and of those that lie in it partly."""
        plan = block.plan
        picture = self._run("preview", self._of_base(block, self._state(block)))[0][0]
        rows, columns = plan.render_box.inside(plan.base_box, PREVIEW_FACTOR)
        return picture[rows, columns]

    def fast(self, block: BlockTensors) -> Tensor:
        """Pixels ``(h, w, 3)`` of the block."""
        plan, latent = block.plan, self.latent(block)
        rows, columns = plan.render_box.inside(plan.synthesis_box, Y_STRIDE)
        inputs = {
            "latent": latent,
            "shown": latent[:, rows, columns],
            "inside": _corners(rows, columns),
            "embedding": self._given(self._steps.embedding("synthesis", plan.synthesis_box, Y_STRIDE)),
        }
        picture = self._run("synthesis", inputs)[0]
        if self.symbols.kernels is None:
            return picture[0][plan.block.inside(plan.render_box)]
        return self._filtered(picture, plan.render_box, plan.block, self.symbols.kernels)

    def latent(self, block: BlockTensors) -> Tensor:
        """The latent of what is seen of a block, ``(1, h, w, M)``."""
        plan, detail = block.plan, block.detail
        assert plan.detail_box is not None
        assert detail is not None
        inputs = self._of_base(block, self._state(block))
        inputs["inside"] = _corners(*plan.detail_box.inside(plan.base_box, CELL_STRIDE))
        known, context = self._run("context", inputs)
        steps = self._steps.at(plan.detail_box, slice(self.model.base, None))
        inputs = {"known": known, "context": context, "detail": detail, "step": self._given(steps)}
        latent = self._run("means", inputs)[0][:, *plan.synthesis_box.inside(plan.detail_box, Y_STRIDE)]
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

    def _filtered(self, picture: Tensor, shown: Box, block: Box, kernels: Tensor) -> Tensor:
        """Pixels ``(h, w, 3)`` of ``block`` after the filter, of those of ``shown``, ``(1, H, W, 3)``."""
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
        seen = picture[:, *there.inside(shown)]
        if any(beyond):
            seen = F.pad(seen.permute(0, 3, 1, 2).float(), beyond, mode="replicate").permute(0, 2, 3, 1)
        return self._networks.filtered(seen, kernels)[0][block.inside(covered)]

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


_RENDERERS: Mapping[str, Callable[[_Picture, BlockTensors], Tensor]] = {
    "preview": _Picture.preview,
    "fast": _Picture.fast,
}
"""By level: what makes the pixels of a block."""
