"""Rasters of temperatures: int16, int32 and float32 come back with their type, in fewer bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

import pgic_core
from pgic_core.codec.lossless.encoder import encode_lossless
from pgic_core.container import Compression, ImageFields, build_file
from pgic_core.errors import PgiOptionError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TYPES = ("int16", "int32", "float32", "uint32", "float16", "float64")


def raster(name: str) -> NDArray[Any]:
    """640 x 512 temperatures with the noise of a sensor, some below zero."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:512, :640]
    celsius = 15 + 20 * np.sin(x / 100) * np.cos(y / 80) + random.normal(0, 0.05, (512, 640))
    if name == "uint32":
        return (np.rint(celsius * 1000) + 3_000_000_000).astype(name)
    scale = {"int16": 100, "int32": 1000}.get(name, 1)
    return (np.rint(celsius * scale) if scale > 1 else celsius).astype(name)


@pytest.mark.parametrize("name", TYPES)
def test_a_raster_keeps_its_type_and_takes_fewer_bytes(name: str) -> None:
    pixels = raster(name)
    data = pgic_core.encode(pixels, image_type="infrared")
    decoded = pgic_core.decode(data)
    assert decoded.dtype == pixels.dtype
    np.testing.assert_array_equal(decoded, pixels)
    assert len(data) < 0.85 * pixels.nbytes
    facts = pgic_core.inspect(data)
    assert (facts.codec, facts.sample_format) == ("lossless", name)
    window = pgic_core.decode(data, window=(500, 500, 30, 12))
    np.testing.assert_array_equal(window, pixels[500:512, 500:530])
    preview = pgic_core.decode(data, level="preview")
    mean = pixels[:8, :8].mean(dtype=np.float64)
    np.testing.assert_allclose(float(preview[0, 0]), mean, atol=0.51, rtol=1e-3)
    pgic_core.verify(data)


@pytest.mark.parametrize("name", TYPES)
def test_imageio_keeps_the_type(name: str, tmp_path: Path) -> None:
    pixels = raster(name)
    iio.imwrite(tmp_path / "x.pgi", pixels)
    decoded = iio.imread(tmp_path / "x.pgi")
    assert decoded.dtype == pixels.dtype
    np.testing.assert_array_equal(decoded, pixels)
    assert iio.improps(tmp_path / "x.pgi").dtype == pixels.dtype


@pytest.mark.parametrize("name", ["int16", "uint16", "int32", "uint32", "float32"])
def test_a_tiff_that_pillow_opens_keeps_its_type(name: str) -> None:
    """Pillow widens whole numbers to mode I; the file says what they were."""
    pixels = raster(name if name != "uint16" else "int16").astype(name)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels)
    with Image.open(file) as image:
        decoded = pgic_core.decode(pgic_core.encode(image))
    assert decoded.dtype == pixels.dtype
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize(
    ("name", "mode"), [("int16", "I"), ("int32", "I"), ("float16", "F"), ("float32", "F")]
)
def test_pillow_opens_them_in_the_mode_that_holds_them(name: str, mode: str) -> None:
    pixels = raster(name)
    with Image.open(io.BytesIO(pgic_core.encode(pixels))) as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("name", ["uint32", "float64"])
def test_pillow_says_what_it_cannot_hold(name: str) -> None:
    with pytest.raises(OSError, match=f"no mode for grey of {name}"):
        Image.open(io.BytesIO(pgic_core.encode(raster(name))))


@pytest.mark.parametrize("name", ["int8", "int64", "uint64", "complex64"])
def test_other_types_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(PgiOptionError, match=f"Samples must be uint8, uint16, int32, .* or bool, not {name}"):
        pgic_core.encode(np.zeros((4, 4), name))


@pytest.mark.parametrize("name", ["int32", "float32"])
def test_plain_files_of_earlier_versions_are_read(name: str) -> None:
    pixels = raster(name)
    fields = ImageFields(1, 640, 512, 32, Compression.RAW)
    data = build_file(fields, encode_lossless(pixels[:, :, None], plain=True))
    assert pgic_core.inspect(data).codec == "raw"
    np.testing.assert_array_equal(pgic_core.decode(data), pixels)
    assert len(pgic_core.encode(pixels)) < 0.7 * len(data)
