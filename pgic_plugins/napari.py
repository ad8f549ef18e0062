"""napari reader: ``.pgi`` files open as image layers, their annotations as shapes.

napari finds it by the entry point ``napari.manifest``; there is nothing to call. Pictures come as they are
stored.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pgic_core.api import open_file
from pgic_core.roi.shape_importance import stored_point

if TYPE_CHECKING:
    from collections.abc import Callable

    LayerData = tuple[Any, dict[str, Any], str]

__all__ = ["get_reader", "read_layers"]


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """What reads these paths, as napari asks for it; None where one is no ``.pgi`` file."""
    paths = [path] if isinstance(path, str) else path
    return read_layers if paths and all(os.fspath(one).lower().endswith(".pgi") for one in paths) else None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """The layers of files: of each an image and, where it has annotations, shapes over it.

    Raises:
        PgiError: as :func:`pgic_core.decode`.
    """
    layers: list[LayerData] = []
    for one in [path] if isinstance(path, str) else path:
        name = os.path.basename(one)
        with open_file(one) as file:
            pixels = file.decode()
            colours = pixels.ndim == 3 and pixels.shape[2] >= 3
            layers.append((pixels, {"name": name, "rgb": colours}, "image"))
            shapes, labels = [], []
            for annotation in file.annotations:
                points = [
                    stored_point(point, file.orientation, file.height, file.width)
                    for point in annotation.shape.points
                ]
                if len(points) == 2:  # a box: two corners
                    (left, top), (right, bottom) = points
                    points = [(left, top), (right, top), (right, bottom), (left, bottom)]
                shapes.append([(y, x) for x, y in points])
                labels.append(annotation.label)
        if shapes:
            facts = {
                "name": f"{name} annotations",
                "shape_type": "polygon",
                "properties": {"label": labels},
                "text": "label",
                "face_color": "transparent",
                "edge_color": "yellow",
            }
            layers.append((shapes, facts, "shapes"))
    return layers
