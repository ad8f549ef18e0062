"""Pictures made smaller by averaging squares of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["any_reduce", "mean_reduce", "reduced_side"]


def reduced_side(side: int, factor: int) -> int:
    """Pixels of a side after reduction, rounded up."""
    return -(-side // factor)


def mean_reduce(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Means of squares of ``factor`` x ``factor`` pixels; those at the right and lower edge are cut off.

    Args:
        pixels: (H, W, C).
        factor: 1 or more.

    Returns:
        (ceil(H / factor), ceil(W / factor), C) of the same type; integers are rounded to the nearest.
    """
    if factor == 1:
        return pixels
    height, width, channels = pixels.shape
    down, across = reduced_side(height, factor), reduced_side(width, factor)
    exact = np.float64 if pixels.dtype.kind == "f" else np.int64 if pixels.itemsize > 1 else np.uint32
    rows = np.zeros((down, across * factor, channels), exact)
    whole = height // factor
    boxes = pixels[: whole * factor].reshape(whole, factor, width * channels)
    rows[:whole, :width] = boxes.sum(1, dtype=exact).reshape(whole, width, channels)
    if whole < down:
        rows[whole, :width] = pixels[whole * factor :].sum(0, dtype=exact)
    sums = rows.reshape(down, across, factor, channels).sum(2)
    high, wide = (
        np.minimum(factor, side - np.arange(0, side, factor)).astype(exact) for side in (height, width)
    )
    counts = np.outer(high, wide)[:, :, np.newaxis]
    means = sums / counts if exact is np.float64 else (sums + counts // 2) // counts
    reduced: NDArray[Any] = means.astype(pixels.dtype)
    return reduced


def any_reduce(mask: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    """Whether a square of ``factor`` x ``factor`` pixels holds a true one; (H, W) to its reduced size."""
    if factor == 1:
        return mask
    high, wide = (reduced_side(side, factor) * factor for side in mask.shape)
    padded = np.pad(mask, ((0, high - mask.shape[0]), (0, wide - mask.shape[1])))
    boxes = padded.reshape(high // factor, factor, wide // factor, factor)
    return np.asarray(boxes.any((1, 3)), np.bool_)
