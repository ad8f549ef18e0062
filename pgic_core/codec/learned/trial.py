"""Coding a small picture to see what comes of it, without writing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...options import FAST
from ..tiling import CELL_STRIDE, Z_STRIDE, Box
from .entropy import Z_BOUND
from .quantisation import SYMBOL_LAYERS, QuantState, fill_thresholds
from .reconstruction import RenderPlan, pixels_of
from .rows import from_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...models import Model
    from .entropy import CdfTable

__all__ = ["attempt"]


def attempt(
    pixels: NDArray[np.uint8],
    model: Model,
    cdfs: CdfTable,
    by_row: NDArray[np.float16],
    quality: int,
    threads: int,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """What a decoder would show of a picture, and what it would cost.

    Args:
        pixels: ``(H, W, 3)``, sides multiples of 64; all goes through the networks at once.
        model: whose networks.
        cdfs: of the model.
        by_row: of :func:`.quantisation.row_thresholds`.
        quality: 1 to 100.
        threads: for networks.

    Returns:
        ``(H, W, 3)``, before the picture's own filter; and bits, ``(H / 64, W / 64)``, but for those of z.
    """
    whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
    picture = QuantState(model, quality, None, whole)
    latent = model.network("analysis")({"picture": pixels[None]}, threads=threads)
    embedding = picture.rate.embedding("hyper_analysis", whole, CELL_STRIDE)
    hyper = model.network("hyper_analysis")({"latent": latent, "embedding": embedding}, threads=threads)[0]
    picture.z[:] = np.clip(np.rint(hyper), -Z_BOUND, Z_BOUND)
    picture.z[picture.row_map.z_rows == 0] = 0
    rows = {layer: picture.rows(layer, whole) for layer in SYMBOL_LAYERS}
    limits = np.empty((whole.height // CELL_STRIDE, whole.width // CELL_STRIDE, 4 * model.latent), np.float16)
    for layer, channels in picture.row_map.channels.items():
        fill_thresholds(by_row, rows[layer], limits[:, :, channels])
    symbols, decoded = picture.symbols(whole, latent, limits, threads)
    bits = np.zeros((whole.height // Z_STRIDE, whole.width // Z_STRIDE))
    for layer, channels in picture.row_map.channels.items():
        cost = cdfs.cost(rows[layer].counts, from_cells(rows[layer], symbols[:, :, channels]))
        bits += np.bincount(rows[layer].index % bits.size, cost, minlength=bits.size).reshape(bits.shape)
    plan = RenderPlan(model.renderer(FAST), whole, whole, whole)
    return pixels_of(picture.rate, plan, decoded, threads), bits
