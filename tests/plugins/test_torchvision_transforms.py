"""The transforms on every type that v2 knows, beside the codec itself."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

import pgic_core
from pgic_core.errors import PgiOptionError
from pgic_plugins.torchvision import PgiCompress, ToLatent, decode_pgi_latent

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def image(photo: Image.Image) -> tv_tensors.Image:
    return tv_tensors.Image(photo.crop((0, 0, 130, 70)))


def coded(image: torch.Tensor, quality: int) -> torch.Tensor:
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    return torch.from_numpy(pgic_core.decode(pgic_core.encode(pixels, quality=quality, effort=1))).permute(
        2, 0, 1
    )


def test_it_is_the_codec(image: torch.Tensor) -> None:
    result = PgiCompress(30)(image)
    assert torch.equal(result, coded(image, 30))
    assert not torch.equal(result, image)


def test_types_stay_and_results_agree(image: tv_tensors.Image) -> None:
    expected = coded(image, 30)
    compress = PgiCompress((30, 30))
    plain = image.as_subclass(torch.Tensor)
    for given in (image, plain, plain.contiguous(memory_format=torch.contiguous_format)):
        result = compress(given)
        assert type(result) is type(given)
        assert result.dtype == torch.uint8
        assert torch.equal(result, expected)
    pil = compress(F.to_pil_image(image))
    assert isinstance(pil, Image.Image)
    assert pil.mode == "RGB"
    assert torch.equal(F.pil_to_tensor(pil), expected)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        scaled = F.to_dtype(image, torch.float32, scale=True)
        result = compress(tv_tensors.wrap(scaled.to(dtype), like=image))
        assert type(result) is tv_tensors.Image
        assert result.dtype == dtype
        if dtype == torch.float32:
            torch.testing.assert_close(result.as_subclass(torch.Tensor), expected / 255)
    assert compress(plain.float() / 100).max() <= 1
    tracked = (plain / 255).requires_grad_()
    assert not compress(tracked).requires_grad


def test_batches_and_videos_are_coded_picture_by_picture(image: tv_tensors.Image) -> None:
    pair = torch.stack([image, image.flip(2)])
    expected = torch.stack([coded(picture, 45) for picture in pair])
    assert torch.equal(PgiCompress(45)(pair), expected)
    video = PgiCompress(45)(tv_tensors.Video(pair[None]))
    assert type(video) is tv_tensors.Video
    assert torch.equal(video[0], expected)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_grey_and_opacity_come_back_as_they_were(photo: Image.Image, mode: str) -> None:
    picture = photo.crop((0, 0, 64, 48)).convert(mode)
    result = PgiCompress(20)(picture)
    assert result.mode == mode
    before, after = np.asarray(picture), np.asarray(result)
    lossless = (slice(None), slice(None), slice(3, None)) if mode == "RGBA" else ...
    assert np.array_equal(before[lossless], after[lossless])
    assert np.array_equal(before, after) == (mode != "RGBA")


def test_the_rest_of_a_sample_stays(image: tv_tensors.Image) -> None:
    sample = {
        "image": image,
        "boxes": tv_tensors.BoundingBoxes([[1.0, 2, 3, 4]], format="XYXY", canvas_size=(70, 130)),
        "mask": tv_tensors.Mask(torch.ones(1, 70, 130, dtype=torch.uint8)),
        "labels": torch.tensor([4]),
        "score": torch.rand(3, 8, 8),
        "name": "x.pgi",
    }
    result = PgiCompress(30)(sample)
    assert result.keys() == sample.keys()
    assert not torch.equal(result["image"], image)
    for name in sample.keys() - {"image"}:
        assert result[name] is sample[name]


def test_torchs_seed_governs(image: tv_tensors.Image) -> None:
    compress = PgiCompress((10, 90), p=0.5)

    def drawn(seed: int) -> list[int | None]:
        torch.manual_seed(seed)
        return [compress.make_params([])["quality"] for _ in range(200)]

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    qualities = [quality for quality in first if quality is not None]
    assert 60 < len(qualities) < 140
    assert min(qualities) >= 10
    assert max(qualities) <= 90
    assert len(set(qualities)) > 20
    torch.manual_seed(5)
    one = PgiCompress((10, 90))(image)
    torch.manual_seed(5)
    assert torch.equal(PgiCompress((10, 90))(image), one)
    assert PgiCompress(30, p=0)(image) is image


def test_they_compose(image: tv_tensors.Image) -> None:
    pipeline = v2.Compose(
        [
            v2.RandomCrop(64),
            PgiCompress((20, 60)),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5], [0.5]),
        ]
    )
    boxes = tv_tensors.BoundingBoxes([[1.0, 2, 60, 40]], format="XYXY", canvas_size=(70, 130))
    result, moved = pickle.loads(pickle.dumps(pipeline))(image, boxes)
    assert result.shape == (3, 64, 64)
    assert moved.canvas_size == (64, 64)
    assert "PgiCompress(quality=(20, 60), p=1.0, effort=1)" in repr(pipeline)
    latent, moved = v2.Compose([v2.CenterCrop(64), ToLatent(60)])(image, boxes)
    assert latent.shape[1:] == moved.canvas_size == (4, 4)


def test_latents_of_pictures_and_of_files_are_one(image: tv_tensors.Image, tmp_path: Path) -> None:
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    data = pgic_core.encode(pixels, quality=60, effort=1)
    expected = decode_pgi_latent(data)
    path = tmp_path / "x.pgi"
    path.write_bytes(data)
    to_latent = ToLatent(quality=60)
    sources: list[Any] = [
        image,
        image.as_subclass(torch.Tensor),
        F.to_dtype(image, torch.float32, scale=True),
        F.to_pil_image(image),
        data,
        path,
        str(path),
        torch.frombuffer(bytearray(data), dtype=torch.uint8),
    ]
    for source in sources:
        result = to_latent(source)
        assert type(result) is torch.Tensor
        assert torch.equal(result, expected)
    batch = to_latent(torch.stack([image, image]))
    assert torch.equal(batch, torch.stack([expected, expected]))


@pytest.mark.parametrize(
    "box", [("XYXY", [16, 32, 48, 64]), ("XYWH", [16, 32, 32, 32]), ("CXCYWH", [32, 48, 32, 32])]
)
def test_boxes_are_put_on_the_latent(image: tv_tensors.Image, box: tuple[str, list[int]]) -> None:
    name, numbers = box
    boxes = tv_tensors.BoundingBoxes([numbers], format=name, canvas_size=(70, 130))
    latent, moved, mask = ToLatent()(image, boxes, tv_tensors.Mask(torch.zeros(1, 70, 130)))
    assert moved.canvas_size == tuple(latent.shape[1:]) == (5, 9)
    assert moved.format is boxes.format
    assert moved.tolist() == [[number / 16 for number in numbers]]
    assert mask.shape == (1, 70, 130)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PgiCompress(0),
        lambda: PgiCompress((60, 40)),
        lambda: PgiCompress((1, 2, 3)),
        lambda: PgiCompress(True),
        lambda: PgiCompress(50.0),
        lambda: PgiCompress("best"),
        lambda: PgiCompress(p=1.5),
        lambda: ToLatent(101),
        lambda: PgiCompress()(torch.zeros(5, 8, 8)),
        lambda: PgiCompress()(torch.zeros(8, 8)),
        lambda: PgiCompress()(torch.zeros(3, 0, 8)),
        lambda: PgiCompress(effort=7)(torch.zeros(3, 8, 8)),
        lambda: PgiCompress()(Image.new("CMYK", (8, 8))),
        lambda: ToLatent()(Image.new("L", (8, 8))),
        lambda: ToLatent()(torch.zeros(1, 8, 8)),
        lambda: ToLatent()(
            torch.zeros(3, 8, 8),
            tv_tensors.BoundingBoxes([[1.0, 1, 2, 2, 30]], format="XYWHR", canvas_size=(8, 8)),
        ),
    ],
)
def test_errors(make: Any) -> None:
    with pytest.raises(PgiOptionError, match=r"\.$"):
        make()
