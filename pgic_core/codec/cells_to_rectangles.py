"""Maps of square cells of a picture, turned into rectangles that cover them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dilated", "rectangles"]


def rectangles(cells: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of rectangles that cover the cells that are true, each once, and no others.

    They are runs of rows, put together where they are alike.
    """
    found: list[tuple[int, int, int, int]] = []
    above: dict[tuple[int, int], int] = {}
    edges = np.diff(np.pad(cells, ((0, 1), (1, 1))).astype(np.int8), axis=1)
    for row, changes in enumerate(edges):
        starts, ends = np.flatnonzero(changes > 0).tolist(), np.flatnonzero(changes < 0).tolist()
        here = {run: above.get(run, row) for run in zip(starts, ends, strict=True)}
        found += [(run[0], top, run[1], row) for run, top in above.items() if run not in here]
        above = here
    return found


def dilated(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The cells that are true, and their eight neighbours."""
    wide = cells.copy()
    wide[:, 1:] |= cells[:, :-1]
    wide[:, :-1] |= cells[:, 1:]
    high = wide.copy()
    high[1:] |= wide[:-1]
    high[:-1] |= wide[1:]
    return high
