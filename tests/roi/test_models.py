"""The built-in region-of-interest models, on pictures whose content is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pgic_core import roi as room
from pgic_core.container import annotations_from_maps
from pgic_core.errors import PgiModelError
from pgic_core.hooks import offered, preprocess_image, recognise_objects
from pgic_core.roi import HeatModel, hot_boxes, saliency, shipped_heat_model

Photo = NDArray[np.uint8]
WEIGHTS = Path(room.__file__).parent.parent / "weights" / "roi-insulator"


def grass(seed: int = 0) -> Photo:
    """Fine texture in all directions."""
    random = np.random.default_rng(seed)
    return random.integers(40, 140, (400, 600, 1)).repeat(3, 2).astype(np.uint8)


def test_saliency_finds_a_wire_over_grass() -> None:
    image = Image.fromarray(grass())
    ImageDraw.Draw(image).line((0, 50, 600, 250), (235, 235, 235), 3)
    values = saliency(np.asarray(image))
    rows, columns = values.shape
    wire = [values[int((50 + x / 3) / 400 * rows), int(x / 600 * columns)] for x in range(20, 580, 10)]
    assert np.mean(wire) > 0.7
    assert values[rows * 3 // 4 :].mean() < 0.15


def test_saliency_ignores_light_and_dark() -> None:
    image = Image.new("RGB", (600, 400), (120, 140, 180))
    ImageDraw.Draw(image).polygon([(250, 100), (300, 320), (200, 320)], fill=(90, 60, 60))
    bright = saliency(np.asarray(image))
    dark = saliency((np.asarray(image) // 3).astype(np.uint8))
    assert bright.max() == 1
    assert np.abs(bright - dark).mean() < 0.05


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (2000, 3), (65, 64)])
def test_models_take_pictures_of_any_size(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    image[0] = 200
    for values in (saliency(image), shipped_heat_model("insulator").importance(image)):
        assert values.dtype == np.float32
        assert values.ndim == 2
        assert values.size
        assert values.min() >= 0
        assert values.max() <= 1


def test_an_empty_picture_has_nothing_of_interest() -> None:
    assert not saliency(np.full((200, 300, 3), 127, np.uint8)).any()


def test_network_folder_is_small_and_says_what_it_is() -> None:
    manifest = json.loads((WEIGHTS / "roi.json").read_text())
    assert manifest["id"] == "roi-insulator"
    assert manifest["test"]["pictures"] > 50
    assert (WEIGHTS / "heat.onnx").stat().st_size < 1_000_000
    card = (WEIGHTS / "card.md").read_text()
    assert "CC BY 4.0" in card
    for name, value in manifest["test"].items():
        assert f"{value:g}" in card, name


def test_recogniser_gives_sound_annotations(photo: Photo) -> None:
    assert "insulator" in offered("recognise")
    found = recognise_objects("insulator", photo, lambda maps: annotations_from_maps(maps, (512, 512)))
    assert isinstance(found, list)


class Stripes:
    """A model that is hot in two places."""

    classes = ("thing",)

    def heat(self, image: Photo) -> NDArray[np.float32]:
        heat = np.zeros((1, 4, 8), np.float32)
        heat[0, 0, 0] = heat[0, 1, 1] = 0.75
        heat[0, 3, 6:] = 0.875
        return heat


def test_boxes_around_islands_of_heat() -> None:
    first, second = hot_boxes(Stripes(), np.zeros((40, 160, 3), np.uint8))  # type: ignore[arg-type]
    assert first == {"label": "thing", "box": [0, 0, 40, 20], "score": 0.75}
    assert second == {"label": "thing", "box": [120, 30, 160, 40], "score": 0.875}


@pytest.mark.parametrize("damage", ["no manifest", "no entry", "no network", "network"])
def test_damaged_folders_are_named(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "roi-mine"
    shutil.copytree(WEIGHTS, folder)
    if damage == "no manifest":
        (folder / "roi.json").unlink()
    elif damage == "no entry":
        (folder / "roi.json").write_text('{"id": "x"}')
    elif damage == "no network":
        (folder / "heat.onnx").unlink()
    else:
        (folder / "heat.onnx").write_bytes(b"not a network")
    with pytest.raises(PgiModelError, match=r"roi-mine|heat\.onnx"):
        HeatModel(folder).heat(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.parametrize("name", ["denoise", "sharpen", "normalise-light"])
@pytest.mark.parametrize("channels", [1, 3])
def test_built_in_steps(photo: Photo, name: str, channels: int) -> None:
    flat = photo // 2 + 40
    image = flat if channels == 3 else flat[:, :, 0]
    done = preprocess_image(image, [name])
    assert (done.shape, done.dtype) == (image.shape, image.dtype)
    assert 0.2 < np.abs(done.astype(float) - image).mean() < 60


def test_steps_leave_alone_what_they_are_not_made_for(photo: Photo) -> None:
    deep = photo.astype(np.uint16) * 257
    assert preprocess_image(deep, ["denoise", "sharpen"]) is deep
