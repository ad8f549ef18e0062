"""A grid of temperatures as extension fields: hundredths of a degree above its lowest, deflated."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EMISSIVITY", "HOTTEST", "OVERLAY", "overlay_fields", "temperatures"]

EMISSIVITY = "acme-thermal.emissivity"
HOTTEST = "acme-thermal.hottest"
OVERLAY = "acme-thermal.overlay"

_STEP = 0.01
_MOST_CELLS = 4_000_000


def overlay_fields(celsius: NDArray[Any], emissivity: float = 0.95) -> dict[str, object]:
    """The fields for ``pgic_core.encode(extension=…)``.

    Args:
        celsius: (h, w) temperatures that cover the whole picture, at most 655 degrees apart.
        emissivity: of the surface, 0 to 1.

    Raises:
        ValueError: the grid is empty, too large, not finite or too wide in range.
    """
    values = np.asarray(celsius, np.float64)
    if values.ndim != 2 or not 0 < values.size <= _MOST_CELLS or not np.isfinite(values).all():
        raise ValueError(f"temperatures must be a finite grid of at most {_MOST_CELLS:,} cells")
    low = float(values.min())
    steps = np.rint((values - low) / _STEP)
    if steps.max() > 65535:
        raise ValueError("temperatures must lie within 655 degrees")
    rows, columns = values.shape
    data = zlib.compress(steps.astype("<u2").tobytes(), 9)
    return {
        EMISSIVITY: float(emissivity),
        OVERLAY: {"rows": rows, "columns": columns, "low": low, "data": data},
    }


def temperatures(fields: Mapping[str, object]) -> NDArray[np.float64]:
    """The grid, in degrees Celsius.

    Args:
        fields: extension fields of a file, which may come from anywhere.

    Raises:
        ValueError: there is no overlay, or it is damaged.
    """
    overlay = fields.get(OVERLAY)
    if not isinstance(overlay, Mapping):
        raise ValueError("There is no thermal overlay.")
    rows, columns, low, data = (overlay.get(key) for key in ("rows", "columns", "low", "data"))
    if not (isinstance(rows, int) and isinstance(columns, int) and isinstance(data, bytes)):
        raise ValueError("The thermal overlay lacks its size or its data.")
    if not isinstance(low, float) or not math.isfinite(low):
        raise ValueError("The thermal overlay lacks its lowest temperature.")
    if rows < 1 or columns < 1 or rows * columns > _MOST_CELLS:
        raise ValueError(f"The thermal overlay must have 1 to {_MOST_CELLS:,} cells.")
    try:
        steps = zlib.decompressobj().decompress(data, 2 * rows * columns + 1)
    except zlib.error as error:
        raise ValueError(f"The thermal overlay is damaged: {error}.") from error
    if len(steps) != 2 * rows * columns:
        raise ValueError("The thermal overlay does not have the length that its size asks for.")
    return low + _STEP * np.frombuffer(steps, "<u2").reshape(rows, columns).astype(np.float64)
