"""Small parts of a picture side by side, so that the networks can try them all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...rectangle import Rectangle, pixels_in
from ..payload.header import EXACT_SIDE
from .hard_blocks import lossless_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CORE", "CROP", "Crops", "inner_blocks"]

CORE, CROP = 32, 64
"""Sides in pixels of the part of a crop that is judged, and of the crop. 16 pixels around it are about what a
network sees."""
MARGIN = (CROP - CORE) // 2
_ACROSS = 16
"""Crops side by side."""


@dataclass(frozen=True, slots=True)
class Crops:
    """Crops around cores, side by side.

    Attributes:
        pixels: ``(H, W, 3)``, rows of crops.
        count: how many there are; what is left of the last row is black.
    """

    pixels: NDArray[np.uint8]
    count: int

    @classmethod
    def of(cls, rgb: NDArray[np.uint8], picture: Rectangle, cores: NDArray[np.intp]) -> Crops:
        """Cut them out of ``rgb``, which shows ``picture``; ``cores`` are rows and columns, ``(n, 2)``."""
        across = min(len(cores), _ACROSS)
        pixels = np.zeros((-(-len(cores) // across), CROP, across, CROP, 3), np.uint8)
        for number, (row, column) in enumerate(cores.tolist()):
            area = Rectangle(column * CORE, row * CORE, (column + 1) * CORE, (row + 1) * CORE).around(MARGIN)
            pixels[number // across, :, number % across] = pixels_in(rgb, picture, area)
        return cls(pixels.reshape(pixels.shape[0] * CROP, across * CROP, 3), len(cores))

    def blocks(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of pixels, ``(H, W, ...)``, by crop and block: ``(n, 8, 8, 8, 8, ...)``."""
        down, across = (size // CROP for size in values.shape[:2])
        side = CROP // EXACT_SIDE
        split = values.reshape(down, side, EXACT_SIDE, across, side, EXACT_SIDE, *values.shape[2:])
        by_crop = np.moveaxis(split, (3, 1, 4), (1, 2, 3))
        return by_crop.reshape(-1, side, side, EXACT_SIDE, EXACT_SIDE, *values.shape[2:])[: self.count]

    def lossless_bits(self, chosen: NDArray[np.bool_], depth: int) -> NDArray[np.float32]:
        """Those of chosen blocks of cores, ``(n, 4, 4)``."""
        number, row, column = np.nonzero(chosen)
        across, side = self.pixels.shape[1] // CROP, CROP // EXACT_SIDE
        first = MARGIN // EXACT_SIDE
        places = np.stack([side * (number // across) + row, side * (number % across) + column], 1)
        return lossless_bits(np.pad(self.pixels, ((1, 1), (1, 1), (0, 0))), places + first, depth)


def inner_blocks(blocks: NDArray[Any]) -> NDArray[Any]:
    """Of blocks of crops, ``(n, 8, 8, ...)``, those of their cores, ``(n, 4, 4, ...)``."""
    around = MARGIN // EXACT_SIDE
    return blocks[:, around:-around, around:-around]
