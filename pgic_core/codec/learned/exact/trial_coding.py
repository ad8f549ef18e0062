"""Coding a small picture on trial: its decoded pixels and its cost, without a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ....options import FAST
from ...rectangle import Rectangle
from ...tiles_and_windows import CELL_STRIDE, Z_STRIDE
from ..rendering.block_plan import RenderPlan
from ..rendering.pixel_rendering import pixels_of
from ..symbols.entropy_coding import Z_BOUND
from ..symbols.latent_quantisation import QuantState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ....models import Model
    from ..symbols.entropy_coding import CdfTable

__all__ = ["try_coding"]


def try_coding(
    pixels: NDArray[np.uint8],
    model: Model,
    cdfs: CdfTable,
    by_row: NDArray[np.float16],
    quality: int,
    threads: int,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The pixels that a decoder would show of a picture, and the bits that it would take.

    Args:
        pixels: uint8 ``(H, W, 3)``, sides multiples of 64; all of it goes through the networks at once.
        model: whose networks.
        cdfs: of the model.
        by_row: of :func:`.latent_quantisation.row_thresholds`.
        quality: 1 to 100.
        threads: for networks.

    Returns:
        Pixels, uint8 ``(H, W, 3)``, before the post-filter; and bits, float64 ``(H / 64, W / 64)``, without
        those of z.
    """
    whole = Rectangle(0, 0, pixels.shape[1], pixels.shape[0])
    state = QuantState(model, quality, None, whole)
    latent = model.network("analysis")({"picture": pixels[None]}, threads=threads)
    embedding = state.steps.embedding("hyper_analysis", whole, CELL_STRIDE)
    hyper = model.network("hyper_analysis")({"latent": latent, "embedding": embedding}, threads=threads)[0]
    state.z[:] = np.clip(np.rint(hyper), -Z_BOUND, Z_BOUND)
    state.z[state.row_map.z_rows == 0] = 0
    rows, limits = state.thresholds(whole, by_row)
    symbols, decoded = state.symbols(whole, latent, limits, threads)
    bits = np.zeros((whole.height // Z_STRIDE, whole.width // Z_STRIDE))
    state.add_bits(bits, cdfs, rows, symbols)
    plan = RenderPlan(model.renderer(FAST), whole, whole, whole)
    return pixels_of(state.steps, plan, decoded, threads), bits
