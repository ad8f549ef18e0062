"""Where lines and equipment are, without training: straight strong edges that stand out (A-6.3.2.2b).

Wires, lattice and insulators have edges that keep their direction over several pixels and that are rare in
the picture; leaves, grass and gravel have strong edges too, but in all directions at once. So each pixel's
contrast counts as much as its small neighbourhood agrees on a direction, and what counts everywhere in a
picture counts nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["saliency"]

CELL = 8
"""Pixels of the reduced picture along one side of a cell of the map."""
_LONG_SIDE = 1024
# Neighbourhoods of random texture agree by about a half; straight edges by nearly one.
_AGREEMENT = (0.55, 0.95)
_LOW, _HIGH = 70.0, 95.0


def saliency(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How likely each part of a picture shows lines or equipment.

    Args:
        image: (H, W, 3) uint8, RGB.

    Returns:
        float32 (h, w), 0 to 1, covering the picture; about an eighth of it lies above 0.5.
    """
    grey = _reduced(image)
    across, down = np.gradient(grey, axis=1), np.gradient(grey, axis=0)
    xx, yy, xy = (_blurred(part, 2) for part in (across * across, down * down, across * down))
    energy = xx + yy
    agreement = np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / (energy + 1e-3)
    straight = np.clip((agreement - _AGREEMENT[0]) / (_AGREEMENT[1] - _AGREEMENT[0]), 0, 1)
    cells = _blurred(_cell_means(np.sqrt(energy) * straight), 1)
    low, high = np.percentile(cells, (_LOW, _HIGH))
    return np.asarray(np.clip((cells - low) / max(high - low, 1e-3), 0, 1), np.float32)


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey levels with a long side of at most 1024 pixels, padded to whole cells; darkness is stretched."""
    picture = Image.fromarray(image).convert("L")
    scale = min(1.0, _LONG_SIDE / max(picture.size))
    width, height = (max(CELL, round(side * scale)) for side in picture.size)
    grey = np.asarray(picture.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0), np.float32)
    return np.pad(np.sqrt(grey), ((0, -height % CELL), (0, -width % CELL)), "edge")


def _blurred(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean over a square of ``2 * radius + 1``."""
    for axis in (0, 1):
        pad = [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)]
        sums = np.cumsum(np.pad(values, pad, "edge"), axis, dtype=np.float64)
        size = 2 * radius + 1
        ends = np.take(sums, range(size, sums.shape[axis]), axis)
        starts = np.take(sums, range(sums.shape[axis] - size), axis)
        values = ((ends - starts) / size).astype(np.float32)
    return values


def _cell_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = values.shape[0] // CELL, values.shape[1] // CELL
    return np.asarray(values.reshape(rows, CELL, columns, CELL).mean((1, 3)), np.float32)
