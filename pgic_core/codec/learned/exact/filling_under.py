"""What the model is given in place of exact blocks: a smooth surface between the pixels around them.

Nobody sees this surface. It must cost few bits. And it must not disturb the pixels beside it, which share
transform blocks with it. So it continues them at the border and is even further inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...average_downscaling import mean_reduce
from ...parallel import map_tiles
from ...rectangle import Rectangle, pixels_in
from ..payload.header import EXACT_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...tiles_and_windows import Grid

__all__ = ["Inpainted"]

_ROUNDS = 12
"""How often each pixel becomes the mean of its neighbours; this spreads borders inwards by a few pixels."""
_NOTHING = 128.0
"""Grey level of a picture of which nothing is known."""


class Inpainted:
    """A picture without its exact blocks. Only what differs from the picture takes memory.

    Args:
        rgb: the picture, ``(H, W, 3)``.
        exact: ``(H / 8, W / 8)`` rounded up; ``None`` for none.
        grid: of the picture; work goes tile by tile.
        threads: how many tiles at a time.
    """

    def __init__(
        self, rgb: NDArray[np.uint8], exact: NDArray[np.bool_] | None, grid: Grid, threads: int
    ) -> None:
        self._rgb = rgb
        self._picture = grid.picture
        self._patches: list[tuple[Rectangle, NDArray[np.uint8]]] = []
        if exact is None:
            return
        strips = [
            mean_reduce(rgb[top : top + grid.tile], EXACT_SIDE) for top in range(0, len(rgb), grid.tile)
        ]
        colours = _filled(np.concatenate(strips).astype(np.float32), ~exact)
        tiles = [grid.box(tile).overlap(grid.picture).reduced(EXACT_SIDE) for tile in range(grid.count)]
        patches = map_tiles(lambda tile: self._patch(tile, exact, colours), tiles, threads)
        self._patches = [patch for patch in patches if patch is not None]

    def area(self, area: Rectangle) -> NDArray[np.uint8]:
        """Pixels of an area, ``(H, W, 3)``; beyond the picture its edges are repeated. Not to be changed."""
        there = area.overlap(self._picture)
        pixels = self._rgb[there.inside(self._picture)]
        copied = False
        for box, patch in self._patches:
            shared = box.overlap(there)
            if shared.width > 0 and shared.height > 0:
                pixels, copied = pixels if copied else pixels.copy(), True
                pixels[shared.inside(there)] = patch[shared.inside(box)]
        return pixels_in(pixels, there, area)

    def _patch(
        self, tile: Rectangle, exact: NDArray[np.bool_], colours: NDArray[np.float32]
    ) -> tuple[Rectangle, NDArray[np.uint8]] | None:
        """The part of a tile that holds its exact blocks, without them; ``tile`` counts blocks."""
        blocks = Rectangle(0, 0, exact.shape[1], exact.shape[0])
        rows, columns = np.nonzero(exact[tile.inside(blocks)])
        if not rows.size:
            return None
        left, top = tile.left + int(columns.min()), tile.top + int(rows.min())
        inner = Rectangle(left, top, tile.left + int(columns.max()) + 1, tile.top + int(rows.max()) + 1)
        seen = inner.around(1).overlap(blocks)
        there = seen.times(EXACT_SIDE).overlap(self._picture)
        unknown = exact[seen.inside(blocks)].repeat(EXACT_SIDE, 0).repeat(EXACT_SIDE, 1)
        unknown = unknown[: there.height, : there.width, None]
        surface = _enlarged(_enlarged(colours, seen.top, there.height), seen.left, there.width, axis=1)
        filled = _relaxed(np.where(unknown, surface, self._rgb[there.inside(self._picture)]), unknown)
        wanted = inner.times(EXACT_SIDE).overlap(self._picture)
        return wanted, np.rint(filled[wanted.inside(there)]).astype(np.uint8)


def _filled(colours: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Colours ``(h, w, 3)``, with the unknown ones interpolated from known ones around, coarse to fine."""
    if known.all():
        return colours
    if known.size == 1:
        return np.full_like(colours, _NOTHING)
    height, width = known.shape
    even = ((0, height % 2), (0, width % 2))
    weights = np.pad(known, even).astype(np.float32)
    sums = np.pad(colours * known[:, :, None], (*even, (0, 0)))
    count = weights.reshape(weights.shape[0] // 2, 2, -1, 2).sum((1, 3))
    total = sums.reshape(*count.shape[:1], 2, count.shape[1], 2, 3).sum((1, 3))
    coarse = _filled(total / np.maximum(count, 1)[:, :, None], count > 0)
    finer = _enlarged(_enlarged(coarse, 0, height, by=2), 0, width, by=2, axis=1)
    filled: NDArray[np.float32] = np.where(known[:, :, None], colours, finer)
    return filled


def _enlarged(
    values: NDArray[np.float32], start: int, length: int, by: int = EXACT_SIDE, axis: int = 0
) -> NDArray[np.float32]:
    """Linear interpolation along an axis: ``length`` values from the beginning of cell ``start`` on."""
    place = np.clip(start + (np.arange(length) + 0.5) / by - 0.5, 0, values.shape[axis] - 1)
    low = np.floor(place).astype(np.intp)
    share = (place - low).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1 - axis))
    high = np.minimum(low + 1, values.shape[axis] - 1)
    between: NDArray[np.float32] = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return between


def _relaxed(values: NDArray[np.float32], unknown: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Unknown pixels of ``(h, w, 3)`` drawn to the mean of their four neighbours, again and again."""
    for _ in range(_ROUNDS):
        around = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
        means = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
        means *= np.float32(0.25)
        values = np.where(unknown, means, values)
    return values
