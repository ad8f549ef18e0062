"""Where things are: tiles, hyper-latent positions, strips, windows and their halos.

Sizes, in pixels: a latent position of y spans 16, a cell 32, a position of z 64, a tile 512 (A-6.5.1a: tiles
are independent in entropy coding, so that a window reads only its own).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = [
    "CELL_STRIDE",
    "Y_STRIDE",
    "Z_STRIDE",
    "Box",
    "Grid",
    "bands",
    "block_pixels",
    "blocks",
    "columns",
    "hull",
    "pixels_in",
    "strips",
]

Y_STRIDE = 16
CELL_STRIDE = 32
Z_STRIDE = 64
"""One position of z. Everything coded is a whole number of these."""
_BLOCK_PIXELS = 1 << 21


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle ``top <= y < bottom``, ``left <= x < right``."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of_window(cls, window: tuple[int, int, int, int]) -> Box:
        """The rectangle of a window, which gives x, y, width and height."""
        x, y, width, height = window
        return cls(x, y, x + width, y + height)

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def shifted(self, right: int, down: int) -> Box:
        """Moved by so many pixels."""
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def around(self, by: int) -> Box:
        """Enlarged on all sides, whatever is there."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def grown(self, by: int, align: int, within: Box) -> Box:
        """Enlarged on all sides, then outwards to multiples of ``align``, cut at ``within``."""
        return Box(
            max(within.left, (self.left - by) // align * align),
            max(within.top, (self.top - by) // align * align),
            min(within.right, -(-(self.right + by) // align) * align),
            min(within.bottom, -(-(self.bottom + by) // align) * align),
        )

    def inside(self, other: Box, scale: int = 1) -> tuple[slice, slice]:
        """Row and column slices of this box in an array that covers ``other`` at ``1 / scale``."""
        return (
            slice((self.top - other.top) // scale, (self.bottom - other.top) // scale),
            slice((self.left - other.left) // scale, (self.right - other.left) // scale),
        )

    def frame(self, outer: Box) -> list[Box]:
        """What ``outer``, which contains this box, has around it: up to four rectangles."""
        around = (
            Box(outer.left, outer.top, outer.right, self.top),
            Box(outer.left, self.bottom, outer.right, outer.bottom),
            Box(outer.left, self.top, self.left, self.bottom),
            Box(self.right, self.top, outer.right, self.bottom),
        )
        return [box for box in around if box.width > 0 and box.height > 0]

    def reduced(self, scale: int) -> Box:
        """What this box touches of a picture reduced by ``scale``."""
        return Box(self.left // scale, self.top // scale, -(-self.right // scale), -(-self.bottom // scale))

    def times(self, scale: int) -> Box:
        """This box in a picture ``scale`` times as large."""
        return Box(self.left * scale, self.top * scale, self.right * scale, self.bottom * scale)

    def overlap(self, other: Box) -> Box:
        """What both cover; may be empty (width or height not above zero)."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest rectangle that holds all of some."""
    lefts, tops, rights, bottoms = zip(*((b.left, b.top, b.right, b.bottom) for b in boxes), strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


@dataclass(frozen=True, slots=True)
class Grid:
    """A picture cut into tiles, in rows from the upper left. All in pixels.

    Attributes:
        width, height: of the picture.
        tile_width, tile_height: of a tile; those at the right and lower edge are cut off.
        unit: the coded area is the picture enlarged to multiples of this; tiles are, too. With 1 it is the
            picture.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    unit: int = 1

    @classmethod
    def square(cls, width: int, height: int, tile: int) -> Grid:
        """Square tiles as the learned codec has them, in whole positions of z; ``tile`` is their side."""
        return cls(width, height, tile, tile, Z_STRIDE)

    @property
    def tile(self) -> int:
        """Side of a square tile."""
        return self.tile_width

    @property
    def columns(self) -> int:
        """Tiles in a row."""
        return -(-self.width // self.tile_width)

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.tile_height)

    @property
    def count(self) -> int:
        """Tiles."""
        return self.columns * self.rows

    @property
    def picture(self) -> Box:
        """The picture."""
        return Box(0, 0, self.width, self.height)

    @property
    def padded(self) -> Box:
        """The coded area: the picture, enlarged to multiples of ``unit``."""
        unit = self.unit
        return Box(0, 0, -(-self.width // unit) * unit, -(-self.height // unit) * unit)

    def box(self, index: int) -> Box:
        """Area of tile ``index`` (row-major), cut at the coded area."""
        row, column = divmod(index, self.columns)
        left, top = column * self.tile_width, row * self.tile_height
        return Box(left, top, left + self.tile_width, top + self.tile_height).overlap(self.padded)

    def touching(self, area: Box) -> list[int]:
        """Indexes of the tiles that ``area`` (inside the coded area, not empty) touches."""
        columns = range(area.left // self.tile_width, -(-area.right // self.tile_width))
        rows = range(area.top // self.tile_height, -(-area.bottom // self.tile_height))
        return [row * self.columns + column for row in rows for column in columns]

    def reduced(self, factor: int) -> Grid:
        """The same tiles after a reduction that divides their sides."""
        return Grid(
            -(-self.width // factor),
            -(-self.height // factor),
            self.tile_width // factor,
            self.tile_height // factor,
            max(1, self.unit // factor),
        )


def strips(area: Box, tile: int, pixels: int) -> list[Box]:
    """Cut ``area`` into strips of full width, whole rows of tiles, of about ``pixels`` pixels each."""
    if area.width * area.height <= pixels:
        return [area]
    rows = max(1, pixels // (area.width * tile)) * tile
    edges = [area.top, *range((area.top // rows + 1) * rows, area.bottom, rows), area.bottom]
    return [Box(area.left, a, area.right, b) for a, b in pairwise(edges)]


def block_pixels(area: Box) -> int:
    """About how many pixels of ``area`` to give to the networks at once.

    More take memory (60 to 90 bytes for each), fewer take time for halos, on which a block of 2 megapixels
    spends a fifth. A picture that is not much larger stays whole.
    """
    pixels = area.width * area.height
    return pixels if pixels <= 3 * _BLOCK_PIXELS else _BLOCK_PIXELS


def bands(area: Box, tile: int, pixels: int) -> list[Box]:
    """Cut ``area`` into bands of full width, whole rows of tiles, for :func:`columns` to cut into squares."""
    return strips(area, tile, pixels * area.width // min(area.width, isqrt(pixels)))


def columns(band: Box, tile: int, pixels: int) -> list[Box]:
    """Cut a band into blocks of about ``pixels`` pixels, whole columns of tiles, as equal as can be."""
    if 2 * band.width * band.height <= 3 * pixels:
        return [band]
    across = -(-band.width // tile)
    count = min(across, -(-band.width * band.height // pixels))
    step = -(-across // count) * tile
    edges = [band.left, *range((band.left // step + 1) * step, band.right, step), band.right]
    return [Box(a, band.top, b, band.bottom) for a, b in pairwise(edges)]


def blocks(area: Box, tile: int, pixels: int) -> list[Box]:
    """All blocks of ``area``: the :func:`columns` of its :func:`bands`."""
    return [block for band in bands(area, tile, pixels) for block in columns(band, tile, pixels)]


def pixels_in(picture: NDArray[np.uint8], covers: Box, wanted: Box) -> NDArray[np.uint8]:
    """Pixels of ``wanted``, ``(H, W, 3)``, of a picture of ``covers``; beyond it its edges are repeated."""
    there = wanted.overlap(covers)
    beyond = (
        (there.top - wanted.top, wanted.bottom - there.bottom),
        (there.left - wanted.left, wanted.right - there.right),
        (0, 0),
    )
    pixels = picture[there.inside(covers)]
    return np.pad(pixels, beyond, "edge") if any(map(any, beyond)) else pixels
