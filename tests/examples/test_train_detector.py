"""``examples/train_detector.py`` (its figures come from real photos; here it learns from drawn ones)."""

from __future__ import annotations

import json
import runpy
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "train_detector.py"
BOX = (100, 60, 180, 140)


@pytest.fixture(scope="module")
def detector() -> Iterator[ModuleType]:
    """The module beside the script, found as Python finds it when the script is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        yield import_module("detector")
    del sys.modules["detector"]


@pytest.fixture(scope="module")
def script(detector: ModuleType) -> dict[str, Any]:
    names = runpy.run_path(str(SCRIPT))
    names["lost_share"].__globals__["REPLICATES"] = 200
    return names


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
    kept = {scene for scene in script["kept_scenes"]() if not script["is_test_scene"](scene)}
    assert "130037" in kept
    more = script["Pictures"]([*kept, *pictures.scenes], [pictures.pixels[0]] * 99, [pictures.boxes[0]] * 99)
    assert more.part(test=False).scenes == learn.scenes


def test_boxes_move_with_their_pixels(detector: ModuleType, pictures: Any) -> None:
    batches = detector.Batches(pictures.pixels, pictures.boxes, detector.SIZE, seed=3)
    images, boxes = batches.take(40)
    seen = 0
    for image, found in zip(images, boxes, strict=True):
        for box in found:
            rows, columns = np.nonzero(image.min(0).values.numpy() > 0.75 * float(image.max()))
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert np.allclose(edges, box, atol=3)
            seen += 1
    assert seen > 20


def test_whole_pictures_keep_their_shape(detector: ModuleType, pictures: Any) -> None:
    window = detector.whole(pictures.pixels[0], (192, 320))
    assert window == (0, 0, 333, 200)
    image, boxes = detector.placed(pictures.pixels[0], pictures.boxes[0], window, (192, 320))
    assert image.shape == (3, 192, 320)
    assert torch.allclose(boxes, pictures.boxes[0] * 0.96, rtol=0.01)
    assert torch.allclose(image[:, :, 300:], torch.tensor(114.0))


def test_cells_find_the_smallest_box(detector: ModuleType) -> None:
    centres = detector.cell_centres(4, 5)
    boxes = torch.tensor([[0.0, 0, 80, 64], [33, 17, 35, 19]])
    owner = detector.owners(centres, boxes).reshape(4, 5)
    assert owner[1, 2] == 1
    assert (owner == 0).sum() == 5
    assert owner[0, 0] == -1
    assert (detector.owners(centres, boxes[:0]) == -1).all()


def test_detections_lie_in_the_picture(detector: ModuleType, pictures: Any) -> None:
    corners = torch.tensor([[0.0, 0, 9, 9], [95, 57, 172, 134], [96, 58, 173, 134]])

    def net(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert images.shape == (1, 3, *detector.SIZE)
        return torch.tensor([[-2.0, 0, 3]]), corners[None]

    scores, boxes = detector.detect(net, pictures.pixels[0])
    assert torch.allclose(scores, torch.sigmoid(torch.tensor([3.0, -2.0])))  # the other is the same box
    assert torch.allclose(boxes[0], torch.tensor(BOX).float(), atol=1)


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


def test_each_kind_is_learned_from_and_tested_on(
    script: dict[str, Any], pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With detectors that know the brightness of what they learned from, and see nothing else."""
    dark = script["Pictures"](pictures.scenes, [pixels // 2 for pixels in pictures.pixels], pictures.boxes)
    seen = []

    def train(pixels: list[torch.Tensor], boxes: list[torch.Tensor], *, seed: int, **_: int) -> int:
        seen.append((len(pixels), seed))
        return int(pixels[0].max())

    def detect(net: int, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = pictures.boxes[0] if net == int(pixels.max()) else torch.zeros(0, 4)
        return torch.ones(len(found)), found

    monkeypatch.setitem(script["measure"].__globals__, "train", train)
    monkeypatch.setitem(script["measure"].__globals__, "detect", detect)
    found = script["measure"]({"originals": pictures, "decoded": dark}, seeds=[4, 5], steps=1, batch=1)
    count = len(pictures.part(test=False).pixels)
    assert seen == [(count, 4), (count, 4), (count, 5), (count, 5)]
    ap = {cell: [script["average_precision"](run) for run in runs] for cell, runs in found.items()}
    assert ap == {(a, b): [float(a == b)] * 2 for a in script["KINDS"] for b in script["KINDS"]}
    lost = [
        script["lost_share"](found[before], found[after])[0] for before, after in script["COMPARED"].values()
    ]
    assert lost == [0, 0, 1]


def test_it_learns(detector: ModuleType, pictures: Any) -> None:
    torch.manual_seed(0)
    net = detector.Detector()
    batches = detector.Batches(pictures.pixels, pictures.boxes, detector.SIZE, seed=1)
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    images, boxes = batches.take(4)
    losses = []
    for _ in range(8):
        loss = detector.loss_of(*net(images), boxes, detector.SIZE)
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
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [len(cell["of_each_seed"]) for cell in figures["ap50"]] == [2] * 4
    printed = capsys.readouterr().out
    for lost in figures["lost"]:
        assert f"{100 * lost['share']:.2f} %, {100 * lost['upper_95']:6.2f} %" in printed
    assert figures["lost"][0]["what"] == "trained and tested on decoded, against originals for both"
    assert figures["test_pictures"] in range(1, 12)
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"originals", "quality-50"}
    before = script["load"](tmp_path, tmp_path / "work", None)
    assert np.array_equal(before.pixels[0].permute(1, 2, 0).numpy(), pixels)
    assert [boxes.tolist() for boxes in before.boxes] == [[[30, 20, 60, 50]]] * 12
