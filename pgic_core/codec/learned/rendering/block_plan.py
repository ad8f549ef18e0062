"""The plan of one block: which areas a renderer draws and sees, and what must be read for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...tiles_and_windows import Y_STRIDE

if TYPE_CHECKING:
    from ....models import Renderer
    from ...rectangle import Rectangle

__all__ = ["BlockPlan", "RenderPlan"]


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """What a renderer draws, and what it must be given for that.

    Attributes:
        renderer: of the model.
        wanted: for which its pixels must be right.
        render_box: what it gives, aligned to 16 px.
        synthesis_box: what it sees, aligned to 16 px.
    """

    renderer: Renderer
    wanted: Rectangle
    render_box: Rectangle
    synthesis_box: Rectangle

    @classmethod
    def of(cls, renderer: Renderer, wanted: Rectangle, whole: Rectangle) -> RenderPlan:
        """The plan for ``wanted``, which may reach beyond ``whole``, the coded area."""
        seen = wanted
        for pixels, grid in renderer.halo:
            seen = seen.grown(pixels, grid, whole)
        return cls(renderer, wanted, wanted.grown(renderer.inside_halo, Y_STRIDE, whole), seen)


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """A block of a picture, and what must be known to decode it.

    Attributes:
        block: in pixels.
        latent_box: for which the latent is wanted, aligned to 16 px.
        detail_box: for which it is computed, aligned to 32 px; ``None`` where the base group is enough.
        base_box: for which the base group is read, aligned to 64 px.
        hyper_box: for which z is read, likewise.
    """

    block: Rectangle
    latent_box: Rectangle
    detail_box: Rectangle | None
    base_box: Rectangle
    hyper_box: Rectangle
