"""What to decode for a block of a picture: which renderers draw it, and what they must be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ...rectangle import hull
from ...tiles_and_windows import CELL_STRIDE, Y_STRIDE, Z_STRIDE
from .block_plan import BlockPlan, RenderPlan
from .post_filter import BLOCK, REACH

if TYPE_CHECKING:
    from ....models import Model, Renderer
    from ...rectangle import Rectangle
    from .adaptive_regions import KeyRegions

__all__ = ["Look", "Planner", "margin"]


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
class Planner:
    """Plans blocks of a picture.

    Attributes:
        model: of the picture.
        whole: the coded area.
    """

    model: Model
    whole: Rectangle

    def drawn(self, block: Rectangle, look: Look, *, filters: bool) -> tuple[BlockPlan, list[RenderPlan]]:
        """What a block needs that is drawn, and what to draw for it.

        Args:
            block: in pixels.
            look: how to draw it.
            filters: whether the picture's own filter is applied to it.

        Returns:
            The block's plan. Then what to draw: first what the look's renderer draws, unless regions cover
            the whole block, then what is blended over it.
        """
        regions = look.regions
        if regions is not None and regions.cover(block):
            plans = [RenderPlan.of(regions.renderer, block, self.whole)]
        else:
            first = RenderPlan.of(look.renderer, block.around(margin(filters)), self.whole)
            plans = [first, *(regions.plans(block) if regions else [])]
        if plans[0].renderer.layer == "base":
            return self._part(block, plans[0].synthesis_box, detailed=False), plans
        return self._part(block, hull([plan.synthesis_box for plan in plans])), plans

    def latent(self, block: Rectangle) -> BlockPlan:
        """What a block needs whose latent is wanted."""
        return self._part(block, block.grown(0, Y_STRIDE, self.whole))

    def _part(self, block: Rectangle, latent_box: Rectangle, *, detailed: bool = True) -> BlockPlan:
        """What a block needs, for which the latent of ``latent_box`` is wanted, or its base group alone."""
        wanted = latent_box.grown(0, CELL_STRIDE, self.whole)
        base, hyper = (
            wanted.grown(self.model.halo(name), Z_STRIDE, self.whole) for name in ("context", "means")
        )
        return BlockPlan(block, latent_box, wanted if detailed else None, base, hyper)


def margin(filters: bool) -> int:
    """How many pixels around a block its pixels are wanted of, for the picture's own filter."""
    return REACH + BLOCK - 1 if filters else 0
