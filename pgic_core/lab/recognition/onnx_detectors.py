"""Detectors as ONNX files from a path: YOLOX (square input, boxes on a grid of three strides)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiInputError
from .scores import Seen

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["YoloxDetector"]

_STRIDES = (8, 16, 32)
_GREY = 114
_LEAST_SCORE = 0.05
_MOST_OVERLAP = 0.45
_MOST_BOXES = 300


class YoloxDetector:
    """YOLOX as its authors export it, without the decoding of boxes inside the graph.

    Args:
        path: the ``.onnx`` file. It runs in this process: name only files that you trust.

    Raises:
        PgiInputError: it is no such detector.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has errors of many kinds
            raise PgiInputError(f"{path} is not an ONNX network: {error}.") from error
        (given,) = self._session.get_inputs()
        self._input, shape = given.name, given.shape
        if len(shape) != 4 or shape[1] != 3 or not isinstance(shape[2], int) or shape[2] != shape[3]:
            raise PgiInputError(f"{path} is not a YOLOX detector: its input is {shape}.")
        self._side: int = shape[2]
        self._grid, self._stride = _grid_of(self._side)
        (result,) = self._session.get_outputs()
        if result.shape[-2] != len(self._grid):
            raise PgiInputError(f"{path} is not a YOLOX detector: its output is {result.shape}.")

    def see(self, picture: NDArray[np.uint8]) -> list[Seen]:
        """What is in a picture; labels are numbers of classes.

        Args:
            picture: ``(H, W, 3)`` uint8, RGB.
        """
        scale = self._side / max(picture.shape[:2])
        (raw,) = self._session.run(None, {self._input: self._fitted(picture, scale)})
        values = np.asarray(raw, np.float32)[0]
        middle = (values[:, :2] + self._grid) * self._stride[:, None]
        size = np.exp(np.clip(values[:, 2:4], -20, 20)) * self._stride[:, None]
        corners = np.concatenate([middle - size / 2, middle + size / 2], axis=1) / scale
        scores = values[:, 4:5] * values[:, 5:]
        found: list[Seen] = []
        for label in range(scores.shape[1]):
            mine = np.flatnonzero(scores[:, label] >= _LEAST_SCORE)
            for index in _kept(corners[mine], scores[mine, label]):
                left, top, right, bottom = (float(v) for v in corners[mine[index]])
                box = (left, top, right, bottom)
                found.append(Seen(str(label), box, float(scores[mine[index], label])))
        return sorted(found, key=lambda seen: -seen.score)[:_MOST_BOXES]

    def _fitted(self, picture: NDArray[np.uint8], scale: float) -> NDArray[np.float32]:
        """Scaled to fit in at the upper left, grey around it, BGR from 0 to 255."""
        from PIL import Image

        height, width = (max(1, int(side * scale)) for side in picture.shape[:2])
        small = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        canvas = np.full((self._side, self._side, 3), _GREY, np.float32)
        canvas[:height, :width] = np.asarray(small)[..., ::-1]
        return np.ascontiguousarray(canvas.transpose(2, 0, 1))[None]


def _grid_of(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every cell, and its stride."""
    places, strides = [], []
    for stride in _STRIDES:
        count = side // stride
        rows, columns = np.divmod(np.arange(count * count), count)
        places.append(np.stack([columns, rows], axis=1).astype(np.float32))
        strides.append(np.full(count * count, stride, np.float32))
    return np.concatenate(places), np.concatenate(strides)


def _kept(corners: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """Non-maximum suppression: indices of boxes that no surer one overlaps much."""
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(np.maximum(corners[:, 2:] - corners[:, :2], 0), axis=1)
    kept: list[int] = []
    while order.size:
        best = int(order[0])
        kept.append(best)
        rest = order[1:]
        low = np.maximum(corners[best, :2], corners[rest, :2])
        high = np.minimum(corners[best, 2:], corners[rest, 2:])
        both = np.prod(np.maximum(high - low, 0), axis=1)
        union = np.maximum(areas[best] + areas[rest] - both, 1e-9)
        order = rest[both / union <= _MOST_OVERLAP]
    return kept
