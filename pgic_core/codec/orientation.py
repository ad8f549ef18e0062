"""Stored pictures turned upright, as their EXIF orientation says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["upright_pixels"]


def upright_pixels(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A stored picture (H, W, C) as people see it.

    Args:
        pixels: as stored.
        orientation: EXIF orientation; other numbers than 2 to 8 change nothing.

    Returns:
        (H, W, C), or (W, H, C) for orientation 5 to 8.
    """
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels)
