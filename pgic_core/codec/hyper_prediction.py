"""What of the hyper-latent z follows from its neighbours within a tile, exactly (A-6.4.2d).

Only the difference is coded. The prediction is linear with integer weights and is computed in float32 without
rounding errors, as the map in :mod:`.rows` is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .entropy import Z_BOUND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..runtime import Tables

__all__ = ["HyperPrediction"]


class HyperPrediction:
    """The prediction for one model and quality. z is ``(Z, h, w)``, that of one tile.

    Args:
        tables: of the model.
        z_rows: uint8 ``(Z,)``, rows of z's channels; those of row 0 are zero and are not predicted.
    """

    def __init__(self, tables: Tables, z_rows: NDArray[np.uint8]) -> None:
        self._active = np.flatnonzero(z_rows)
        channels = len(z_rows)
        weight = tables.z_weight.reshape(channels, 4, channels)[self._active][:, :, self._active]
        scale = np.exp2(-tables.z_shift[self._active].astype(np.float32))
        self._weight = np.ascontiguousarray(weight.reshape(len(scale), -1).T * scale)
        self._bias = tables.z_bias[self._active].astype(np.float32) * scale

    def residual(self, z: NDArray[np.int16]) -> NDArray[np.int16]:
        """What is coded for ``z``, of the same shape."""
        known = self._positions(z)
        residual = np.empty_like(known)
        for front, neighbours in _fronts(*z.shape[1:]):
            residual[front] = known[front] - self._mean(known, neighbours)
        return self._planes(residual, z.shape)

    def restore(self, residual: NDArray[np.int16]) -> NDArray[np.int16]:
        """The inverse of :meth:`residual`. Values beyond the bound of z come out beyond it."""
        known = self._positions(residual)
        for front, neighbours in _fronts(*residual.shape[1:]):
            known[front] += self._mean(known, neighbours)
        limit = np.iinfo(np.int16).max
        return self._planes(np.clip(known, -limit, limit), residual.shape)

    def _mean(self, known: NDArray[np.float32], neighbours: NDArray[np.intp]) -> NDArray[np.float32]:
        # Arrays are tiny: np.clip and indexing by arrays would take half of the time.
        mean: NDArray[np.float32] = known.take(neighbours, 0).reshape(len(neighbours), -1) @ self._weight
        mean += self._bias
        np.floor(mean, out=mean)
        np.minimum(mean, Z_BOUND, out=mean)
        return np.maximum(mean, -Z_BOUND, out=mean)

    def _positions(self, z: NDArray[np.int16]) -> NDArray[np.float32]:
        """Position by position, and a last one of zeros that stands for neighbours that are not there."""
        known = np.zeros((z[0].size + 1, len(self._active)), np.float32)
        known[:-1] = z.reshape(len(z), -1)[self._active].T
        return known

    def _planes(self, known: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.int16]:
        planes = np.zeros((shape[0], known.shape[0] - 1), np.int16)
        planes[self._active] = known[:-1].T
        return planes.reshape(shape)


@lru_cache(maxsize=32)
def _fronts(height: int, width: int) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]:
    """Positions that can be predicted at once, front after front, with their neighbours.

    Returns:
        Pairs of positions ``(n,)`` and of their neighbours to the left, above, to the upper left and upper
        right, ``(n, 4)``. A neighbour beyond the tile is another one in its stead: in the first row that to
        the left, in the first column and at the right end of a row that above.
    """
    fronts: list[tuple[list[int], list[list[int]]]] = [([], []) for _ in range(width + 2 * (height - 1))]
    for y in range(height):
        for x in range(width):
            at = y * width + x
            if y:
                left, right = min(x, 1), min(width - 1 - x, 1)
                above = at - width
                near = [at - 1 if x else above, above, above - left, above + right]
            else:
                near = [at - 1 if x else height * width] * 4
            # The upper right neighbour has to be known: two more fronts for each row.
            fronts[x + 2 * y][0].append(at)
            fronts[x + 2 * y][1].append(near)
    return tuple((np.array(front, np.intp), np.array(near, np.intp)) for front, near in fronts if front)
