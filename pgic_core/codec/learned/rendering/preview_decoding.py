"""Decoding a preview: the base symbols of an area, through the network that draws them at 1/8 of the size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .latent_reconstruction import base_inputs
from .pixel_rendering import run_renderer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..symbols.quality_to_steps import StepSizes
    from .block_plan import BlockPlan, RenderPlan

__all__ = ["preview_pixels_of"]


def preview_pixels_of(
    steps: StepSizes,
    plan: RenderPlan,
    part: BlockPlan,
    state: NDArray[np.float32],
    base: NDArray[np.int16],
    threads: int,
) -> NDArray[np.uint8]:
    """What a renderer of the base group draws.

    Args:
        steps: of the picture.
        plan: what to draw.
        part: what ``state`` and ``base`` are known of.
        state: what z says of the cells of its ``hyper_box``.
        base: symbols of its ``base_box``.
        threads: of the network.

    Returns:
        ``(h, w, 3)``, the plan's ``render_box`` at the renderer's scale.
    """
    inputs = base_inputs(steps, part, state, base)
    offered = {name: (lambda value=value: value) for name, value in inputs.items()}
    picture = run_renderer(steps, plan.renderer, part.base_box, offered, threads)
    return picture[plan.render_box.inside(part.base_box, plan.renderer.scale)]
