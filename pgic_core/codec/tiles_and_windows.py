"""Where a window becomes tiles: pictures cut into tiles, and the tiles that a window touches.

Sizes, in pixels: a latent position of y spans 16, a cell 32, a position of z 64, a tile 512 (A-6.5.1a: tiles
are independent in entropy coding, so that a window reads only its own).
"""

from __future__ import annotations

from dataclasses import dataclass

from .rectangle import Rectangle

__all__ = ["CELL_STRIDE", "Y_STRIDE", "Z_STRIDE", "Grid"]

Y_STRIDE = 16
CELL_STRIDE = 32
Z_STRIDE = 64
"""One position of z. Everything coded is a whole number of these."""


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
    def picture(self) -> Rectangle:
        """The picture."""
        return Rectangle(0, 0, self.width, self.height)

    @property
    def padded(self) -> Rectangle:
        """The coded area: the picture, enlarged to multiples of ``unit``."""
        unit = self.unit
        return Rectangle(0, 0, -(-self.width // unit) * unit, -(-self.height // unit) * unit)

    def box(self, index: int) -> Rectangle:
        """Area of tile ``index`` (row-major), cut at the coded area."""
        row, column = divmod(index, self.columns)
        left, top = column * self.tile_width, row * self.tile_height
        return Rectangle(left, top, left + self.tile_width, top + self.tile_height).overlap(self.padded)

    def touching(self, area: Rectangle) -> list[int]:
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
