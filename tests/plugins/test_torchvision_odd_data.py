"""What an epoch meets: broken and foreign files, upright annotations, boxes that windows cut."""

from __future__ import annotations

import io
import json
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

import pgic_core
from pgic_core.errors import PgiChecksumError, PgiError, PgiInputError, PgiOptionError, PgiWarning
from pgic_plugins.torchvision import (
    PgiCompress,
    PgiDetection,
    PgiFolder,
    PgiLoader,
    RandomWindow,
    ToLatent,
    decode_pgi,
    decode_pgi_latent,
)

from .torch_workers import Threads, as_list

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROTATED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%c\0\0\0\0\0\0\0"


@pytest.fixture(scope="module")
def data(photo: Image.Image) -> bytes:
    return pgic_core.encode(photo.crop((0, 0, 128, 96)), quality=50)


def broken(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[-30] ^= 0xFF
    return bytes(changed)


@pytest.fixture
def folder(data: bytes, tmp_path: Path) -> Path:
    """Four files. The second is damaged, the third empty, and the suffix of the fourth is in capitals."""
    root = tmp_path / "pictures"
    (root / "lines").mkdir(parents=True)
    for name, content in (("a.pgi", data), ("b.pgi", broken(data)), ("c.pgi", b""), ("d.PGI", data)):
        (root / "lines" / name).write_bytes(content)
    return root


def coco(root: Path, annotations: list[dict[str, Any]], names: tuple[str, ...] = ("lines/a.jpg",)) -> Path:
    path = root / "instances.json"
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    categories = [{"id": 1, "name": "insulator"}]
    rows = [
        {"id": place, "image_id": 0, "category_id": 1} | item for place, item in enumerate(annotations, 70)
    ]
    path.write_text(json.dumps({"images": images, "annotations": rows, "categories": categories}))
    return path


@pytest.mark.parametrize("level", ["fast", "preview", "latent"])
def test_errors_name_the_file(folder: Path, level: Any) -> None:
    path = folder / "lines" / "c.pgi"
    with pytest.raises(PgiError, match=r"c\.pgi") as caught:
        PgiLoader(level)(path)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (type(caught.value), str(caught.value))
    with pytest.raises(PgiChecksumError, match=r"b\.pgi: "):
        decode_pgi(folder / "lines" / "b.pgi")
    with (folder / "lines" / "c.pgi").open("rb") as file, pytest.raises(PgiError, match=r"c\.pgi"):
        decode_pgi(file)


def test_errors_of_workers_name_the_file(folder: Path) -> None:
    loader = DataLoader(PgiFolder(folder), batch_size=None, num_workers=1)
    with pytest.raises(PgiChecksumError, match=r"lines.b\.pgi"):
        list(loader)


def test_pillow_names_the_file(folder: Path) -> None:
    with (
        (folder / "lines" / "b.pgi").open("rb") as file,  # as ImageFolder does
        Image.open(file) as image,
        pytest.raises(OSError, match=r"b\.pgi: "),
    ):
        image.load()
    with Image.open(folder / "lines" / "b.pgi") as image, pytest.raises(OSError, match=r"b\.pgi"):
        image.load()


def test_epochs_skip_what_is_broken_and_name_it(folder: Path) -> None:
    dataset = PgiFolder(folder, on_damage="skip")
    assert len(dataset) == 4
    with pytest.warns(PgiWarning, match=r"Skipped: .*b\.pgi") as told:
        items = list(dataset)
    assert len(told) == 2
    assert len(items) == 4
    assert sorted(dataset.skipped) == [1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(dataset[1][0], dataset[3][0])
    assert torch.equal(dataset[-1][0], dataset[3][0])


def test_where_nothing_is_sound_the_epoch_fails(folder: Path) -> None:
    for name in ("a.pgi", "d.PGI"):
        (folder / "lines" / name).write_bytes(b"\x89nothing")
    with pytest.warns(PgiWarning), pytest.raises(PgiError):
        PgiFolder(folder, on_damage="skip")[0]


def test_damage_is_concealed(folder: Path, data: bytes) -> None:
    (folder / "lines" / "c.pgi").unlink()
    dataset = PgiFolder(folder, on_damage="conceal")
    assert torch.equal(dataset[1][0], decode_pgi(broken(data), on_damage="conceal"))
    with pytest.raises(PgiOptionError, match="'raise', 'conceal' or 'skip'"):
        PgiFolder(folder, on_damage="ignore")  # type: ignore[arg-type]


def test_five_hundred_items_and_a_hostile_one(data: bytes, tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.pgi").write_bytes(data if number != 4 else data[:200] + bytes(200))
    names = tuple(f"{number % 9}.jpg" for number in range(500))
    dataset = PgiDetection(
        tmp_path, coco(tmp_path, [{"bbox": [8, 8, 30, 30]}], names), level="preview", on_damage="skip"
    )
    with pytest.warns(PgiWarning, match=r"4\.pgi"):
        assert len(list(dataset)) == 500


def test_other_formats_are_read_or_counted(folder: Path, data: bytes, photo: Image.Image) -> None:
    photo.save(folder / "lines" / "e.jpg", quality=95)
    photo.save(folder / "lines" / "f.png")
    with pytest.warns(PgiWarning, match=r"2 pictures of other formats \(\.jpg, \.png\) are left out"):
        assert len(PgiFolder(folder)) == 4
    dataset = PgiFolder(folder, others=True, window=(32, 16, 64, 48))
    assert len(dataset) == 6
    png = np.asarray(photo)[16:64, 32:96]
    assert np.array_equal(dataset[5][0].permute(1, 2, 0).numpy(), png)
    preview = PgiFolder(folder, others=True, level="preview", window=(33, 17, 60, 40))[5][0]
    assert preview.shape == (3, 6, 8)
    with pytest.raises(PgiError, match=r"f\.png has no latent"):
        PgiLoader("latent")(folder / "lines" / "f.png")
    (folder / "lines" / "g.jpg").write_bytes(b"no jpeg")
    with pytest.raises(PgiInputError, match=r"g\.jpg cannot be read"):
        PgiLoader()(folder / "lines" / "g.jpg")


def test_detection_finds_files_of_any_case_and_format(folder: Path, photo: Image.Image) -> None:
    photo.save(folder / "lines" / "e.jpg")
    path = coco(folder, [], ("lines/a.jpg", "lines/D.png", "lines/e.jpg"))
    with pytest.warns(PgiWarning, match="1 picture of another format"):
        dataset = PgiDetection(folder, path)
    assert [picture.path.name for picture in dataset.pictures] == ["a.pgi", "d.PGI"]
    dataset = PgiDetection(folder, path, others=True)
    assert [picture.path.name for picture in dataset.pictures] == ["a.pgi", "d.PGI", "e.jpg"]
    assert dataset[2][0].shape == (3, 203, 301)


def test_sources_of_all_kinds(data: bytes) -> None:
    wanted = decode_pgi(data)
    array = np.frombuffer(data, np.uint8)
    for source in (
        io.BytesIO(data),
        bytearray(data),
        memoryview(data),
        array,
        memoryview(array.reshape(1, -1)),
    ):
        assert torch.equal(decode_pgi(source), wanted)
    assert torch.equal(decode_pgi_latent(io.BytesIO(data)), decode_pgi_latent(data))
    with pytest.raises(PgiOptionError, match="uint8 of one dimension, not int16"):
        decode_pgi(array.astype(np.int16))


@pytest.mark.parametrize("box", [[], [1, 2, 3], None, "1 2 3 4"])
def test_empty_boxes_name_their_annotation(folder: Path, box: Any) -> None:
    with pytest.raises(PgiInputError, match=r"annotation 71 has the box .* which is not four numbers"):
        PgiDetection(folder, coco(folder, [{"bbox": [1, 2, 3, 4]}, {"bbox": box}]))


def test_boxes_without_area_are_told(folder: Path) -> None:
    flat = [{"bbox": [1, 2, 0, 4]}, {"bbox": [1, 2, 3, 4]}, {"bbox": [9, 9, 5, -1]}]
    with pytest.warns(PgiWarning, match=r"instances\.json: annotation 70 and 1 more left out, .* no area"):
        dataset = PgiDetection(folder, coco(folder, flat))
    assert dataset[0][1]["boxes"].tolist() == [[1.0, 2.0, 4.0, 6.0]]
    sides = ("xmin", 5), ("ymin", 6), ("xmax", 5), ("ymax", 9)
    box = "".join(f"<{name}>{value}</{name}>" for name, value in sides)
    xml = f"<annotation><object><name>x</name><bndbox>{box}</bndbox></object></annotation>"
    (folder / "lines" / "a.xml").write_text(xml)
    with pytest.warns(PgiWarning, match=r"lines: a\.xml left out"):
        PgiDetection(folder / "lines", folder / "lines")


def test_boxes_that_a_window_cuts(folder: Path) -> None:
    path = coco(folder, [{"bbox": [40, 20, 16, 16]}, {"bbox": [0, 20, 40, 16]}])
    window = (32, 16, 64, 64)  # a fifth of the second box
    assert len(PgiDetection(folder, path, window=window)[0][1]["boxes"]) == 2
    _, target = PgiDetection(folder, path, window=window, min_visible=0.25)[0]
    assert target["boxes"].tolist() == [[8.0, 4.0, 24.0, 20.0]]
    with pytest.raises(PgiOptionError, match="min_visible"):
        PgiDetection(folder, path, min_visible=2)


def test_masks_and_keypoints(folder: Path) -> None:
    runs = np.zeros((96, 128), np.uint8)
    runs[20:30, 50:70] = 1
    changes = np.flatnonzero(np.diff(runs.T.reshape(-1), prepend=0, append=0))
    counts = np.diff([0, *changes, runs.size]).tolist()
    keypoints = [48, 32, 2, 0, 0, 0, 41, 25, 1]
    polygon = [40, 24, 56, 24, 56, 40, 40, 40]
    path = coco(
        folder,
        [
            {
                "bbox": [40, 24, 16, 16],
                "segmentation": [polygon],
                "keypoints": keypoints,
            },
            {"bbox": [50, 20, 20, 10], "segmentation": {"size": [96, 128], "counts": counts}, "iscrowd": 1},
            {"bbox": [50, 20, 20, 10], "segmentation": {"size": [96, 128], "counts": _text(counts)}},
            {"bbox": [60, 30, 4, 4]},
        ],
    )
    window = (32, 16, 64, 64)
    _, target = PgiDetection(folder, path, window=window, masks=True, keypoints=True)[0]
    masks = target["masks"]
    assert isinstance(masks, tv_tensors.Mask)
    assert (masks.shape, masks.dtype) == ((4, 64, 64), torch.uint8)
    for mask, (left, top, right, bottom) in zip(
        masks, [(8, 8, 24, 24), (18, 4, 38, 14), (18, 4, 38, 14), (28, 14, 32, 18)], strict=True
    ):
        wanted = torch.zeros(64, 64)
        wanted[top:bottom, left:right] = 1
        assert float((mask != wanted).float().sum()) <= 2 * (right - left + bottom - top)
    assert torch.equal(masks[1], masks[2])
    assert int(masks[1].sum()) == 200
    assert isinstance(target["keypoints"], tv_tensors.KeyPoints)
    assert target["keypoints"].shape == (4, 3, 2)
    assert target["keypoints"][0].tolist() == [[16.0, 16.0], [0.0, 0.0], [9.0, 9.0]]
    assert target["visibility"].tolist() == [[2, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    flipped = v2.RandomHorizontalFlip(1.0)(target)
    assert flipped["masks"][1][4, 64 - 38] == 1
    wrong = coco(folder, [{"bbox": [1, 1, 9, 9], "segmentation": {"size": [9, 9], "counts": [0, 81]}}])
    with pytest.raises(PgiInputError, match=r"a\.pgi: A mask of 9 x 9 belongs to a picture of 128 x 96"):
        PgiDetection(folder, wrong, masks=True)[0]


def _text(counts: list[int]) -> str:
    """Run lengths as COCO's tools write them, by the description of the format."""
    letters = []
    for place, count in enumerate(counts):
        value = count - (counts[place - 2] if place > 2 else 0)
        while True:
            bits, value = value & 31, value >> 5
            more = value not in (0, -1) or bool(bits & 16) != (value == -1)
            letters.append(chr(48 + bits + 32 * more))
            if not more:
                break
    return "".join(letters)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("level", ["fast", "preview"])
def test_upright_pictures_and_their_boxes(
    photo: Image.Image, tmp_path: Path, orientation: int, level: Any
) -> None:
    stored = photo.crop((0, 0, 128, 96))
    exif = ROTATED % orientation
    box = {"label": "insulator", "box": [16, 24, 56, 48]}  # of the upright picture
    pgic_core.encode_to(tmp_path / "a.pgi", stored, lossless=True, exif=exif, annotations=[box])
    stored.save(tmp_path / "b.png", exif=exif)
    with Image.open(tmp_path / "b.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    path = coco(tmp_path, [{"bbox": [16, 24, 40, 24]}], ("a.jpg", "b.png"))
    for window in (None, (8, 16, 64, 56)):
        left, top, width, height = window or (0, 0, *upright.shape[1::-1])
        options: dict[str, Any] = {"exif_transpose": True, "window": window, "level": level}
        for dataset in (
            PgiDetection(tmp_path, path, others=True, **options),
            PgiDetection(tmp_path, **options),
        ):
            image, target = dataset[0]
            scale = 8 if level == "preview" else 1
            assert target["boxes"].tolist() == [[(x - y) / scale for x, y in zip(
                (16, 24, 56, 48), (left, top, left, top), strict=True)]]  # fmt: skip
            if level == "fast":
                wanted = upright[top : top + height, left : left + width]
                assert np.array_equal(image.permute(1, 2, 0).numpy(), wanted)
    both = PgiDetection(tmp_path, path, others=True, exif_transpose=True, level=level)
    assert both[0][0].shape == both[1][0].shape
    with pytest.raises(PgiOptionError, match="exif_transpose does not go with level 'latent'"):
        PgiLoader("latent", exif_transpose=True)


def test_several_windows_of_a_picture(folder: Path) -> None:
    path = coco(folder, [{"bbox": [40, 24, 16, 16]}])
    dataset = PgiDetection(
        folder, path, window=RandomWindow(48, count=3), transforms=v2.ToDtype(torch.float32, scale=True)
    )
    torch.manual_seed(3)
    images, targets = dataset[0]
    assert [image.shape for image in images] == [(3, 48, 48)] * 3
    assert len(targets) == 3
    assert images[0].dtype == torch.float32
    torch.manual_seed(3)
    windows = RandomWindow(48, count=3)(128, 96)
    whole = decode_pgi(folder / "lines" / "a.pgi", windows=windows)
    crops, label = PgiFolder(folder, window=lambda width, height: windows)[0]
    assert label == 0
    assert all(torch.equal(one, other) for one, other in zip(crops, whole, strict=True))
    assert repr(RandomWindow(48, count=3)) == "RandomWindow(48, 48, count=3)"
    with pytest.raises(PgiOptionError, match="count of windows"):
        RandomWindow(48, count=0)


def test_latents_are_kept_for_the_next_epoch(
    folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    latent = pgic_core.PgiFile.latent

    def spy(self: Any, *arguments: Any) -> Any:
        calls.append(arguments)
        return latent(self, *arguments)

    monkeypatch.setattr(pgic_core.PgiFile, "latent", spy)
    dataset = PgiFolder(folder, level="latent", window=(16, 16, 40, 40), latent_cache=1 << 20)
    first, again = dataset[0][0], dataset[0][0]
    assert len(calls) == 1
    assert torch.equal(first, again)
    torch.testing.assert_close(first, decode_pgi_latent(data, window=(16, 16, 40, 40)), rtol=1e-4, atol=1e-4)
    cache = dataset.loader.latents
    assert len(cache) == 1
    assert cache.held_bytes == 4 * 320 * 6 * 8
    assert len(pickle.loads(pickle.dumps(dataset)).loader.latents) == 0
    (folder / "lines" / "a.pgi").write_bytes(data + b"")
    small = PgiFolder(folder, level="latent", latent_cache=4 * 320 * 6 * 8)
    _ = small[0], small[3]
    assert len(small.loader.latents) == 1


@pytest.mark.parametrize("transform", [PgiCompress(50), ToLatent(50)], ids=["PgiCompress", "ToLatent"])
def test_compiling_goes_around_transforms(photo: Image.Image, transform: Callable[[Any], Any]) -> None:
    picture = torch.from_numpy(np.array(photo.crop((0, 0, 64, 64)))).permute(2, 0, 1)
    compiled = torch.compile(lambda x: transform(x).float() * 2, backend="eager")
    torch.testing.assert_close(compiled(picture), transform(picture).float() * 2)


def test_pillow_takes_one_thread_in_a_worker(folder: Path) -> None:
    assert list(DataLoader(Threads(), batch_size=None, num_workers=1)) == [1]
    assert Threads()[0] is None
    del folder


def test_loader_gives_lists_to_collate(folder: Path) -> None:
    loader = DataLoader(PgiFolder(folder, on_damage="skip"), 2, num_workers=2, collate_fn=as_list)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sum(len(batch) for batch in loader) == 4
