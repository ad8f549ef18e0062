"""Detectors as ONNX files from a path: YOLOX (boxes on a grid of three strides) and FastestDet (one grid)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiInputError
from ...roi import kept_boxes
from .recognition_scores import Seen

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["FastestDetector", "YoloxDetector"]

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
        self._session, self._input, shape = _opened(path)
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
        return _thinned(corners, scores)

    def _fitted(self, picture: NDArray[np.uint8], scale: float) -> NDArray[np.float32]:
        """Scaled to fit in at the upper left, grey around it, BGR from 0 to 255."""
        from PIL import Image

        height, width = (max(1, int(side * scale)) for side in picture.shape[:2])
        small = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        canvas = np.full((self._side, self._side, 3), _GREY, np.float32)
        canvas[:height, :width] = np.asarray(small)[..., ::-1]
        return np.ascontiguousarray(canvas.transpose(2, 0, 1))[None]


class FastestDetector:
    """FastestDet as its authors export it: a score, a box and 80 classes for each cell of one grid.

    Args:
        path: as for :class:`YoloxDetector`.

    Raises:
        PgiInputError: it is no such detector.
    """

    def __init__(self, path: Path) -> None:
        self._session, self._input, shape = _opened(path)
        (result,) = self._session.get_outputs()
        sizes = (*shape[2:], *result.shape[2:])
        if len(shape) != 4 or len(sizes) != 4 or not all(isinstance(size, int) for size in sizes):
            raise PgiInputError(f"{path} is not a FastestDet detector: {shape} to {result.shape}.")
        self._size: tuple[int, int] = (shape[3], shape[2])

    def see(self, picture: NDArray[np.uint8]) -> list[Seen]:
        """As :meth:`YoloxDetector.see`."""
        from PIL import Image

        small = Image.fromarray(picture).resize(self._size, Image.Resampling.BILINEAR)
        values = np.asarray(small, np.float32)[..., ::-1].transpose(2, 0, 1)[None] / 255
        (raw,) = self._session.run(None, {self._input: np.ascontiguousarray(values)})
        cells = np.asarray(raw, np.float32)[0]
        rows, columns = cells.shape[1:]
        y, x = np.mgrid[:rows, :columns]
        across = (x + np.tanh(cells[1])) / columns
        down = (y + np.tanh(cells[2])) / rows
        width, height = (1 / (1 + np.exp(-cells[i])) for i in (3, 4))
        corners = np.stack([across - width / 2, down - height / 2, across + width / 2, down + height / 2], -1)
        corners = corners.reshape(-1, 4) * np.array([*picture.shape[1::-1]] * 2)
        scores = np.maximum(cells[0], 0) ** 0.6 * np.maximum(cells[5:], 0) ** 0.4
        return _thinned(corners.astype(np.float32), scores.reshape(len(scores), -1).T)


def _opened(path: Path) -> tuple[Any, str, list[Any]]:
    """A network with one input: its session, the input's name and its shape."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has errors of many kinds
        raise PgiInputError(f"{path} is not an ONNX network: {error}.") from error
    (given,) = session.get_inputs()
    return session, given.name, list(given.shape)


def _thinned(corners: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Seen]:
    """What is seen by the boxes of all cells, surest first.

    Args:
        corners: ``(cells, 4)`` left, top, right, bottom in pixels.
        scores: ``(cells, classes)``.
    """
    found: list[Seen] = []
    for label in range(scores.shape[1]):
        mine = np.flatnonzero(scores[:, label] >= _LEAST_SCORE)
        for index in kept_boxes(corners[mine], scores[mine, label], _MOST_OVERLAP):
            left, top, right, bottom = (float(v) for v in corners[mine[index]])
            found.append(Seen(str(label), (left, top, right, bottom), float(scores[mine[index], label])))
    return sorted(found, key=lambda seen: -seen.score)[:_MOST_BOXES]


def _grid_of(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every cell, and its stride."""
    places, strides = [], []
    for stride in _STRIDES:
        count = side // stride
        rows, columns = np.divmod(np.arange(count * count), count)
        places.append(np.stack([columns, rows], axis=1).astype(np.float32))
        strides.append(np.full(count * count, stride, np.float32))
    return np.concatenate(places), np.concatenate(strides)
