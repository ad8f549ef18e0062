"""Which blocks of a picture to carry without loss because the model would show them badly.

The search compares two costs of a block: its bits without loss, and the model's bits plus the error that the
model leaves, weighed as the quality weighs errors. The cheaper one wins. In photographs, lamps, marks and
patterns finer than the model's channels make such blocks. Drawings are full of them.

Decoding the whole picture for this would take as long as coding it. So only the blocks that
:mod:`.hard_blocks` names are tried, in small crops side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..parallel import map_tiles
from ..tiling import Z_STRIDE, Box, pixels_in
from .hard_blocks import find_hard_blocks, lossless_bits, promised_error
from .stream import DEPTHS, EXACT_SIDE, FULL_DEPTH
from .trial_coding import try_coding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...models import Model
    from ..tiling import Grid
    from .entropy import CdfTable

__all__ = ["ExactSearch", "near_depth", "near_error"]

_CORE, _CROP = 32, 64
"""Sides in pixels of the part of a crop that is judged, and of the crop. 16 pixels around it are about what a
network sees."""
_MARGIN = (_CROP - _CORE) // 2
_ACROSS = 16
_TOGETHER = 256
"""Crops side by side, and crops that go through the networks at once: a megapixel."""
_MEASURED_ERROR_RATIO = 4.0
"""A photographed block is taken if its decoded error is more than this many times the promised error."""
# A drawn block is taken wherever it is worth its bits.
_MODEL_BITS = 0.5
"""The share of the model's bits that a block without loss saves; the blocks around it still take theirs."""
_LEAST_DEPTH = 5
"""Samples of fewer bits show steps in even areas, and their PSNR is below 40 dB."""
_ROUNDS = 2
_FREE_BITS = 1.0
"""A block beside an exact one is taken too if it costs at most this many bits per pixel: a border
between them would cost more."""
_MOST, _ALIKE = 0.4, 1.5
"""A tile is taken whole if more than the first share of it is exact, and the rest costs at most the second
number times the bits."""
_PART_BITS = 320.0
"""Bits that the first exact block of a tile costs besides its pixels."""


def near_error(depth: int) -> float:
    """The mean squared error, in grey levels of 8 bits, of samples stored in ``depth`` bits."""
    step = 255 / ((1 << depth) - 1)
    return step**2 / 12 if depth < FULL_DEPTH else 0.0


def near_depth(error_weight: float) -> int:
    """The fewest bits per sample whose error is at most a third of the promised one."""
    enough = promised_error(error_weight) / 3
    return next(depth for depth in DEPTHS if near_error(depth) <= enough and depth >= _LEAST_DEPTH)


@dataclass(frozen=True, slots=True)
class ExactSearch:
    """Finds exact blocks of a picture.

    Attributes:
        rgb: ``(H, W, 3)``.
        grid: its tiles.
        model: which says what errors are worth.
        cdfs: of the model.
        by_row: of :func:`.quantisation.row_thresholds`.
        threads: for networks and tiles.
    """

    rgb: NDArray[np.uint8]
    grid: Grid
    model: Model
    cdfs: CdfTable
    by_row: NDArray[np.float16]
    threads: int

    def blocks(self, quality: int) -> NDArray[np.bool_]:
        """The blocks to carry without loss at a quality, ``(H / 8, W / 8)`` rounded up."""
        weight = self.model.error_weight(quality)
        depth = near_depth(weight)
        bits = np.zeros((-(-self.grid.height // EXACT_SIDE), -(-self.grid.width // EXACT_SIDE)), np.float32)
        drawn = np.zeros(bits.shape, np.bool_)

        def look(tile: int) -> None:
            found = find_hard_blocks(self._pixels(tile), weight, depth)
            places = tuple(found.places.T)
            bits[self._there(tile)][places], drawn[self._there(tile)][places] = found.bits, found.drawn

        map_tiles(look, range(self.grid.count), self.threads)
        gain = np.zeros_like(bits)
        cores = np.argwhere(_by_core(bits).any((1, 3)))
        for at in range(0, len(cores), _TOGETHER):
            self._judge(cores[at : at + _TOGETHER], quality, bits, drawn, gain)
        chosen = gain > 0
        for tile in range(self.grid.count):
            there = self._there(tile)
            if gain[there].sum() < _PART_BITS:
                chosen[there] = False
        for _ in range(_ROUNDS) if chosen.any() else ():
            self._grow(chosen, bits, depth)
        return chosen

    def _box(self, tile: int) -> Box:
        """A tile's blocks."""
        return self.grid.box(tile).overlap(self.grid.picture).reduced(EXACT_SIDE)

    def _there(self, tile: int) -> tuple[slice, slice]:
        """Where a tile's blocks are in a map of all."""
        return self._box(tile).inside(Box(0, 0, 0, 0))

    def _pixels(self, tile: int) -> NDArray[np.uint8]:
        """The pixels of a tile's blocks, with one around."""
        return pixels_in(self.rgb, self.grid.picture, self._box(tile).times(EXACT_SIDE).around(1))

    def _judge(
        self,
        cores: NDArray[np.intp],
        quality: int,
        bits: NDArray[np.float32],
        drawn: NDArray[np.bool_],
        gain: NDArray[np.float32],
    ) -> None:
        """Put into ``gain`` the bits that the exact blocks of some cores save; 0 where they save none."""
        down, across = -(-len(cores) // _ACROSS), min(len(cores), _ACROSS)
        whole = Box(0, 0, across * _CROP, down * _CROP)
        mosaic = np.zeros((whole.height, whole.width, 3), np.uint8)
        corners = [(_CROP * (n % across), _CROP * (n // across)) for n in range(len(cores))]
        places = [Box(x, y, x + _CROP, y + _CROP) for x, y in corners]
        for place, (row, column) in zip(places, cores.tolist(), strict=True):
            area = Box(column * _CORE, row * _CORE, (column + 1) * _CORE, (row + 1) * _CORE).around(_MARGIN)
            mosaic[place.inside(whole)] = pixels_in(self.rgb, self.grid.picture, area)
        shown, model_bits = try_coding(mosaic, self.model, self.cdfs, self.by_row, quality, self.threads)
        errors = np.square(shown.astype(np.float32) - mosaic).mean(2)
        side = _CORE // EXACT_SIDE
        weight = self.model.error_weight(quality)
        far, near = _MEASURED_ERROR_RATIO * promised_error(weight), near_error(near_depth(weight))
        for place, (row, column) in zip(places, cores.tolist(), strict=True):
            core = errors[place.around(-_MARGIN).inside(whole)]
            here = np.s_[side * row : side * (row + 1), side * column : side * (column + 1)]
            needed = bits[here]
            error = core.reshape(side, EXACT_SIDE, side, EXACT_SIDE).mean((1, 3))
            error = error[: needed.shape[0], : needed.shape[1]]
            saved = _MODEL_BITS * float(model_bits[place.top // Z_STRIDE, place.left // Z_STRIDE]) / _CROP**2
            found = weight * (error - near) + saved - needed
            taken = (needed > 0) & (found > 0) & (drawn[here] | (error > far))
            gain[here] = np.where(taken, found * EXACT_SIDE**2, 0)

    def _grow(self, chosen: NDArray[np.bool_], bits: NDArray[np.float32], depth: int) -> None:
        """Add the cheap blocks beside chosen ones, and the rest of tiles that are mostly chosen."""
        wide = np.pad(chosen, 1)
        rows, columns = chosen.shape
        beside = np.logical_or.reduce(
            [wide[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
        )

        def add(tile: int) -> None:
            there = self._there(tile)
            here, known = chosen[there], bits[there]
            mostly = here.mean() > _MOST
            wanted = np.argwhere((beside[there] | mostly) & ~here)
            if not len(wanted):
                return
            needed = lossless_bits(self._pixels(tile), wanted, depth)
            free = needed < _FREE_BITS
            if mostly and needed.mean() < _ALIKE * known[here].mean():
                free[:] = True
            rows, columns = wanted[free].T
            known[rows, columns] = needed[free]
            here[rows, columns] = True

        map_tiles(add, range(self.grid.count), self.threads)


def _by_core(blocks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether blocks are marked, ``(rows, 4, columns, 4)`` by core; none beyond the picture is."""
    side = _CORE // EXACT_SIDE
    marked = np.pad(blocks > 0, [(0, -size % side) for size in blocks.shape])
    return marked.reshape(marked.shape[0] // side, side, -1, side)
