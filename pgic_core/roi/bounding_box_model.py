"""Networks that find bounding boxes of objects: ``boxes.onnx`` and ``detector.json`` (A-B.2d, A-6.3.2.2b)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..models import Network
from ..models.model_lookup import SHIPPED_MODELS
from .network_folder import sound_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["BoxModel", "kept_boxes", "shipped_box_model"]

_GREY = 114
_LEAST_SCORE = 0.05
_MOST_OVERLAP = 0.5


class BoxModel:
    """A network from a picture to boxes of one class.

    Args:
        folder: ``detector.json`` gives ``label`` (of every box), ``size`` (height and width of what the
            network sees) and ``sha256`` (of ``boxes.onnx``, in hex). The network takes ``picture``, uint8
            ``(1, height, width, 3)``, and gives ``scores`` ``(N,)`` and ``boxes`` ``(N, 4)`` in its pixels.

    Raises:
        PgiModelError: the folder is incomplete or damaged.
    """

    def __init__(self, folder: Path) -> None:
        with sound_manifest(folder, "detector.json") as manifest:
            sha256 = str(manifest["sha256"])
            self.label = str(manifest["label"])
            self._height, self._width = map(int, manifest["size"])
        self._network = Network(folder / "boxes.onnx", sha256)

    def find(self, image: NDArray[np.uint8], *, threads: int | None = None) -> list[dict[str, object]]:
        """What is in a picture, surest first.

        Args:
            image: (H, W, 3) uint8, RGB.
            threads: of the network; all if not given.

        Returns:
            Maps as ``pgic.annotations`` holds them: ``label``, ``box`` (left, top, right, bottom in pixels of
            ``image``, inside it) and ``score`` from 0.05 to 1.

        Raises:
            PgiModelError: the network is missing or fails.
        """
        height, width = image.shape[:2]
        scale = min(self._height / height, self._width / width)
        scores, boxes = self._network.run(
            {"picture": self._fitted(image, scale)[None]}, ["scores", "boxes"], threads=threads
        )
        likely = np.flatnonzero(scores >= _LEAST_SCORE)
        boxes = np.clip(boxes[likely] / scale, 0, np.array([width, height] * 2))
        wide = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
        boxes, scores = boxes[wide], scores[likely][wide]
        return [
            {
                "label": self.label,
                "box": [float(edge) for edge in boxes[i]],
                "score": min(float(scores[i]), 1.0),
            }
            for i in kept_boxes(boxes, scores, _MOST_OVERLAP)
        ]

    def _fitted(self, image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
        """Scaled to fit in at the upper left, grey around it."""
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        small = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
        canvas = np.full((self._height, self._width, 3), _GREY, np.uint8)
        canvas[: size[1], : size[0]] = np.asarray(small)
        return canvas


@lru_cache(maxsize=4)
def shipped_box_model(name: str) -> BoxModel:
    """The model of the folder ``weights/detect-<name>``, kept for the next caller.

    Raises:
        PgiModelError: it is not there, or damaged.
    """
    return BoxModel(SHIPPED_MODELS / f"detect-{name}")


def kept_boxes(corners: NDArray[np.float32], scores: NDArray[np.float32], most_overlap: float) -> list[int]:
    """Non-maximum suppression: indices of boxes that no surer one overlaps much, surest first.

    Args:
        corners: (N, 4) left, top, right, bottom.
        scores: (N,).
        most_overlap: intersection over union that is still allowed.
    """
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
        order = rest[both / union <= most_overlap]
    return kept
