"""Details on a calm ground that a model smooths: cells of a picture to code in finer steps.

Calm parts of a picture have narrow distributions, in which a thin branch, a hook or a lamp takes many bits.
So the encoder drops it at low qualities, although the cell of 64 x 64 pixels that shows it costs little. A
transform coder of the same bytes keeps it. The search compares two errors of a cell:

- that of the model, which follows from what quantisation did to the latent;
- that of a transform coder, estimated from the patterns of the cell and the bits of the picture.

Where the first is far above the second, the ROI map gets finer steps. Cells are chosen by their pixels first
(:mod:`.block_screening`), and the few that remain are decoded before they are taken. So hardly anything is
computed for the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ....models import ROWS_PER_OCTAVE
from ....options import FAST
from ...rectangle import Rectangle, pixels_in
from ...tiles_and_windows import Y_STRIDE, Z_STRIDE
from ..payload.header import EXACT_SIDE
from ..rendering.block_plan import RenderPlan
from ..rendering.pixel_rendering import pixels_of
from .dct_cost import pattern_energies
from .hard_blocks import promised_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ....models import Model
    from ...tiles_and_windows import Grid
    from ..symbols.quality_to_steps import StepSizes

__all__ = ["LostDetails", "touched_tiles"]

_ERROR_OF_STEP = 0.043
"""The squared error of pixels that one of the latent makes, in squares of its step, times the weight of an
error. It holds for qualities 25 to 60, within 0.3 to 0.6 dB for a cell (260 photos)."""
_GOOD_ERROR = 6.5
"""A squared error of 40 dB, which nobody sees."""
_SURE = 0.7
"""dB by which a cell is to be better than that: how much finer steps gain is not known exactly."""
_LEAST_ERROR = 0.3
_EVERY_ROW, _EVERY_COLUMN = 2, 4
"""Cells that tell the usual error of a picture."""
# What a transform coder leaves, in dB above the promised error, from: what the model leaves in the cell, and
# usually in the picture, in dB above the promised error; doublings of bits per pixel of the picture; of the
# contrast of the cell; of the energy of its calmest quarter; and of the energy that lies below twice the
# promised error in each pattern. Fitted to AVIF on 259 photos, cross-validated: it errs by 0.9 dB, within a
# photo by 0.6.
_OWN, _USUAL, _RATE, _CONTRAST, _CALMEST, _BELOW, _CONSTANT = 0.2, 0.32, -1.48, 0.65, 0.41, 1.99, -0.76
_BELOW_RATIO = 2.0
_LEAST_ENERGY, _LEAST_CONTRAST = 0.002, 0.02
"""Shares of the promised error and of its root, below which energies and contrasts count alike."""
_FAR, _NEAR = 4.7, 2.5
"""dB: a cell whose error is so far above that of a transform coder is brought down to the second, or to a
good error if that is nearer."""
_DOUBT = 1.0
"""dB by which the error that follows from the latent may be too low."""
_OCTAVE = 3.3
"""dB that an octave of finer steps gains there."""
_MOST_STEPS = 12
"""Eighths of an octave."""
_MOST, _MOST_SHARE = 64, 1 / 32
"""At most so many cells, or this share of all, are kept to be decoded."""
_MARGIN = 1
"""Positions of the latent around a cell that are decoded with it: about what the network sees."""
_TOGETHER = 64
_POSITIONS = Z_STRIDE // Y_STRIDE
_BLOCKS = Z_STRIDE // EXACT_SIDE


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell that may get finer steps.

    Attributes:
        row, column: in cells.
        error: that follows from the latent, in dB above the promised one.
        peer: that of a transform coder likewise, but for what the whole picture adds.
        latent: decoded, of the cell and ``_MARGIN`` positions around it, ``(6, 6, M)``.
    """

    row: int
    column: int
    error: float
    peer: float
    latent: NDArray[np.float32]


class LostDetails:
    """The search in one picture at one quality, block by block.

    Args:
        rgb: ``(H, W, 3)``.
        grid: its tiles.
        model: whose networks.
        quality: 1 to 100.
        details: :attr:`.search.Found.details`, which tells the cells to look at.
        exact: ``(H / 8, W / 8)`` rounded up, blocks that the model need not show; ``None`` for none.
        threads: for networks.
    """

    def __init__(
        self,
        rgb: NDArray[np.uint8],
        grid: Grid,
        model: Model,
        quality: int,
        details: NDArray[np.float32],
        exact: NDArray[np.bool_] | None,
        threads: int,
    ) -> None:
        self._rgb = rgb
        self._grid = grid
        self._model = model
        self._details = details
        self._exact = exact
        self._threads = threads
        self._weight = model.error_weight(quality)
        self._promised = promised_error(self._weight)
        self._good = 10 * math.log10(_GOOD_ERROR / self._promised)
        self._cells: list[_Cell] = []
        self._most = max(_MOST, int(_MOST_SHARE * details.size))
        self._usual, self._count = 0.0, 0

    def add(
        self,
        steps: StepSizes,
        latent: NDArray[np.float32],
        decoded: NDArray[np.float32],
        area: Rectangle,
        block: Rectangle,
    ) -> None:
        """Take in a block of the picture.

        Args:
            steps: of the picture, the same everywhere.
            latent: of ``area``, ``(1, h, w, M)``.
            decoded: what quantisation made of it.
            area: pixels, aligned to 64.
            block: a part of it, aligned to 64.
        """
        inside = block.inside(area, Y_STRIDE)
        pair = latent[0][inside], decoded[0][inside]
        contrast = self._details[block.inside(self._grid.padded, Z_STRIDE)]
        sampled = np.zeros(contrast.shape, np.bool_)
        sampled[::_EVERY_ROW, ::_EVERY_COLUMN] = True
        usual = self._errors(steps, *pair, np.argwhere(sampled))
        self._usual += float(self._in_db(usual).sum())
        self._count += len(usual)
        places = np.argwhere(np.isfinite(contrast))
        errors = self._in_db(self._errors(steps, *pair, places))
        lossy = errors > self._good - _DOUBT
        places, errors = places[lossy], errors[lossy]
        if not len(places):
            return
        first = np.array([block.top, block.left]) // Z_STRIDE
        peers = _OWN * errors + self._peer_errors(places + first, contrast[*places.T])
        corner = np.array([block.top - area.top, block.left - area.left]) // Y_STRIDE
        for place, error, peer in zip(places, errors.tolist(), peers.tolist(), strict=True):
            part = self._around(decoded[0], corner + _POSITIONS * place)
            row, column = (first + place).tolist()
            self._cells.append(_Cell(row, column, error, peer, part))
        self._cells.sort(key=lambda cell: cell.peer - cell.error)
        del self._cells[self._most :]

    def finer(self, steps: StepSizes, coded_bytes: int) -> NDArray[np.int8] | None:
        """The ROI map that keeps the details, ``(H / 64, W / 64)``, or ``None`` where none are lost.

        Args:
            steps: of the picture.
            coded_bytes: what the picture takes.
        """
        bits = 8 * coded_bytes / (Z_STRIDE**2 * self._details.size)
        usual = _RATE * np.log2(bits) + _USUAL * self._usual / max(self._count, 1)
        found = [cell for cell in self._cells if cell.error - cell.peer - usual > _FAR - _DOUBT]
        roi = np.zeros(self._details.shape, np.int8)
        for at in range(0, len(found), _TOGETHER):
            part = found[at : at + _TOGETHER]
            for cell, error in zip(part, self._decoded_errors(steps, part).tolist(), strict=True):
                excess = error - cell.peer - usual
                if excess > _FAR and error > self._good:
                    wanted = min(excess - _NEAR, error - self._good + _SURE)
                    steps_finer = math.ceil(ROWS_PER_OCTAVE / _OCTAVE * wanted)
                    roi[cell.row, cell.column] = min(steps_finer, _MOST_STEPS)
        return roi if roi.any() else None

    def _in_db(self, errors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Errors above the promised one."""
        return np.asarray(10 * np.log10(np.maximum(errors, _LEAST_ERROR) / self._promised), np.float32)

    def _errors(
        self,
        steps: StepSizes,
        latent: NDArray[np.float32],
        decoded: NDArray[np.float32],
        places: NDArray[np.intp],
    ) -> NDArray[np.float32]:
        """Squared errors that cells ``(n, 2)`` of a latent ``(h, w, M)`` will show, ``(n,)``."""
        high, wide = (size // _POSITIONS for size in latent.shape[:2])
        cut = high, _POSITIONS, wide, _POSITIONS, latent.shape[2]
        rows, columns = places.T
        lost = latent.reshape(cut)[rows, :, columns] - decoded.reshape(cut)[rows, :, columns]
        lost /= steps.step.reshape(-1)
        errors = np.einsum("nijk,nijk->n", lost, lost) * (_ERROR_OF_STEP / _POSITIONS**2 / self._weight)
        return np.asarray(errors, np.float32)

    def _peer_errors(self, cells: NDArray[np.intp], contrast: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the pixels of cells ``(n, 2)`` tell of the error of a transform coder, ``(n,)``."""
        pixels = np.stack([self._full_cell(row, column) for row, column in cells.tolist()])
        cut = pixels.reshape(len(cells), _BLOCKS, EXACT_SIDE, _BLOCKS, EXACT_SIDE, 3)
        blocks = cut.transpose(0, 1, 3, 2, 4, 5).reshape(-1, EXACT_SIDE, EXACT_SIDE, 3)
        energies = pattern_energies(blocks)
        energies /= self._promised
        by_block = energies.sum((0, 2)).reshape(len(cells), _BLOCKS**2)
        calmest = np.partition(by_block, _BLOCKS**2 // 4, axis=1)[:, _BLOCKS**2 // 4]
        np.minimum(energies, np.float32(_BELOW_RATIO / EXACT_SIDE**2), out=energies)
        below = energies.sum((0, 2)).reshape(len(cells), _BLOCKS**2).mean(1)
        seen = contrast / self._promised**0.5
        return np.asarray(
            _CALMEST * np.log2(calmest + _LEAST_ENERGY)
            + _BELOW * np.log2(below + _LEAST_ENERGY)
            + _CONTRAST * np.log2(seen + _LEAST_CONTRAST)
            + _CONSTANT,
            np.float32,
        )

    def _pixels(self, row: int, column: int) -> NDArray[np.uint8]:
        """Those of a cell; beyond the picture its last ones are repeated."""
        return pixels_in(self._rgb, self._grid.picture, _box(row, column))

    def _full_cell(self, row: int, column: int) -> NDArray[np.uint8]:
        """Those of a cell, or of the last whole one: what is repeated beyond the picture would look calm."""
        box = _box(row, column)
        right = max(0, min(0, self._grid.width - box.right) + box.left) - box.left
        down = max(0, min(0, self._grid.height - box.bottom) + box.top) - box.top
        return pixels_in(self._rgb, self._grid.picture, box.shifted(right, down))

    @staticmethod
    def _around(latent: NDArray[np.float32], corner: NDArray[np.intp]) -> NDArray[np.float32]:
        """A latent ``(h, w, M)`` of the cell at a position and around it; at the border its last ones."""
        wanted = corner[:, None] + np.arange(-_MARGIN, _POSITIONS + _MARGIN)
        rows, columns = (at.clip(0, size - 1) for at, size in zip(wanted, latent.shape, strict=False))
        return latent[np.ix_(rows, columns)]

    def _decoded_errors(self, steps: StepSizes, cells: list[_Cell]) -> NDArray[np.float32]:
        """What the model leaves in cells, in dB above the promised error, ``(n,)``."""
        latent = np.concatenate([cell.latent for cell in cells])[None]
        margin, side = _MARGIN * Y_STRIDE, Z_STRIDE + 2 * _MARGIN * Y_STRIDE
        box = Rectangle(0, 0, side, len(cells) * side)
        plan = RenderPlan(self._model.renderer(FAST), box, box, box)
        shown = pixels_of(steps, plan, latent, self._threads)
        inner = shown.reshape(len(cells), side, side, 3)[:, margin:-margin, margin:-margin]
        pixels = np.stack([self._pixels(cell.row, cell.column) for cell in cells])
        squares = np.square(inner.astype(np.float32) - pixels).mean(3)
        if self._exact is not None:
            for cell, errors in zip(cells, squares, strict=True):
                top, left = _BLOCKS * cell.row, _BLOCKS * cell.column
                exact = self._exact[top : top + _BLOCKS, left : left + _BLOCKS]
                exact = exact.repeat(EXACT_SIDE, 0).repeat(EXACT_SIDE, 1)
                errors[: exact.shape[0], : exact.shape[1]] *= ~exact
        return self._in_db(squares.mean((1, 2)))


def touched_tiles(roi: NDArray[np.int8], grid: Grid, reach: int) -> set[int]:
    """The tiles that an ROI map changes.

    Args:
        roi: ``(H / 64, W / 64)``.
        grid: of the picture.
        reach: how many pixels around a cell networks see.
    """
    touched: set[int] = set()
    for row, column in np.argwhere(roi).tolist():
        touched.update(grid.touching(_box(row, column).grown(reach, Z_STRIDE, grid.padded)))
    return touched


def _box(row: int, column: int) -> Rectangle:
    """Pixels of a cell."""
    left, top = column * Z_STRIDE, row * Z_STRIDE
    return Rectangle(left, top, left + Z_STRIDE, top + Z_STRIDE)
