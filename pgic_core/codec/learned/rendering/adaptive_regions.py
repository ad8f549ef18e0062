"""Key regions: parts of a picture that a finer renderer draws, while a faster one draws the rest (A-6.5.2c).

A region is a set of cells of 8 x 8 pixels. Inside, the finer renderer draws alone. Over the 8 pixels around
it, its pixels fade into the others. The weights are whole numbers that follow from the cells alone, so that a
window shows what the whole picture shows there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...cells_to_rectangles import dilated, rectangles
from ...rectangle import Rectangle, hull
from ..payload.header import EXACT_SIDE
from .block_plan import RenderPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ....models import Renderer

__all__ = ["MOST_WEIGHT", "KeyRegions"]

_CELL = EXACT_SIDE
_HALF = _CELL // 2
_SPREAD = 2 * _HALF + 1  # pixels of the box that the fading is the mean of
MOST_WEIGHT = _SPREAD**2
"""The weight of what is drawn inside a region."""
_MOST_BOXES = 24  # more are put together on a coarser grid
_COARSE = 8  # cells along one side of its squares


@dataclass(frozen=True, eq=False)
class KeyRegions:
    """The key regions of a picture.

    Attributes:
        renderer: that draws them, at the full size.
        cells: bool ``(ceil(H / 8), ceil(W / 8))``.
        whole: the coded area.
    """

    renderer: Renderer
    cells: NDArray[np.bool_]
    whole: Rectangle

    @cached_property
    def _shown(self) -> NDArray[np.bool_]:
        """The cells in which something of the renderer is seen."""
        return dilated(self.cells)

    def cover(self, block: Rectangle) -> bool:
        """Whether nothing but the regions is seen in a block."""
        return bool(self.cells[self._inside(block)].all())

    def plans(self, block: Rectangle) -> list[RenderPlan]:
        """What to draw for a block. What is wanted lies within it and does not overlap."""
        rows, columns = self._inside(block)
        cells = self._shown[rows, columns]
        boxes = rectangles(cells)
        if len(boxes) > _MOST_BOXES:
            boxes = [tuple(_COARSE * edge for edge in box) for box in rectangles(_coarse(cells))]  # type: ignore[misc]
        left, top = columns.start, rows.start
        placed = [
            Rectangle(*(_CELL * edge for edge in (left + x0, top + y0, left + x1, top + y1))).overlap(block)
            for x0, y0, x1, y1 in boxes
        ]
        return self._joined([self._plan(box) for box in placed])

    def blend(
        self, pixels: NDArray[np.uint8], block: Rectangle, plan: RenderPlan, drawn: NDArray[np.uint8]
    ) -> None:
        """Lay what was drawn over the pixels of a block.

        Args:
            pixels: ``(H, W, 3)`` of ``block``; changed.
            block: where they lie.
            plan: of the block.
            drawn: ``(h, w, 3)``, its ``render_box``.
        """
        here = pixels[plan.wanted.inside(block)]
        over = drawn[plan.wanted.inside(plan.render_box)].astype(np.uint16)
        weight = self.weights(plan.wanted)[:, :, None]
        mixed = here * (MOST_WEIGHT - weight) + over * weight + np.uint16(MOST_WEIGHT // 2)
        here[...] = (mixed // MOST_WEIGHT).astype(np.uint8)

    def _plan(self, box: Rectangle) -> RenderPlan:
        return RenderPlan.of(self.renderer, box, self.whole)

    def _joined(self, plans: list[RenderPlan]) -> list[RenderPlan]:
        """Put together those that take less time so, because their halos overlap, until there are none."""
        while True:
            best, pair = 0, None
            for i, one in enumerate(plans):
                for j in range(i):
                    both = self._plan(hull([one.wanted, plans[j].wanted]))
                    gain = _work(one) + _work(plans[j]) - _work(both)
                    # Those that overlap have to become one.
                    gain = gain if not _overlap(one.wanted, plans[j].wanted) else max(gain, 1)
                    if gain > best:
                        best, pair = gain, (i, j, both)
            if pair is None:
                return plans
            i, j, both = pair
            plans = [plan for at, plan in enumerate(plans) if at not in (i, j)] + [both]

    def weights(self, box: Rectangle) -> NDArray[np.uint16]:
        """``(h, w)`` of ``box``, 0 to 81: 81 in the regions, falling to 0 eight pixels outside."""
        rows = np.arange(box.top // _CELL - 2, -(-box.bottom // _CELL) + 2)
        columns = np.arange(box.left // _CELL - 2, -(-box.right // _CELL) + 2)
        height, width = self.cells.shape
        cells = self.cells[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
        grown = dilated(cells.repeat(2, 0).repeat(2, 1)).repeat(_HALF, 0).repeat(_HALF, 1)
        across = _sums(grown.astype(np.uint16), 1)
        sums = _sums(across, 0)
        # The sum that starts at a place is that of the box whose middle lies half a box further.
        top = box.top - int(rows[0]) * _CELL - _HALF
        left = box.left - int(columns[0]) * _CELL - _HALF
        return sums[top : top + box.height, left : left + box.width]

    def _inside(self, block: Rectangle) -> tuple[slice, slice]:
        height, width = self.cells.shape
        return block.reduced(_CELL).inside(Rectangle(0, 0, width, height))


def _sums(values: NDArray[np.uint16], axis: int) -> NDArray[np.uint16]:
    """Sums of so many values as the box is wide, from each on."""
    total = np.cumsum(values, axis=axis, dtype=np.uint32)
    total = np.pad(total, [(int(axis == 0), 0), (int(axis == 1), 0)])
    count = values.shape[axis] - _SPREAD + 1
    later, earlier = (total.take(range(at, at + count), axis) for at in (_SPREAD, 0))
    return np.asarray(later - earlier, np.uint16)


def _coarse(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Squares of cells, of which one is true."""
    high, wide = (-(-side // _COARSE) for side in cells.shape)
    padded = np.pad(cells, ((0, high * _COARSE - cells.shape[0]), (0, wide * _COARSE - cells.shape[1])))
    squares = padded.reshape(high, _COARSE, wide, _COARSE)
    return np.asarray(squares.any((1, 3)), np.bool_)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    common = a.overlap(b)
    return common.width > 0 and common.height > 0


def _work(plan: RenderPlan) -> int:
    """What a plan takes, about: half of a renderer's work is done on all that it sees."""
    return sum(box.width * box.height for box in (plan.render_box, plan.synthesis_box))
