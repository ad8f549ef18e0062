"""The built-in detector of insulators, on pictures and folders that are made here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pgic_core
from pgic_core import roi as room
from pgic_core.container import annotations_from_maps
from pgic_core.errors import PgiModelError
from pgic_core.hooks import offered, recognise_objects
from pgic_core.roi import BoxModel, kept_boxes, shipped_box_model

WEIGHTS = Path(room.__file__).parent.parent / "weights" / "detect-insulator"
TOWER = Path(__file__).resolve().parents[2] / "examples" / "tower.jpg"


def overlap(a: list[float], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_the_string_of_the_example_photo_is_found_and_so_it_is_decoded() -> None:
    """Its scene was kept out of training."""
    with Image.open(TOWER) as image:
        picture = np.asarray(image.convert("RGB"))
    before = shipped_box_model("insulator").find(picture)
    after = shipped_box_model("insulator").find(pgic_core.decode(pgic_core.encode(picture, quality=30)))
    assert before[0]["score"] > 0.5  # type: ignore[operator]
    assert overlap(before[0]["box"], tuple(after[0]["box"])) > 0.8  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (2000, 3), (65, 64)])
def test_boxes_lie_inside_pictures_of_any_size(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(2).integers(0, 255, (*size, 3)).astype(np.uint8)
    for found in shipped_box_model("insulator").find(picture):
        left, top, right, bottom = found["box"]  # type: ignore[misc]
        assert 0 <= left < right <= size[1]
        assert 0 <= top < bottom <= size[0]
        assert 0.05 <= found["score"] <= 1  # type: ignore[operator]


def test_it_is_offered_and_its_annotations_are_sound() -> None:
    assert "insulator-detector" in offered("recognise")
    with Image.open(TOWER) as image:
        picture = np.asarray(image.convert("RGB"))
    size = (picture.shape[1], picture.shape[0])
    maps: list[dict[str, object]] = []

    def sound(found: object) -> object:
        maps.extend(found)  # type: ignore[arg-type]
        return annotations_from_maps(found, size)

    assert recognise_objects("insulator-detector", picture, sound)
    assert {str(each["label"]) for each in maps} == {"insulator"}


def test_the_folder_is_small_and_its_card_says_what_it_is() -> None:
    manifest = json.loads((WEIGHTS / "detector.json").read_text())
    assert (WEIGHTS / "boxes.onnx").stat().st_size < 1_000_000
    card = (WEIGHTS / "card.md").read_text()
    assert "CC BY 4.0" in card
    for name in ("pictures", "boxes", "ap50"):
        assert f"{manifest['test'][name]:g}" in card, name


@pytest.mark.parametrize("damage", ["no manifest", "no entry", "no network", "network"])
def test_damaged_folders_are_named(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "detect-mine"
    shutil.copytree(WEIGHTS, folder)
    if damage == "no manifest":
        (folder / "detector.json").unlink()
    elif damage == "no entry":
        (folder / "detector.json").write_text('{"label": "x"}')
    elif damage == "no network":
        (folder / "boxes.onnx").unlink()
    else:
        (folder / "boxes.onnx").write_bytes(b"not a network")
    with pytest.raises(PgiModelError, match=r"detect-mine|boxes\.onnx"):
        BoxModel(folder).find(np.zeros((64, 64, 3), np.uint8))


def test_less_sure_boxes_on_the_same_thing_are_left_out() -> None:
    corners = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 4]], np.float32)
    scores = np.array([0.5, 0.9, 0.6, 0.8], np.float32)
    assert kept_boxes(corners, scores, 0.5) == [1, 3, 2]
    assert kept_boxes(corners[:0], scores[:0], 0.5) == []
