"""Region-of-interest networks: a folder with ``heat.onnx`` and ``roi.json`` (A-6.3.2.2b, A-6.4.1b)."""

from __future__ import annotations

import hashlib
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

__all__ = ["HeatModel", "hot_boxes", "shipped_heat_digest", "shipped_heat_model"]


class HeatModel:
    """A network from a picture to heat maps of things that matter.

    Args:
        folder: ``roi.json`` gives ``classes``, ``long_side`` (pixels that pictures are reduced to), ``cell``
            (pixels of the reduced picture along one side of a cell), ``heat_range`` (heat of importance 0
            and of importance 1) and ``sha256`` (of ``heat.onnx``, in hex).

    Raises:
        PgiModelError: the folder is incomplete or damaged.
    """

    def __init__(self, folder: Path) -> None:
        with sound_manifest(folder, "roi.json") as manifest:
            sha256 = str(manifest["sha256"])
            self.id = str(manifest["id"])
            self.classes = tuple(map(str, manifest["classes"]))
            self._long_side, self._cell = int(manifest["long_side"]), int(manifest["cell"])
            self._low, self._high = map(float, manifest["heat_range"])
        self._network = Network(folder / "heat.onnx", sha256)

    def heat(self, image: NDArray[np.uint8], *, threads: int | None = None) -> NDArray[np.float32]:
        """Probabilities of each class.

        Args:
            image: (H, W, 3) uint8, RGB.
            threads: of the network; all if not given.

        Returns:
            float32 (classes, h, w), 0 to 1, covering the picture.

        Raises:
            PgiModelError: the network is missing or fails.
        """
        picture = Image.fromarray(image)
        scale = min(1.0, self._long_side / max(picture.size))
        width, height = (max(1, round(side * scale)) for side in picture.size)
        if scale < 1:
            picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        edge = ((0, -height % self._cell), (0, -width % self._cell), (0, 0))
        pixels = np.pad(np.asarray(picture), edge, "edge")[None]
        heat: NDArray[np.float32] = self._network({"picture": pixels}, threads=threads)[0]
        return heat

    def importance(self, image: NDArray[np.uint8], *, threads: int | None = None) -> NDArray[np.float32]:
        """The hottest class of each place, stretched to 0 to 1; arguments and errors as for :meth:`heat`.

        Returns:
            float32 (h, w), 0 to 1, covering the picture.
        """
        hottest = self.heat(image, threads=threads).max(0)
        return np.asarray(np.clip((hottest - self._low) / (self._high - self._low), 0, 1), np.float32)


@lru_cache(maxsize=4)
def shipped_heat_model(name: str) -> HeatModel:
    """The model of the folder ``weights/roi-<name>``, kept for the next caller.

    Raises:
        PgiModelError: it is not there, or damaged.
    """
    return HeatModel(SHIPPED_MODELS / f"roi-{name}")


def shipped_heat_digest(name: str) -> str:
    """SHA-256, in hex, of the manifest of a shipped model; empty where none of this name is shipped."""
    manifest = SHIPPED_MODELS / f"roi-{name}" / "roi.json"
    return hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else ""


def hot_boxes(model: HeatModel, image: NDArray[np.uint8], bound: float = 0.5) -> list[dict[str, object]]:
    """Boxes around connected cells that are hotter than a bound.

    Args:
        model: whose heat.
        image: (H, W, 3) uint8, RGB.
        bound: from 0 to 1.

    Returns:
        Maps as ``pgic.annotations`` holds them: ``label`` (the class), ``box`` (left, top, right, bottom in
        pixels of ``image``) and ``score`` (the highest heat inside).
    """
    height, width = image.shape[:2]
    boxes: list[dict[str, object]] = []
    for label, heat in zip(model.classes, model.heat(image), strict=True):
        down, across = height / heat.shape[0], width / heat.shape[1]
        for rows, columns in _islands(heat > bound):
            box = [columns.min() * across, rows.min() * down]
            box += [(columns.max() + 1) * across, (rows.max() + 1) * down]
            score = float(heat[rows, columns].max())
            boxes.append({"label": label, "box": [float(edge) for edge in box], "score": min(score, 1.0)})
    return boxes


def _islands(hot: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns of each group of cells that touch by side or corner."""
    left = {(int(row), int(column)) for row, column in np.argwhere(hot)}
    islands = []
    while left:
        island, edge = [], [left.pop()]
        while edge:
            row, column = edge.pop()
            island.append((row, column))
            around = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= around
            edge += around
        rows, columns = np.array(sorted(island)).T
        islands.append((rows, columns))
    return sorted(islands, key=lambda island: (island[0][0], island[1][0]))
