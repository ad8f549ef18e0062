"""From z to the distribution row of every symbol, exactly (A-6.4.2d).

The map is linear in z with integer weights. It is computed in float32 because that is fast, and it is exact
there: weights are whole multiples of ``2 ** -shift``, and every partial sum, times ``2 ** shift``, stays
below ``2 ** 24`` (checked when a model is loaded). The order in which a library adds them up, or how many
threads it uses, cannot change the result.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..runtime import ROWS, Model
from .hyper_prediction import HyperPrediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RowMap", "SymbolRows", "from_cells", "to_cells"]

_LINES = 64


class SymbolRows:
    """Rows of the symbols of one layer of one tile.

    Only *active* symbols, those above row 0, are listed; all others are zero and are not coded.

    Attributes:
        index: int64 ``(n,)``, positions in ``(line, z row, z column)`` order of the active symbols, row by
            row and ascending within a row: the order in which they are coded.
        counts: int64 ``(ROWS,)``, how many of them each row has.
    """

    __slots__ = ("counts", "index")

    def __init__(self, sums: NDArray[np.float32]) -> None:
        flat = sums.reshape(-1)
        active = np.flatnonzero(flat >= 1)
        rows = np.minimum(flat[active], ROWS - 1).astype(np.uint8)
        self.index = active[np.argsort(rows, kind="stable")]
        self.counts = np.bincount(rows, minlength=ROWS)


class RowMap:
    """The map for one model and quality. Make it with :meth:`of`.

    Args:
        model: whose tables.
        quality: 1 to 100.

    Attributes:
        channels: which of a cell's 4 M symbols each layer has.
        z_rows: uint8 ``(Z,)``, rows of z's channels.
        prediction: what is coded of z.
    """

    def __init__(self, model: Model, quality: int) -> None:
        tables = model.tables
        base, symbols = 4 * model.base, 4 * model.latent
        scale = np.exp2(-tables.scale_shift.astype(np.float32))
        weight = _weights(model)
        shift = tables.row_shift[quality - 1].astype(np.float32)
        bias = tables.scale_bias * scale + np.concatenate(
            [np.tile(shift[:base], 4), np.tile(shift[base:], 4)]
        )
        # Linear algebra libraries would share one product of all lines among threads, which are busy with
        # other tiles. Stacks of few lines are small enough to be left alone.
        weight = weight.reshape(-1, gcd(len(weight), _LINES, 4 * base), weight.shape[1])
        cut = 4 * base
        stacks = cut // weight.shape[1]
        self._parts = {
            "base": (weight[:stacks], bias[:cut, None].astype(np.float32)),
            "detail": (weight[stacks:], bias[cut:, None].astype(np.float32)),
        }
        self.channels = {"base": slice(0, base), "detail": slice(base, symbols)}
        self.z_rows = tables.z_row[quality - 1]
        self.prediction = HyperPrediction(tables, self.z_rows)

    @staticmethod
    @lru_cache(maxsize=16)
    def of(model: Model, quality: int) -> RowMap:
        """The map for ``model`` at ``quality``; kept for the next caller."""
        return RowMap(model, quality)

    def rows_of_z(self, positions: int) -> SymbolRows:
        """Rows of what is coded of z, for ``positions`` positions; lines are its channels."""
        return SymbolRows(np.repeat(self.z_rows.astype(np.float32), positions))

    def rows(self, layer: str, z: NDArray[np.int16], offsets: NDArray[np.int8] | None) -> SymbolRows:
        """Rows of a layer's symbols in a tile.

        Args:
            layer: ``"base"`` or ``"detail"``.
            z: ``(Z, h, w)`` of the tile, each -127 to 127.
            offsets: ``(h, w)`` rows to add (ROI), or ``None``.
        """
        weight, bias = self._parts[layer]
        sums = (weight @ z.reshape(len(z), -1).astype(np.float32)).reshape(len(bias), -1)
        sums += bias
        if offsets is not None:
            sums += offsets.reshape(1, -1).astype(np.float32)
        return SymbolRows(sums)


def to_cells(rows: SymbolRows, values: NDArray[Any], cells: NDArray[Any], rest: float = 0) -> None:
    """Put values of a layer's active symbols where networks take them.

    Args:
        rows: which symbols, in coded order.
        values: ``(n,)``, one for each.
        cells: ``(2 h, 2 w, symbols of the layer)``, what to fill.
        rest: what the other symbols of the layer get.
    """
    target = _by_line(cells)
    dense = np.full(target.size, rest, cells.dtype)
    dense[rows.index] = values
    target[:] = dense.reshape(target.shape)


def from_cells(rows: SymbolRows, cells: NDArray[Any]) -> NDArray[Any]:
    """The inverse of :func:`to_cells`."""
    return _by_line(cells).reshape(-1)[rows.index]


def _by_line(cells: NDArray[Any]) -> NDArray[Any]:
    """A view of a layer's cells as ``(cell row, cell column, symbol, z row, z column)``."""
    height, width = cells.shape[0] // 2, cells.shape[1] // 2
    rows, columns, step = cells.strides
    return as_strided(
        cells, (2, 2, cells.shape[2], height, width), (rows, columns, step, 2 * rows, 2 * columns)
    )


@lru_cache(maxsize=4)
def _weights(model: Model) -> NDArray[np.float32]:
    tables = model.tables
    return tables.scale_weight.astype(np.float32) * np.exp2(-tables.scale_shift.astype(np.float32))[:, None]
