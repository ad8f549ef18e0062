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

from ...parallel import map_tiles
from ...rectangle import Rectangle, pixels_in
from ..payload.header import EXACT_SIDE
from .block_screening import CELL
from .decision import BESIDE_RATIO, Judged, decide, near_depth, usual_errors
from .hard_blocks import lossless_bits, measure_blocks, promised_error, screen_blocks
from .trial_coding import try_coding
from .trial_crops import CORE, CROP, Crops, inner_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ....models import Model
    from ...tiles_and_windows import Grid
    from ..symbols.entropy_coding import CdfTable

__all__ = ["ExactSearch", "Found"]

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
_MODEL_BITS = 0.5
"""The share of the model's bits that a block without loss saves; the blocks around it still take theirs."""
_ROUNDS = 2
_FREE_BITS = 1.0
"""A block beside an exact one is taken too if it costs at most this many bits per pixel: a border
between them would cost more."""
_MOSTLY, _ALIKE = 0.4, 1.5
"""A tile is taken whole if more than the first share of it is exact, and the rest costs at most the second
number times the bits."""
_GUESSED = 4096
"""Blocks that are judged at once by what their errors may be."""
_ENOUGH = 64
"""So many blocks tell what the rest of a tile costs."""
_PART_BITS = 320.0
"""Bits that the first exact block of a tile costs besides its pixels."""


class Found(NamedTuple):
    """What the search finds in a picture.

    Attributes:
        blocks: those to carry without loss, ``(H / 8, W / 8)`` rounded up.
        details: :attr:`.Screened.details` of the picture, for :mod:`.lost_details`.
    """

    blocks: NDArray[np.bool_]
    details: NDArray[np.float32]


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

    def find(self, quality: int) -> Found:
        """What there is to carry without loss at a quality."""
        found, lost, details = self._suspected(quality)
        cores = _by_promise(np.asarray(lost / np.maximum(found.bits, 1), np.float32))
        every = found.bits.size // _SIDE**2
        most = max(_MOST, int(_MOST_SHARE * every))
        at, count = 0, max(_FIRST, int(_FIRST_SHARE * every))
        while at < len(cores):
            if len(cores) > most and at + count > most // 2:
                self._sample(found, lost, cores[at:], most - most // 2, quality)
                break
            part = cores[at : at + count]
            self._try(found, part, quality)
            if _blocks_of(found.gain, part).any((1, 2)).mean() < _LEAST_YIELD:
                break
            at, count = at + count, 2 * count
        return Found(self._chosen(found, near_depth(self.model.error_weight(quality))), details)

    @property
    def _shape(self) -> tuple[int, int]:
        """Rows and columns of blocks. Maps here may have more, in whole cores."""
        return -(-self.grid.height // EXACT_SIDE), -(-self.grid.width // EXACT_SIDE)

    def _try(self, found: Judged, cores: NDArray[np.intp], quality: int) -> NDArray[np.float32]:
        """Decode cores, ``(n, 2)``, note what comes of them, and give the errors of their blocks."""
        errors = []
        for at in range(0, len(cores), _TOGETHER):
            part = cores[at : at + _TOGETHER]
            judged, error = self._judged(part, quality, _blocks_of(found.bits, part))
            _note(found, part, judged)
            errors.append(error)
        return np.concatenate(errors)

    def _sample(
        self, found: Judged, lost: NDArray[np.float32], cores: NDArray[np.intp], count: int, quality: int
    ) -> None:
        """Try some of the cores, ``(n, 2)``, and judge the others by the errors that these have."""
        tried = np.zeros(len(cores), np.bool_)
        tried[np.linspace(0, len(cores) - 1, count).astype(np.intp)] = True
        suspected = _blocks_of(found.bits, cores[tried]) > 0
        errors = self._try(found, cores[tried], quality)
        if _blocks_of(found.gain, cores[tried]).any((1, 2)).mean() < _LEAST_YIELD:
            return  # as where all are tried: what promises less gives less
        share = np.median(errors[suspected] / _blocks_of(lost, cores[tried])[suspected])
        places = _places(found.bits, cores[~tried])
        self._guess(found, places, share * lost[*places.T], self.model.error_weight(quality))

    def _guess(
        self, found: Judged, places: NDArray[np.intp], errors: NDArray[np.float32], weight: float
    ) -> None:
        """Decide on blocks, ``(n, 2)``, by what their errors may be, in surroundings as promised."""
        usual = np.full(1, promised_error(weight), np.float32)
        for at in range(0, len(places), _GUESSED):
            part = places[at : at + _GUESSED]
            rows, columns = (EXACT_SIDE * part[:, axis, None] + np.arange(EXACT_SIDE) for axis in (0, 1))
            rows, columns = rows.clip(max=self.grid.height - 1), columns.clip(max=self.grid.width - 1)
            pixels = self.rgb[rows[:, :, None], columns[:, None, :]]
            bits, error = found.bits[*part.T], errors[at : at + _GUESSED]
            judged = decide(pixels, bits, error, usual, 0 * usual, bits > 0, weight)
            for values, new in zip(found, judged, strict=True):
                values[*part.T] = new

    def _suspected(self, quality: int) -> tuple[Judged, NDArray[np.float32], NDArray[np.float32]]:
        """What the pixels say: maps in which only bits are known; what a block may lose; and details."""
        weight = self.model.error_weight(quality)
        rows, columns = self._shape
        shape = (-(-rows // _SIDE) * _SIDE, -(-columns // _SIDE) * _SIDE)
        bits, lost = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        details = np.full((-(-rows // CELL), -(-columns // CELL)), np.nan, np.float32)

        def note(places: NDArray[np.intp], planes: NDArray[np.float32], alone: NDArray[np.bool_]) -> None:
            found = tuple(places.T)
            bits[found], lost[found] = measure_blocks(planes, alone, weight, near_depth(weight))

        def look(tile: int) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_]]:
            places, planes, alone, cells = screen_blocks(self._pixels(tile), weight)
            box = self._box(tile)
            if cells.size:
                top, left = box.top // CELL, box.left // CELL
                details[top : top + cells.shape[0], left : left + cells.shape[1]] = cells
            places += np.array([box.top, box.left])
            if len(places) > _FEW:
                note(places, planes, alone)
                return places[:0], planes[:, :0], alone[:0]
            return places, planes, alone

        places, planes, alone = zip(*map_tiles(look, range(self.grid.count), self.threads), strict=True)
        note(np.concatenate(places), np.concatenate(planes, 1), np.concatenate(alone))
        lost[bits == 0] = 0
        return Judged(bits, np.zeros(shape, np.float32), np.zeros(shape, np.bool_)), lost, details

    def _chosen(self, found: Judged, depth: int) -> NDArray[np.bool_]:
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

    def _judged(
        self, cores: NDArray[np.intp], quality: int, bits: NDArray[np.float32]
    ) -> tuple[Judged, NDArray[np.float32]]:
        """Decode some cores, ``(n, 2)``, and decide on their blocks.

        Args:
            cores: rows and columns.
            quality: 1 to 100.
            bits: ``(n, 4, 4)``, bits per pixel without loss of suspected blocks, 0 for the others.
        """
        weight = self.model.error_weight(quality)
        crops = Crops.of(self.rgb, self.grid.picture, cores)
        shown, model_bits = try_coding(
            crops.pixels, self.model, self.cdfs, self.by_row, quality, self.threads
        )
        errors = crops.blocks(np.square(shown.astype(np.float32) - crops.pixels).mean(2)).mean((3, 4))
        usual = usual_errors(errors, promised_error(weight))
        errors = inner_blocks(errors)
        suspected, bits = bits > 0, bits.copy()
        asked = ~suspected & (errors > BESIDE_RATIO * usual)
        bits[asked] = crops.lossless_bits(asked, near_depth(weight))
        saved = (_MODEL_BITS / CROP**2 * model_bits).astype(np.float32).reshape(-1, 1, 1)[: len(cores)]
        pixels = inner_blocks(crops.blocks(crops.pixels))
        return decide(pixels, bits, errors, usual, saved, suspected, weight), errors

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


def _places(bits: NDArray[np.float32], cores: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows and columns of the suspected blocks of cores, ``(n, 2)``."""
    number, row, column = np.nonzero(_blocks_of(bits, cores))
    return _SIDE * cores[number] + np.stack([row, column], 1)


def _note(found: Judged, cores: NDArray[np.intp], judged: Judged) -> None:
    """Put what came of cores into the maps of all."""
    for values, new in zip(found, judged, strict=True):
        _blocks_of(values)[*cores.T] = new


def _by_promise(promise: NDArray[np.float32]) -> NDArray[np.intp]:
    """Cores of blocks that promise something, ``(n, 2)``: first those that promise most."""
    most = _blocks_of(promise).max((2, 3))
    rows, columns = np.nonzero(most)
    order = np.argsort(-most[rows, columns], kind="stable")
    return np.stack([rows[order], columns[order]], 1)
