"""Where the tiles of a picture lie."""

from __future__ import annotations

from dataclasses import dataclass

from .tiling import Box

__all__ = ["TileGrid"]


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Tiles in rows from the upper left; those at the right and lower edge are cut off. All in pixels."""

    width: int
    height: int
    tile_width: int
    tile_height: int

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.width // self.tile_width)

    @property
    def down(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.tile_height)

    @property
    def count(self) -> int:
        """Tiles in all."""
        return self.across * self.down

    def box(self, index: int) -> Box:
        """The pixels of a tile."""
        row, column = divmod(index, self.across)
        left, top = column * self.tile_width, row * self.tile_height
        return Box(
            left, top, min(left + self.tile_width, self.width), min(top + self.tile_height, self.height)
        )

    def touching(self, area: Box) -> list[int]:
        """The tiles that share a pixel with ``area``, which lies inside the picture."""
        columns = range(area.left // self.tile_width, -(-area.right // self.tile_width))
        rows = range(area.top // self.tile_height, -(-area.bottom // self.tile_height))
        return [row * self.across + column for row in rows for column in columns]

    def reduced(self, factor: int) -> TileGrid:
        """The same tiles after a reduction that divides their sides."""
        return TileGrid(
            -(-self.width // factor),
            -(-self.height // factor),
            self.tile_width // factor,
            self.tile_height // factor,
        )
