"""Symbols of an area, through the networks: its latent, and its pixels at any level (A-6.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiModelError
from ..tiling import CELL_STRIDE, Y_STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ...models import Renderer
    from ..tiling import Box
    from .quality_to_steps import StepSizes

__all__ = [
    "LATENT_BOUND",
    "BlockPlan",
    "Context",
    "RenderPlan",
    "base_pixels_of",
    "context_of",
    "latent_of",
    "pixels_of",
    "state_of",
]

LATENT_BOUND = 65504.0
"""The largest number of float16, which accelerators compute in; a latent's deviation is about 1."""


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
    wanted: Box
    render_box: Box
    synthesis_box: Box

    @classmethod
    def of(cls, renderer: Renderer, wanted: Box, whole: Box) -> RenderPlan:
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

    block: Box
    latent_box: Box
    detail_box: Box | None
    base_box: Box
    hyper_box: Box


@dataclass(frozen=True, slots=True)
class Context:
    """What the base group says of an area of cells.

    Attributes:
        known: its values, ``(1, rows, columns, 4 B)``.
        state: what means of detail are read from, ``(1, rows, columns, T)``.
    """

    known: NDArray[np.float32]
    state: NDArray[np.float32]


def state_of(steps: StepSizes, area: Box, z: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
    """What z says of the cells of an area, ``(1, rows, columns, T)``."""
    inputs = {"z": z, "embedding": steps.embedding("means", area, CELL_STRIDE)}
    return steps.model.network("state")(inputs, threads=threads)


def context_of(
    steps: StepSizes,
    part: BlockPlan,
    detailed: Box,
    state: NDArray[np.float32],
    base: NDArray[np.int16],
    threads: int,
) -> Context:
    """What the base group says of the cells of ``detailed``, with their neighbours' symbols and state."""
    inputs = _of_base(steps, part, state, base)
    rows, columns = detailed.inside(part.base_box, CELL_STRIDE)
    inputs["inside"] = np.array([rows.start, columns.start, rows.stop, columns.stop], np.int64)
    return Context(*steps.model.network("context").run(inputs, ("known", "context"), threads=threads))


def _of_base(
    steps: StepSizes, part: BlockPlan, state: NDArray[np.float32], base: NDArray[np.int16]
) -> dict[str, NDArray[Any]]:
    """What networks take: base symbols of ``known``, ``(1, rows, columns, 4 B)``, and the state from z."""
    state = np.ascontiguousarray(state[:, *part.base_box.inside(part.hyper_box, CELL_STRIDE)])
    return {"state": state, "base": base, "step": steps.at(part.base_box, slice(steps.model.base))}


def latent_of(
    steps: StepSizes,
    part: BlockPlan,
    detailed: Box,
    context: Context,
    detail: NDArray[np.int16],
    threads: int,
) -> NDArray[np.float32]:
    """Latent of the ``latent_box`` of a part, ``(1, h, w, M)``; what is known is that of ``detailed``."""
    inputs: dict[str, NDArray[Any]] = {
        "known": context.known,
        "context": context.state,
        "detail": detail,
        "step": steps.at(detailed, slice(steps.model.base, None)),
    }
    latent = steps.model.network("means")(inputs, threads=threads)
    return _bounded(latent[:, *part.latent_box.inside(detailed, Y_STRIDE)])


def _bounded(latent: NDArray[np.float32]) -> NDArray[np.float32]:
    """The latent without what is no number, and within what :data:`LATENT_BOUND` says.

    No sound file comes near. But engines differ in what they make of a number beyond float16 or of an
    infinity, and none must show it as noise. A bounded latent gives finite values all through ``synthesis``.
    """
    if latent.min() >= -LATENT_BOUND and latent.max() <= LATENT_BOUND:  # false of NaN
        return latent
    numbers = np.nan_to_num(latent, nan=0.0, posinf=LATENT_BOUND, neginf=-LATENT_BOUND)
    return np.clip(numbers, -LATENT_BOUND, LATENT_BOUND)


def pixels_of(
    steps: StepSizes, plan: RenderPlan, latent: NDArray[np.float32], threads: int
) -> NDArray[np.uint8]:
    """What a renderer of whole latents draws.

    Args:
        rate: of the picture.
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
    return _drawn(steps, plan.renderer, plan.render_box, offered, threads)


def base_pixels_of(
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
    inputs = _of_base(steps, part, state, base)
    offered = {name: (lambda value=value: value) for name, value in inputs.items()}
    picture = _drawn(steps, plan.renderer, part.base_box, offered, threads)
    return picture[plan.render_box.inside(part.base_box, plan.renderer.scale)]


def _drawn(
    steps: StepSizes,
    renderer: Renderer,
    box: Box,
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
