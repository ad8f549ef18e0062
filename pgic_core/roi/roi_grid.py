"""The grid that ROI maps live on, and how much of each of its cells a shape covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["BLOCK", "box_cover", "fit", "grid_shape"]

N = TypeVar("N", np.bool_, np.float32)

BLOCK = 64
"""Pixels along one side of a block of the map (design: one value per 64x64 block)."""


def grid_shape(height: int, width: int, cell: int = BLOCK) -> tuple[int, int]:
    """Rows and columns of cells of ``cell`` pixels that cover a picture."""
    return -(-height // cell), -(-width // cell)


def box_cover(
    boxes: Iterable[tuple[float, float, float, float]], height: int, width: int, cell: int = BLOCK
) -> NDArray[np.float32]:
    """How much of each cell the boxes cover; where several overlap, the one that covers most counts.

    Args:
        boxes: left, top, right, bottom in pixels; parts beyond the picture are cut off.
        height: of the picture, in pixels.
        width: likewise.
        cell: side of a cell in pixels.

    Returns:
        float32 of :func:`grid_shape`, 0 to 1.
    """
    rows, columns = grid_shape(height, width, cell)
    cover = np.zeros((rows, columns), np.float32)
    for left, top, right, bottom in boxes:
        down = _overlap(max(top, 0), min(bottom, height), rows, cell)
        across = _overlap(max(left, 0), min(right, width), columns, cell)
        np.maximum(cover, down[:, None] * across[None, :], out=cover)
    return cover


def _overlap(low: float, high: float, count: int, cell: int) -> NDArray[np.float32]:
    start = np.arange(count, dtype=np.float32) * cell
    inside = np.minimum(np.float32(high), start + cell) - np.maximum(np.float32(low), start)
    return np.asarray(np.maximum(inside, 0) / cell, np.float32)


def fit(values: NDArray[N], height: int, width: int, cell: int = BLOCK) -> NDArray[N]:
    """A map of any resolution that covers the whole picture, as the largest value that touches each block.

    Args:
        values: (h, w), any size from 1 x 1 on.
        height: of the picture, in pixels.
        width: likewise.
        cell: side of a block in pixels.

    Returns:
        Of the same type and of :func:`grid_shape`.
    """
    for axis, length in ((0, height), (1, width)):
        values = _fit_axis(values, axis, length, cell)
    return values


def _fit_axis(values: NDArray[N], axis: int, length: int, cell: int) -> NDArray[N]:
    count = -(-length // cell)
    cells = values.shape[axis]
    edges = np.minimum(np.arange(count + 1) * cell, length) * cells / length
    first = np.floor(edges[:-1] + 1e-9).astype(int)
    # Every block sees at least one cell, also where cells are larger than blocks.
    last = np.maximum(np.ceil(edges[1:] - 1e-9).astype(int), first + 1)
    slices = [np.take(values, range(a, b), axis).max(axis) for a, b in zip(first, last, strict=True)]
    return np.stack(slices, axis)
