"""Drawing a block of a picture whose symbols were read: levels, key regions, the post-filter (A-6.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...tiles_and_windows import Y_STRIDE
from .pixel_rendering import pixels_of
from .post_filter import Filter, filtered

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...rectangle import Rectangle
    from ..symbols.quality_to_steps import StepSizes
    from .block_plan import BlockPlan, RenderPlan
    from .render_planning import Look

__all__ = ["draw_block", "touched_by", "without_tint"]


def draw_block(
    steps: StepSizes,
    part: BlockPlan,
    plans: list[RenderPlan],
    compute: Callable[..., NDArray[Any]],
    look: Look,
    post_filter: Filter | None,
    coded_area: Rectangle,
    threads: int,
) -> NDArray[np.uint8]:
    """Pixels of a block, ``(h, w, 3)``.

    Args:
        steps: of the picture.
        part: the block, and what is known of it.
        plans: what to draw: first the block, then what is blended over it.
        compute: of :class:`.symbol_prefetch.GatheredBlock`.
        look: how the picture is drawn.
        post_filter: of the picture, for renderers that want it.
        coded_area: of the picture.
        threads: of the networks.
    """
    block, scale = part.block, plans[0].renderer.scale
    there = block.reduced(scale).inside(plans[0].render_box.reduced(scale))
    if part.detail_box is None:
        return compute(plans[0])[there]
    latent = compute()

    def draw(plan: RenderPlan) -> NDArray[np.uint8]:
        seen = plan.synthesis_box.inside(part.latent_box, Y_STRIDE)
        return pixels_of(steps, plan, latent[:, *seen], threads)

    pixels = draw(plans[0])
    if post_filter and plans[0].renderer.post_filter:
        pixels = filtered(post_filter, pixels, plans[0].render_box, block, coded_area, threads)
    else:
        pixels = pixels[there]
    for plan in plans[1:]:
        assert look.regions is not None
        look.regions.blend(pixels, block, plan, draw(plan))
    return pixels


def touched_by(spoilt: list[Rectangle], block: Rectangle, scale: int) -> NDArray[np.bool_] | None:
    """Which pixels of a block lie in one of some boxes; ``None`` without such boxes."""
    if not spoilt:
        return None
    whole = block.reduced(scale)
    mask = np.zeros((whole.height, whole.width), np.bool_)
    for box in spoilt:
        shared = box.overlap(block)
        if shared.width > 0 and shared.height > 0:
            mask[shared.reduced(scale).inside(whole)] = True
    return mask


def without_tint(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels ``(H, W, 3)``, each of the mean of its three colours."""
    red, green, blue = (pixels[:, :, colour].astype(np.uint16) for colour in range(3))
    grey = ((red + green + blue + 1) // 3).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
