"""Which blocks of a picture to carry without loss because the model would show them badly.

The search compares two costs of a block: its bits without loss, and the model's bits plus the error that the
model leaves, weighed as the quality weighs errors. The cheaper one wins. In photographs, lamps, marks and
patterns finer than the model's channels make such blocks. Drawings are full of them.

Decoding the whole picture for this would take as long as coding it. So only the blocks that
:mod:`.hard_blocks` names are tried, in small crops side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..parallel import map_tiles
from ..rectangle import Rectangle, pixels_in
from .dct_cost import transform_cost
from .hard_blocks import (
    DEAREST,
    INK_WEIGHT,
    are_printed,
    have_ink,
    lossless_bits,
    measure_blocks,
    promised_error,
    screen_blocks,
)
from .stream import EXACT_SIDE
from .tile_index import DEPTHS, FULL_DEPTH
from .trial_coding import try_coding
from .trial_crops import CORE, CROP, Crops, inner_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...models import Model
    from ..tiles_and_windows import Grid
    from .entropy_coding import CdfTable

__all__ = ["ExactSearch", "near_depth", "near_error"]

_SIDE = CORE // EXACT_SIDE
_TOGETHER = 256
"""The most crops that go through the networks at once: a megapixel."""
_FIRST, _FIRST_SHARE = 2, 1 / 2048
"""The first batch has this many cores at least, or this share of all of them."""
_FEW = 256
"""Up to so many blocks of a tile are measured with those of other tiles: one call is faster than many."""
_LEAST_YIELD = 1 / 4
"""The search ends after a batch in which a smaller share of the cores gave exact blocks. Photographs seldom
get beyond the first batch."""
_MOST, _MOST_SHARE = 30, 1 / 64
"""At most so many cores, or this share of all of them, are tried: that takes about a seventh of the time of
coding. Where more promise something, as in screenshots, half of them are a sample of the rest."""
_SURE_SHARE = 1 / 2
"""Of blocks of the rest that cost as many bits, this share of the sample has to be exact."""
_FAR_RATIO, _WORTH_RATIO, _BESIDE_RATIO = 8.0, 4.0, 6.0
"""A block is taken if its decoded error is more than so many times the usual error around it: if the block is
foreign to the model; if it is worth its bits; and if it is foreign and touches one that is taken. Else a part
of a letter or lamp would be left."""
_CUT_RATIO = 2.0
"""Beside an exact block, this is enough for a suspected one with ink: both may show parts of one thing, which
would be cut between them."""
_FOREIGN_RATIO, _INKED_RATIO = 1.4, 0.75
"""A block is foreign if its error weighs so many times what a transform coder would cost. The second is for
blocks with ink: one colour fills part of them, as in letters."""
_CHEAP_BITS = 4.0
"""A block of fewer bits per pixel counts as foreign. Like one with ink, it is taken wherever it is worth its
bits."""
_USUAL_PERCENTILE, _LEAST_USUAL_RATIO, _LEAST_USUAL = 25, 0.25, 5.0
"""The usual error is this percentile of the blocks of a crop. It is at least this share of the promised error
and this squared error (41 dB), and at most the promised error."""
_MODEL_BITS = 0.5
"""The share of the model's bits that a block without loss saves; the blocks around it still take theirs."""
_LEAST_DEPTH = 6
"""Samples of fewer bits shift flat colours by up to 4 levels, and their PSNR may be below 40 dB."""
_ROUNDS = 2
_FREE_BITS = 1.0
"""A block beside an exact one is taken too if it costs at most this many bits per pixel: a border
between them would cost more."""
_MOSTLY, _ALIKE = 0.4, 1.5
"""A tile is taken whole if more than the first share of it is exact, and the rest costs at most the second
number times the bits."""
_ENOUGH = 64
"""So many blocks tell what the rest of a tile costs."""
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


class _Judged(NamedTuple):
    """What came of cores that were tried, each ``(n, 4, 4)``; or of all, as maps of blocks.

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
        by_row: of :func:`.latent_quantisation.row_thresholds`.
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
        found, lost = self._suspected(quality)
        cores = _by_promise(np.asarray(lost / np.maximum(found.bits, 1), np.float32))
        every = found.bits.size // _SIDE**2
        most = max(_MOST, int(_MOST_SHARE * every))
        at, count = 0, max(_FIRST, int(_FIRST_SHARE * every))
        while at < len(cores):
            if len(cores) > most and at + count > most // 2:
                self._sample(found, cores[at:], most - most // 2, quality)
                break
            if self._try(found, cores[at : at + count], quality) < _LEAST_YIELD:
                break
            at, count = at + count, 2 * count
        return self._chosen(found, near_depth(self.model.error_weight(quality)))

    @property
    def _shape(self) -> tuple[int, int]:
        """Rows and columns of blocks. Maps here may have more, in whole cores."""
        return -(-self.grid.height // EXACT_SIDE), -(-self.grid.width // EXACT_SIDE)

    def _try(self, found: _Judged, cores: NDArray[np.intp], quality: int) -> float:
        """Decode cores, ``(n, 2)``, note what comes of them, and give the share that has exact blocks."""
        for at in range(0, len(cores), _TOGETHER):
            part = cores[at : at + _TOGETHER]
            judged = self._judged(part, quality, _blocks_of(found.bits, part))
            for values, new in zip(found, judged, strict=True):
                _blocks_of(values)[*part.T] = new
        return float(_blocks_of(found.gain, cores).any((1, 2)).mean())

    def _sample(self, found: _Judged, cores: NDArray[np.intp], count: int, quality: int) -> None:
        """Try some of the cores, ``(n, 2)``; of the others have blocks that are as cheap as those found."""
        tried = np.zeros(len(cores), np.bool_)
        tried[np.linspace(0, len(cores) - 1, count).astype(np.intp)] = True
        suspected = _blocks_of(found.bits, cores[tried]) > 0
        bits = _blocks_of(found.bits, cores[tried])[suspected]
        self._try(found, cores[tried], quality)
        taken = _blocks_of(found.gain, cores[tried])[suspected] > 0
        order = np.argsort(bits, kind="stable")
        shares = np.cumsum(taken[order]) / np.arange(1, len(order) + 1)
        sure = np.flatnonzero(shares >= _SURE_SHARE)
        if sure.size:
            others = _blocks_of(found.bits, cores[~tried])
            cheap = (others > 0) & (others <= bits[order[sure[-1]]])
            _blocks_of(found.gain)[*cores[~tried].T] = np.where(cheap, others, 0) * EXACT_SIDE**2

    def _suspected(self, quality: int) -> tuple[_Judged, NDArray[np.float32]]:
        """What the pixels say: maps in which only bits are known, and what a block may lose."""
        weight = self.model.error_weight(quality)
        rows, columns = self._shape
        shape = (-(-rows // _SIDE) * _SIDE, -(-columns // _SIDE) * _SIDE)
        bits, lost = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

        def note(places: NDArray[np.intp], planes: NDArray[np.float32], alone: NDArray[np.bool_]) -> None:
            found = tuple(places.T)
            bits[found], lost[found] = measure_blocks(planes, alone, weight, near_depth(weight))

        def look(tile: int) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_]]:
            places, planes, alone = screen_blocks(self._pixels(tile), weight)
            box = self._box(tile)
            places += np.array([box.top, box.left])
            if len(places) > _FEW:
                note(places, planes, alone)
                return places[:0], planes[:, :0], alone[:0]
            return places, planes, alone

        places, planes, alone = zip(*map_tiles(look, range(self.grid.count), self.threads), strict=True)
        note(np.concatenate(places), np.concatenate(planes, 1), np.concatenate(alone))
        lost[bits == 0] = 0
        return _Judged(bits, np.zeros(shape, np.float32), np.zeros(shape, np.bool_)), lost

    def _chosen(self, found: _Judged, depth: int) -> NDArray[np.bool_]:
        """Which blocks are to be exact; ``found`` has maps of them."""
        rows, columns = self._shape
        gain, bits = found.gain[:rows, :columns], found.bits[:rows, :columns]
        chosen = _joined(gain > 0, found.beside[:rows, :columns])
        for tile in range(self.grid.count):
            there = self._there(tile)
            if gain[there].sum() < _PART_BITS:
                chosen[there] = False
        for _ in range(_ROUNDS) if chosen.any() else ():
            self._grow(chosen, bits, depth)
        return chosen

    def _box(self, tile: int) -> Rectangle:
        """A tile's blocks."""
        return self.grid.box(tile).overlap(self.grid.picture).reduced(EXACT_SIDE)

    def _there(self, tile: int) -> tuple[slice, slice]:
        """Where a tile's blocks are in a map of all."""
        return self._box(tile).inside(Rectangle(0, 0, 0, 0))

    def _pixels(self, tile: int) -> NDArray[np.uint8]:
        """The pixels of a tile's blocks, with one around."""
        return pixels_in(self.rgb, self.grid.picture, self._box(tile).times(EXACT_SIDE).around(1))

    def _judged(self, cores: NDArray[np.intp], quality: int, bits: NDArray[np.float32]) -> _Judged:
        """Decode some cores, ``(n, 2)``, and decide on their blocks.

        Args:
            cores: rows and columns.
            quality: 1 to 100.
            bits: ``(n, 4, 4)``, bits per pixel without loss of suspected blocks, 0 for the others.
        """
        weight = self.model.error_weight(quality)
        depth = near_depth(weight)
        crops = Crops.of(self.rgb, self.grid.picture, cores)
        shown, model_bits = try_coding(
            crops.pixels, self.model, self.cdfs, self.by_row, quality, self.threads
        )
        errors = crops.blocks(np.square(shown.astype(np.float32) - crops.pixels).mean(2)).mean((3, 4))
        usual = _usual(errors, promised_error(weight))
        errors = inner_blocks(errors)
        suspected, bits = bits > 0, bits.copy()
        asked = ~suspected & (errors > _BESIDE_RATIO * usual)
        bits[asked] = crops.lossless_bits(asked, depth)
        saved = _MODEL_BITS / CROP**2 * model_bits.reshape(-1, 1, 1)[: len(cores)]
        in_question = INK_WEIGHT * weight * errors + saved > bits
        in_question |= errors > _CUT_RATIO * usual
        if not (suspected & in_question | asked).any():
            return _Judged(bits, np.zeros_like(bits), asked)
        known = bits > 0
        pixels = inner_blocks(crops.blocks(crops.pixels))
        inked = have_ink(pixels)
        weights = weight * np.where(are_printed(pixels), INK_WEIGHT, 1)
        gain = weights * (errors - near_error(depth)) + saved - bits
        simple = inked | (bits < _CHEAP_BITS)
        worth = (gain > 0) & (simple | (errors > _WORTH_RATIO * usual))
        foreign = known & (bits < _CHEAP_BITS)
        least = np.where(inked[known], _INKED_RATIO, _FOREIGN_RATIO)
        foreign[known] |= weight * errors[known] > least * transform_cost(pixels[known], weight)
        foreign &= bits < DEAREST * weights * errors
        taken = suspected & (worth | (foreign & (errors > _FAR_RATIO * usual)))
        beside = foreign & (errors > _BESIDE_RATIO * usual)
        beside |= suspected & inked & (errors > _CUT_RATIO * usual)
        return _Judged(bits, np.where(taken, np.maximum(gain, bits) * EXACT_SIDE**2, 0), beside)

    def _grow(self, chosen: NDArray[np.bool_], bits: NDArray[np.float32], depth: int) -> None:
        """Add the cheap blocks beside chosen ones, and the rest of tiles that are mostly chosen."""
        beside = _around(chosen)

        def cost(tile: int, places: NDArray[np.intp]) -> NDArray[np.float32]:
            known = bits[self._there(tile)]
            new = places[known[*places.T] == 0]
            if len(new):
                known[*new.T] = lossless_bits(self._pixels(tile), new, depth)
            costs: NDArray[np.float32] = known[*places.T]
            return costs

        def add(tile: int) -> None:
            there = self._there(tile)
            here = chosen[there]
            rest = np.argwhere(~here)
            if here.mean() > _MOSTLY and len(rest):
                usual = bits[there][here].mean()
                if cost(tile, rest[:: -(-len(rest) // _ENOUGH)]).mean() < _ALIKE * usual:
                    here[:] = True
                    return
            wanted = np.argwhere(beside[there] & ~here)
            if len(wanted):
                here[*wanted[cost(tile, wanted) < _FREE_BITS].T] = True

        map_tiles(add, range(self.grid.count), self.threads)


def _usual(errors: NDArray[np.float32], promised: float) -> NDArray[np.float32]:
    """The error that surroundings have, ``(n, 1, 1)``, of those of all blocks, ``(n, 8, 8)``."""
    least = max(_LEAST_USUAL, _LEAST_USUAL_RATIO * promised)
    usual: NDArray[np.float32] = np.percentile(errors, _USUAL_PERCENTILE, (1, 2), keepdims=True)
    return usual.clip(least, max(least, promised))


def _joined(seeds: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks, and others that touch them, themselves or through others."""
    while seeds.any():
        grown = seeds | others & _around(seeds)
        if np.array_equal(grown, seeds):
            break
        seeds = grown
    return seeds


def _around(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks and all that touch them."""
    wide = np.pad(blocks, 1)
    rows, columns = blocks.shape
    around: NDArray[np.bool_] = np.logical_or.reduce(
        [wide[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    )
    return around


def _blocks_of(blocks: NDArray[Any], cores: NDArray[np.intp] | None = None) -> NDArray[Any]:
    """A map of blocks by core, ``(rows, columns, 4, 4)``; or those of some, ``(n, 4, 4)``."""
    rows, columns = (size // _SIDE for size in blocks.shape)
    by_core = blocks.reshape(rows, _SIDE, columns, _SIDE).transpose(0, 2, 1, 3)
    return by_core if cores is None else by_core[*cores.T]


def _by_promise(promise: NDArray[np.float32]) -> NDArray[np.intp]:
    """Cores of blocks that promise something, ``(n, 2)``: first those that promise most."""
    most = _blocks_of(promise).max((2, 3))
    rows, columns = np.nonzero(most)
    order = np.argsort(-most[rows, columns], kind="stable")
    return np.stack([rows[order], columns[order]], 1)
