"""Smaller pictures by means of square boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PREVIEW_FACTOR", "box_reduce", "reduced_side"]

PREVIEW_FACTOR = 8
"""Pixels of the picture along one side of a preview pixel."""


def reduced_side(side: int, factor: int) -> int:
    """Pixels of a side after reduction, rounded up."""
    return -(-side // factor)


def box_reduce(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Means of boxes of ``factor`` x ``factor`` pixels; those at the right and lower edge hold fewer.

    Args:
        pixels: (H, W, C).
        factor: 1 or more.

    Returns:
        (ceil(H / factor), ceil(W / factor), C) of the same type; integers are rounded to the nearest.
    """
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    exact = np.float64 if pixels.dtype.kind == "f" else np.int64
    sums = np.add.reduceat(np.add.reduceat(pixels, rows, axis=0, dtype=exact), columns, axis=1)
    counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))[:, :, np.newaxis]
    means = sums / counts if exact is np.float64 else (sums + counts // 2) // counts
    reduced: NDArray[Any] = means.astype(pixels.dtype)
    return reduced
