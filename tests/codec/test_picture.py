"""Arrays and Pillow images of every mode become pictures without losing what the format can hold."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms

from pgic_core.codec.picture import Picture
from pgic_core.codec.sample_format import Channels, SampleFormat
from pgic_core.errors import PgiInputError, PgiOptionError, PgiUnsupportedError

PHOTO = skimage.data.astronaut()[:40, :56]
RGB = Image.fromarray(PHOTO)
GREY = RGB.convert("L")
ALPHA = Image.linear_gradient("L").resize(RGB.size)


def with_alpha(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(ALPHA)
    return image


def pixels(image: Any, **options: Any) -> np.ndarray:
    return Picture.from_image(image, **options).to_array()


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (GREY, np.asarray(GREY)),
        (RGB, PHOTO),
        (with_alpha(GREY), np.asarray(with_alpha(GREY))),
        (with_alpha(RGB), np.asarray(with_alpha(RGB))),
        (RGB.convert("1"), np.asarray(RGB.convert("1")) * np.uint8(255)),
        (RGB.convert("P"), np.asarray(RGB.convert("P").convert("RGB"))),
        (RGB.convert("YCbCr"), np.asarray(RGB.convert("YCbCr").convert("RGB"))),
        (RGB.convert("HSV"), np.asarray(RGB.convert("HSV").convert("RGB"))),
        (RGB.convert("RGBX"), PHOTO),
        (RGB.convert("CMYK"), np.asarray(RGB.convert("CMYK").convert("RGB"))),
        (with_alpha(RGB).convert("RGBa"), np.asarray(with_alpha(RGB).convert("RGBa").convert("RGBA"))),
        (with_alpha(GREY).convert("La"), np.asarray(with_alpha(GREY).convert("La").convert("LA"))),
        (with_alpha(RGB.convert("P")), np.asarray(with_alpha(RGB.convert("P")).convert("RGBA"))),
        (GREY.convert("F"), np.asarray(GREY, np.float32)),
        (GREY.convert("I"), np.asarray(GREY, np.int32)),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_pillow_modes(image: Image.Image, expected: np.ndarray) -> None:
    found = pixels(image)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N"])
def test_sixteen_bit_modes_of_any_byte_order(mode: str) -> None:
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    raw = values.astype(">u2" if mode == "I;16B" else "<u2" if mode != "I;16N" else "=u2").tobytes()
    found = pixels(Image.frombytes(mode, (4, 3), raw))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, values)


def test_mode_i_beyond_16_bits_stays_int32() -> None:
    values = np.array([[-5, 70000]], np.int32)
    np.testing.assert_array_equal(pixels(Image.fromarray(values)), values)
    assert pixels(Image.fromarray(values)).dtype == np.int32


def test_lab_becomes_rgb() -> None:
    lab = ImageCms.profileToProfile(
        RGB, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert np.abs(pixels(lab).astype(int) - PHOTO).mean() < 3


def test_cmyk_with_a_broken_profile_is_still_coded() -> None:
    image = RGB.convert("CMYK")
    image.info["icc_profile"] = b"no profile"
    np.testing.assert_array_equal(pixels(image), np.asarray(RGB.convert("CMYK").convert("RGB")))


def reopened(image: Image.Image, **options: Any) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    file.seek(0)
    return Image.open(file)


def test_colour_key_becomes_alpha() -> None:
    key = tuple(int(value) for value in PHOTO[3, 5])
    found = pixels(reopened(RGB, transparency=key))
    assert found.shape == (40, 56, 4)
    np.testing.assert_array_equal(found[:, :, 3] == 0, (PHOTO[3, 5] == PHOTO).all(axis=2))
    grey = pixels(reopened(GREY, transparency=int(np.asarray(GREY)[3, 5])))
    assert grey.shape == (40, 56, 2)
    assert grey[3, 5, 1] == 0


def test_transparent_palette_becomes_alpha() -> None:
    palette = RGB.quantize(8)
    assert pixels(reopened(palette, transparency=0)).shape == (40, 56, 4)
    assert pixels(reopened(palette)).shape == (40, 56, 3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", ">u2", ">f4"])
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 2), (3, 4, 3), (3, 4, 4)])
def test_arrays(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    picture = Picture.from_image(array)
    assert picture.channels == (shape[2] if len(shape) == 3 else 1)
    assert picture.sample_format.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(picture.pixels.reshape(shape), array)


def test_bool_arrays_and_views() -> None:
    np.testing.assert_array_equal(pixels(np.array([[True, False]])), np.array([[255, 0]], np.uint8))
    np.testing.assert_array_equal(pixels(PHOTO[::-2, ::3]), PHOTO[::-2, ::3])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 0), np.uint8),
        np.zeros((1, 65536), np.uint8),
        np.zeros((65536, 1, 3), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((1, 2, 3, 4), np.uint8),
        np.zeros((2, 2, 5), np.uint8),
        np.zeros((2, 2), np.longdouble),
        np.zeros((2, 2), np.int64),
        np.zeros((2, 2), np.complex64),
        np.zeros((2, 2), object),
        np.zeros((2, 2), "datetime64[s]"),
        Image.new("RGB", (0, 3)),
        [[1, 2]],
        None,
        "photo.jpg",
    ],
    ids=repr,
)
def test_everything_else_is_refused(image: Any) -> None:
    with pytest.raises(PgiOptionError):
        Picture.from_image(image)


def test_a_broken_photo_is_an_input_error() -> None:
    file = io.BytesIO()
    RGB.save(file, "PNG")
    with pytest.raises(PgiInputError, match="cannot be read"):
        Picture.from_image(Image.open(io.BytesIO(file.getvalue()[:-900])))


def test_only_visible_8_bit_rgb_is_for_the_learned_codec() -> None:
    assert Picture.from_image(PHOTO).learnable
    assert Picture.from_image(with_alpha(RGB)).learnable
    assert not Picture.from_image(PHOTO, 1).learnable
    assert not Picture.from_image(GREY).learnable
    assert not Picture.from_image(with_alpha(GREY)).learnable
    assert not Picture.from_image(PHOTO.astype(np.uint16)).learnable


@pytest.mark.parametrize("image", [GREY, RGB, with_alpha(GREY), with_alpha(RGB), GREY.convert("F")])
def test_back_to_pillow(image: Image.Image) -> None:
    back = Picture.from_image(image).to_pil()
    assert back.mode == image.mode
    np.testing.assert_array_equal(np.asarray(back), np.asarray(image))


def test_back_to_pillow_where_it_has_no_such_mode() -> None:
    deep = PHOTO.astype(np.uint16) * 257
    np.testing.assert_array_equal(np.asarray(Picture.from_image(deep).to_pil()), PHOTO)
    assert Picture.from_image(deep[:, :, 0]).to_pil().mode == "I;16"
    with pytest.raises(PgiUnsupportedError, match="rgb of float32"):
        Picture.from_image(PHOTO.astype(np.float32)).to_pil()


def test_names() -> None:
    assert Channels.RGB_ALPHA.label == "rgb+alpha"
    assert [kind.bits for kind in SampleFormat] == [8, 16, 32, 32, 16, 32, 16, 64]
