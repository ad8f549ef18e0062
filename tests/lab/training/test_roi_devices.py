"""The region network of plates, meters and gauges: what it learns from, and a whole small run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pgic_core import roi as room
from pgic_core.lab.recognition.generated_scenes import draw_scene
from pgic_core.lab.training.roi_devices import boxed_scenes, close_views, main
from pgic_core.roi import HeatModel, shipped_heat_model

WEIGHTS = Path(room.__file__).parent.parent / "weights" / "roi-panel"
TOWER = Path(__file__).resolve().parents[3] / "examples" / "tower.jpg"
CONFIG = """
name = "roi-small"
classes = ["device", "text"]
seed = 3
steps = 2
batch = 2
side = 64
long_side = 240
rate = 0.001
channels = 16
background = 0.5
scenes = 3
close_views = 3
test_scenes = 2
"""


def photo(seed: int) -> np.ndarray:  # type: ignore[type-arg]
    """A soft gradient with noise, 320 x 240."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(40, 180, 320)[None, :, None] + np.linspace(0, 40, 240)[:, None, None]
    return np.asarray(ramp + random.normal(0, 6, (240, 320, 3)), np.uint8)


def test_boxes_of_devices_and_of_their_text() -> None:
    for picture in (*boxed_scenes([photo(1)], 4, 7), *close_views(3, 7)):
        (device,), lines = picture.boxes
        assert lines
        assert all(
            device[0] <= a < c <= device[2] and device[1] <= b < d <= device[3] for a, b, c, d in lines
        )
        target = picture.target()
        assert target[0].sum() > target[1].sum() > 0


def test_a_small_run_writes_a_model_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(6):
        Image.fromarray(photo(number)).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "config.toml").write_text(CONFIG)
    main(
        [str(tmp_path / "config.toml"), "--photos", str(tmp_path / "photos"), "--out", str(tmp_path / "out")]
    )
    manifest = json.loads((tmp_path / "out" / "roi.json").read_text())
    assert manifest["classes"] == ["device", "text"]
    assert manifest["training"]["photos"] == 4  # every fifth is for the test
    heat = HeatModel(tmp_path / "out").heat(photo(9))
    assert heat.shape == (2, 15, 20)


def test_the_shipped_model_finds_a_plate_and_its_card_says_how_well() -> None:
    with Image.open(TOWER) as image:
        background = np.asarray(image.resize((640, 427)))
    scene = draw_scene(np.random.default_rng(77), background, gauges=True)
    importance = shipped_heat_model("panel").importance(scene.pixels)
    left, top, right, bottom = (int(edge) // 16 for edge in scene.device)
    inside = importance[top + 1 : bottom, left + 1 : right].mean()
    around = (importance.sum() - importance[top : bottom + 1, left : right + 1].sum()) / importance.size
    assert inside > 0.7
    assert around < 0.1, "what is no device stays as it is"
    manifest = json.loads((WEIGHTS / "roi.json").read_text())
    card = (WEIGHTS / "card.md").read_text()
    for name, value in manifest["test"].items():
        assert f"{value:g}" in card, name


@pytest.mark.parametrize("name", ["insulator", "panel"])
def test_models_are_small(name: str) -> None:
    assert (WEIGHTS.parent / f"roi-{name}" / "heat.onnx").stat().st_size < 300_000
