"""``examples/train_detector.py`` (its figures come from real photos; here it learns from drawn ones)."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "train_detector.py"
BOX = (100, 60, 180, 140)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def pictures(script: dict[str, Any]) -> Any:
    """Twelve pictures of one white box on black, of twelve scenes."""
    pixels = torch.zeros(3, 200, 300, dtype=torch.uint8)
    left, top, right, bottom = BOX
    pixels[:, top:bottom, left:right] = 255
    boxes = torch.tensor([BOX], dtype=torch.float32)
    return script["Pictures"]([str(i) for i in range(12)], [pixels] * 12, [boxes] * 12)


def test_scenes_lie_on_one_side(script: dict[str, Any], pictures: Any) -> None:
    assert [script["scene_of"](name) for name in ("130037h.avif", "12.jpg", "tower.png")] == [
        "130037",
        "12",
        "tower",
    ]
    learn, test = pictures.part(test=False), pictures.part(test=True)
    assert not set(learn.scenes) & set(test.scenes)
    assert sorted(learn.scenes + test.scenes) == sorted(pictures.scenes)
    assert min(len(learn.scenes), len(test.scenes)) > 0
    without = frozenset(learn.scenes[:2])
    assert learn.part(test=False, without=without).scenes == learn.scenes[2:]
    assert "130037" in script["kept_scenes"]()


def test_boxes_move_with_their_pixels(script: dict[str, Any], pictures: Any) -> None:
    batches = script["Batches"](pictures, script["SIZE"], seed=3)
    images, boxes = batches.take(40)
    seen = 0
    for image, found in zip(images, boxes, strict=True):
        for box in found:
            rows, columns = np.nonzero(image.min(0).values.numpy() > 0.75 * float(image.max()))
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert np.allclose(edges, box, atol=3)
            seen += 1
    assert seen > 20


def test_whole_pictures_keep_their_shape(script: dict[str, Any], pictures: Any) -> None:
    window = script["whole"](pictures.pixels[0], (192, 320))
    assert window == (0, 0, 333, 200)
    image, boxes = script["placed"](pictures.pixels[0], pictures.boxes[0], window, (192, 320))
    assert image.shape == (3, 192, 320)
    assert torch.allclose(boxes, pictures.boxes[0] * 0.96, rtol=0.01)
    assert torch.allclose(image[:, :, 300:], torch.tensor(114.0))


def test_cells_find_the_smallest_box(script: dict[str, Any]) -> None:
    centres = script["cell_centres"](4, 5)
    boxes = torch.tensor([[0.0, 0, 80, 64], [33, 17, 35, 19]])
    owner = script["owners"](centres, boxes).reshape(4, 5)
    assert owner[1, 2] == 1
    assert (owner == 0).sum() == 5
    assert owner[0, 0] == -1
    assert (script["owners"](centres, boxes[:0]) == -1).all()


def test_average_precision(script: dict[str, Any]) -> None:
    truth = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    corners = torch.tensor([[0.0, 0, 10, 9], [1, 0, 10, 10], [20, 0, 30, 6], [25, 0, 35, 10]])
    right = script["hits"](corners, truth)
    assert right.tolist() == [True, False, True, False]
    found = [(np.array([0.9, 0.8, 0.7, 0.6]), right, 2)]
    ap = script["average_precision"]
    assert ap(found) == pytest.approx((1 + 2 / 3) / 2)
    nothing = (np.zeros(0), np.zeros(0, bool), 2)
    assert ap([*found, nothing]) == pytest.approx((1 + 2 / 3) / 4)
    assert ap([nothing]) == 0
    assert not script["hits"](corners, truth[:0]).any()


def test_what_is_lost(script: dict[str, Any]) -> None:
    random = np.random.default_rng(1)

    def run(share: float) -> list[Any]:
        return [(random.random(1), random.random(1) < share, 1) for _ in range(20)]

    good, bad = [run(1.0), run(1.0)], [run(0.7), run(0.7)]
    assert script["lost_share"](good, good) == (0.0, 0.0)
    lost, bound = script["lost_share"](good, bad)
    assert 0.05 < lost < bound < lost + 0.4


def test_it_learns(script: dict[str, Any], pictures: Any) -> None:
    torch.manual_seed(0)
    net, batches = script["Detector"](), script["Batches"](pictures, script["SIZE"], seed=1)
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    images, boxes = batches.take(4)
    losses = []
    for _ in range(8):
        loss = script["loss_of"](*net(images), boxes, script["SIZE"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_command(script: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "images"
    photos.mkdir()
    images, annotations = [], []
    pixels = np.full((64, 96, 3), 40, np.uint8)
    pixels[20:50, 30:60] = 200
    for i in range(12):
        Image.fromarray(pixels).save(photos / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 96, "height": 64})
        annotations += [
            {"id": 2 * i, "image_id": i, "category_id": 1, "bbox": [30, 20, 30, 30]},
            {"id": 2 * i + 1, "image_id": i, "category_id": 2, "bbox": [0, 0, 9, 9]},
        ]
    names = [{"id": 1, "name": "insulator"}, {"id": 2, "name": "broken"}]
    coco = {"images": images, "annotations": annotations, "categories": names}
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    options = ["--steps", "2", "--batch", "2", "--seeds", "1", "2", "--work", str(tmp_path / "work")]
    script["main"]([str(tmp_path), *options, "--json", str(tmp_path / "figures.json")])
    assert "upper 95 % bound" in capsys.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [len(values) for values in figures["ap50"].values()] == [2, 2]
    assert figures["test_pictures"] in range(1, 12)
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"originals", "quality-50"}
    before = script["load"](tmp_path, tmp_path / "work", None)
    assert np.array_equal(before.pixels[0].permute(1, 2, 0).numpy(), pixels)
    assert [boxes.tolist() for boxes in before.boxes] == [[[30, 20, 60, 50]]] * 12
