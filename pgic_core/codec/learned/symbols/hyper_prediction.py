"""Prediction of the hyper-latent z from its neighbours within a tile, exact on all machines (A-6.4.2d).

Only the difference to the prediction is coded. The prediction is linear with integer weights. It is computed
in float32 without rounding errors, like the map in :mod:`.cdf_index_from_z`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...parallel import SMALL_PRODUCT
from .entropy_coding import Z_BOUND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ....models import Tables

__all__ = ["HyperPrediction"]


class HyperPrediction:
    """The prediction for one model and quality. z is ``(Z, h, w)``, that of one tile.

    Args:
        tables: of the model.
        z_rows: uint8 ``(Z,)``, CDF rows of z's channels; channels of row 0 are zero and are not predicted.
    """

    def __init__(self, tables: Tables, z_rows: NDArray[np.uint8]) -> None:
        self._active = np.flatnonzero(z_rows)
        channels = len(z_rows)
        weight = tables.z_weight.reshape(channels, 4, channels)[self._active][:, :, self._active]
        scale = np.exp2(-tables.z_shift[self._active].astype(np.float32))
        self._weight = np.ascontiguousarray(weight.reshape(len(scale), -1).T * scale)
        self._together = max(1, SMALL_PRODUCT // max(1, self._weight.size))
        self._bias = tables.z_bias[self._active].astype(np.float32) * scale

    def residual(self, z: NDArray[np.int16]) -> NDArray[np.int16]:
        """The differences to code for ``z``, int16 of the same shape."""
        known = self._positions(z[None])
        near = _neighbours(*z.shape[1:])
        known[:-1] -= self._mean(known, near)
        residual: NDArray[np.int16] = self._planes(known, z[None].shape)[0]
        return residual

    def restore(self, residuals: NDArray[np.int16]) -> NDArray[np.int16]:
        """The inverse of :meth:`residual`, for several tiles of one size at a time: ``(tiles, Z, h, w)``.

        Values beyond the bound of z come out beyond it.
        """
        known = self._positions(residuals)
        tiles, _, height, width = residuals.shape
        for at, near in _fronts(tiles, height, width):
            known[at] += self._mean(known, near)
        limit = np.iinfo(np.int16).max
        return self._planes(np.clip(known, -limit, limit), residuals.shape)

    def restore_some(
        self, z: NDArray[np.int16], residual: NDArray[np.int16], new: NDArray[np.bool_]
    ) -> NDArray[np.int16]:
        """Restore z of a tile in which some positions are new.

        Args:
            z: ``(Z, h, w)``, what the others have.
            residual: ``(Z, new positions)``, what is coded of the new ones, row by row.
            new: ``(h, w)``.

        Returns:
            ``(Z, h, w)``; values beyond the bound of z come out beyond it.
        """
        known = self._positions(z[None])
        places = np.flatnonzero(new)
        known[places] = residual[self._active].T
        fresh = np.append(new.reshape(-1), False)  # the last stands for neighbours that are not there
        for at, near in _fronts(1, *new.shape):
            turn = fresh[at]
            if turn.any():
                known[at[turn]] += self._mean(known, near[turn])
        limit = np.iinfo(np.int16).max
        restored: NDArray[np.int16] = self._planes(np.clip(known, -limit, limit), z[None].shape)[0]
        return restored

    def _mean(self, known: NDArray[np.float32], neighbours: NDArray[np.intp]) -> NDArray[np.float32]:
        # Arrays are tiny: np.clip and indexing by arrays would take half of the time.
        near = known.take(neighbours, 0).reshape(len(neighbours), -1)
        mean = np.empty((len(near), len(self._bias)), np.float32)
        for at in range(0, len(near), self._together):
            part = slice(at, at + self._together)
            np.matmul(near[part], self._weight, out=mean[part])
        mean += self._bias
        np.floor(mean, out=mean)
        np.minimum(mean, Z_BOUND, out=mean)
        return np.maximum(mean, -Z_BOUND, out=mean)

    def _positions(self, z: NDArray[np.int16]) -> NDArray[np.float32]:
        """Position by position, and a last one of zeros that stands for neighbours that are not there."""
        known = np.zeros((z[:, 0].size + 1, len(self._active)), np.float32)
        planes = z.reshape(*z.shape[:2], -1)[:, self._active]
        known[:-1] = planes.transpose(0, 2, 1).reshape(-1, len(self._active))
        return known

    def _planes(self, known: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.int16]:
        """The inverse of :meth:`_positions`."""
        planes = np.zeros((*shape[:2], shape[2] * shape[3]), np.int16)
        planes[:, self._active] = known[:-1].reshape(shape[0], -1, len(self._active)).transpose(0, 2, 1)
        return planes.reshape(shape)


@lru_cache(maxsize=32)
def _neighbours(height: int, width: int) -> NDArray[np.intp]:
    """Of every position its neighbours to the left, above, to the upper left and upper right.

    A neighbour beyond the tile is another one in its stead: in the first row that to the left, in the first
    column and at the right end of a row that above.

    Returns:
        ``(height * width, 4)`` positions; -1 for none.
    """
    at = np.arange(height * width).reshape(height, width)
    left, above = at - 1, at - width
    near = np.stack([left, above, above - 1, above + 1], 2)
    near[:, 0, [0, 2]] = above[:, :1]
    near[:, -1, 3] = above[:, -1]
    near[0] = left[0, :, None]
    return near.reshape(-1, 4)


@lru_cache(maxsize=32)
def _fronts(tiles: int, height: int, width: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Positions of several tiles that can be predicted at once, and their neighbours, for each turn."""
    row, column = np.divmod(np.arange(height * width), width)
    turn = column + 2 * row  # The upper right neighbour has to be known: two more turns for each row.
    near = _neighbours(height, width)
    first = np.arange(tiles)[:, None] * (height * width)
    fronts = []
    for now in map(np.flatnonzero, turn == np.unique(turn)[:, None]):
        there = np.where(near[now] < 0, -1, near[now] + first[:, :, None])
        fronts.append(((first + now).reshape(-1), there.reshape(-1, 4)))
    return fronts
