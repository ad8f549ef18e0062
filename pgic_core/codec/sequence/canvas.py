"""The canvas of a sequence as an encoder sees it: what it was coded from, and frames placed in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from ...errors import PgiFormatError
from ...limits import DEFAULT_LIMITS, Limits
from ..change.stream import FARTHEST, MOST_CANVAS
from ..homography import SUBPIXELS, Homography, resampled
from ..tiles_and_windows import Z_STRIDE, Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Placed", "SourceCanvas"]

_MIDDLE = 128


@dataclass(frozen=True, slots=True)
class SourceCanvas:
    """What a canvas was coded from.

    Attributes:
        rgb: uint8 ``(H, W, 3)``.
        known: bool ``(H, W)``, where anything was coded; None for everywhere.
        grid: its tiles.
        left, top: pixels from its upper left to that of the key frame.
        size: width and height of a frame.
        limits: of those who read the frames: the canvas grows no further.
    """

    rgb: NDArray[np.uint8]
    known: NDArray[np.bool_] | None
    grid: Grid
    left: int
    top: int
    size: tuple[int, int]
    limits: Limits = DEFAULT_LIMITS

    def still(self, rgb: NDArray[np.uint8]) -> Placed:
        """A frame where the key frame lies.

        Args:
            rgb: uint8 ``(h, w, 3)``.
        """
        if self.known is None and self.rgb.shape == rgb.shape:
            return Placed(rgb, None, self)
        there = slice(self.top, self.top + rgb.shape[0]), slice(self.left, self.left + rgb.shape[1])
        shown, covered = self.rgb.copy(), np.zeros(self.rgb.shape[:2], np.bool_)
        shown[there], covered[there] = rgb, True
        return Placed(shown, covered, self)

    def moved(self, rgb: NDArray[np.uint8], found: Homography) -> Placed | None:
        """A frame somewhere else.

        Args:
            rgb: uint8 ``(h, w, 3)``.
            found: the map from its pixels to those of this canvas.

        Returns:
            The frame; None where the canvas would become larger than the format or the limits allow, or the
            map is that of no picture.
        """
        try:
            return self._moved(rgb, found)
        except PgiFormatError:
            return None

    def _moved(self, rgb: NDArray[np.uint8], found: Homography) -> Placed | None:
        width, height = self.size
        own = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
        places = found.apply(own) * SUBPIXELS
        if not (np.abs(places) < FARTHEST).all():  # NaN neither
            return None
        corners = np.rint(places).astype(np.int64)
        grown = self._grown(corners)
        if grown is None:
            return None
        canvas, corners = (
            grown,
            corners + np.array([grown.left - self.left, grown.top - self.top]) * SUBPIXELS,
        )
        exact = Homography.of_corners(width, height, corners)
        shown, covered = _resampled_into(canvas, rgb, exact, corners)
        start = (own + np.array([canvas.left, canvas.top])) * SUBPIXELS
        offsets = corners - start.astype(np.int64)
        return Placed(
            shown,
            covered,
            canvas,
            (canvas.left - self.left) // self.grid.tile,
            (canvas.top - self.top) // self.grid.tile,
            offsets if offsets.any() else None,
        )

    def _grown(self, corners: NDArray[np.int64]) -> SourceCanvas | None:
        """A canvas that holds some corners, in 1/64 pixel of this one."""
        tile, (width, height) = self.grid.tile, self.size
        low, high = corners.min(0) // SUBPIXELS, -(-corners.max(0) // SUBPIXELS)
        left, top = (max(0, -(-int(-edge) // tile)) * tile for edge in low)
        right, bottom = (int(edge) for edge in high)
        before = self.grid
        if not left and not top and right <= before.width and bottom <= before.height:
            return self
        padded = before.padded
        columns = max(padded.width + left, -(-(right + left) // Z_STRIDE) * Z_STRIDE)
        rows = max(padded.height + top, -(-(bottom + top) // Z_STRIDE) * Z_STRIDE)
        frame = Grid.square(width, height, tile)
        most = min(MOST_CANVAS * frame.columns * frame.rows * tile**2, self.limits.pixels)
        if columns * rows > most or -(-columns // tile) * -(-rows // tile) > self.limits.tiles:
            return None
        rgb, known = np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), np.bool_)
        there = slice(top, top + self.rgb.shape[0]), slice(left, left + self.rgb.shape[1])
        rgb[there], known[there] = self.rgb, True if self.known is None else self.known
        grid = Grid.square(columns, rows, tile)
        return SourceCanvas(rgb, known, grid, self.left + left, self.top + top, self.size, self.limits)


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame in a canvas.

    Attributes:
        rgb: uint8 ``(H, W, 3)`` of the canvas; beyond the frame what was there, or its outermost pixels.
        covered: bool ``(H, W)``, where the frame lies; None for everywhere.
        canvas: what was there before.
        left, top: tiles by which the canvas grew for it.
        corners: of :class:`~pgic_core.codec.change.stream.ChangeHeader`.
    """

    rgb: NDArray[np.uint8]
    covered: NDArray[np.bool_] | None
    canvas: SourceCanvas
    left: int = 0
    top: int = 0
    corners: NDArray[np.int64] | None = None

    @property
    def map(self) -> Homography:
        """From pixels of the frame to those of the canvas."""
        width, height = self.canvas.size
        start = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.int64)
        corners = (start + np.array([self.canvas.left, self.canvas.top])) * SUBPIXELS
        return Homography.of_corners(
            width, height, corners if self.corners is None else corners + self.corners
        )

    def coded(self, held: NDArray[np.bool_]) -> SourceCanvas:
        """The canvas after positions of it were coded from this frame.

        Args:
            held: bool ``(h, w)`` of z positions.
        """
        height, width = self.rgb.shape[:2]
        pixels = held.repeat(Z_STRIDE, 0).repeat(Z_STRIDE, 1)[:height, :width]
        known = self.canvas.known
        if self.covered is not None:
            pixels = pixels & self.covered
        rgb = np.where(pixels[:, :, None], self.rgb, self.canvas.rgb)
        return replace(self.canvas, rgb=rgb, known=None if known is None else known | pixels)


def _resampled_into(
    canvas: SourceCanvas, rgb: NDArray[np.uint8], found: Homography, corners: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A frame as its canvas has to show it, for readers to interpolate it from; and where it lies."""
    height, width = canvas.rgb.shape[:2]
    shown = resampled(rgb, found.inverse.matrix, height, width)
    # What interpolation blurs there and back is added beforehand, once (Irani and Peleg, 1991).
    back = resampled(shown, found.matrix, *rgb.shape[:2])
    missing = np.clip(rgb.astype(np.int16) - back + _MIDDLE, 0, 255).astype(np.uint8)
    added = resampled(missing, found.inverse.matrix, height, width).astype(np.int16) - _MIDDLE
    shown = np.clip(shown + added, 0, 255).astype(np.uint8)
    mask = Image.new("1", (width, height))
    outline = [tuple((corners[k] / SUBPIXELS).tolist()) for k in (0, 1, 3, 2)]
    ImageDraw.Draw(mask).polygon(outline, fill=1)
    covered = np.asarray(mask, np.bool_)
    known = canvas.known
    keep = ~covered if known is None else ~covered & known
    return np.where(keep[:, :, None], canvas.rgb, shown), covered
