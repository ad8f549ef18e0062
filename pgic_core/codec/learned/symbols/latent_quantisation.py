"""Quantisation of a picture at one quality: steps, CDF rows and symbols of its latent (A-6.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...tiles_and_windows import CELL_STRIDE, Z_STRIDE
from .cdf_index_from_z import RowMap, SymbolRows, from_cells, to_cells
from .dead_zone_width import DEAD_ZONE
from .quality_to_steps import StepSizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ....models import Model
    from ...rectangle import Rectangle
    from .entropy_coding import CdfTable

__all__ = ["SYMBOL_LAYERS", "QuantState", "fill_thresholds", "row_thresholds"]

SYMBOL_LAYERS = ("base", "detail")


def row_thresholds(cdfs: CdfTable, *, drop: bool) -> NDArray[np.float16]:
    """By row: below which residual a symbol becomes zero, plainly or because it is not worth its bits."""
    bits = cdfs.bits()
    saved = np.maximum(bits[:, 1] - bits[:, 0], 0)
    thresholds = 0.5 + DEAD_ZONE * saved * drop
    thresholds[0] = np.inf
    return np.asarray(thresholds, np.float16)


def fill_thresholds(by_row: NDArray[np.float16], rows: SymbolRows, cells: NDArray[np.float16]) -> None:
    """Put the thresholds of a layer's symbols where :meth:`QuantState.symbols` takes them.

    Args:
        by_row: of :func:`row_thresholds`.
        rows: of the layer.
        cells: ``(rows, columns, symbols of the layer)``, what to fill.
    """
    cells[:] = by_row[0]
    to_cells(rows.index, np.repeat(by_row[: len(rows.counts)], rows.counts), cells)


class QuantState:
    """What one quality makes of a picture: steps, rows, and z as far as it is known.

    Attributes:
        steps: quantisation steps and embeddings of the quality.
        row_map: from z to the CDF index of each symbol.
        z: int16 ``(Z, rows, columns)``.
        z_bottom: the pixel row down to which it is.
    """

    def __init__(self, model: Model, quality: int, roi: NDArray[np.int8] | None, whole: Rectangle) -> None:
        self.steps = StepSizes(model, quality, roi)
        self.row_map = RowMap.of(model, quality)
        self.z = np.zeros((model.hyper, whole.height // Z_STRIDE, whole.width // Z_STRIDE), np.int16)
        self.z_bottom = 0
        self._roi = roi
        self._whole = whole

    def z_of(self, area: Rectangle) -> NDArray[np.int16]:
        """Values of z in an area."""
        return self.z[:, *area.inside(self._whole, Z_STRIDE)]

    def roi_map_of(self, area: Rectangle) -> NDArray[np.int8] | None:
        """The ROI map of an area."""
        return None if self._roi is None else self._roi[area.inside(self._whole, Z_STRIDE)]

    def rows(self, layer: str, area: Rectangle) -> SymbolRows:
        """Rows of a layer's symbols in an area."""
        return self.row_map.rows(layer, self.z_of(area), self.roi_map_of(area))

    def thresholds(
        self, area: Rectangle, by_row: NDArray[np.float16]
    ) -> tuple[dict[str, SymbolRows], NDArray[np.float16]]:
        """Rows of an area's symbols, by layer, and the thresholds that :meth:`symbols` takes.

        Args:
            area: where; z covers it.
            by_row: of :func:`row_thresholds`.
        """
        rows = {layer: self.rows(layer, area) for layer in SYMBOL_LAYERS}
        height, width = area.height // CELL_STRIDE, area.width // CELL_STRIDE
        limits = np.empty((height, width, 4 * self.steps.model.latent), np.float16)
        for layer, channels in self.row_map.channels.items():
            fill_thresholds(by_row, rows[layer], limits[:, :, channels])
        return rows, limits

    def add_bits(
        self,
        total: NDArray[np.floating[Any]],
        cdfs: CdfTable,
        rows: Mapping[str, SymbolRows],
        symbols: NDArray[np.int16],
    ) -> None:
        """Add the bits of an area's symbols to the total of each z position.

        Args:
            total: ``(H / 64, W / 64)``; changed.
            cdfs: of the model.
            rows: of :meth:`thresholds`.
            symbols: of :meth:`symbols`.
        """
        for layer, channels in self.row_map.channels.items():
            cost = cdfs.cost(rows[layer].counts, from_cells(rows[layer].index, symbols[:, :, channels]))
            bits = np.bincount(rows[layer].index % total.size, cost, minlength=total.size)
            total += bits.reshape(total.shape)

    def symbols(
        self,
        area: Rectangle,
        latent: NDArray[np.float32],
        thresholds: NDArray[np.float16],
        threads: int,
    ) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """Symbols of ``area``, and what decoders make of them; by its borders, without the context beyond.

        Args:
            area: where.
            latent: its latent, ``(1, h, w, M)``.
            thresholds: ``(rows, columns, 4 M)`` of cells.
            threads: for the network.

        Returns:
            Symbols, ``(rows, columns, 4 M)`` of cells; and the decoded latent, ``(1, h, w, M)``.
        """
        inputs: dict[str, NDArray[Any]] = {
            "latent": latent,
            "step": self.steps.at(area),
            "z": self.z_of(area)[None].astype(np.float32),
            "embedding": self.steps.embedding("means", area, CELL_STRIDE),
            "threshold": thresholds[None],
        }
        network, outputs = self.steps.model.network("code"), ("symbols", "decoded")
        symbols, decoded = network.run(inputs, outputs, threads=threads)
        return symbols[0], decoded
