"""16 bits and more go in and come out, whatever file they come from; tifffile and pypng are the judges."""

from __future__ import annotations

import io
import sys
import zlib
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from PIL import Image

import pgic_core
from pgic_core.errors import PgiInputError, PgiWarning
from pgic_core.photos.conversion_losses import collected
from pgic_core.photos.foreign_photo import open_foreign_photo
from pgic_core.photos.photo_writing import photo_bytes
from pgic_core.photos.side_data_for_photo import Carried

from .foreign_files import CASES, png16, samples, tiff


def coded(data: Any, **options: Any) -> Any:
    """What comes back of a photo, of which nothing may be lost."""
    with collected() as losses:
        file = pgic_core.encode(open_foreign_photo(data), effort=1, **options)
    assert not losses
    return pgic_core.decode(file)


def flat(pixels: Any) -> Any:
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits(channels: int, interlace: bool) -> None:
    pixels = samples((19, 23, channels), np.uint16)
    np.testing.assert_array_equal(coded(png16(pixels, interlace=interlace)), flat(pixels))


@pytest.mark.parametrize("channels", [1, 3])
def test_png_of_16_bits_with_a_transparent_colour(channels: int) -> None:
    pixels = samples((9, 11, channels), np.uint16)
    key = pixels[4, 5].tolist()
    transparent = key[0] if channels == 1 else tuple(key)
    back = coded(png16(pixels, transparent=transparent))
    np.testing.assert_array_equal(back[:, :, :-1], pixels)
    np.testing.assert_array_equal(back[:, :, -1] == 0, (pixels == key).all(axis=2))


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_tiff_of_16_bits(channels: int, compression: Any, byteorder: Any, planarconfig: str) -> None:
    pixels = samples((37, 41, channels), np.uint16)
    options = {"planarconfig": planarconfig, "byteorder": byteorder, "compression": compression}
    np.testing.assert_array_equal(coded(tiff(pixels, rowsperstrip=8, **options)), pixels)


@pytest.mark.parametrize(("dtype", "predictor"), [(np.uint16, False), (np.uint16, True), (np.float32, False)])
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_tiff_in_tiles_and_with_predictors(dtype: Any, predictor: bool, tile: Any) -> None:
    pixels = samples((37, 41, 3), dtype)
    data = tiff(pixels, compression="zlib", predictor=predictor, tile=tile, bigtiff=predictor)
    np.testing.assert_array_equal(coded(data), pixels)


@pytest.mark.parametrize(("name", "number"), [("tiff_lzw", 5), ("packbits", 32773)])
def test_tiff_of_other_compressions(name: str, number: int) -> None:
    """libtiff writes them through Pillow, as grey of 16 bits; the bytes are then called RGB."""
    pixels = samples((12, 20, 3), np.uint16)
    out = io.BytesIO()
    Image.fromarray(pixels.reshape(12, 60)).save(out, "TIFF", compression=name)
    np.testing.assert_array_equal(coded(_tiff_of(_only_strip(out), 20, 12, number)), pixels)


def test_tiff_of_floats_with_their_own_predictor() -> None:
    """Differences of the bytes of floats, those of equal weight together (TIFF Technical Note 3)."""
    pixels = samples((12, 20, 3), np.float32)
    weights = pixels.reshape(12, 60).astype(">f4").view(np.uint8).reshape(12, 60, 4).swapaxes(1, 2)
    rows = weights.reshape(12, 80, 3)
    packed = zlib.compress(np.diff(rows, axis=1, prepend=np.uint8(0)).tobytes())
    data = _tiff_of(packed, 20, 12, 8, bits=32, more=[(317, 3, 1, 3), (339, 3, 1, 3)])
    np.testing.assert_array_equal(coded(data), pixels)


def _only_strip(file: io.BytesIO) -> bytes:
    file.seek(0)
    with tifffile.TiffFile(file) as opened:
        page = opened.pages.first
        (at,), (length,) = page.dataoffsets, page.databytecounts
    return file.getvalue()[at : at + length]


def _tiff_of(
    strip: bytes, width: int, height: int, compression: int, *, bits: int = 16, more: Any = ()
) -> bytes:
    """A TIFF of RGB in one strip of given bytes."""
    longs = [(256, width), (257, height), (259, compression), (262, 2), (273, 8), (277, 3), (278, height)]
    entries = [(tag, 4, 1, value) for tag, value in longs] + [(279, 4, 1, len(strip)), *more]
    entries.append((258, 3, 3, 8 + len(strip) + 2 + 12 * (len(entries) + 1) + 4))
    out = b"II*\0" + (8 + len(strip)).to_bytes(4, "little") + strip + len(entries).to_bytes(2, "little")
    for entry in sorted(entries):
        out += b"".join(
            number.to_bytes(size, "little") for number, size in zip(entry, (2, 2, 4, 4), strict=True)
        )
    return out + bytes(4) + bits.to_bytes(2, "little") * 3


def test_tiff_where_white_is_zero() -> None:
    pixels = samples((9, 8, 1), np.uint16)
    data = tiff(65535 - pixels, photometric="miniswhite")
    np.testing.assert_array_equal(coded(data), flat(pixels))


def test_tiff_with_premultiplied_opacity() -> None:
    pixels = samples((9, 8, 4), np.uint16)
    alpha = pixels[:, :, 3:] | 0x8000
    straight = np.concatenate([pixels[:, :, :3], alpha], axis=2)
    stored = np.concatenate(
        [(pixels[:, :, :3].astype(np.uint64) * alpha // 65535).astype(np.uint16), alpha], axis=2
    )
    with collected() as losses:
        photo = open_foreign_photo(tiff(stored, extrasamples=["assocalpha"]))
        back = pgic_core.decode(pgic_core.encode(photo, effort=1))
    assert losses == ["has colours multiplied by opacity; they are divided by it, and rounded"]
    assert np.abs(back.astype(int) - straight).max() <= 2


def test_tiff_of_signed_samples_of_8_bits_is_widened_and_said() -> None:
    pixels = samples((9, 8, 1), np.int16).astype(np.int8)
    assert pixels.min() < 0
    with collected() as losses:
        back = pgic_core.decode(pgic_core.encode(open_foreign_photo(tiff(pixels)), effort=1))
    assert losses == ["has signed samples of 8 bits; they are coded as 16 bits with the same values"]
    assert back.dtype == np.int16
    np.testing.assert_array_equal(back, pixels[:, :, 0])


def test_tiff_of_whole_numbers_with_a_sign() -> None:
    pixels = samples((9, 8, 1), np.int16)
    back = coded(tiff(pixels))
    np.testing.assert_array_equal(back, pixels[:, :, 0])


def test_tiff_with_more_channels_than_a_picture_has() -> None:
    pixels = samples((9, 8, 5), np.uint16)
    with pytest.warns(PgiWarning, match=r"has 1 more channel"):
        data = pgic_core.encode(
            open_foreign_photo(tiff(pixels, photometric="rgb", extrasamples=["unassalpha", "unspecified"]))
        )
    np.testing.assert_array_equal(pgic_core.decode(data), pixels[:, :, :4])


def test_a_later_page_of_a_tiff() -> None:
    pages = samples((3, 9, 8, 3), np.uint16)
    out = io.BytesIO()
    tifffile.imwrite(out, pages, photometric="rgb")
    with collected() as losses:
        data = pgic_core.encode(open_foreign_photo(out.getvalue(), frame=3))
    assert losses == ["has 3 frames; frame 3 is coded"]
    np.testing.assert_array_equal(pgic_core.decode(data), pages[2])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_of_16_bits_shows_as_its_orientation_says(orientation: int) -> None:
    pixels = samples((9, 14, 3), np.uint16)
    data = tiff(pixels, extratags=[(274, 3, 1, orientation, True)])
    with collected():
        file = pgic_core.open_file(pgic_core.encode(open_foreign_photo(data)))
    np.testing.assert_array_equal(file.decode(), pixels)
    assert file.orientation == orientation


def test_ppm_of_16_bits() -> None:
    pixels = samples((7, 5, 3), np.uint16)
    head = b"P6\n# made here\n5 7\n65535\n"
    np.testing.assert_array_equal(coded(head + pixels.astype(">u2").tobytes()), pixels)
    with pytest.raises(PgiInputError, match="ends within"):
        coded(head + pixels.tobytes()[:-1])


def test_heic_of_10_bits() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    ramp = np.linspace(0, 65535, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    heif = pillow_heif.from_bytes("RGB;16", (64, 64), ramp.tobytes())
    out = io.BytesIO()
    heif.save(out, quality=100)
    back = coded(out.getvalue())
    assert back.dtype == np.uint16
    assert np.abs(back.astype(int) - ramp).mean() < 256  # less than a step of 8 bits


@pytest.mark.parametrize("name", ["rgb16.png", "grey16.png"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_cases_of_16_bits_come_back_as_png_and_tiff(name: str, suffix: str) -> None:
    expected = png.Reader(bytes=(CASES / name).read_bytes()).read()
    rows = np.vstack([np.frombuffer(row, np.uint16) for row in expected[2]])
    with pgic_core.open_file(pgic_core.encode(open_foreign_photo(CASES / name))) as file:
        losses: list[str] = []
        data = bytes(
            photo_bytes(file.decode_picture()[0], Carried.of(file, whole=True), suffix, losses=losses)
        )
    assert not losses
    if suffix == ".png":
        back = np.vstack([np.frombuffer(row, np.uint16) for row in png.Reader(bytes=data).read()[2]])
    else:
        back = tifffile.imread(io.BytesIO(data)).reshape(len(rows), -1)
    np.testing.assert_array_equal(back, rows)


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("kind", ["noise", "ramp"])
def test_other_readers_read_our_png_and_tiff(channels: int, kind: str) -> None:
    pixels = samples((130, 31, channels), np.uint16)
    if kind == "ramp":
        pixels = (
            np.add.outer(np.arange(130) * 97, np.arange(31) * 41)[:, :, None] + np.arange(channels)
        ).astype(np.uint16)
    with pgic_core.open_file(pgic_core.encode(pixels)) as file:
        picture, _ = file.decode_picture()
    as_png = bytes(photo_bytes(picture, Carried(), ".png", losses=[]))
    rows = [np.frombuffer(row, np.uint16) for row in png.Reader(bytes=as_png).read()[2]]
    np.testing.assert_array_equal(np.vstack(rows).reshape(pixels.shape), pixels)
    as_tiff = bytes(photo_bytes(picture, Carried(), ".tiff", losses=[]))
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(as_tiff)), pixels)
    if kind == "ramp":
        assert len(as_png) < pixels.nbytes / 4  # its rows are filtered


def test_an_image_that_was_loaded_is_looked_up_in_its_file(tmp_path: Any) -> None:
    pixels = samples((9, 8, 3), np.uint16)
    path = tmp_path / "deep.png"
    path.write_bytes(png16(pixels))
    with Image.open(path) as image:
        image.load()
        np.testing.assert_array_equal(pgic_core.decode(pgic_core.encode(image)), pixels)
        image.putpixel((0, 0), (1, 2, 3))
        with pytest.warns(PgiWarning, match="changed since"):
            changed = pgic_core.decode(pgic_core.encode(image, lossless=True))
    assert changed.dtype == np.uint8
    assert changed[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("encoder", "suffix", "bits", "channels"),
    [
        ("avif_encode", "avif", 10, 3),
        ("avif_encode", "avif", 12, 4),
        ("avif_encode", "avif", 10, 1),
        ("jpeg2k_encode", "jp2", 12, 3),
        ("jpeg2k_encode", "jp2", 16, 4),
        ("jpegxl_encode", "jxl", 10, 3),
        ("jpegxl_encode", "jxl", 16, 4),
    ],
)
def test_kind_all_bits_by_imagecodecs(
    encoder: str, suffix: str, bits: int, channels: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Kind: AVIF, JPEG 2000 and JPEG XL of more than 8 bits."""
    imagecodecs = pytest.importorskip("imagecodecs")
    if suffix == "jxl":
        pytest.importorskip("pillow_jxl")
    top = (1 << bits) - 1
    ramp = np.linspace(0, top, 64 * 96 * channels).round().astype(np.uint16).reshape(64, 96, channels)
    options = {"avif": {"level": 100}, "jp2": {"level": 0}, "jxl": {"lossless": True}}[suffix]
    data = getattr(imagecodecs, encoder)(flat(ramp), bitspersample=bits, **options)
    back = np.atleast_3d(coded(data))
    assert back.dtype == np.uint16
    assert back.shape == ramp.shape
    assert np.abs(back * (top / 65535) - ramp).max() <= (4 if suffix == "avif" else 0.5)
    path = tmp_path / f"deep.{suffix}"
    path.write_bytes(data)  # Pillow closes files that it opened itself
    np.testing.assert_array_equal(np.atleast_3d(coded(path)), back)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.warns(PgiWarning, match=f"has samples of {bits} bits; 8 of them are coded"):
        pgic_core.encode(open_foreign_photo(data))
