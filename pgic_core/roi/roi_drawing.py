"""Showing a ROI map on its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from ..errors import PgiOptionError
from .roi_grid import BLOCK, grid_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_roi"]

_DARKEST = 0.35
_OUTLINE = (255, 200, 0)


def draw_roi(image: NDArray[np.uint8] | Image.Image, roi: NDArray[np.int8]) -> Image.Image:
    """A picture on which what is kept best stays bright and outlined, and the rest is darkened.

    Args:
        image: (H, W, 3) uint8, RGB, or a Pillow image.
        roi: its map, as :func:`.resolve_roi` gives it.

    Returns:
        An RGB image of the same size.

    Raises:
        PgiOptionError: the map does not fit the picture.
    """
    pixels = np.asarray(image.convert("RGB") if isinstance(image, Image.Image) else image)
    height, width = pixels.shape[:2]
    if roi.shape != grid_shape(height, width):
        raise PgiOptionError(f"The map must have the shape {grid_shape(height, width)}, not {roi.shape}.")
    low, high = int(roi.min()), int(roi.max())
    share = (roi.astype(np.float32) - low) / max(high - low, 1)
    light = np.rint(256 * (_DARKEST + (1 - _DARKEST) * share)).astype(np.uint16)
    full = light.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width, None]
    shown = Image.fromarray((pixels * full >> 8).astype(np.uint8))
    if high > low:
        _outline(ImageDraw.Draw(shown), share >= 0.5, max(2, max(width, height) // 500))
    return shown


def _outline(draw: ImageDraw.ImageDraw, kept: NDArray[np.bool_], thickness: int) -> None:
    ring = np.pad(kept, 1)
    for row, column in np.argwhere(ring[1:, 1:-1] != ring[:-1, 1:-1]).tolist():
        y, x = row * BLOCK, column * BLOCK
        draw.line((x, y, x + BLOCK, y), _OUTLINE, thickness)
    for row, column in np.argwhere(ring[1:-1, 1:] != ring[1:-1, :-1]).tolist():
        y, x = row * BLOCK, column * BLOCK
        draw.line((x, y, x, y + BLOCK), _OUTLINE, thickness)
