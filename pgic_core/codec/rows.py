"""From z to the distribution row of every symbol, exactly (A-6.4.2d).

The map is linear in z with integer weights. It is computed in float32 because that is fast, and it is exact
there: weights are whole multiples of ``2 ** -shift``, and every partial sum, times ``2 ** shift``, stays
below ``2 ** 24`` (checked when a model is loaded). The order in which a library adds them up, or how many
threads it uses, cannot change the result.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..runtime import ROWS, Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RowMap", "SymbolRows"]

_KEPT_POSITIONS = 64


class SymbolRows:
    """Rows of the symbols of one layer of one tile.

    Only *active* symbols, those above row 0, are listed; all others are zero and are not coded.

    Attributes:
        index: int64 ``(n,)``, ascending positions in ``(line, z row, z column)`` order.
        rows: uint8 ``(n,)``, their rows.
    """

    __slots__ = ("index", "rows")

    def __init__(self, sums: NDArray[np.float32]) -> None:
        flat = sums.reshape(-1)
        self.index = np.flatnonzero(flat >= 1)
        self.rows = np.minimum(flat[self.index], ROWS - 1).astype(np.uint8)


class RowMap:
    """The map for one model and quality. Make it with :meth:`of`.

    Args:
        model: whose tables.
        quality: 1 to 100.
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
        cut = 4 * base
        self._parts = {
            "base": (weight[:cut], bias[:cut, None].astype(np.float32)),
            "detail": (weight[cut:], bias[cut:, None].astype(np.float32)),
        }
        self._channels = {"base": np.arange(base), "detail": np.arange(base, symbols)}
        self.z_rows = tables.z_row[quality - 1]

    @staticmethod
    @lru_cache(maxsize=16)
    def of(model: Model, quality: int) -> RowMap:
        """The map for ``model`` at ``quality``; kept for the next caller."""
        return RowMap(model, quality)

    def rows_of_z(self, positions: int) -> SymbolRows:
        """Rows of z itself, for ``positions`` positions; lines are its channels."""
        return SymbolRows(np.repeat(self.z_rows.astype(np.float32), positions))

    def rows(self, layer: str, z: NDArray[np.int16], offsets: NDArray[np.int8] | None) -> SymbolRows:
        """Rows of a layer's symbols in a tile.

        Args:
            layer: ``"base"`` or ``"detail"``.
            z: ``(Z, h, w)`` of the tile, each -127 to 127.
            offsets: ``(h, w)`` rows to add (ROI), or ``None``.
        """
        weight, bias = self._parts[layer]
        sums = weight @ z.reshape(len(z), -1).astype(np.float32)
        sums += bias
        if offsets is not None:
            sums += offsets.reshape(1, -1).astype(np.float32)
        return SymbolRows(sums)

    def places(self, layer: str, z_shape: tuple[int, int], pitch: tuple[int, int]) -> NDArray[np.int32]:
        """Where a tile's symbols stand in a ``(4 M, rows, columns)`` array of cells.

        Args:
            layer: as above.
            z_shape: positions of z in the tile.
            pitch: rows and columns of the array.

        Returns:
            Flat positions by :attr:`SymbolRows.index`, for a tile at the array's first corner.
        """
        # Maps of areas larger than our own tiles are not kept: a few of them would fill the memory.
        if z_shape[0] * z_shape[1] > _KEPT_POSITIONS:
            return self._places(layer, z_shape, pitch)
        return self._kept_places(layer, z_shape, pitch)

    @lru_cache(maxsize=32)  # noqa: B019 - maps are few, and live as long as the process
    def _kept_places(self, layer: str, z_shape: tuple[int, int], pitch: tuple[int, int]) -> NDArray[np.int32]:
        return self._places(layer, z_shape, pitch)

    def _places(self, layer: str, z_shape: tuple[int, int], pitch: tuple[int, int]) -> NDArray[np.int32]:
        rows, columns = pitch
        cell = np.arange(4)[:, None]
        line = (self._channels[layer] * (rows * columns) + cell // 2 * columns + cell % 2).astype(np.int32)
        y, x = np.mgrid[: z_shape[0], : z_shape[1]].astype(np.int32)
        within = 2 * y * columns + 2 * x
        places: NDArray[np.int32] = np.add.outer(line.reshape(-1), within.reshape(-1)).reshape(-1)
        return places


@lru_cache(maxsize=4)
def _weights(model: Model) -> NDArray[np.float32]:
    tables = model.tables
    return tables.scale_weight.astype(np.float32) * np.exp2(-tables.scale_shift.astype(np.float32))[:, None]
