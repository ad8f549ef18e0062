"""Which blocks of a picture to carry without loss because the model would show them badly.

A block is worth it where its bits without loss are fewer than those of the model and of the error that it
leaves, weighed as the quality weighs them. Photographs have such blocks where a lamp, a mark or a pattern is
finer than the model's channels; drawings are full of them. To decode all of a picture for this would take as
long as to code it. So only what :mod:`.suspects` names is tried, in small crops side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .geometry import UNIT, Box, pixels_in
from .parallel import map_tiles
from .stream import EXACT_SIDE
from .suspects import promised_error, suspects
from .trial import attempt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..runtime import Model
    from .entropy import Bank
    from .geometry import Grid

__all__ = ["ExactSearch"]

_CORE, _CROP = 32, 64
"""Pixels along a side of what is judged of a crop, and of the crop: 16 around are about what one sees."""
_ACROSS = 16
_TOGETHER = 256
"""Crops side by side, and as many as go through the networks at once: a megapixel."""
_FAR = 4.0
"""How many times the promised error a photographed block must have."""
_DRAWN_BITS = 2.0
"""Up to so many bits a pixel, without loss, a block counts as drawn: it need only be worth its bits."""
_MODEL_BITS = 0.5
"""What share of the model's bits a block without loss saves: its surroundings still take theirs."""
_PART_BITS = 320.0
"""What the first exact block of a tile costs besides its pixels."""


@dataclass(frozen=True, slots=True)
class ExactSearch:
    """Finds exact blocks of a picture.

    Attributes:
        rgb: ``(H, W, 3)``.
        grid: its tiles.
        model: which says what errors are worth.
        bank: of the model.
        by_row: of :func:`.quantisation.row_thresholds`.
        threads: for networks and tiles.
    """

    rgb: NDArray[np.uint8]
    grid: Grid
    model: Model
    bank: Bank
    by_row: NDArray[np.float16]
    threads: int

    def blocks(self, quality: int) -> NDArray[np.bool_]:
        """Those worth it at a quality, ``(H / 8, W / 8)`` rounded up."""
        weight = self.model.error_weight(quality)
        shape = -(-self.grid.height // EXACT_SIDE), -(-self.grid.width // EXACT_SIDE)
        bits = np.zeros(shape, np.float32)

        def look(tile: int) -> None:
            box = self.grid.box(tile).overlap(self.grid.picture).reduced(EXACT_SIDE)
            area = box.times(EXACT_SIDE)
            found = suspects(pixels_in(self.rgb, self.grid.picture, area.around(1)), weight)
            bits[found.places[:, 0] + box.top, found.places[:, 1] + box.left] = found.bits

        map_tiles(look, range(self.grid.count), self.threads)
        gain = np.zeros(shape, np.float32)
        cores = np.argwhere(_by_core(bits).any((1, 3)))
        for at in range(0, len(cores), _TOGETHER):
            self._judge(cores[at : at + _TOGETHER], quality, weight, bits, gain)
        return self._worth_a_part(gain)

    def _judge(
        self,
        cores: NDArray[np.intp],
        quality: int,
        weight: float,
        bits: NDArray[np.float32],
        gain: NDArray[np.float32],
    ) -> None:
        """Put into ``gain`` the bits that exact blocks of some cores save, where they are worth it."""
        down = -(-len(cores) // _ACROSS)
        across = min(len(cores), _ACROSS)
        mosaic = np.zeros((down * _CROP, across * _CROP, 3), np.uint8)
        corners = [(_CROP * (n % across), _CROP * (n // across)) for n in range(len(cores))]
        places = [Box(x, y, x + _CROP, y + _CROP) for x, y in corners]
        margin = (_CROP - _CORE) // 2
        for place, (row, column) in zip(places, cores.tolist(), strict=True):
            area = Box(column * _CORE, row * _CORE, (column + 1) * _CORE, (row + 1) * _CORE).around(margin)
            mosaic[place.top : place.bottom, place.left : place.right] = pixels_in(
                self.rgb, self.grid.picture, area
            )
        shown, model_bits = attempt(mosaic, self.model, self.bank, self.by_row, quality, self.threads)
        errors = np.square(shown.astype(np.float32) - mosaic).mean(2)
        side = _CORE // EXACT_SIDE
        for place, (row, column) in zip(places, cores.tolist(), strict=True):
            core = errors[place.top : place.bottom, place.left : place.right][margin:-margin, margin:-margin]
            error = core.reshape(side, EXACT_SIDE, side, EXACT_SIDE).mean((1, 3))
            here = np.s_[side * row : side * (row + 1), side * column : side * (column + 1)]
            needed = bits[here]
            error = error[: needed.shape[0], : needed.shape[1]]
            saved = _MODEL_BITS * float(model_bits[place.top // UNIT, place.left // UNIT]) / _CROP**2
            found = weight * error + saved - needed
            far = (needed < _DRAWN_BITS) | (error > _FAR * promised_error(weight))
            gain[here] = np.where((needed > 0) & far & (found > 0), found * EXACT_SIDE**2, 0)

    def _worth_a_part(self, gain: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Blocks that save bits, but for those of tiles in which they do not pay for a part."""
        blocks = gain > 0
        whole = Box(0, 0, gain.shape[1], gain.shape[0])
        for tile in range(self.grid.count):
            there = self.grid.box(tile).overlap(self.grid.picture).reduced(EXACT_SIDE).inside(whole)
            if gain[there].sum() < _PART_BITS:
                blocks[there] = False
        return blocks


def _by_core(blocks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether blocks are marked, ``(rows, 4, columns, 4)`` by core; none beyond the picture is."""
    side = _CORE // EXACT_SIDE
    marked = np.pad(blocks > 0, [(0, -size % side) for size in blocks.shape])
    return marked.reshape(marked.shape[0] // side, side, -1, side)
