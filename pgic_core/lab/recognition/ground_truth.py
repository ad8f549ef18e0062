"""Ground truth, that is what pictures show: COCO annotations, a list of texts, or file names."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ...errors import PgiInputError
from ...small_files import read_json
from ..training.roi_data import is_test_scene, scene_of
from .recognition_scores import Seen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from .recognition_scores import Box

__all__ = ["held_out", "label_of_name", "read_places", "read_truth"]

_EVERYWHERE = (0.0, 0.0, 1.0, 1.0)


def read_truth(path: Path, labels: Collection[str] = ()) -> dict[str, list[Seen]]:
    """What is in pictures, by file name.

    Args:
        path: COCO annotations (``images``, ``annotations``, ``categories``), or file names and their text: a
            string, or ``{"lines": [{"text", "box"}, ...], "within": box}`` as
            :mod:`.generated_scenes` writes it.
        labels: of COCO that count; all if there are none.

    Raises:
        PgiInputError: it is neither.
    """
    try:
        data = read_json(path)
        if "annotations" not in data:
            return {str(name): _lines(value) for name, value in data.items()}
        names = {image["id"]: str(image["file_name"]) for image in data["images"]}
        known = {category["id"]: str(category["name"]) for category in data["categories"]}
        truth: dict[str, list[Seen]] = {name: [] for name in names.values()}
        for each in data["annotations"]:
            label = known[each["category_id"]]
            if labels and label not in labels:
                continue
            x, y, width, height = (float(value) for value in each["bbox"])
            truth[names[each["image_id"]]].append(Seen(label, (x, y, x + width, y + height)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PgiInputError(f"{path} holds no annotations that can be read: {error!r}.") from error
    return truth


def read_places(path: Path) -> dict[str, Box]:
    """Which part of each picture counts, of those whose entry in the truth says ``within``.

    Raises:
        PgiInputError: it holds no truth.
    """
    read_truth(path)  # is sound
    data = read_json(path)
    try:
        return {
            str(name): _box(value["within"])
            for name, value in data.items()
            if isinstance(value, dict) and "within" in value
        }
    except (ValueError, TypeError) as error:
        raise PgiInputError(f"{path} does not say well which part counts: {error!r}.") from error


def _lines(value: Any) -> list[Seen]:
    if isinstance(value, dict):
        return [Seen(str(line["text"]), _box(line["box"])) for line in value["lines"]]
    return [Seen(str(value), _EVERYWHERE)]


def _box(edges: Any) -> Box:
    left, top, right, bottom = map(float, edges)
    return left, top, right, bottom


def label_of_name(names: Iterable[str]) -> dict[str, list[Seen]]:
    """The label that each file name starts with, up to ``_``, as samples of ImageNet have it."""
    return {name: [Seen(name.rsplit("/", 1)[-1].split("_")[0], _EVERYWHERE)] for name in names}


def held_out(file_name: str) -> bool:
    """Whether a picture of IDID shows a scene that no shipped network was trained on.

    Those are the fixed test fifth, and the scenes that other measurements keep for themselves.

    Raises:
        PgiInputError: the name does not start with the number of a scene.
    """
    scene = scene_of(file_name)
    return is_test_scene(scene) or scene in _kept_scenes()


@cache
def _kept_scenes() -> frozenset[str]:
    config = files("pgic_core.lab.training").joinpath("configs", "roi-insulator.toml")
    return frozenset(tomllib.loads(config.read_text(encoding="utf-8"))["exclude"])
