"""The mean colour of a decoded picture, told by the renderer of a quarter of its size.

That renderer is so small that it takes hardly any time to draw the whole picture with it. What quantisation
does to the mean colour shows in it as in the full size. So a few parts in full size, together with all of the
picture at a quarter, tell the mean error of the full size ten times as exactly as these parts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...options import FAST
from ..rectangle import Rectangle
from ..tiles_and_windows import Y_STRIDE
from .rendering.block_plan import RenderPlan
from .rendering.pixel_rendering import pixels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...models import Model
    from ..tiles_and_windows import Grid
    from .exact.filling_under import Inpainted
    from .symbols.quality_to_steps import StepSizes

__all__ = ["SmallRendering"]

_SCALE = 4
_EVERY = 2


class SmallRendering:
    """Adds up by how much parts of a picture are brighter than a quarter of their size shows them.

    Args:
        seen: what the model is given.
        model: whose renderer.
        grid: of the picture.
        threads: of the network.
    """

    def __init__(self, seen: Inpainted, model: Model, grid: Grid, threads: int) -> None:
        self._seen = seen
        self._renderer = model.renderer(FAST, _SCALE)
        self._grid = grid
        self._threads = threads
        self._sums = np.zeros(3)
        self._pixels = 0

    @property
    def exists(self) -> bool:
        """Whether the model has that renderer, and it shows each position of a latent by itself."""
        return self._renderer.scale == _SCALE and all(pixels == 0 for pixels, _ in self._renderer.halo)

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean of all that was added, in grey levels, ``(3,)``."""
        return self._sums / max(self._pixels, 1)

    def add(self, steps: StepSizes, latent: NDArray[np.float32], area: Rectangle, block: Rectangle) -> None:
        """Take in a block of the picture: every other row of its latent, which is enough.

        Args:
            steps: of the picture.
            latent: decoded, of ``area``.
            area: pixels, aligned to 16.
            block: a part of it, aligned to 16.
        """
        inside = block.overlap(self._grid.picture)
        strips = [
            Rectangle(block.left, top, block.right, top + Y_STRIDE)
            for top in range(block.top, inside.bottom - Y_STRIDE + 1, _EVERY * Y_STRIDE)
        ]
        if not strips or inside.width < Y_STRIDE:
            return
        rows = np.concatenate([latent[:, *strip.inside(area, Y_STRIDE)] for strip in strips], 1)
        shown = self._shown(steps, rows)
        width = inside.width // Y_STRIDE * Y_STRIDE
        seen = [Rectangle(box.left, box.top, box.left + width, box.bottom) for box in strips]
        sums = np.sum([_sums(self._seen.area(box)) for box in seen], 0)
        self._sums += sums - _SCALE**2 * _sums(shown[:, : width // _SCALE])
        self._pixels += len(strips) * Y_STRIDE * width

    def difference(
        self, steps: StepSizes, latent: NDArray[np.float32], area: Rectangle, box: Rectangle
    ) -> NDArray[np.float64]:
        """By how many grey levels a part is brighter than it is shown, ``(3,)``.

        Args:
            steps: of the picture.
            latent: as for :meth:`add`, like ``area``.
            area: likewise.
            box: whose pixels count. What of it is no whole position of the latent does not.
        """
        whole = Rectangle(
            *(side // Y_STRIDE * Y_STRIDE for side in (box.left, box.top, box.right, box.bottom))
        )
        shown = self._shown(steps, latent[:, *whole.inside(area, Y_STRIDE)])
        difference: NDArray[np.float64] = _sums(self._seen.area(whole)) - _SCALE**2 * _sums(shown)
        return difference / max(whole.width * whole.height, 1)

    def _shown(self, steps: StepSizes, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixels of a latent, each position of which is shown by itself."""
        box = Rectangle(0, 0, latent.shape[2] * Y_STRIDE, latent.shape[1] * Y_STRIDE)
        return pixels_of(steps, RenderPlan(self._renderer, box, box, box), latent, self._threads)


def _sums(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of each colour, of ``(H, W, 3)``."""
    sums: NDArray[np.float64] = np.add.reduce(pixels, 0, np.uint32).sum(0, dtype=np.float64)
    return sums
