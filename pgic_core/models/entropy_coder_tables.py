"""The integer tables of a model: all that the entropy coder depends on.

All of it is normative (``STREAM.md``): two decoders with the same tables read the same symbols, whatever runs
their networks.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from math import erf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PgiInputError, PgiModelError
from ..options import QUALITIES
from ..small_files import read_arrays

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "PRECISION",
    "ROWS",
    "ROWS_PER_OCTAVE",
    "Tables",
    "gaussian_frequencies",
    "row_of_log2_scale",
]

ROWS_PER_OCTAVE = 8
ROWS = 80
"""Rows of the distribution bank. Row 0 means "always zero": it costs neither bits nor time."""
PRECISION = 24
"""Frequencies of a row sum to 2 to this power."""
# Below a deviation of about 0.26 steps a one is so dear that a good encoder hardly ever writes it. Rows for
# less would hold a third of all symbols and 0.4 % of the bits.
_LOG2_SCALE_OF_ROW_0 = -2.0


def row_of_log2_scale(log2_scale: float) -> float:
    """Position in the bank, before rounding, of a deviation given as log2 quantisation steps."""
    return (log2_scale - _LOG2_SCALE_OF_ROW_0) * ROWS_PER_OCTAVE


def gaussian_frequencies() -> dict[str, NDArray[Any]]:
    """A bank of zero-mean Gaussians integrated over unit bins, as whole frequencies."""
    banks: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
    for row in range(1, ROWS):
        scale = 2 ** (_LOG2_SCALE_OF_ROW_0 + row / ROWS_PER_OCTAVE)
        bound = max(1, int(np.ceil(6 * scale)))
        edges = np.array([erf((k + 0.5) / scale * sqrt(0.5)) for k in range(bound + 1)])
        half = np.diff(edges) / 2
        escape = max(1.0 - edges[-1], 1e-6)
        banks.append(whole_frequencies(np.concatenate([half[::-1], edges[:1], half, [escape]])))
    return pack_frequencies(banks)


def whole_frequencies(probabilities: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Round to frequencies of at least 1 that sum to ``2 ** PRECISION``; the last symbol is the escape."""
    total = (1 << PRECISION) - len(probabilities)
    share = np.floor(probabilities / probabilities.sum() * total).astype(np.int64)
    share[np.argmax(share)] += total - share.sum()
    return np.asarray(share + 1, np.uint32)


def pack_frequencies(banks: list[NDArray[np.uint32]]) -> dict[str, NDArray[Any]]:
    """All rows end to end, with their bounds: row r codes symbols -bound[r] .. bound[r], then the escape."""
    bounds = [0] + [(len(b) - 2) // 2 for b in banks[1:]]
    return {"values": np.concatenate(banks), "bounds": np.array(bounds, np.int32)}


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Arrays of one model. M latent channels, Z hyper-latent channels.

    Attributes:
        scale_weight: int8 ``(16 M, Z)``, the linear map from z to rows; lines run over the four cells under a
            z and a cell's base symbols in coded order, then likewise over the detail symbols.
        scale_shift: uint8 ``(16 M,)``, how far each line's sum is shifted right.
        scale_bias: int32 ``(16 M,)``, added before the shift.
        step_exponent: int16 ``(100, M)``: at quality q the step of channel c is ``2 ** (e[q - 1, c] / 8)``,
            in units of the latent, whose channels have about unit deviation.
        row_shift: int16 ``(100, 4 M)``: added to a symbol's row, in coded order.
        z_row: uint8 ``(100, Z)``: row of each channel of z, of what is coded of it.
        z_weight: int8 ``(Z, 4 Z)``, the linear map from a position's neighbours (left, above, upper left,
            upper right, Z channels each) to the prediction of its z.
        z_shift: uint8 ``(Z,)``, how far each channel's sum is shifted right.
        z_bias: int32 ``(Z,)``, added before the shift.
        frequencies: the rows themselves, as :func:`pack_frequencies` gives them.
        embed_weight: float32 ``(2, 32)``, weight and bias of the rate's hidden features.
        embed_hyper_analysis, embed_means, embed_synthesis: float32 ``(C, 33)``, features to channels, the
            last column the bias.
    """

    scale_weight: NDArray[np.int8]
    scale_shift: NDArray[np.uint8]
    scale_bias: NDArray[np.int32]
    step_exponent: NDArray[np.int16]
    row_shift: NDArray[np.int16]
    z_row: NDArray[np.uint8]
    z_weight: NDArray[np.int8]
    z_shift: NDArray[np.uint8]
    z_bias: NDArray[np.int32]
    frequencies: dict[str, NDArray[Any]]
    embed_weight: NDArray[np.float32]
    embed_hyper_analysis: NDArray[np.float32]
    embed_means: NDArray[np.float32]
    embed_synthesis: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write as a deflated ``.npz`` without time stamps, so that equal tables are equal files."""
        arrays: dict[str, NDArray[Any]] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, dict):
                arrays |= {f"{field.name}_{k}": v for k, v in value.items()}
            else:
                arrays[field.name] = value
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, value in sorted(arrays.items()):
                with archive.open(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), "w") as stream:
                    np.lib.format.write_array(stream, np.ascontiguousarray(value), allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Tables:
        """Read what :meth:`save` wrote.

        Raises:
            PgiModelError: the file is damaged or does not hold these tables.
        """
        try:
            arrays = read_arrays(path)
            if not isinstance(arrays, dict):
                raise ValueError("there is one array alone")
            frequencies = {k: arrays.pop(f"frequencies_{k}") for k in ("values", "bounds")}
            tables = cls(frequencies=frequencies, **arrays)
            tables._check()
        except (PgiInputError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise PgiModelError(f"The model tables {path.name} are damaged: {error}.") from error
        return tables

    def _check(self) -> None:
        lines, z = self.scale_weight.shape
        shapes = (
            self.z_row.shape,
            self.row_shift.shape,
            self.z_weight.shape,
            self.z_shift.shape,
            self.z_bias.shape,
        )
        if shapes != ((len(QUALITIES), z), (len(QUALITIES), lines // 4), (z, 4 * z), (z,), (z,)):
            raise ValueError("array shapes do not fit each other")
        # Sums must be exact in float32, in which they are computed: see rows.py, hyper_prediction.py.
        largest = _largest_sums(self.z_weight, self.z_bias)
        if largest.max() >= 1 << 24:
            raise ValueError("the prediction of z leaves the range in which its sums are exact")
        largest = _largest_sums(self.scale_weight, self.scale_bias)
        largest += np.abs(self.row_shift.astype(np.int64)).max() << self.scale_shift.astype(np.int64)
        if largest.max() >= (1 << 24) - (1 << 15):  # less what a ROI map can add
            raise ValueError("the scale map leaves the range in which its sums are exact")
        bounds, values = self.frequencies["bounds"], self.frequencies["values"]
        if len(bounds) != ROWS or int((2 * bounds[1:].astype(np.int64) + 2).sum()) != len(values):
            raise ValueError("the rows do not have the lengths their bounds say")
        starts = np.cumsum(2 * bounds[1:-1].astype(np.int64) + 2)
        sums = np.add.reduceat(values.astype(np.int64), np.concatenate([[0], starts]))
        if bounds[1:].min() < 0 or values.min() < 1 or (sums != 1 << PRECISION).any():
            raise ValueError("the frequencies of a row do not sum to what the coder needs")
        if self.z_row.max() >= ROWS:
            raise ValueError("z has rows that are not there")


def _largest_sums(weight: NDArray[np.int8], bias: NDArray[np.int32]) -> NDArray[np.int64]:
    """What a linear map of values from -127 to 127 can reach, for each of its lines."""
    largest: NDArray[np.int64] = 127 * np.abs(weight.astype(np.int64)).sum(1) + np.abs(bias.astype(np.int64))
    return largest
