"""Where a picture lies in the canvas of its sequence, and resampling between the two.

The map is the homography through four corners, which files store as whole numbers (``STREAM.md``, "Change").
Pixels are interpolated by Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..errors import PgiFormatError
from .rectangle import Rectangle

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SUBPIXELS", "Homography", "resampled"]

SUBPIXELS = 64
"""Parts of a pixel in which corners are given."""
_REACH = 3
"""Pixels around a place from which a pixel is interpolated, and one for rounding."""
_LEAST_DENOMINATOR, _MOST_DENOMINATOR = 0.25, 4.0
_BAND = 256


@dataclass(frozen=True)
class Homography:
    """A map of pixels ``(x, y)``, counted from the outer edge of the upper left pixel.

    Attributes:
        matrix: float64 ``(3, 3)``, for column vectors ``(x, y, 1)``.
    """

    matrix: NDArray[np.float64]

    @classmethod
    def of_corners(cls, width: int, height: int, corners: NDArray[np.int64]) -> Homography:
        """The map of a picture whose corners lie at given places.

        Args:
            width, height: of the picture.
            corners: ``(4, 2)``, where upper left, upper right, lower left and lower right corner lie, x and
                y in 1/64 pixel.

        Raises:
            PgiFormatError: the corners are those of no picture.
        """
        source = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
        target = corners / SUBPIXELS
        rows = []
        for (x, y), (u, v) in zip(source, target, strict=True):
            rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
            rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        try:
            solved = np.linalg.solve(np.array(rows), target.reshape(-1))
        except np.linalg.LinAlgError as error:
            raise PgiFormatError("The warp of a frame maps its corners to a line.") from error
        matrix = np.ones((3, 3), np.float64)
        matrix.reshape(-1)[:8] = solved
        found = cls(matrix)
        at_corners = source @ found.matrix[2, :2] + 1
        turned = np.linalg.det(found.matrix)
        if (
            not (np.isfinite(found.matrix).all() and turned > 0)
            or not ((at_corners >= _LEAST_DENOMINATOR) & (at_corners <= _MOST_DENOMINATOR)).all()
        ):
            raise PgiFormatError("The warp of a frame is too steep, or mirrors it.")
        return found

    @cached_property
    def inverse(self) -> Homography:
        """The map back."""
        return Homography(np.asarray(np.linalg.inv(self.matrix), np.float64))

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points ``(n, 2)``, each x and y."""
        mapped = np.column_stack([points, np.ones(len(points))]) @ self.matrix.T
        with np.errstate(divide="ignore", invalid="ignore"):
            places: NDArray[np.float64] = mapped[:, :2] / mapped[:, 2:]
        return places

    def reach(self, area: Rectangle, within: Rectangle) -> Rectangle:
        """What must be known to interpolate an area, cut at ``within``."""
        corners = [[x, y] for x in (area.left, area.right) for y in (area.top, area.bottom)]
        found = self.apply(np.array(corners, np.float64))
        low, high = np.floor(found.min(0)).astype(int) - _REACH, np.ceil(found.max(0)).astype(int) + _REACH
        return Rectangle(*low.tolist(), *high.tolist()).overlap(within)

    def between(self, area: Rectangle, seen: Rectangle, scale: int) -> NDArray[np.float64]:
        """The matrix from pixels of ``area`` to those of ``seen``, both reduced by ``scale``."""
        outwards = np.array([[scale, 0, area.left], [0, scale, area.top], [0, 0, 1]], np.float64)
        inwards = np.array([[1 / scale, 0, -seen.left / scale], [0, 1 / scale, -seen.top / scale], [0, 0, 1]])
        matrix: NDArray[np.float64] = inwards @ self.matrix @ outwards
        matrix /= matrix[2, 2]
        return matrix


def resampled(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], height: int, width: int
) -> NDArray[np.uint8]:
    """Interpolate a picture, bicubic.

    Args:
        pixels: ``(H, W, 3)`` or ``(H, W)``.
        matrix: ``(3, 3)``, from places in the result to places in ``pixels``.
        height, width: of the result.

    Returns:
        ``(height, width, 3)`` or ``(height, width)``; beyond its edge, ``pixels`` are repeated.
    """
    edge = _REACH
    around = ((edge, edge), (edge, edge), (0, 0))[: pixels.ndim]
    source = Image.fromarray(np.pad(pixels, around, mode="edge"))
    shift = np.array([[1, 0, edge], [0, 1, edge], [0, 0, 1]], np.float64)
    out = np.empty((height, width, *pixels.shape[2:]), np.uint8)
    for top in range(0, height, _BAND):
        rows = min(_BAND, height - top)
        down = np.array([[1, 0, 0], [0, 1, top], [0, 0, 1]], np.float64)
        found = shift @ matrix @ down
        data = tuple((found / found[2, 2]).reshape(-1)[:8].tolist())
        band = source.transform((width, rows), Image.Transform.PERSPECTIVE, data, Image.Resampling.BICUBIC)
        out[top : top + rows] = np.asarray(band)
    return out
