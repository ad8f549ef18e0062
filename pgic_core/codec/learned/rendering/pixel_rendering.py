"""A latent to pixels, through the network of a level and scale (A-6.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....errors import PgiModelError
from ...tiles_and_windows import Y_STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ....models import Renderer
    from ...rectangle import Rectangle
    from ..symbols.quality_to_steps import StepSizes
    from .block_plan import RenderPlan

__all__ = ["pixels_of", "run_renderer"]


def pixels_of(
    steps: StepSizes, plan: RenderPlan, latent: NDArray[np.float32], threads: int
) -> NDArray[np.uint8]:
    """What a renderer of whole latents draws.

    Args:
        steps: of the picture.
        plan: what to draw.
        latent: of its ``synthesis_box``, ``(1, h, w, M)``.
        threads: of the network.

    Returns:
        ``(H, W, 3)``, its ``render_box`` at the renderer's scale.
    """
    area = plan.synthesis_box
    rows, columns = plan.render_box.inside(area, Y_STRIDE)
    latent = np.ascontiguousarray(latent)
    offered: dict[str, Callable[[], NDArray[Any]]] = {
        "latent": lambda: latent,
        "shown": lambda: np.ascontiguousarray(latent[:, rows, columns]),
        "inside": lambda: np.array([rows.start, columns.start, rows.stop, columns.stop], np.int64),
        "origin": lambda: np.array([area.top // Y_STRIDE, area.left // Y_STRIDE], np.int64),
        "embedding": lambda: steps.embedding("synthesis", area, Y_STRIDE),
        "rate": lambda: steps.places(area, Y_STRIDE),
    }
    return run_renderer(steps, plan.renderer, plan.render_box, offered, threads)


def run_renderer(
    steps: StepSizes,
    renderer: Renderer,
    box: Rectangle,
    offered: Mapping[str, Callable[[], NDArray[Any]]],
    threads: int,
) -> NDArray[np.uint8]:
    """What the network of a renderer makes of those inputs that it takes: pixels of ``box``.

    Raises:
        PgiModelError: it wants other inputs, fails, or gives something else.
    """
    network = steps.model.network(renderer.network)
    names = network.input_names(threads=threads)
    if not names <= offered.keys():
        unknown = ", ".join(sorted(names - offered.keys()))
        raise PgiModelError(f"The renderer {renderer.name} of the model {steps.model.id} asks for {unknown}.")
    picture: NDArray[np.uint8] = network({name: offered[name]() for name in names}, threads=threads)[0]
    size = box.height // renderer.scale, box.width // renderer.scale, 3
    if picture.dtype != np.uint8 or picture.shape != size:
        raise PgiModelError(
            f"The renderer {renderer.name} of the model {steps.model.id} gives other pixels than it should."
        )
    return picture
