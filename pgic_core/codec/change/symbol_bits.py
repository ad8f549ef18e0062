"""What the symbols of a change frame cost in each mode of their position (``STREAM.md``, "Change")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..learned.symbols.cdf_index_from_z import from_cells, to_cells
from ..learned.symbols.difference_distributions import ALL_ROWS
from ..learned.symbols.latent_quantisation import SYMBOL_LAYERS
from .distribution_by_mode import index_table
from .symbol_rows import active_symbols

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..learned.symbols.cdf_index_from_z import RowMap
    from ..learned.symbols.entropy_coding import CdfTable

__all__ = ["SymbolBits", "cost_table"]

_LARGEST = 2047
"""Larger magnitudes are beyond the bound of every CDF, and cost the same."""


def cost_table(cdfs: CdfTable) -> NDArray[np.float32]:
    """Bits by CDF index and magnitude, ``(ALL_ROWS, magnitudes)``; at index 0 infinity for all but zero."""
    magnitudes = np.arange(_LARGEST + 1, dtype=np.int16)
    counts = np.full(ALL_ROWS, len(magnitudes), np.int64)
    counts[0] = 0
    bits = cdfs.cost(counts, np.tile(magnitudes, ALL_ROWS - 1)).reshape(ALL_ROWS - 1, -1)
    first = np.where(magnitudes > 0, np.float32(np.inf), np.float32(0))
    return np.vstack([first, bits]).astype(np.float32)


class SymbolBits:
    """CDF indexes of the symbols of some positions, for all modes at once.

    Args:
        row_map: of model and quality.
        z: ``(Z, h, w)`` that the indexes follow from.
        roi_map: ``(h, w)`` or ``None``.
        where: bool ``(h, w)``, the positions.
    """

    def __init__(
        self,
        row_map: RowMap,
        z: NDArray[np.int16],
        roi_map: NDArray[np.int8] | None,
        where: NDArray[np.bool_],
    ) -> None:
        self._shape = where.shape
        self._channels = row_map.channels
        there = np.flatnonzero(where)
        self._found = {layer: active_symbols(row_map, layer, z, roi_map, there) for layer in SYMBOL_LAYERS}

    def masked(self, symbols: NDArray[np.int16]) -> NDArray[np.int16]:
        """Symbols ``(2 h, 2 w, 4 M)`` without those whose index is below 1, and without other positions."""
        left = np.zeros_like(symbols)
        for layer, (index, _, _) in self._found.items():
            channels = self._channels[layer]
            to_cells(index, from_cells(index, symbols[:, :, channels]), left[:, :, channels])
        return left

    def fill(self, modes: NDArray[np.uint8], by_row: NDArray[np.float16], cells: NDArray[np.float16]) -> None:
        """Put the thresholds of symbols where the network takes them; see :func:`.fill_thresholds`.

        Args:
            modes: uint8 ``(h, w)``; nothing is coded where one is 0.
            by_row: thresholds by CDF index.
            cells: ``(2 h, 2 w, 4 M)``; what stands there for other positions stays.
        """
        for layer, (index, raw, position) in self._found.items():
            coded = np.flatnonzero(modes.reshape(-1)[position])
            rows = index_table(layer, third=True)[modes.reshape(-1)[position[coded]], raw[coded]]
            to_cells(index[coded], by_row[rows], cells[:, :, self._channels[layer]])

    def symbols(self, coded: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
        """Magnitudes of coded values, as :meth:`bits` takes them.

        Args:
            coded: ``(2 h, 2 w, 4 M)``, cells.
        """
        found = {}
        for layer, (index, _, _) in self._found.items():
            values = from_cells(index, coded[:, :, self._channels[layer]])
            found[layer] = np.minimum(np.abs(values.astype(np.int32)), _LARGEST)
        return found

    def bits(
        self, magnitudes: dict[str, NDArray[Any]], mode: int, costs: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Bits of each position if all have a mode, ``(h, w)``; infinity where it cannot say the symbols."""
        total = np.zeros(self._shape[0] * self._shape[1])
        for layer, (_, raw, position) in self._found.items():
            rows = index_table(layer, third=True)[mode, raw]
            total += np.bincount(position, costs[rows, magnitudes[layer]], minlength=total.size)
        return total.reshape(self._shape)
