"""Datasets of ``.pgi`` files, alone and in the workers of a DataLoader."""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.datasets import DatasetFolder
from torchvision.transforms import v2

import pgic_core
from pgic_core.errors import PgiInputError, PgiOptionError
from pgic_plugins.torchvision import (
    PgiDetection,
    PgiFolder,
    RandomWindow,
    decode_pgi,
    decode_pgi_latent,
)

from .torch_workers import ThreadCounts, as_list

if TYPE_CHECKING:
    from pathlib import Path

# In pixels of the picture of 301 x 203; the second lies to the right of the window below, partly.
BOXES = {"insulator": (40.0, 24.0, 104.0, 88.0), "bird nest": (120.0, 80.0, 200.0, 200.0)}
WINDOW = (32, 16, 128, 128)
VOC = """<annotation><filename>{name}.jpg</filename>{objects}</annotation>"""
VOC_OBJECT = """<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>
</bndbox></object>"""


@pytest.fixture(scope="module")
def folder(photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes; ``lines/b.pgi`` is half the height, and every file holds the boxes that fit."""
    root = tmp_path_factory.mktemp("pictures")
    for name, height in (("lines/a", 203), ("lines/b", 100), ("towers/c", 203)):
        path = root / f"{name}.pgi"
        path.parent.mkdir(exist_ok=True)
        annotations = [{"label": label, "box": list(box)} for label, box in BOXES.items() if box[3] <= height]
        pgic_core.encode_to(path, photo.crop((0, 0, 301, height)), quality=40, annotations=annotations)
    return root


@pytest.fixture(scope="module")
def coco(folder: Path) -> Path:
    path = folder.parent / "instances.json"
    categories = [{"id": 7, "name": "insulator"}, {"id": 3, "name": "bird nest"}]
    annotations = [
        {
            "id": place,
            "image_id": 12,
            "category_id": item["id"],
            "bbox": [*box[:2], box[2] - box[0], box[3] - box[1]],
            "iscrowd": int(place == 1),
        }
        for place, (item, box) in enumerate(zip(categories, BOXES.values(), strict=True))
    ]
    images = [{"id": 12, "file_name": "lines/a.jpg"}, {"id": 5, "file_name": "lines/b.jpg"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


@pytest.fixture(scope="module")
def voc(folder: Path) -> Path:
    path = folder.parent / "voc"
    path.mkdir()
    objects = "".join(VOC_OBJECT.format(name, *box) for name, box in BOXES.items())
    (path / "a.xml").write_text(VOC.format(name="a", objects=objects))
    (path / "b.xml").write_text(VOC.format(name="b", objects=""))
    return path


def check(item: tuple[Any, Any], boxes: list[tuple[float, ...]], labels: list[int]) -> None:
    image, target = item
    assert isinstance(target["boxes"], tv_tensors.BoundingBoxes)
    assert target["boxes"].format is tv_tensors.BoundingBoxFormat.XYXY
    assert target["boxes"].canvas_size == tuple(image.shape[-2:])
    assert target["boxes"].dtype == torch.float32
    assert target["boxes"].tolist() == [list(box) for box in boxes]
    assert target["labels"].dtype == target["iscrowd"].dtype == torch.int64
    assert target["labels"].tolist() == labels
    assert target["area"].tolist() == [(box[2] - box[0]) * (box[3] - box[1]) for box in boxes]
    assert isinstance(target["image_id"], int)


def test_folder_is_one_of_torchvisions(folder: Path) -> None:
    dataset = PgiFolder(folder, target_transform=lambda number: number + 10)
    assert isinstance(dataset, DatasetFolder)
    assert dataset.classes == ["lines", "towers"]
    assert dataset.targets == [0, 0, 1]
    image, target = dataset[2]
    assert type(image) is tv_tensors.Image
    assert target == 11
    assert torch.equal(image, decode_pgi(folder / "towers" / "c.pgi"))
    assert PgiFolder(folder, is_valid_file=lambda path: path.endswith("a.pgi"), allow_empty=True).targets == [
        0
    ]


def test_folder_in_every_level(folder: Path) -> None:
    path = folder / "lines" / "a.pgi"
    preview, _ = PgiFolder(folder, level="preview", mode="GRAY")[0]
    assert torch.equal(preview, decode_pgi(path, level="preview", mode="GRAY"))
    latent, _ = PgiFolder(folder, level="latent", window=WINDOW)[0]
    assert type(latent) is torch.Tensor
    assert torch.equal(latent, decode_pgi_latent(path, window=WINDOW))
    quarter, _ = PgiFolder(folder, scale=4)[0]
    assert torch.equal(quarter, decode_pgi(path, scale=4))
    with pytest.raises(PgiOptionError, match=r"level must be one of preview, fast, .*latent, not 'full'"):
        PgiFolder(folder, level="full")
    with pytest.raises(PgiOptionError, match="A latent has no scale"):
        PgiFolder(folder, level="latent", scale=2)
    with pytest.raises(PgiOptionError, match="scale must be one of"):
        PgiFolder(folder, scale=5)


def test_random_windows_follow_the_seed(folder: Path) -> None:
    dataset = PgiFolder(folder, window=RandomWindow(64, 150))
    seen = []
    for _ in range(2):
        torch.manual_seed(3)
        seen.append([image for image, _ in dataset])
    assert [tuple(image.shape) for image in seen[0]] == [(3, 150, 64), (3, 100, 64), (3, 150, 64)]
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))
    places = {RandomWindow(64)(301, 64) for _ in range(50)}
    assert len(places) > 10
    assert all(0 <= left <= 237 and rest == (0, 64, 64) for left, *rest_ in places for rest in [tuple(rest_)])
    with pytest.raises(PgiOptionError, match="whole number above 0"):
        RandomWindow(0)


@pytest.mark.parametrize("kind", ["own", "coco", "voc"])
def test_detection(folder: Path, coco: Path, voc: Path, kind: str) -> None:
    root = folder / "lines"
    dataset = {
        "own": lambda: PgiDetection(root),
        "coco": lambda: PgiDetection(folder, coco),
        "voc": lambda: PgiDetection(root, voc),
    }[kind]()
    assert len(dataset) == 2
    items = sorted(dataset, key=lambda item: -item[0].shape[1])
    labels = [7, 3] if kind == "coco" else [2, 1]
    assert dataset.classes == dict(zip(labels, BOXES, strict=True))
    check(items[0], list(BOXES.values()), labels)
    assert torch.equal(items[0][0], decode_pgi(root / "a.pgi"))
    if kind == "own":
        check(items[1], [BOXES["insulator"]], [2])
    else:
        check(items[1], [], [])
    if kind == "coco":
        assert [item[1]["image_id"] for item in items] == [12, 5]
        assert items[0][1]["iscrowd"].tolist() == [0, 1]


def test_boxes_follow_window_and_level(folder: Path) -> None:
    root = folder / "lines"

    def item(**options: Any) -> tuple[Any, Any]:
        return PgiDetection(root, **options)[0]

    check(item(window=WINDOW), [(8, 8, 72, 72), (88, 64, 128, 128)], [2, 1])
    check(item(level="preview"), [(5, 3, 13, 11), (15, 10, 25, 25)], [2, 1])
    check(item(level="preview", window=(37, 20, 60, 60)), [(1, 1, 9, 8)], [2])
    check(item(level="preview", scale=4), [(10, 6, 26, 22), (30, 20, 50, 50)], [2, 1])
    check(item(level="latent", window=WINDOW), [(0.5, 0.5, 4.5, 4.5), (5.5, 4, 8, 8)], [2, 1])
    check(item(window=(200, 0, 101, 101)), [], [])
    check(item(window=lambda width, height: (0, 0, width - 1, 60)), [(40, 24, 104, 60)], [2])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_own_boxes_are_put_where_the_stored_picture_has_them(
    photo: Image.Image, tmp_path: Path, orientation: int
) -> None:
    stored = Image.new("RGB", (96, 64))
    stored.paste("white", (8, 16, 40, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.info["exif"] = exif.tobytes()
    left, top, right, bottom = ImageOps.exif_transpose(stored).getbbox()
    notes = [
        {"label": "a", "box": [left, top, right, bottom]},
        {"label": "a", "polygon": [[left, top], [right, top], [right, bottom]]},
    ]
    pgic_core.encode_to(tmp_path / "x.pgi", stored, lossless=True, annotations=notes)
    check(PgiDetection(tmp_path)[0], [(8, 16, 40, 32)] * 2, [1, 1])


def test_classes_may_be_chosen(folder: Path, coco: Path) -> None:
    root = folder / "lines"
    dataset = PgiDetection(root, classes=["crack", "insulator"])
    assert dataset.classes == {1: "crack", 2: "insulator"}
    check(dataset[0], [BOXES["insulator"]], [2])
    dataset = PgiDetection(folder, coco, classes=["bird nest"])
    assert dataset.classes == {3: "bird nest"}
    check(dataset[1], [BOXES["bird nest"]], [3])
    with pytest.raises(PgiOptionError, match="no category 'crack'"):
        PgiDetection(folder, coco, classes=["crack"])


def test_transforms_move_boxes_with_the_picture(folder: Path) -> None:
    flip = v2.Compose([v2.RandomHorizontalFlip(1), v2.ToDtype(torch.float32, scale=True)])
    plain, flipped = (PgiDetection(folder / "lines", transforms=t)[0] for t in (None, flip))
    torch.testing.assert_close(flipped[0], plain[0].flip(2) / 255)
    assert torch.equal(flipped[1]["boxes"][:, 0], 301 - plain[1]["boxes"][:, 2])
    image, target = PgiDetection(folder / "lines", transform=v2.Grayscale(), target_transform=len)[0]
    assert image.shape[0] == 1
    assert target == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "COCO file"), ("[]", "COCO file"), ('{"categories": []}', "'images' is missing"), ("", "COCO")],
)
def test_unreadable_annotations(folder: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(PgiInputError, match=message):
        PgiDetection(folder, tmp_path / "x.json")
    (tmp_path / "x.xml").write_text("<annotation><object></object></annotation>" if text else "<a>")
    with pytest.raises(PgiInputError, match="PASCAL VOC file"):
        PgiDetection(folder, tmp_path)


def test_no_picture(tmp_path: Path) -> None:
    with pytest.raises(PgiInputError, match="There is no picture"):
        PgiDetection(tmp_path)
    with pytest.raises(PgiInputError, match="cannot be read as a COCO file"):
        PgiDetection(tmp_path, tmp_path / "absent.json")


def test_datasets_can_be_pickled(folder: Path, coco: Path) -> None:
    for dataset in (
        PgiFolder(folder, v2.RandomHorizontalFlip(0), window=RandomWindow(500)),
        PgiDetection(folder, coco, level="preview"),
    ):
        again = pickle.loads(pickle.dumps(dataset))
        assert repr(again) == repr(dataset)
        assert torch.equal(again[0][0], dataset[0][0])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_take_one_thread_each(folder: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After this process itself has decoded, with two threads: a fork inherits that."""
    monkeypatch.setenv("PGIC_THREADS", "2")
    dataset = PgiDetection(folder)
    expected = list(dataset)
    loader = DataLoader(
        ThreadCounts(dataset),
        batch_size=2,
        num_workers=2,
        collate_fn=as_list,
        multiprocessing_context=method,
        pin_memory=torch.cuda.is_available(),
    )
    found = [pair for batch in loader for pair in batch]
    assert [threads for _, threads in found] == [{1}] * len(expected)
    for ((image, target), _), (same, other) in zip(found, expected, strict=True):
        assert torch.equal(image, same)
        assert torch.equal(target["boxes"], other["boxes"])
        assert target["boxes"].canvas_size == other["boxes"].canvas_size
    assert os.environ["PGIC_THREADS"] == "2"


def test_batches_are_collated(folder: Path) -> None:
    images, targets = next(iter(DataLoader(PgiFolder(folder, window=(0, 0, 96, 96)), batch_size=3)))
    assert (images.shape, images.dtype) == ((3, 3, 96, 96), torch.uint8)
    assert targets.tolist() == [0, 0, 1]
