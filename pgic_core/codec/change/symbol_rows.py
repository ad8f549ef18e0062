"""CDF indexes of the symbols of a change frame, from z and modes (``STREAM.md``, "Change")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...models import ROWS
from ..learned.symbols.cdf_index_from_z import SymbolRows
from ..learned.symbols.difference_distributions import ALL_ROWS
from .distribution_by_mode import SUMS, index_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..learned.symbols.cdf_index_from_z import RowMap

__all__ = ["active_symbols", "change_rows"]


def change_rows(
    row_map: RowMap,
    layer: str,
    z: NDArray[np.int16],
    modes: NDArray[np.uint8],
    roi_map: NDArray[np.int8] | None,
    *,
    third: bool,
) -> SymbolRows:
    """CDF rows of what is coded of a layer in a tile of a change frame.

    Args:
        row_map: of model and quality.
        layer: "base" or "detail".
        z: ``(Z, h, w)``, as the frame has it.
        modes: ``(h, w)``.
        roi_map: ``(h, w)`` or ``None``.
        third: of version 3, or of the versions before it.
    """
    changed = np.flatnonzero(modes)
    if not len(changed):
        return SymbolRows(changed, np.zeros(ALL_ROWS, np.int64))
    roi = None if roi_map is None else roi_map.reshape(-1)[changed]
    sums = row_map.sums(layer, z.reshape(len(z), 1, -1)[:, :, changed], roi)
    table = index_table(layer, third=third).reshape(-1)
    first = modes.reshape(-1)[changed].astype(np.uint16) * np.uint16(SUMS)
    if layer == "base":  # most of them are coded, so it is faster to sort all
        raw = np.clip(sums, 0, SUMS - 1).astype(np.uint8)
        rows = SymbolRows.of(table.take(raw + first), dense=True, most=ALL_ROWS)
    else:
        active = np.flatnonzero(sums >= 1)
        raw = np.minimum(sums.take(active), SUMS - 1).astype(np.uint8)
        found = table.take(raw + first.take(active % len(changed)))
        coded = np.flatnonzero(found)
        rows = SymbolRows.sorted(active.take(coded), found.take(coded), ALL_ROWS)
    # Their places among all positions of the tile; the order stays.
    line, place = np.divmod(rows.index, len(changed))
    return SymbolRows(line * modes.size + changed.take(place), rows.counts)


def active_symbols(
    row_map: RowMap,
    layer: str,
    z: NDArray[np.int16],
    roi_map: NDArray[np.int8] | None,
    where: NDArray[np.intp],
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Symbols of some positions whose CDF index, as it follows from z alone, is above 0.

    Args:
        row_map, layer, z, roi_map: as above.
        where: the positions, flat; one at least.

    Returns:
        Flat places in ``(line, z row, z column)``, ascending; these indexes; and the positions.
    """
    roi = None if roi_map is None else roi_map.reshape(-1)[where]
    sums = row_map.sums(layer, z.reshape(len(z), 1, -1)[:, :, where], roi).reshape(-1)
    active = np.flatnonzero(sums >= 1)
    raw = np.minimum(sums[active], ROWS - 1).astype(np.uint8)
    line, place = np.divmod(active, len(where))
    position = where[place]
    return line * z[0].size + position, raw, position
