"""The imageio plugin, by imageio's own means and beside its Pillow plugin."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from typing import TYPE_CHECKING, Any

import imageio.config
import imageio.v2
import imageio.v3 as iio
import numpy as np
import pytest
from PIL import ExifTags, Image

from pgic_core.errors import PgiChecksumError, PgiError, PgiOptionError
from pgic_plugins.imageio import PgiPlugin

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Codec


@pytest.fixture
def expected(pgi: Path) -> np.ndarray[Any, Any]:
    with Image.open(pgi) as image:
        return np.asarray(image)


def other_plugins() -> list[str]:
    return [name for name in imageio.config.known_plugins if not name.startswith("pgi")]


def test_it_is_asked_first():
    assert next(iter(imageio.config.known_plugins)) == "pgi-content"
    assert imageio.config.known_plugins["pgi"].plugin_class is PgiPlugin
    assert imageio.config.known_extensions[".pgi"][0].priority == ["pgi"]


@pytest.mark.parametrize("read", [iio.imread, imageio.v2.imread])
def test_reads_what_pillow_reads_from_every_source(read: Any, pgi: Path, expected: np.ndarray[Any, Any]):
    nameless = pgi.with_name("photo.unknown")
    nameless.write_bytes(pgi.read_bytes())
    with pgi.open("rb") as file:
        for source in (pgi, str(pgi), nameless, pgi.read_bytes(), file, io.BytesIO(pgi.read_bytes())):
            np.testing.assert_array_equal(read(source), expected)
        np.testing.assert_array_equal(read(file), expected)  # from the start again, as Pillow does
        assert not file.closed


def test_reads_inside_a_zip_file(pgi: Path, expected: np.ndarray[Any, Any]):
    with zipfile.ZipFile(pgi.with_name("all.zip"), "w") as archive:
        archive.write(pgi, "photo.pgi")
    np.testing.assert_array_equal(iio.imread(pgi.with_name("all.zip") / "photo.pgi"), expected)


def test_reads_a_pipe_that_is_said_to_be_one(pgi: Path, expected: np.ndarray[Any, Any]):
    with _pipe(pgi.read_bytes()) as stream:
        np.testing.assert_array_equal(iio.imread(stream, extension=".pgi"), expected)


@pytest.mark.parametrize("source", ["path", "bytes", "file", "pipe"])
def test_other_formats_still_go_to_their_plugins(photo: Image.Image, tmp_path: Path, source: str):
    """With a name that says nothing, so that imageio asks every plugin."""
    path = tmp_path / "picture"
    photo.save(path, "PNG")
    opened = {
        "path": lambda: path,
        "bytes": path.read_bytes,
        "file": lambda: path.open("rb"),
        "pipe": lambda: _pipe(path.read_bytes()),
    }[source]()
    np.testing.assert_array_equal(iio.imread(opened), np.asarray(photo))
    if isinstance(opened, io.IOBase):
        opened.close()


def test_a_file_object_is_left_where_it_was(photo: Image.Image):
    file = io.BytesIO(b"junk")
    photo.save(file, "PNG")
    file.seek(2)
    with pytest.raises(OSError, match="can not handle"):
        iio.imopen(file, "r", plugin="pgi")
    assert file.tell() == 2


def test_options_of_reading(pgi: Path, expected: np.ndarray[Any, Any]):
    assert iio.imread(pgi, level="preview").shape == (26, 38, 3)
    window = iio.imread(pgi, window=(10, 20, 30, 40)).astype(int)
    assert np.abs(window - expected[20:60, 10:40]).max() <= 1
    grey = np.asarray(Image.fromarray(expected).convert("L"))
    np.testing.assert_array_equal(iio.imread(pgi, mode="L"), grey)
    pixels = iio.imread(pgi)
    pixels[0, 0] = 0  # writable


def test_index_batches_and_iteration(pgi: Path, expected: np.ndarray[Any, Any]):
    np.testing.assert_array_equal(iio.imread(pgi, index=0), expected)
    np.testing.assert_array_equal(iio.imread(pgi, index=...), expected[np.newaxis])
    (only,) = iio.imiter(pgi)
    np.testing.assert_array_equal(only, expected)
    with pytest.raises(ValueError, match="no frame 1: the file is a single picture"):
        iio.imread(pgi, index=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotate_is_what_imageio_does_with_a_png(photo: Image.Image, tmp_path: Path, orientation: int):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = np.asarray(photo)
    iio.imwrite(tmp_path / "x.pgi", pixels, lossless=True, exif=exif)
    photo.save(tmp_path / "x.png", exif=exif)
    for rotate in (False, True):
        ours = iio.imread(tmp_path / "x.pgi", rotate=rotate)
        np.testing.assert_array_equal(ours, iio.imread(tmp_path / "x.png", rotate=rotate))
    assert iio.immeta(tmp_path / "x.pgi")["orientation"] == orientation


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_properties_are_those_of_the_array(tmp_path: Path, shape: tuple[int, ...], dtype: type):
    pixels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    path = tmp_path / "x.pgi"
    iio.imwrite(path, pixels, lossless=True, dpi=(300, 150))
    np.testing.assert_array_equal(iio.imread(path), pixels)
    properties = iio.improps(path)
    assert (properties.shape, properties.dtype, properties.spacing) == (shape, pixels.dtype, (300, 150))
    assert (properties.n_images, properties.is_batch) == (None, False)
    properties = iio.improps(path, index=...)
    assert (properties.shape, properties.n_images, properties.is_batch) == ((1, *shape), 1, True)


def test_metadata(codec: Codec, photo: Image.Image):
    data = codec.encode(photo, xmp=b"<x/>", metadata={"device_id": "drone 7"})
    metadata = iio.immeta(data)
    assert metadata["xmp"] == b"<x/>"
    assert metadata["metadata"].device_id == "drone 7"


def test_writes_to_every_target(codec: Codec, photo: Image.Image, tmp_path: Path):
    pixels, options = np.asarray(photo), codec.options
    expected = codec.encode(photo)
    iio.imwrite(tmp_path / "a.pgi", pixels, **options)
    imageio.v2.imwrite(tmp_path / "b.pgi", pixels, **options)
    imageio.v2.imwrite(tmp_path / "c.PGI", pixels, format="pgi", **options)
    with (tmp_path / "d").open("wb") as file:
        iio.imwrite(file, pixels, extension=".pgi", **options)
        assert not file.closed
    for name in ("a.pgi", "b.pgi", "c.PGI", "d"):
        assert (tmp_path / name).read_bytes() == expected
    assert iio.imwrite("<bytes>", pixels, extension=".pgi", **options) == expected
    iio.imwrite(tmp_path / "all.zip" / "e.pgi", pixels, **options)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.read("e.pgi") == expected


def test_vendor_fields_go_to_write(photo: Image.Image, tmp_path: Path):
    with iio.imopen(tmp_path / "x.pgi", "w") as file:
        assert file.write(np.asarray(photo), lossless=True, extension={"vendor.x": 1}) is None
    assert iio.immeta(tmp_path / "x.pgi")["extension"] == {"vendor.x": 1}


def test_a_batch_of_one_is_a_picture_and_more_are_a_sequence(photo: Image.Image, tmp_path: Path):
    pixels = np.asarray(photo)
    for batch in ([pixels], pixels[np.newaxis]):
        iio.imwrite(tmp_path / "x.pgi", batch, lossless=True)
        np.testing.assert_array_equal(iio.imread(tmp_path / "x.pgi"), pixels)
    iio.imwrite(tmp_path / "x.pgi", pixels[np.newaxis, :, :, 0], is_batch=True, lossless=True)
    assert iio.imread(tmp_path / "x.pgi").shape == pixels.shape[:2]
    before = (tmp_path / "x.pgi").read_bytes()
    for wrong in ([], [pixels, pixels[1:]]):
        with pytest.raises(PgiOptionError):
            iio.imwrite(tmp_path / "x.pgi", wrong, is_batch=True)
        assert (tmp_path / "x.pgi").read_bytes() == before
    iio.imwrite(tmp_path / "x.pgi", [pixels, pixels[::-1]], lossless=True, duration=40)
    np.testing.assert_array_equal(iio.imread(tmp_path / "x.pgi", index=...), [pixels, pixels[::-1]])


def test_a_failed_write_leaves_the_old_file(pgi: Path, photo: Image.Image):
    before = pgi.read_bytes()
    with pytest.raises(ValueError, match="quality"):
        iio.imwrite(pgi, np.asarray(photo), quality=1000)
    assert pgi.read_bytes() == before


def test_other_formats_are_still_written_by_their_plugins(photo: Image.Image, tmp_path: Path):
    pixels = np.asarray(photo)
    iio.imwrite(tmp_path / "x.png", pixels)
    assert iio.imwrite("<bytes>", pixels, extension=".png").startswith(b"\x89PNG")
    with pytest.raises(OSError, match="can not handle"):
        iio.imwrite(tmp_path / "y.png", pixels, plugin="pgi")


def test_a_damaged_file_is_not_given_to_another_plugin(pgi: Path):
    """PyAV would return pixels for it, and so would anyone's plugin that reads raw bytes."""
    assert "pyav" in other_plugins()
    data = bytearray(pgi.read_bytes())
    data[40] ^= 1
    pgi.write_bytes(data)
    for source in (pgi, bytes(data), io.BytesIO(data)):
        for read in (iio.imread, imageio.v2.imread):
            with pytest.raises(PgiChecksumError, match="header is damaged"):
                read(source)


def test_cut_pixels_raise_or_are_concealed(pgi: Path):
    data = pgi.read_bytes()[:-10]
    with pytest.raises(PgiError):
        iio.imread(data)
    assert iio.imread(data, on_damage="conceal").shape == (203, 301, 3)


def test_the_readers_and_writers_of_version_2(pgi: Path, expected: np.ndarray[Any, Any], tmp_path: Path):
    with imageio.v2.get_reader(pgi) as reader:
        assert len(reader) == 1
        np.testing.assert_array_equal(reader.get_data(0), expected)
        assert reader.get_meta_data(0)["image_type"] == 0
    with imageio.v2.get_writer(tmp_path / "x.pgi", lossless=True) as writer:
        writer.append_data(expected)
    np.testing.assert_array_equal(imageio.v2.imread(tmp_path / "x.pgi"), expected)
    (only,) = imageio.v2.mimread(pgi)
    np.testing.assert_array_equal(only, expected)


def _pipe(data: bytes) -> io.BufferedReader:
    """The reading end of a pipe, which cannot seek."""
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(data)

    threading.Thread(target=feed, daemon=True).start()
    return os.fdopen(reading, "rb")
