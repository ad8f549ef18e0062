"""encode and decode: which codec takes what, and what comes back."""

from __future__ import annotations

import inspect
import io
from typing import Any

import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core import PgiOptionError
from pgic_core.api import EncodeOptions
from pgic_core.models import default_model

from .photos import ALPHA, GREY, PHOTO, RGBA, opened, photo_file, psnr


def test_rgb_goes_to_the_learned_codec() -> None:
    data = pgic_core.encode(PHOTO)
    facts = pgic_core.inspect(data)
    assert (facts.codec, facts.quality, facts.channels) == ("learned", 50, "rgb")
    assert default_model().digest.startswith(facts.model_digest)
    assert (facts.model, facts.model_released) == ("grid-1", True)
    assert psnr(PHOTO, pgic_core.decode(data)) > 31
    assert len(data) < PHOTO.nbytes / 20


def test_alpha_beside_learned_colour_is_exact() -> None:
    data = pgic_core.encode(RGBA)
    assert pgic_core.inspect(data).channels == "rgb+alpha"
    decoded = pgic_core.decode(data)
    np.testing.assert_array_equal(decoded[:, :, 3], ALPHA)
    assert psnr(decoded[:, :, :3], PHOTO) > 31
    np.testing.assert_array_equal(pgic_core.decode(data, window=(9, 8, 7, 6)), decoded[8:14, 9:16])
    assert pgic_core.decode(data, level="preview").shape == (15, 20, 4)
    pgic_core.verify(data)


@pytest.mark.parametrize(
    ("image", "options", "codec"),
    [
        (PHOTO, {"lossless": True}, "lossless"),
        (RGBA, {"lossless": True}, "lossless"),
        (PHOTO, {"image_type": "infrared"}, "lossless"),
        (PHOTO, {"image_type": 7, "quality": 10}, "lossless"),
        (GREY, {}, "lossless"),
        (np.dstack([GREY, ALPHA]), {}, "lossless"),
        (GREY.astype(np.uint16) * 200, {"image_type": "infrared"}, "lossless"),
        (PHOTO.astype(np.uint16) * 200, {}, "lossless"),
        (GREY > 99, {}, "lossless"),
        (GREY.astype(np.float32) / 3, {"image_type": "depth"}, "lossless"),
        (GREY.astype(np.int32) - 99, {}, "lossless"),
        (GREY.astype(np.int16) - 99, {"image_type": "infrared"}, "lossless"),
        (np.dstack([GREY, GREY]).astype(np.float64) / 3, {}, "lossless"),
    ],
)
def test_everything_else_comes_back_exactly(image: Any, options: dict[str, Any], codec: str) -> None:
    data = pgic_core.encode(image, **options)
    facts = pgic_core.inspect(data)
    assert facts.codec == codec
    assert (facts.quality, facts.model_digest) == (None, None)
    decoded = pgic_core.decode(data)
    expected = image * np.uint8(255) if image.dtype == bool else image
    assert decoded.dtype == expected.dtype
    np.testing.assert_array_equal(decoded, expected)
    pgic_core.verify(data)


@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (65, 1), (64, 64), (63, 129)])
def test_odd_sizes(shape: tuple[int, int]) -> None:
    photo = np.ascontiguousarray(PHOTO[: shape[0], : shape[1]])
    for options in ({}, {"lossless": True}):
        data = pgic_core.encode(photo, **options)
        assert pgic_core.decode(data).shape == photo.shape
        preview = pgic_core.decode(data, level="preview")
        assert preview.shape[:2] == (-(-shape[0] // 8), -(-shape[1] // 8))


def test_sources_of_every_kind(tmp_path: Any) -> None:
    data = pgic_core.encode(GREY)
    path = tmp_path / "photo.pgi"
    assert pgic_core.encode_to(path, GREY) == len(data)
    assert path.read_bytes() == data
    for source in (data, bytearray(data), memoryview(data), path, str(path), io.BytesIO(data)):
        np.testing.assert_array_equal(pgic_core.decode(source), GREY)


def test_pillow_image_and_its_array_code_alike() -> None:
    image = opened("PNG")
    assert pgic_core.encode(image) == pgic_core.encode(np.asarray(image))


def test_same_input_same_bytes_with_any_number_of_threads() -> None:
    assert pgic_core.encode(RGBA, threads=1) == pgic_core.encode(RGBA, threads=3)


def test_quality_trades_size_for_loss() -> None:
    coarse, fine = pgic_core.encode(PHOTO, quality=20), pgic_core.encode(PHOTO, quality=95)
    assert len(coarse) < len(fine)
    assert psnr(pgic_core.decode(coarse), PHOTO) < psnr(pgic_core.decode(fine), PHOTO)


@pytest.mark.parametrize("image", [PHOTO, RGBA])
def test_size_targets_count_the_whole_file(image: Any) -> None:
    extras = {"exif": b"Exif\0\0" + bytes(300), "metadata": {"device_id": "D7"}}
    free = len(pgic_core.encode(image, **extras))
    budget = free * 7 // 10
    pixels = image.shape[0] * image.shape[1]
    for options in (
        {"max_bytes": budget},
        {"bpp": budget * 8 / pixels},
        {"ratio": 10.0, "source_bytes": budget * 10},
    ):
        size = len(pgic_core.encode(image, **options, **extras))
        assert budget * 0.9 < size <= budget


def test_ratio_knows_the_file_of_a_pillow_image(tmp_path: Any) -> None:
    from PIL import Image

    path = tmp_path / "photo.png"
    path.write_bytes(photo_file("PNG"))
    with Image.open(path) as image:
        assert len(pgic_core.encode(image, ratio=15)) <= path.stat().st_size / 15
    with pytest.raises(PgiOptionError, match="source_bytes"):
        pgic_core.encode(PHOTO, ratio=15)


def test_min_psnr_is_met_without_waste() -> None:
    data = pgic_core.encode(PHOTO, min_psnr=34)
    assert 34 <= psnr(pgic_core.decode(data), PHOTO) < 36


def test_targets_that_cannot_be_met() -> None:
    for image, options in (
        (PHOTO, {"max_bytes": 150}),
        (PHOTO, {"max_bytes": 50}),
        (RGBA, {"max_bytes": 150}),
        (GREY, {"max_bytes": 2000}),
        (PHOTO, {"min_psnr": 90, "codec": "learned"}),
    ):
        with pytest.raises(PgiOptionError):
            pgic_core.encode(image, **options)
    # What is kept without loss meets any PSNR, and any size that it fits into.
    assert pgic_core.inspect(pgic_core.encode(GREY, min_psnr=90)).codec == "lossless"
    assert len(pgic_core.encode(GREY, max_bytes=100_000)) <= 100_000


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 50, "lossless": True},
        {"quality": 50, "bpp": 1.0},
        {"max_bytes": 9, "min_psnr": 30.0},
        {"ratio": 9, "lossless": True},
        {"quality": 0},
        {"quality": 101},
        {"quality": 7.5},
        {"quality": True},
        {"max_bytes": 0},
        {"ratio": -1.0, "source_bytes": 9},
        {"ratio": float("nan"), "source_bytes": 9},
        {"bpp": float("inf")},
        {"min_psnr": "30"},
        {"source_bytes": 0},
        {"effort": 0},
        {"effort": 9},
        {"threads": 0},
        {"image_type": "x-ray"},
        {"image_type": 256},
        {"metadata": {"colour": 1}},
        {"metadata": [1]},
        {"dpi": (0, 72)},
        {"exif": 5},
        {"extension": {"noprefix": 1}},
        {"extension": {"pgic.exif": b"x"}},
        {"extension": [1]},
        {"annotations": {"label": "crack"}},
        {"annotations": [{"label": "crack"}]},
        {"roi": np.zeros((9, 9), np.int8)},
        {"roi": np.zeros((2, 3), np.int8), "lossless": True},
    ],
    ids=repr,
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(PgiOptionError):
        pgic_core.encode(PHOTO, **options)


def test_unknown_model_is_named() -> None:
    with pytest.raises(pgic_core.PgiModelError, match="no-such"):
        pgic_core.encode(PHOTO, model="no-such")
    assert pgic_core.encode(PHOTO, model=default_model().id) == pgic_core.encode(PHOTO)


def test_region_of_interest_is_better_there() -> None:
    photo = np.ascontiguousarray(skimage.data.astronaut()[:128, 150:278])
    roi = np.zeros((2, 2), np.int8)
    roi[0, 0] = 16
    plain = pgic_core.decode(pgic_core.encode(photo, quality=40))
    regional = pgic_core.decode(pgic_core.encode(photo, quality=40, roi=roi))
    inner = np.s_[:56, :56]
    assert psnr(regional[inner], photo[inner]) > psnr(plain[inner], photo[inner]) + 1


def test_limits_hold_for_encoding_too() -> None:
    with pytest.raises(pgic_core.PgiLimitError, match="pixels"):
        pgic_core.encode(PHOTO, limits=pgic_core.Limits(pixels=100))


def test_limits_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pgic_core.encode(GREY)
    monkeypatch.setenv("PGIC_LIMIT_PIXELS", "100")
    with pytest.raises(pgic_core.PgiLimitError, match="PGIC_LIMIT_PIXELS"):
        pgic_core.decode(data)
    np.testing.assert_array_equal(pgic_core.decode(data, limits=pgic_core.Limits()), GREY)


def test_progress_ends_at_one() -> None:
    for image in (PHOTO, GREY):
        shares: list[float] = []
        data = pgic_core.encode(image, progress=shares.append)
        assert shares[-1] == 1.0
        shares.clear()
        pgic_core.decode(data, progress=shares.append)
        assert shares[-1] == 1.0


def test_decode_many() -> None:
    pictures = [GREY[: 20 + i] for i in range(7)]
    shares: list[float] = []
    decoded = pgic_core.decode_many(
        [pgic_core.encode(p) for p in pictures], threads=3, progress=shares.append
    )
    for picture, again in zip(pictures, decoded, strict=True):
        np.testing.assert_array_equal(picture, again)
    assert shares[-1] == 1.0
    assert pgic_core.decode_many([]) == []
    with pytest.raises(pgic_core.PgiFormatError):
        pgic_core.decode_many([pgic_core.encode(GREY), b"nothing"])


def test_the_two_lists_of_encode_options_agree() -> None:
    parameters = list(inspect.signature(pgic_core.encode).parameters)
    assert parameters[1:] == list(EncodeOptions.__annotations__)
