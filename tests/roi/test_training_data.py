"""What the region-of-interest network learns from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pgic_core.errors import PgiInputError
from pgic_core.lab.training.roi_data import Sampler, is_test_scene, load_coco, scene_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of scene 100009, one of 7; white where an insulator is, red where it is broken."""
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for number, name in enumerate(("100009.png", "100009h.png", "7.png")):
        pixels = np.zeros((96, 160, 3), np.uint8)
        pixels[16:80, 32:96] = 255
        pixels[16:32, 32:48] = (255, 0, 0)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
        images.append({"id": number, "file_name": name})
        annotations.append({"image_id": number, "category_id": 1, "bbox": [32, 16, 64, 64]})
        annotations.append({"image_id": number, "category_id": 2, "bbox": [32, 16, 16, 16]})
    categories = [{"id": 1, "name": "insulator"}, {"id": 2, "name": "broken"}]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    return tmp_path


def test_flips_share_a_scene_and_its_side_of_the_split() -> None:
    assert [scene_of(name) for name in ("100009.avif", "100009h.avif", "a/000000795h.avif")] == [
        "100009",
        "100009",
        "000000795",
    ]
    with pytest.raises(PgiInputError):
        scene_of("photo.avif")
    share = np.mean([is_test_scene(str(number)) for number in range(100_000, 101_000)])
    assert 0.15 < share < 0.25
    # The split is fixed for ever: figures of the card are of these scenes.
    assert [number for number in range(100_000, 100_020) if is_test_scene(str(number))] == [
        100_001,
        100_003,
        100_005,
        100_007,
        100_011,
        100_012,
    ]


def test_pictures_and_targets(folder: Path) -> None:
    pictures = load_coco(folder)
    assert [picture.scene for picture in pictures] == ["100009", "100009", "7"]
    equipment, fault = pictures[0].target()
    assert equipment.shape == (6, 10)
    assert equipment.sum() == 16
    assert np.argwhere(fault).tolist() == [[1, 2]]
    assert [picture.scene for picture in load_coco(folder, exclude=["100009"])] == ["7"]


def test_crops_and_targets_stay_together(folder: Path) -> None:
    """Cells that are wholly white or red in a crop are the covered ones, scaled and mirrored or not."""
    sampler = Sampler(load_coco(folder), [], 0.5, 64, seed=3)
    pixels, targets = sampler.batch(40)
    assert (pixels.shape, pixels.dtype, targets.shape) == ((40, 64, 64, 3), np.uint8, (40, 2, 4, 4))
    red = pixels[..., 0].reshape(40, 4, 16, 4, 16)
    covered, bare = targets[:, 0] > 0.999, targets[:, 0] < 0.001
    assert covered.sum() > 50
    assert red.min((2, 4))[covered].min() > 80
    assert red.max((2, 4))[bare].max() < 80


def test_background_has_no_targets(folder: Path) -> None:
    sampler = Sampler(load_coco(folder), [np.full((100, 100, 3), 60, np.uint8)], 1.0, 64, seed=1)
    assert not sampler.batch(8)[1].any()
