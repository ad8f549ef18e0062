"""Symbols of blocks, read while networks run (A-6.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..parallel import prefetch, run_alongside
from .rendering.latent_reconstruction import context_of, latent_of, state_of
from .rendering.preview_decoding import preview_pixels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from .rendering.block_plan import BlockPlan
    from .symbols.quality_to_steps import StepSizes
    from .symbols.tile_symbol_reader import TileReader

__all__ = ["GatheredBlock", "gathered"]


class GatheredBlock(NamedTuple):
    """A block whose symbols were read.

    Attributes:
        plan: the block, and what it needs.
        compute: runs the last networks. It gives the latent of ``plan.latent_box``, float32
            ``(1, h, w, M)``; where ``plan.detail_box`` is ``None``, it takes a :class:`RenderPlan` and gives
            its pixels.
        damaged: tiles that were found damaged so far.
    """

    plan: BlockPlan
    compute: Callable[..., NDArray[Any]]
    damaged: frozenset[int]


def gathered(
    tiles: TileReader, steps: StepSizes, parts: list[BlockPlan], threads: int
) -> Iterator[GatheredBlock]:
    """Read the symbols of blocks, the next one's while the caller works on one.

    Networks for what is known run while the rest is read, which takes one thread.
    """

    def of_z(part: BlockPlan, z: NDArray[np.float32]) -> NDArray[np.float32]:
        state = state_of(steps, part.hyper_box, z, threads)
        if part.detail_box is not None and threads > 1:
            tiles.precompute_rows(part.detail_box)
        return state

    def read(part: BlockPlan) -> Callable[..., NDArray[Any]]:
        z = tiles.z(part.hyper_box)
        with run_alongside(lambda: of_z(part, z), threads) as state:
            base = tiles.base(part.base_box)
        if (detailed := part.detail_box) is None:
            return lambda plan: preview_pixels_of(steps, plan, part, state(), base, threads)
        with run_alongside(
            lambda: context_of(steps, part, detailed, state(), base, threads), threads
        ) as context:
            detail = tiles.detail(detailed)
        return lambda: latent_of(steps, part, detailed, context(), detail, threads)

    def gather(part: BlockPlan) -> GatheredBlock:
        compute = read(part)
        return GatheredBlock(part, compute, frozenset(tiles.damaged))

    return (gathered for _, gathered in prefetch(gather, parts, threads))
