"""Symbols of an area, through the networks: its latent, its pixels, and its preview (A-6.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...options import PREVIEW_FACTOR
from ..tiling import CELL_STRIDE, Y_STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...models import Model
    from ..tiling import Box
    from .step_sizes import StepSizes

__all__ = [
    "LATENT_BOUND",
    "BlockPlan",
    "Context",
    "context_of",
    "latent_of",
    "margins",
    "pixels_of",
    "preview_of",
    "state_of",
]

LATENT_BOUND = 65504.0
"""The largest number of float16, which accelerators compute in; a latent's deviation is about 1."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """A block of a picture, and what must be known to decode it.

    Attributes:
        block: in pixels.
        render_box: what the last network gives: the block, and what lies around it as far as the renderer
            and the post-filter see.
        synthesis_box: what ``synthesis`` takes: the block with all of its halo; for previews the same as
            ``render_box``.
        detail_box: for which the latent is computed, aligned to 32 px; ``None`` where the base group is
            enough.
        base_box: for which the base group is read, aligned to 64 px.
        hyper_box: for which z is read, likewise.
    """

    block: Box
    render_box: Box
    synthesis_box: Box
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
    """Latent of what is seen of a part, ``(1, h, w, M)``; context and symbols are those of ``detailed``."""
    inputs: dict[str, NDArray[Any]] = {
        "known": context.known,
        "context": context.state,
        "detail": detail,
        "step": steps.at(detailed, slice(steps.model.base, None)),
    }
    latent = steps.model.network("means")(inputs, threads=threads)
    return _bounded(latent[:, *part.synthesis_box.inside(detailed, Y_STRIDE)])


def _bounded(latent: NDArray[np.float32]) -> NDArray[np.float32]:
    """The latent without what is no number, and within what :data:`LATENT_BOUND` says.

    No sound file comes near. But engines differ in what they make of a number beyond float16 or of an
    infinity, and none must show it as noise. A bounded latent gives finite values all through ``synthesis``.
    """
    if latent.min() >= -LATENT_BOUND and latent.max() <= LATENT_BOUND:  # false of NaN
        return latent
    numbers = np.nan_to_num(latent, nan=0.0, posinf=LATENT_BOUND, neginf=-LATENT_BOUND)
    return np.clip(numbers, -LATENT_BOUND, LATENT_BOUND)


def margins(model: Model, around: int) -> tuple[int, int]:
    """How far beyond a block one must render, and see, to have ``around`` pixels around it right."""
    return around + model.halo("renderer"), around + model.halo("synthesis")


def pixels_of(
    steps: StepSizes, area: Box, shown: Box, latent: NDArray[np.float32], threads: int
) -> NDArray[np.uint8]:
    """Pixels ``(H, W, 3)`` of the part ``shown`` of an area, of which the latent is given."""
    rows, columns = shown.inside(area, Y_STRIDE)
    latent = np.ascontiguousarray(latent)
    inputs: dict[str, NDArray[Any]] = {
        "latent": latent,
        "shown": np.ascontiguousarray(latent[:, rows, columns]),
        "inside": np.array([rows.start, columns.start, rows.stop, columns.stop], np.int64),
        "embedding": steps.embedding("synthesis", area, Y_STRIDE),
    }
    picture: NDArray[np.uint8] = steps.model.network("synthesis")(inputs, threads=threads)[0]
    return picture


def preview_of(
    steps: StepSizes, part: BlockPlan, state: NDArray[np.float32], base: NDArray[np.int16], threads: int
) -> NDArray[np.uint8]:
    """Preview pixels ``(h, w, 3)`` of a part's block, and of those that lie in it partly."""
    inputs = _of_base(steps, part, state, base)
    picture: NDArray[np.uint8] = steps.model.network("preview")(inputs, threads=threads)[0]
    return picture[part.render_box.inside(part.base_box, PREVIEW_FACTOR)]
