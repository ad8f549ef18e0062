"""From z to the CDF index ("row" in STREAM.md) of every symbol, exactly (A-6.4.2d).

The map is linear in z, with integer weights. It is computed in float32, which is fast and exact here: weights
are whole multiples of ``2 ** -shift``, and every partial sum, times ``2 ** shift``, stays below ``2 ** 24``
(checked when a model is loaded). So neither the order of a library's additions nor its number of threads can
change the result.

The CDF tables are the rows of one array (:class:`.entropy_coding.CdfTable`). So the CDF index of a
symbol is called its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ....models import ROWS, Model
from .hyper_prediction import HyperPrediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RowMap", "SymbolRows", "from_cells", "to_cells"]

_LINES = 32  # so many, times at most 97 and 64, stay below twice SMALL_PRODUCT (parallel.py)


@dataclass(frozen=True, slots=True)
class SymbolRows:
    """Which CDF row codes each symbol of one layer of one tile, in the order of coding.

    Only *active* symbols, those of a row above 0, are listed. All others are zero and are not coded.

    Attributes:
        index: int64 ``(n,)``, flat positions of the active symbols in ``(line, z row, z column)``. They are
            sorted by CDF row and ascending within a row: the order of coding.
        counts: int64 ``(ROWS,)``, or more in change frames, the number of active symbols of each CDF row.
    """

    index: NDArray[np.int64]
    counts: NDArray[np.int64]

    @staticmethod
    def of(
        sums: NDArray[np.float32] | NDArray[np.uint8], *, dense: bool = False, most: int = ROWS
    ) -> SymbolRows:
        """Sort symbols by their CDF rows.

        Args:
            sums: the row of each symbol, in any shape. Fractions are cut off, and so is what is out of range.
            dense: most symbols are active, so it is faster to sort all of them.
            most: rows that there are.
        """
        flat = sums.reshape(-1)
        if dense:
            rows = np.clip(flat, 0, most - 1).astype(np.uint8)
            counts = np.bincount(rows, minlength=most)
            first, counts[0] = counts[0], 0
            return SymbolRows(np.argsort(rows, kind="stable")[first:], counts)
        active = np.flatnonzero(flat >= 1)
        rows = np.minimum(flat[active], most - 1).astype(np.uint8)
        return SymbolRows.sorted(active, rows, most)

    @staticmethod
    def sorted(index: NDArray[np.int64], rows: NDArray[np.uint8], most: int) -> SymbolRows:
        """Sort active symbols by their CDF rows, which are above 0 and below ``most``."""
        order = np.argsort(rows, kind="stable")
        return SymbolRows(index[order], np.bincount(rows, minlength=most))


class RowMap:
    """The map from z to CDF rows, for one model and quality. Make it with :meth:`of`.

    Args:
        model: whose tables.
        quality: 1 to 100.

    Attributes:
        channels: by layer, which of the 4 M symbols of a cell it has.
        z_rows: uint8 ``(Z,)``, the CDF rows of z's channels.
        prediction: predicts z from its neighbours.
    """

    def __init__(self, model: Model, quality: int) -> None:
        tables = model.tables
        base, symbols = 4 * model.base, 4 * model.latent
        scale = np.exp2(-tables.scale_shift.astype(np.float32))[:, None]
        shift = tables.row_shift[quality - 1].astype(np.float32)
        shift = np.concatenate([np.tile(shift[:base], 4), np.tile(shift[base:], 4)])
        bias = tables.scale_bias[:, None] * scale + shift[:, None]
        self.channels = {"base": slice(0, base), "detail": slice(base, symbols)}
        self.z_rows = tables.z_row[quality - 1]
        self.prediction = HyperPrediction(tables, self.z_rows)
        # What is always zero need not be multiplied; the bias is the weight of a one.
        self._active = np.flatnonzero(self.z_rows)
        weight = np.hstack([tables.scale_weight[:, self._active] * scale, bias]).astype(np.float32)
        # Linear algebra libraries would share one product of all lines among threads, which are busy with
        # other tiles. Stacks of few lines are small enough to be left alone.
        cut, lines = 4 * base, gcd(len(weight), _LINES, 4 * base)
        stacks = weight.reshape(-1, lines, weight.shape[1])
        self._weights = {"base": stacks[: cut // lines], "detail": stacks[cut // lines :]}

    @staticmethod
    @lru_cache(maxsize=16)
    def of(model: Model, quality: int) -> RowMap:
        """The map for ``model`` at ``quality``; kept for the next caller."""
        return RowMap(model, quality)

    def rows_of_z(self, positions: int) -> SymbolRows:
        """CDF rows of what is coded of z at ``positions`` positions; lines are the channels of z."""
        channels = SymbolRows.of(self.z_rows)
        index = channels.index[:, None] * positions + np.arange(positions)
        return SymbolRows(index.reshape(-1), channels.counts * positions)

    def rows(
        self,
        layer: str,
        z: NDArray[np.int16],
        roi_map: NDArray[np.int8] | None,
    ) -> SymbolRows:
        """CDF rows of the symbols of a layer in a tile.

        Args:
            layer: ``"base"`` or ``"detail"``.
            z: ``(Z, h, w)`` of the tile, each -127 to 127.
            roi_map: int8 ``(h, w)``, added to the rows; ``None`` for none.
        """
        return SymbolRows.of(self.sums(layer, z, roi_map), dense=layer == "base")

    def sums(self, layer: str, z: NDArray[np.int16], roi_map: NDArray[np.int8] | None) -> NDArray[np.float32]:
        """CDF rows of a layer's symbols before fractions and what is out of range are cut off.

        Returns:
            float32 ``(lines, h * w)``.
        """
        values = np.ones((len(self._active) + 1, z[0].size), np.float32)
        values[:-1] = z.reshape(len(z), -1)[self._active]
        sums: NDArray[np.float32] = (self._weights[layer] @ values).reshape(-1, z[0].size)
        if roi_map is not None:
            sums += roi_map.reshape(1, -1).astype(np.float32)
        return sums


def to_cells(index: NDArray[np.int64], values: NDArray[Any], cells: NDArray[Any]) -> None:
    """Put values of some symbols of a layer where networks take them.

    Args:
        index: of :class:`SymbolRows`, which symbols.
        values: ``(n,)``, one for each.
        cells: ``(2 h, 2 w, symbols of the layer)``; what stands there for other symbols stays.
    """
    memory, places = _by_line(cells)
    # Numbers of another type would be put there one by one.
    memory[places.take(index)] = values.astype(cells.dtype, copy=False)


def from_cells(index: NDArray[np.int64], cells: NDArray[Any]) -> NDArray[Any]:
    """The inverse of :func:`to_cells`."""
    memory, places = _by_line(cells)
    return memory.take(places.take(index))


def _by_line(cells: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The memory that cells lie in, flat; and where in it the symbols of a layer are, line by line."""
    strides = tuple(stride // cells.itemsize for stride in cells.strides)
    places = _places(cells.shape, strides)
    return as_strided(cells, (int(places[-1]) + 1,), (cells.itemsize,)), places


@lru_cache(maxsize=8)  # of inner tiles, and of those at the right, the lower and both edges, two layers each
def _places(shape: tuple[int, ...], strides: tuple[int, ...]) -> NDArray[np.intp]:
    """Places of symbols in ``(cell row, cell column, symbol, z row, z column)`` order."""
    height, width, _ = shape
    row, column, symbol = (step * np.arange(count) for count, step in zip(shape, strides, strict=True))
    rows, columns = row.reshape(height // 2, 2).T, column.reshape(width // 2, 2).T
    places = (
        rows[:, None, None, :, None] + columns[None, :, None, None, :] + symbol[None, None, :, None, None]
    )
    return places.reshape(-1)
