"""Which blocks of a picture to carry without loss because the model would show them badly.

A block is worth it where its bits without loss are fewer than those of the model and of the error that it
leaves, weighed as the quality weighs them. Photographs have such blocks where a lamp, a mark or a pattern is
finer than the model's channels; drawings are full of them. To decode all of a picture for this would take as
long as to code it. So only what :mod:`.suspects` names is tried, in small crops side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..parallel import map_tiles
from ..tiling import Box, pixels_in
from .stream import DEPTHS, EXACT_SIDE, FULL_DEPTH
from .suspects import lossless_bits, promised_error, suspects
from .transform_cost import transform_cost
from .trial import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...models import Model
    from ..tiling import Grid
    from .entropy import CdfTable

__all__ = ["ExactSearch", "near_depth", "near_error"]

_CORE, _CROP = 32, 64
"""Pixels along a side of what is judged of a crop, and of the crop: 16 around are about what one sees."""
_SIDE = _CORE // EXACT_SIDE
_MARGIN = (_CROP - _CORE) // 2
_ACROSS = 16
_TOGETHER = 256
"""Crops side by side, and as many as go through the networks at once: a megapixel."""
_FIRST, _FIRST_SHARE, _LEAST_YIELD = 4, 1 / 256, 1 / 8
"""How many cores are tried at first, or what share of all; and of how many tried a block must be taken for the
search to go on. Photographs seldom get beyond the first."""
_FAR, _WORTH_FAR, _BESIDE_FAR = 8.0, 4.0, 6.0
"""How many times the error of its surroundings a block has that is taken at any cost; where it is worth its bits;
and beside one that is taken, where a part of a letter or lamp would be left."""
_FOREIGN, _INKED_FOREIGN = 1.25, 0.75
"""How many times the cost of a transform coder its error must weigh, if it is not worth its bits; less where one
ink fills much of the block, as in letters."""
_INKED = 1 / 8
"""Share of pixels that are as those to their left."""
_CHEAP_BITS = 4.0
"""Up to so many bits a pixel, a block need only be worth them."""
_EVEN_SHARE, _EVENEST, _UNSEEN = 25, 0.25, 5.0
"""Surroundings are so many per cent of a crop, the best shown. They count as so much of the promised error at least,
and as a squared error of so many grey levels, which is 41 dB."""
_MODEL_BITS = 0.5
"""What share of the model's bits a block without loss saves: its surroundings still take theirs."""
_LEAST_DEPTH = 6
"""Fewer bits show steps in even areas, and their error is below 40 dB."""
_ROUNDS = 2
_FREE_BITS = 1.0
"""Up to so many bits a pixel, a block beside an exact one is taken too: its border would cost more."""
_MOST, _ALIKE = 0.4, 1.5
"""A tile is taken whole of which more than this share is, if the rest takes not many times the bits."""
_PART_BITS = 320.0
"""What the first exact block of a tile costs besides its pixels."""


def near_error(depth: int) -> float:
    """The mean squared error of samples of so many bits, in grey levels of 8."""
    step = 255 / ((1 << depth) - 1)
    return step**2 / 12 if depth < FULL_DEPTH else 0.0


def near_depth(error_weight: float) -> int:
    """Bits of a sample that come near enough: their error is a third of the promised one, or less."""
    enough = promised_error(error_weight) / 3
    return next(depth for depth in DEPTHS if near_error(depth) <= enough and depth >= _LEAST_DEPTH)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What came of cores that were tried, each ``(n, 4, 4)``.

    Attributes:
        bits: that a pixel of a block takes without loss; 0 where nobody asked.
        gain: bits that the block is worth, 0 where it is not to be exact.
        beside: whether it is to be exact beside another.
    """

    bits: NDArray[np.float32]
    gain: NDArray[np.float32]
    beside: NDArray[np.bool_]


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
        """Those worth it at a quality, ``(H / 8, W / 8)`` rounded up."""
        weight = self.model.error_weight(quality)
        depth = near_depth(weight)
        height, width = (-(-size // EXACT_SIDE) for size in (self.grid.height, self.grid.width))
        shape = (-(-height // _SIDE) * _SIDE, -(-width // _SIDE) * _SIDE)  # whole cores
        bits, lost = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

        def look(tile: int) -> None:
            found = suspects(self._pixels(tile), weight, depth)
            places = tuple(found.places.T)
            bits[self._there(tile)][places], lost[self._there(tile)][places] = found.bits, found.lost

        map_tiles(look, range(self.grid.count), self.threads)
        gain, beside = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
        for cores in _in_turn(lost):
            judged = self._judged(cores, quality, _blocks_of(bits, cores))
            _blocks_of(bits)[*cores.T] = judged.bits
            _blocks_of(gain)[*cores.T] = judged.gain
            _blocks_of(beside)[*cores.T] = judged.beside
            if np.count_nonzero(judged.gain.any((1, 2))) < _LEAST_YIELD * len(cores):
                break
        bits, gain, beside = (each[:height, :width] for each in (bits, gain, beside))
        chosen = _joined(gain > 0, beside)
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

    def _judged(self, cores: NDArray[np.intp], quality: int, bits: NDArray[np.float32]) -> _Judged:
        """What comes of some cores, whose suspected blocks take so many bits without loss."""
        count = len(cores)
        down, across = -(-count // _ACROSS), min(count, _ACROSS)
        mosaic = np.zeros((down, _CROP, across, _CROP, 3), np.uint8)
        for number, (row, column) in enumerate(cores.tolist()):
            area = Box(column * _CORE, row * _CORE, (column + 1) * _CORE, (row + 1) * _CORE).around(_MARGIN)
            crop = pixels_in(self.rgb, self.grid.picture, area)
            mosaic[number // across, :, number % across] = crop
        pixels = mosaic.reshape(down * _CROP, across * _CROP, 3)
        shown, model_bits = attempt(pixels, self.model, self.cdfs, self.by_row, quality, self.threads)
        squares = np.square(shown.astype(np.float32) - pixels).mean(2)
        side = _CROP // EXACT_SIDE
        errors = squares.reshape(down, side, EXACT_SIDE, across, side, EXACT_SIDE).mean((2, 5))
        errors = errors.transpose(0, 2, 1, 3).reshape(-1, side, side)[:count]
        weight = self.model.error_weight(quality)
        promised, depth = promised_error(weight), near_depth(weight)
        least = max(_UNSEEN, _EVENEST * promised)
        usual = np.percentile(errors, _EVEN_SHARE, (1, 2), keepdims=True).clip(least, max(least, promised))
        around = _MARGIN // EXACT_SIDE
        errors = errors[:, around:-around, around:-around]
        suspected, bits = bits > 0, bits.copy()
        unknown = (bits == 0) & (errors > _BESIDE_FAR * usual)
        number, row, column = np.nonzero(unknown)
        places = [side * (number // across) + around + row, side * (number % across) + around + column]
        edged = np.pad(pixels, ((1, 1), (1, 1), (0, 0)))
        bits[unknown] = lossless_bits(edged, np.stack(places, 1), depth)
        saved = _MODEL_BITS / _CROP**2 * model_bits.reshape(-1, 1, 1)[:count]
        found = weight * (errors - near_error(depth)) + saved - bits
        worth = (found > 0) & ((bits < _CHEAP_BITS) | (errors > _WORTH_FAR * usual))
        inner = pixels.reshape(down, side, EXACT_SIDE, across, side, EXACT_SIDE, 3)[
            :, around:-around, :, :, around:-around
        ]
        inner = inner.transpose(0, 3, 1, 4, 2, 5, 6)
        inner = inner.reshape(-1, _SIDE, _SIDE, EXACT_SIDE, EXACT_SIDE, 3)[:count]
        known = bits > 0
        foreign = known & (bits < _CHEAP_BITS)
        foreign[known] |= self._are_foreign(inner[known], errors[known], weight)
        taken = suspected & (worth | (foreign & (errors > _FAR * usual)))
        beside = foreign & (errors > _BESIDE_FAR * usual)
        return _Judged(bits, np.where(taken, np.maximum(found, bits) * EXACT_SIDE**2, 0), beside)

    @staticmethod
    def _are_foreign(
        blocks: NDArray[np.uint8], errors: NDArray[np.float32], weight: float
    ) -> NDArray[np.bool_]:
        """Whether the model errs so much in blocks, ``(n, 8, 8, 3)``, that it seems not to know what they show."""
        same = (blocks[:, :, 1:] == blocks[:, :, :-1]).all(3).mean((1, 2))
        least = np.where(same > _INKED, _INKED_FOREIGN, _FOREIGN)
        return weight * errors > least * transform_cost(blocks, weight)

    def _grow(self, chosen: NDArray[np.bool_], bits: NDArray[np.float32], depth: int) -> None:
        """Add what is beside chosen blocks and next to free, and the rest of tiles that are drawn."""
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


def _joined(seeds: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks, and others that touch them, themselves or through others."""
    while seeds.any():
        wide = np.pad(seeds, 1)
        rows, columns = seeds.shape
        around = [wide[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
        grown = seeds | others & np.logical_or.reduce(around)
        if np.array_equal(grown, seeds):
            break
        seeds = grown
    return seeds


def _blocks_of(blocks: NDArray[Any], cores: NDArray[np.intp] | None = None) -> NDArray[Any]:
    """A map of blocks by core, ``(rows, columns, 4, 4)``; or those of some, ``(n, 4, 4)``."""
    rows, columns = (size // _SIDE for size in blocks.shape)
    by_core = blocks.reshape(rows, _SIDE, columns, _SIDE).transpose(0, 2, 1, 3)
    return by_core if cores is None else by_core[*cores.T]


def _in_turn(lost: NDArray[np.float32]) -> Iterator[NDArray[np.intp]]:
    """Cores of blocks that may lose something, ``(n, 2)`` at a time: first those that may lose most."""
    most = _blocks_of(lost).max((2, 3))
    rows, columns = np.nonzero(most)
    order = np.argsort(-most[rows, columns], kind="stable")
    cores = np.stack([rows[order], columns[order]], 1)
    at, count = 0, max(_FIRST, int(_FIRST_SHARE * most.size))
    while at < len(cores):
        yield cores[at : at + count]
        at, count = at + count, min(2 * count, _TOGETHER)
