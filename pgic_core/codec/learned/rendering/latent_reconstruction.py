"""Symbols of an area to its latent, through the networks (A-6.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...tiles_and_windows import CELL_STRIDE, Y_STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...rectangle import Rectangle
    from ..symbols.quality_to_steps import StepSizes
    from .block_plan import BlockPlan

__all__ = ["LATENT_BOUND", "Context", "base_inputs", "context_of", "latent_of", "state_of"]

LATENT_BOUND = 65504.0
"""The largest number of float16, which accelerators compute in; a latent's deviation is about 1."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the base group says of an area of cells.

    Attributes:
        known: its values, ``(1, rows, columns, 4 B)``.
        state: what means of detail are read from, ``(1, rows, columns, T)``.
    """

    known: NDArray[np.float32]
    state: NDArray[np.float32]


def state_of(steps: StepSizes, area: Rectangle, z: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
    """What z says of the cells of an area, ``(1, rows, columns, T)``."""
    inputs = {"z": z, "embedding": steps.embedding("means", area, CELL_STRIDE)}
    return steps.model.network("state")(inputs, threads=threads)


def context_of(
    steps: StepSizes,
    part: BlockPlan,
    detailed: Rectangle,
    state: NDArray[np.float32],
    base: NDArray[np.int16],
    threads: int,
) -> Context:
    """What the base group says of the cells of ``detailed``, with their neighbours' symbols and state."""
    inputs = base_inputs(steps, part, state, base)
    rows, columns = detailed.inside(part.base_box, CELL_STRIDE)
    inputs["inside"] = np.array([rows.start, columns.start, rows.stop, columns.stop], np.int64)
    return Context(*steps.model.network("context").run(inputs, ("known", "context"), threads=threads))


def base_inputs(
    steps: StepSizes, part: BlockPlan, state: NDArray[np.float32], base: NDArray[np.int16]
) -> dict[str, NDArray[Any]]:
    """What networks take: base symbols of ``base_box``, ``(1, rows, columns, 4 B)``, and the state from z."""
    state = np.ascontiguousarray(state[:, *part.base_box.inside(part.hyper_box, CELL_STRIDE)])
    return {"state": state, "base": base, "step": steps.at(part.base_box, slice(steps.model.base))}


def latent_of(
    steps: StepSizes,
    part: BlockPlan,
    detailed: Rectangle,
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
