"""Quantisation steps and rate embeddings of an area, from quality and ROI map; for encoder and decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ....models import ROWS_PER_OCTAVE, Model
from ...rectangle import Rectangle
from ...tiles_and_windows import CELL_STRIDE, Z_STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StepSizes"]

_PLANE = Rectangle(0, 0, 1 << 30, 1 << 30)


class StepSizes:
    """Steps and embeddings for one model, quality and ROI map.

    Args:
        model: whose tables.
        quality: 1 to 100.
        roi_map: of :class:`.header.StreamHeader`.
    """

    def __init__(self, model: Model, quality: int, roi_map: NDArray[np.int8] | None) -> None:
        self.model = model
        self.quality = quality
        self.roi_map = roi_map
        exponent = model.tables.step_exponent[quality - 1].astype(np.float32) / ROWS_PER_OCTAVE
        self.step: NDArray[np.float32] = np.exp2(exponent).reshape(1, -1, 1, 1).astype(np.float32)

    def octaves(self, box: Rectangle) -> NDArray[np.float32]:
        """By how much finer the steps in ``box`` are: ``(rows, columns)`` of 64 px, or ``(1, 1)``."""
        if self.roi_map is None:
            return np.zeros((1, 1), np.float32)
        rows, columns = box.inside(Rectangle(0, 0, 0, 0), Z_STRIDE)
        return np.divide(self.roi_map[rows, columns], ROWS_PER_OCTAVE, dtype=np.float32)

    def at(self, box: Rectangle, channels: slice = slice(None)) -> NDArray[np.float32]:
        """Steps of the latent's channels in ``box``: ``(1, channels, rows, columns)`` of cells, or of one."""
        step = self.step[:, channels]
        if self.roi_map is None:
            return step
        rows = np.arange(box.top, box.bottom, CELL_STRIDE) // Z_STRIDE
        columns = np.arange(box.left, box.right, CELL_STRIDE) // Z_STRIDE
        octaves = self.roi_map[np.ix_(rows, columns)].astype(np.float32) / ROWS_PER_OCTAVE
        steps: NDArray[np.float32] = step * np.exp2(-octaves)
        return steps

    def embedding(
        self, part: Literal["hyper_analysis", "means", "synthesis"], box: Rectangle, pitch: int
    ) -> NDArray[np.float32]:
        """What a network is told of the rate in ``box``, with one position per ``pitch`` pixels."""
        if self.roi_map is None:
            return self.model.embedding(part, self.quality, np.zeros((1, 1), np.float32))
        whole = box.grown(0, Z_STRIDE, _PLANE)
        return self._spread(self.model.embedding(part, self.quality, self.octaves(whole)), box, whole, pitch)

    def places(self, box: Rectangle, pitch: int) -> NDArray[np.float32]:
        """Where the rate in ``box`` stands between the model's lowest, -1, and its highest, 1.

        Args:
            box: in pixels.
            pitch: pixels along one side of a position.

        Returns:
            ``(1, 1, h, w)``; ``(1, 1, 1, 1)`` where it is the same everywhere.
        """
        if self.roi_map is None:
            return self.model.rate_place(self.quality, np.zeros((1, 1, 1, 1), np.float32))
        whole = box.grown(0, Z_STRIDE, _PLANE)
        places = self.model.rate_place(self.quality, self.octaves(whole))[None, None]
        return self._spread(places, box, whole, pitch)

    @staticmethod
    def _spread(
        coarse: NDArray[np.float32], box: Rectangle, whole: Rectangle, pitch: int
    ) -> NDArray[np.float32]:
        """Values ``(1, C, h, w)`` of blocks of ``whole``, for each position of ``box``."""
        rows = (np.arange(box.top, box.bottom, pitch) - whole.top) // Z_STRIDE
        columns = (np.arange(box.left, box.right, pitch) - whole.left) // Z_STRIDE
        return np.ascontiguousarray(coarse[:, :, rows][:, :, :, columns])
