"""Reduced sizes: what they show, of every codec, and windows of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core
from pgic_core.codec.average_downscaling import mean_reduce
from pgic_core.errors import PgiOptionError

PHOTO = np.ascontiguousarray(skimage.data.coffee()[:333, :517])
KINDS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "lossless": (PHOTO, {"lossless": True}),
    "grey of 16 bits": (PHOTO[:, :, 0].astype(np.uint16) * 257, {"lossless": True}),
    "float": (PHOTO[:, :, 1].astype(np.float32) / 7, {"lossless": True}),
}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.square(a.astype(float) - b).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def means(picture: np.ndarray, scale: int) -> np.ndarray:
    deep = picture if picture.ndim == 3 else picture[:, :, None]
    return mean_reduce(deep, scale).reshape(
        *(-(-side // scale) for side in picture.shape[:2]), *picture.shape[2:]
    )


@pytest.mark.parametrize("quality", [5, 30, 60, 95])
def test_learned_pictures_are_near_the_means_of_the_whole(quality: int) -> None:
    data = pgic_core.encode(PHOTO, quality=quality)
    whole = pgic_core.decode(data)
    for scale in (2, 4):
        assert psnr(pgic_core.decode(data, scale=scale), means(whole, scale)) > 38
    preview = pgic_core.decode(data, level="preview")
    assert np.array_equal(pgic_core.decode(data, scale=8), preview)
    assert psnr(preview, means(whole, 8)) > 34
    large = pgic_core.decode(data, level="preview", scale=4)
    assert large.shape == pgic_core.decode(data, scale=4).shape
    assert psnr(large, means(whole, 4)) > 33


def test_a_larger_preview_needs_a_prefix_and_its_windows_are_parts_of_it() -> None:
    data = pgic_core.encode(PHOTO, quality=50)
    with pgic_core.open_file(data) as file:
        enough = data[: file.preview_bytes]
    whole = pgic_core.decode(data, level="preview", scale=4)
    assert np.array_equal(pgic_core.decode(enough, level="preview", scale=4), whole)
    window = pgic_core.decode(data, level="preview", scale=4, window=(200, 100, 160, 120))
    assert np.abs(window.astype(int) - whole[25:55, 50:90]).max() <= 1
    with pgic_core.open_file(data) as file:
        strips = np.concatenate(list(file.strips(level="preview", scale=4)))
    assert np.array_equal(strips, whole)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_without_loss_are_the_means_of_their_pixels(kind: str) -> None:
    picture, options = KINDS[kind]
    data = pgic_core.encode(picture, **options)
    for scale in (2, 4, 8):
        shown = pgic_core.decode(data, scale=scale)
        assert shown.dtype == picture.dtype
        assert np.array_equal(shown, means(picture, scale))
        with pgic_core.open_file(data) as file:
            strips = np.concatenate(list(file.strips(scale=scale)))
        assert np.array_equal(strips.reshape(shown.shape), shown)
    assert np.array_equal(pgic_core.decode(data, level="preview"), means(picture, 8))
    assert np.array_equal(pgic_core.decode(data, level="preview", scale=4), means(picture, 4))


def test_opacity_and_exact_blocks_are_means_of_what_they_were() -> None:
    alpha = np.tile(np.arange(517, dtype=np.uint8), (333, 1))[:, :, None]
    data = pgic_core.encode(np.concatenate([PHOTO, alpha], axis=2), quality=40, exact=[(160, 80, 96, 64)])
    for scale in (2, 4, 8):
        shown = pgic_core.decode(data, scale=scale)
        assert np.array_equal(shown[:, :, 3:], means(alpha, scale))
        with pgic_core.open_file(data) as file:
            assert np.array_equal(np.concatenate(list(file.strips(scale=scale))), shown)
        inside = np.s_[80 // scale : 144 // scale, 160 // scale : 256 // scale]
        assert np.array_equal(shown[*inside, :3], means(PHOTO, scale)[inside])


def test_a_grey_picture_stays_grey() -> None:
    grey = np.repeat(PHOTO[:, :, :1], 3, axis=2)
    data = pgic_core.encode(grey, quality=40)
    for scale in (2, 4, 8):
        shown = pgic_core.decode(data, scale=scale)
        assert (shown == shown[:, :, :1]).all()


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("lossless", [False, True])
def test_windows_are_in_pixels_of_the_full_picture(scale: int, lossless: bool) -> None:
    data = pgic_core.encode(PHOTO, **({"lossless": True} if lossless else {"quality": 50}))
    whole = pgic_core.decode(data, scale=scale)
    for x, y, w, h in [(0, 0, 517, 333), (101, 53, 97, 201), (516, 332, 1, 1), (256, 0, 8, 333)]:
        part = pgic_core.decode(data, scale=scale, window=(x, y, w, h))
        rows, columns = slice(y // scale, -(-(y + h) // scale)), slice(x // scale, -(-(x + w) // scale))
        assert part.shape == whole[rows, columns].shape
        assert np.abs(part.astype(int) - whole[rows, columns]).max() <= 1
    with pytest.raises(PgiOptionError, match="is not inside the picture"):
        pgic_core.decode(data, scale=scale, window=(500, 0, 18, 1))


def test_small_pictures_have_small_sizes() -> None:
    for width, height in ((1, 1), (7, 3), (8, 8), (9, 17)):
        for options in ({"lossless": True}, {"quality": 60}):
            data = pgic_core.encode(PHOTO[:height, :width], **options)
            for scale in (2, 4, 8):
                assert pgic_core.decode(data, scale=scale).shape == (
                    -(-height // scale),
                    -(-width // scale),
                    3,
                )


def test_damage_is_seen_at_every_scale() -> None:
    data = bytearray(pgic_core.encode(PHOTO, quality=50))
    data[-30:] = bytes(30)
    for scale in (1, 2, 4):
        pixels, damaged = pgic_core.decode_with_mask(bytes(data), scale=scale)
        assert damaged.shape == pixels.shape[:2]
        assert damaged.any()
    # A preview does not read the part that is damaged.
    assert not pgic_core.decode_with_mask(bytes(data), scale=8).damaged.any()


def test_many_files_at_once_and_streams() -> None:
    files = [pgic_core.encode(PHOTO[:100], quality=50), pgic_core.encode(PHOTO[:50], lossless=True)]
    half = pgic_core.decode_many([io.BytesIO(data) for data in files], scale=2)
    assert [picture.shape for picture in half] == [(50, 259, 3), (25, 259, 3)]
    assert np.array_equal(half[0], pgic_core.decode(files[0], scale=2))


def test_pillow_opens_at_a_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    from pgic_plugins import pillow

    data = pgic_core.encode(PHOTO, quality=50)
    try:
        pillow.register_pgi_opener(scale=4)
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (130, 84)
            assert np.array_equal(np.asarray(image), pgic_core.decode(data, scale=4))
            assert image.draft(None, (1, 1)) is None
        pillow.register_pgi_opener(level="preview")
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), pgic_core.decode(data, scale=8))
        pillow.register_pgi_opener(level="preview", scale=4)
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), pgic_core.decode(data, level="preview", scale=4))
        for wrong in ({"scale": 3}, {"level": "preview", "scale": 2}, {"level": "sharp"}):
            with pytest.raises(PgiOptionError):
                pillow.register_pgi_opener(**wrong)  # type: ignore[arg-type]
    finally:
        pillow.register_pgi_opener()


def test_imageio_reads_at_a_scale() -> None:
    import imageio.v3 as iio

    import pgic_plugins.imageio  # noqa: F401

    data = pgic_core.encode(PHOTO, quality=50)
    part = iio.imread(data, extension=".pgi", scale=4, window=(100, 100, 80, 40))
    assert np.array_equal(part, pgic_core.decode(data, scale=4, window=(100, 100, 80, 40)))
