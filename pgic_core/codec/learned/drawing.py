"""Blocks of a picture, drawn by the renderers that a level asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..tiling import Y_STRIDE, Box
from .post_filter import BLOCK, REACH, Filter, filtered
from .reconstruction import RenderPlan, pixels_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...models import Renderer
    from .key_regions import KeyRegions
    from .reconstruction import BlockPlan
    from .step_sizes import StepSizes

__all__ = ["Drawing", "Look"]


class Look(NamedTuple):
    """How a picture is drawn.

    Attributes:
        renderer: draws it.
        regions: what another renderer draws, or None.
    """

    renderer: Renderer
    regions: KeyRegions | None = None

    @property
    def reach(self) -> int:
        """No pixel further away than this changes one that is drawn."""
        return max(self.renderer.reach, self.regions.renderer.reach if self.regions else 0)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws blocks of one picture.

    Attributes:
        look: how.
        whole: the coded area.
        post_filter: of the picture; None where it has none, or where the look's renderer takes none.
        neutral: whether all pixels are grey.
        steps: of the picture.
        threads: of networks and filter.
    """

    look: Look
    whole: Box
    post_filter: Filter | None
    neutral: bool
    steps: StepSizes
    threads: int

    @property
    def _margin(self) -> int:
        return REACH + BLOCK - 1 if self.post_filter else 0

    @property
    def reach(self) -> int:
        """No pixel of a latent further away than this changes one that is drawn."""
        return self._margin + self.look.reach

    def plans(self, block: Box) -> list[RenderPlan]:
        """What to draw for a block: first what the look's renderer draws, unless regions cover it all."""
        regions = self.look.regions
        if regions is not None and regions.cover(block):
            return [RenderPlan.of(regions.renderer, block, self.whole)]
        first = RenderPlan.of(self.look.renderer, block.around(self._margin), self.whole)
        return [first, *(regions.plans(block) if regions else [])]

    def draw(
        self, part: BlockPlan, plans: list[RenderPlan], compute: Callable[..., NDArray[Any]]
    ) -> NDArray[np.uint8]:
        """Pixels of a block, ``(h, w, 3)``.

        Args:
            part: the block, and what is known of it.
            plans: of the block.
            compute: of :class:`.gathering.GatheredBlock`.
        """
        block, scale = part.block, plans[0].renderer.scale
        there = block.reduced(scale).inside(plans[0].render_box.reduced(scale))
        if part.detail_box is None:
            pixels = compute(plans[0])[there]
            return _without_tint(pixels) if self.neutral else pixels
        latent = compute()

        def draw(plan: RenderPlan) -> NDArray[np.uint8]:
            seen = plan.synthesis_box.inside(part.latent_box, Y_STRIDE)
            return pixels_of(self.steps, plan, latent[:, *seen], self.threads)

        pixels = draw(plans[0])
        if self.post_filter and plans[0].renderer.post_filter:
            box = plans[0].render_box
            pixels = filtered(self.post_filter, pixels, box, block, self.whole, self.threads)
        else:
            pixels = pixels[there]
        for plan in plans[1:]:
            assert self.look.regions is not None
            self.look.regions.blend(pixels, block, plan, draw(plan))
        return _without_tint(pixels) if self.neutral else pixels


def _without_tint(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels ``(H, W, 3)``, each of the mean of its three colours."""
    red, green, blue = (pixels[:, :, colour].astype(np.uint16) for colour in range(3))
    grey = ((red + green + blue + 1) // 3).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
