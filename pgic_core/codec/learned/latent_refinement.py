"""Effort 3: moving the latent of a picture to where it costs less.

The analysis network gives latents that are good for pictures in general. Gradient descent on the error of one
picture finds better ones, for any decoder (Campos et al., "Content adaptive optimization for neural image
compression", 2019).

In each turn every element makes a part of its Newton step towards less error. Then symbols are chosen anew by
the usual rule of the encoder. Every block of 64 x 64 pixels keeps the best latent so far, by error and true
bits together. A block that got worse tries again with smaller steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..tiles_and_windows import CELL_STRIDE, Y_STRIDE, Z_STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..rectangle import Rectangle
    from .symbols.entropy_coding import CdfTable
    from .symbols.latent_quantisation import QuantState

__all__ = ["REFINED_PIXELS", "refine"]

REFINED_PIXELS = 1 << 20
"""About how many pixels to refine at once. Each takes some 250 bytes of memory."""
_TURNS = 10
# The dead zone makes files smaller than the rate-distortion weight of their quality asks for. With less
# weight on errors, refined files stay near that size and gain most. All numbers are those that did best
# on training pictures.
_ERROR_SHARE = 0.7
# All elements move at once and correct the same errors, so each makes a small part of its step only.
_PACE = 0.1
_FASTER, _SLOWER = 1.2, 0.5


def refine(
    state: QuantState,
    cdfs: CdfTable,
    by_row: NDArray[np.float16],
    latent: NDArray[np.float32],
    pixels: NDArray[np.uint8],
    area: Rectangle,
    block: Rectangle,
    threads: int,
) -> NDArray[np.float32]:
    """Refine the latent of a block. The hyper-latent, and with it all distributions, stays as it is.

    Args:
        state: whose z covers ``area``.
        cdfs: of its model.
        by_row: of :func:`.latent_quantisation.row_thresholds`.
        latent: of ``area``, ``(1, h, w, M)``.
        pixels: of ``area``, ``(1, H, W, 3)``.
        area: the block with what its context reaches.
        block: the block.
        threads: for networks.

    Returns:
        The block's latent.
    """
    steps, model = state.steps, state.steps.model
    rows, thresholds = state.thresholds(area, by_row)
    blocks = (area.height // Z_STRIDE, area.width // Z_STRIDE)
    weight = _ERROR_SHARE * model.error_weight(steps.quality) * 4.0 ** steps.octaves(area)
    farthest = _to_latent(np.broadcast_to(steps.at(area), (1, model.latent, *_cells(area))))
    embedding = steps.embedding("synthesis", area, Y_STRIDE)

    best = latent.copy()
    heading = np.zeros_like(latent)
    least = np.full(blocks, np.inf)
    pace = np.zeros(blocks, np.float32)
    pace[block.inside(area, Z_STRIDE)] = _PACE / _FASTER
    for _ in range(_TURNS + 1):
        trial = (best + _spread(pace) * heading).astype(np.float32, copy=False)
        symbols, values = state.symbols(area, trial, thresholds, threads)
        inputs: dict[str, NDArray[Any]] = {"latent": values, "embedding": embedding, "picture": pixels}
        move, error = model.network("descent").run(inputs, ("move", "error"), threads=threads)
        cost = weight * error.reshape(blocks[0], 4, blocks[1], 4).sum((1, 3))
        state.add_bits(cost, cdfs, rows, symbols)
        better = cost < least
        least[better] = cost[better]
        pace *= np.where(better, np.float32(_FASTER), np.float32(_SLOWER))
        here = _spread(better)
        best = np.where(here, trial, best)
        heading = np.where(here, np.clip(values + move - trial, -farthest, farthest), heading)
    return best[:, *block.inside(area, Y_STRIDE)]


def _cells(area: Rectangle) -> tuple[int, int]:
    return area.height // CELL_STRIDE, area.width // CELL_STRIDE


def _to_latent(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(1, M, rows, columns)`` of cells to the latent's positions, ``(1, h, w, M)``."""
    return cells.transpose(0, 2, 3, 1).repeat(2, 1).repeat(2, 2)


def _spread(blocks: NDArray[Any]) -> NDArray[Any]:
    """One value per block of 64 pixels to the latent's positions, ``(1, h, w, 1)``."""
    return blocks.repeat(4, 0).repeat(4, 1)[None, :, :, None]
