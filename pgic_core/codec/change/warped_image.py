"""A frame that is a part of a larger canvas, or lies askew in it (``STREAM.md``, "Change")."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from ...errors import PgiFormatError
from ...options import ADAPTIVE, DecodeOptions, window_within
from ..base import no_latent
from ..homography import SUBPIXELS, Homography, resampled
from ..rectangle import Rectangle
from ..tiles_and_windows import Z_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...models import Renderer
    from ...options import Level, Window
    from ..base import CodedFacts
    from ..sample_format import Channels, SampleFormat
    from ..tiles_and_windows import Grid
    from .change_image import ChangeImage

__all__ = ["WarpedImage"]

_CELL = 8
_STRIP = 512


class WarpedImage:
    """A frame, interpolated from its canvas.

    Args:
        canvas: of the frame.
        frame: tiles of a picture of its size.

    Attributes:
        canvas: of the frame.
        map: from the frame into the canvas.

    Raises:
        PgiFormatError: the warp breaks a rule of the format.
    """

    def __init__(self, canvas: ChangeImage, frame: Grid) -> None:
        self.canvas = canvas
        self._frame = frame.picture
        width, height = frame.width, frame.height
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.int64)
        corners += np.array([canvas.left, canvas.top]) * canvas.grid.tile
        corners *= SUBPIXELS
        if canvas.change.corners is not None:
            corners += canvas.change.corners
        self.map = Homography.of_corners(width, height, corners)
        whole = canvas.grid.picture
        if (corners < 0).any() or (corners > np.array([whole.width, whole.height]) * SUBPIXELS).any():
            raise PgiFormatError("The warp of a frame leaves its canvas.")

    @property
    def codec(self) -> str:
        """That of the canvas, as all that follows."""
        return self.canvas.codec

    @property
    def channels(self) -> Channels:
        """Meaning of the channels."""
        return self.canvas.channels

    @property
    def sample_format(self) -> SampleFormat:
        """Type of the samples."""
        return self.canvas.sample_format

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile in pixels."""
        return self.canvas.tile_size

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.canvas.tiles

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix of the payload that is enough for a preview."""
        return self.canvas.preview_bytes

    @property
    def facts(self) -> CodedFacts:
        """Those of the canvas, without what speaks of its pixels; changes are those of the frame's blocks."""
        changes = self._changes()
        return replace(self.canvas.facts, roi=None, exact=None, exact_bytes=0, near_blocks=0, changes=changes)

    def _changes(self) -> NDArray[np.uint8]:
        """By how much each block of 64 x 64 pixels changed: the most of what it is interpolated from."""
        rows, columns = (-(-side // Z_STRIDE) for side in (self._frame.height, self._frame.width))
        cells = Z_STRIDE // _CELL
        y, x = np.mgrid[: rows * cells, : columns * cells] * _CELL + _CELL / 2
        # Blocks at the right and at the bottom may reach beyond the frame.
        inside = np.column_stack(
            [x.clip(max=self._frame.width - 0.5).ravel(), y.clip(max=self._frame.height - 0.5).ravel()]
        )
        at = np.floor(self.map.apply(inside) / Z_STRIDE).astype(int)
        amounts = self.canvas.change.amounts
        found = amounts[at[:, 1].clip(0, amounts.shape[0] - 1), at[:, 0].clip(0, amounts.shape[1] - 1)]
        most: NDArray[np.uint8] = found.reshape(rows, cells, columns, cells).max((1, 3))
        return most

    def renderer(self, level: Level, scale: int) -> Renderer:
        """What draws the canvas."""
        return self.canvas.renderer(level, scale)

    def decode(self, options: DecodeOptions) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Decode a window; see :meth:`~pgic_core.codec.base.CodedImage.decode`."""
        scale = options.scale
        window = window_within(options.window, self._frame.width, self._frame.height)
        area = Rectangle.of_window(window).grown(0, scale, self._frame)
        # Sides in whole pixels of the reduced size, so that these are squares.
        whole = self.canvas.grid.picture
        seen = self.map.reach(area, whole).grown(3 * scale, scale, whole)
        inside = seen.left, seen.top, seen.width, seen.height
        regions = self._regions(options) if options.level == ADAPTIVE else options.regions
        pixels, mask = self.canvas.decode(replace(options, window=inside, regions=regions))
        out = area.reduced(scale)
        matrix = self.map.between(area, seen, scale)
        found = resampled(pixels, matrix, out.height, out.width)
        if mask is None:
            return found, None
        # Interpolation reaches two pixels further, also with negative weights.
        spread = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(5)))
        return found, resampled(spread, matrix, out.height, out.width) > 0

    def _regions(self, options: DecodeOptions) -> NDArray[np.bool_]:
        """Cells of the canvas that lie in those of the frame, or touch them."""
        cells = np.asarray(options.regions, np.bool_)
        whole = self.canvas.grid.picture.reduced(_CELL)
        row, column = np.divmod(np.arange(whole.width * whole.height), whole.width)
        centres = (np.column_stack([column, row]) + 0.5) * _CELL
        x, y = np.floor(self.map.inverse.apply(centres) / _CELL).astype(int).T
        found = np.zeros(len(x), np.bool_)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                inside = (y + down >= 0) & (y + down < cells.shape[0])
                inside &= (x + right >= 0) & (x + right < cells.shape[1])
                found[inside] |= cells[y[inside] + down, x[inside] + right]
        return found.reshape(whole.height, whole.width)

    def strips(self, options: DecodeOptions) -> Iterator[NDArray[Any]]:
        """All of the frame, (rows, W, 3) at a time, from top to bottom."""
        for top in range(0, self._frame.height, _STRIP):
            rows = min(_STRIP, self._frame.height - top)
            yield self.decode(replace(options, window=(0, top, self._frame.width, rows), progress=None))[0]

    def latent(self, window: Window | None, threads: int | None) -> NDArray[np.float32]:
        """Nothing: the latent is that of the canvas.

        Raises:
            PgiUnsupportedError: always.
        """
        raise no_latent("askew in the canvas of a sequence")

    def verify(self) -> None:
        """Check the canvas.

        Raises:
            PgiFormatError: something is damaged.
        """
        self.canvas.verify()
