"""States of the positions of a canvas: what they are, and what they were before (``STREAM.md``, "Change")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["States"]


class States:
    """Values of the positions of a tile, and what they were before.

    Args:
        values: int16 ``(h, w, ...)``; changed in place.
        ages: of each frame that changes the tile, uint8 of its positions, which are the upper left ones.
        changed: likewise, bool.
    """

    def __init__(
        self,
        values: NDArray[np.int16],
        changed: Sequence[NDArray[np.bool_]],
        ages: Sequence[NDArray[np.uint8]],
    ) -> None:
        self.values = values
        self._changed, self._ages = changed, ages
        self._depth = max((int(of_frame.max()) for of_frame in ages), default=0)
        if not self._depth:
            return
        # The last states, in turn; how often a position changed says which is which.
        self._earlier = np.zeros((self._depth, *values.shape), np.int16)
        self._count = np.zeros(values.shape[:2], np.intp)
        self._wanted = self._found_wanted()

    def _found_wanted(self) -> NDArray[np.bool_]:
        """By position and how often it had changed, whether a later frame refers to its state then."""
        shape = self.values.shape[:2]
        count, wanted = np.zeros(shape, np.intp), np.zeros((*shape, len(self._ages) + 1), np.bool_)
        for changed, ages in zip(self._changed, self._ages, strict=True):
            height, width = changed.shape
            before = count[:height, :width]
            there = np.nonzero((ages > 0) & (ages <= before))
            wanted[(*there, before[there] - ages[there])] = True
            before += changed
        return wanted

    def renew(self, frame: int) -> None:
        """Give the positions that a frame changes a new state, which begins as the one of its age."""
        if not self._depth:
            return
        changed, ages = self._changed[frame], self._ages[frame]
        height, width = changed.shape
        count = self._count[:height, :width]
        old, kept = np.nonzero(ages), np.nonzero(changed & self._wanted_now(count))
        # What is older than the first state is in a place that was not written yet.
        begins = self._earlier[((count[old] - ages[old]) % self._depth, *old)]
        begins[ages[old] > count[old]] = 0
        self._earlier[(count[kept] % self._depth, *kept)] = self.values[kept]
        self.values[old] = begins
        count += changed

    def _wanted_now(self, count: NDArray[np.intp]) -> NDArray[np.bool_]:
        rows, columns = np.ogrid[: count.shape[0], : count.shape[1]]
        return np.asarray(self._wanted[rows, columns, count], np.bool_)
