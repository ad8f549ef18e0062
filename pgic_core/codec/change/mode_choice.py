"""The cheapest mode of each position of a change frame: bits and error are weighed (A-6.4.1c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..learned.symbols.dead_zone_width import DEAD_ZONE
from ..tiles_and_windows import CELL_STRIDE
from .modes import CHANGE_MODES, NEW, UNCHANGED
from .symbol_bits import SymbolBits, cost_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..learned.symbols.cdf_index_from_z import RowMap
    from ..learned.symbols.entropy_coding import CdfTable
    from ..learned.symbols.quality_to_steps import StepSizes
    from ..rectangle import Rectangle

__all__ = ["ChangePart", "ModeChoice"]

_TRIED = (
    (NEW, True),
    (2, False),
    (5, False),
    (8, False),
    (12, False),
    (15, False),
    (NEW, False),
    (3, True),
    (6, True),
)
"""Modes that are tried, those of differences for much and for little to change; and whether z is coded."""
_BESIDE = 2
"""Modes of differences so far from a tried one are considered for what it quantised."""
_MODE_BITS = 4.0
"""About what the mode of a position costs."""
_BIT = 2 * DEAD_ZONE
"""What a bit is worth in squared quantisation steps, as in the dead zone."""


@dataclass(slots=True)
class ChangePart:
    """A rectangle of the canvas on its way into parts of the payload.

    Attributes:
        outer: with what the networks see around it.
        latent: ``(1, h, w, M)`` of ``outer``.
        z: ``(Z, h, w)`` of ``outer``, of the states that modes refer to.
        new_z: likewise, of this frame where positions changed.
        symbols: int16 ``(h, w, 4 M)``, cells of ``outer``, of the states that modes refer to.
        masked: likewise, without those that cannot be there with ``new_z``.
        candidates: bool ``(h, w)`` of ``outer``, positions to code here if it pays.
        restored: bool likewise, where modes refer to an earlier state.
        modes: uint8 likewise, found so far.
        z_coded: bool likewise.
        cost: least cost of each position so far.
    """

    outer: Rectangle
    latent: NDArray[np.float32]
    z: NDArray[np.int16]
    new_z: NDArray[np.int16]
    symbols: NDArray[np.int16]
    masked: NDArray[np.int16]
    candidates: NDArray[np.bool_]
    restored: NDArray[np.bool_]
    modes: NDArray[np.uint8]
    z_coded: NDArray[np.bool_]
    cost: NDArray[np.float64]


class ModeChoice:
    """Compares modes, for one frame.

    Args:
        steps: quantisation steps, and the model.
        row_map: of model and quality.
        cdfs: of the model.
        thresholds: of :func:`.latent_quantisation.row_thresholds`.
        threads: for networks.
    """

    def __init__(
        self,
        steps: StepSizes,
        row_map: RowMap,
        cdfs: CdfTable,
        thresholds: NDArray[np.float16],
        threads: int,
    ) -> None:
        self._steps = steps
        self._row_map = row_map
        self._cdfs = cdfs
        self._thresholds = thresholds
        self._threads = threads
        self._costs = cost_table(cdfs)

    def choose(
        self, part: ChangePart, roi_map: NDArray[np.int8] | None, exact: NDArray[np.bool_]
    ) -> NDArray[np.int16]:
        """Find the cheapest mode of each candidate.

        Args:
            part: modes and whether z is coded are put in.
            roi_map: ``(h, w)`` of it, or ``None``.
            exact: bool ``(h, w)``, positions that hold an exact block, and so cannot stay unchanged.

        Returns:
            What is coded of each symbol with these modes, int16 ``(2 h, 2 w, 4 M)``, cells.
        """
        indexes = {
            z_coded: SymbolBits(self._row_map, z, roi_map, part.candidates)
            for z_coded, z in ((False, part.z), (True, part.new_z))
        }
        part.masked = indexes[True].masked(part.symbols)
        z_bits = self._z_bits(part)
        _, decoded = self._coded(part, part.modes, part.z_coded, indexes)
        cost = _BIT * _MODE_BITS * part.restored + self._error(part, decoded)
        cost[exact] = np.inf
        self._keep_better(part, cost, UNCHANGED, z_coded=False)
        for mode, z_coded in _TRIED:
            modes = np.where(part.candidates, np.uint8(mode), np.uint8(UNCHANGED))
            symbols, decoded = self._coded(part, modes, part.candidates & z_coded, indexes)
            error, found = self._error(part, decoded), indexes[z_coded].symbols(symbols)
            also = [mode] if mode == NEW else [k for k in CHANGE_MODES if abs(k - mode) <= _BESIDE]
            for said in also:
                bits = indexes[z_coded].bits(found, said, self._costs) + _MODE_BITS + z_bits * z_coded
                self._keep_better(part, _BIT * bits + error, said, z_coded=z_coded)
        return self._coded(part, part.modes, part.z_coded, indexes)[0]

    @staticmethod
    def _keep_better(part: ChangePart, cost: NDArray[np.float64], mode: int, *, z_coded: bool) -> None:
        better = part.candidates & (cost < part.cost)
        part.cost[better] = cost[better]
        part.modes[better], part.z_coded[better] = mode, z_coded

    def _coded(
        self,
        part: ChangePart,
        modes: NDArray[np.uint8],
        z_coded: NDArray[np.bool_],
        indexes: Mapping[bool, SymbolBits],
    ) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """What is coded of each symbol with these modes, and the decoded latent."""
        outer = part.outer
        z = np.where(z_coded, part.new_z, part.z)
        fresh, own = (there.repeat(2, 0).repeat(2, 1)[:, :, None] for there in (modes == NEW, z_coded))
        base = np.where(own, part.masked, part.symbols)
        base[fresh[:, :, 0]] = 0
        limits = np.full(base.shape, np.inf, np.float16)
        for own, found in indexes.items():
            found.fill(np.where(z_coded == own, modes, UNCHANGED), self._thresholds, limits)
        symbols, decoded = self._steps.model.network("change").run(
            {
                "latent": part.latent,
                "step": self._steps.at(outer),
                "z": z[None].astype(np.float32),
                "embedding": self._steps.embedding("means", outer, CELL_STRIDE),
                "threshold": limits[None],
                "reference": base[None],
            },
            ("symbols", "decoded"),
            threads=self._threads,
        )
        return symbols[0] - base, decoded

    def _z_bits(self, part: ChangePart) -> NDArray[np.float64]:
        """About how many bits z takes at each position where it is coded."""
        residual = self._row_map.prediction.residual(part.new_z)
        z_rows = self._row_map.rows_of_z(part.modes.size)
        cost = self._cdfs.cost(z_rows.counts, residual.reshape(-1)[z_rows.index])
        bits = np.bincount(z_rows.index % part.modes.size, cost, minlength=part.modes.size).astype(np.float64)
        return bits.reshape(part.modes.shape)

    def _error(self, part: ChangePart, decoded: NDArray[np.float32]) -> NDArray[np.float64]:
        """Squared error of the latent in quantisation steps, summed up for each position."""
        step = self._steps.at(part.outer)[0].transpose(1, 2, 0)
        if step.shape[:2] != (1, 1):
            step = step.repeat(2, 0).repeat(2, 1)
        error = np.square((part.latent[0] - decoded[0]) / step).sum(2)
        height, width = part.modes.shape
        sums: NDArray[np.float64] = error.reshape(height, 4, width, 4).sum((1, 3)).astype(np.float64)
        return sums
