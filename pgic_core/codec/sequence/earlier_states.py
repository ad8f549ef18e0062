"""What positions of a canvas showed before: a scene that something passed looks as it did earlier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..change.modes import OLDEST
from ..tiles_and_windows import Z_STRIDE
from .detection import BLOCK, block_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EarlierStates"]

_CLOSER = 0.7
"""An earlier state is taken if its squared difference from the frame is below this share of the last."""
_SIDES = Z_STRIDE // BLOCK


class EarlierStates:
    """Block means of the earlier states of all positions, as they are counted in ``STREAM.md``, "Change".

    It begins without any. That is no fault: an encoder need not know of all states that a reader has.
    """

    def __init__(self) -> None:
        self._means: list[NDArray[np.float16]] = []

    def ages(
        self, before: NDArray[np.float32], now: NDArray[np.float32], where: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Which states are most like a frame.

        Args:
            before: of :func:`.detection.block_means`, the last states.
            now: likewise, the frame.
            where: bool ``(h, w)``, positions to look at.

        Returns:
            uint8 ``(h, w)``, ages; 0 for the last state.
        """
        ages = np.zeros(where.shape, np.uint8)
        if not self._means or not where.any():
            return ages
        frame = _means_at(now, where)
        least = _CLOSER * _squared(_means_at(before, where) - frame)
        chosen = np.zeros(len(least), np.uint8)
        for age, means in enumerate(self._means, 1):
            distance = _squared(_means_at(means, where) - frame)
            closer = distance < least
            least[closer], chosen[closer] = distance[closer], age
        ages[where] = chosen
        return ages

    def restored(self, rgb: NDArray[np.uint8], ages: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture with the block means that some positions had before.

        Later frames are compared with what is stored, which is that, and not with the frame that it was good
        enough for: or the difference between the two could grow with every frame.

        Args:
            rgb: uint8 ``(H, W, 3)``.
            ages: uint8 ``(h, w)`` of z positions; 0 for those that stay.
        """
        now = block_means(rgb)
        wanted = now.copy()
        for age in np.unique(ages[ages > 0]).tolist():
            blocks = (ages == age).repeat(_SIDES, 0).repeat(_SIDES, 1)
            wanted[blocks] = self._means[age - 1][blocks]
        offset = (wanted - now).repeat(BLOCK, 0).repeat(BLOCK, 1)[: rgb.shape[0], : rgb.shape[1]]
        return np.clip(np.rint(rgb + offset), 0, 255).astype(np.uint8)

    def push(
        self, before: NDArray[np.float32], changed: NDArray[np.bool_], unusable: NDArray[np.bool_]
    ) -> None:
        """Count on from a frame.

        Args:
            before: block means of the states that its positions had.
            changed: bool ``(h, w)``, positions that took on a new one.
            unusable: bool ``(h, w)``, positions whose state was not all of what they showed.
        """
        if not changed.any():
            return
        if len(self._means) < OLDEST:
            self._means.append(np.full(before.shape, np.inf, np.float16))
        blocks = changed.repeat(_SIDES, 0).repeat(_SIDES, 1)
        for older, younger in zip(self._means[:0:-1], self._means[-2::-1], strict=True):
            older[blocks] = younger[blocks]
        last = self._means[0]
        last[blocks] = before[blocks]
        last[(changed & unusable).repeat(_SIDES, 0).repeat(_SIDES, 1)] = np.inf


def _means_at(
    means: NDArray[np.float32] | NDArray[np.float16], where: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The block means of some positions, ``(n, values)``."""
    height, width = where.shape
    parts = means.reshape(height, _SIDES, width, _SIDES, 3).transpose(0, 2, 1, 3, 4)
    return parts[where].reshape(int(where.sum()), -1).astype(np.float32)


def _squared(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.square(difference).sum(1), np.float32)
