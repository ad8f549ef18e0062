"""An orientation that only XMP tells turns the picture as one of EXIF does."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

import pgic_core
from pgic_core.camera import exif_with_orientation, orientation_of
from pgic_core.camera.exif import read_exif
from pgic_core.codec.orientation import upright_pixels
from pgic_core.photos.conversion_losses import collected

from .tiff import Directory, ascii_, exif, short

PIXELS = np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8)


def packet(orientation: object, mark: str = '"') -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        f" tiff:Orientation={mark}{orientation}{mark}/></rdf:RDF></x:xmpmeta>"
    ).encode()


def photo(kind: str, xmp: bytes, exif: bytes = b"", pixels: Any = PIXELS) -> Image.Image:
    """A photo, opened."""
    out = io.BytesIO()
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        Image.fromarray(pixels).save(out, kind, pnginfo=info, exif=exif)
    elif kind == "TIFF":
        tifffile.imwrite(out, pixels, photometric="rgb", extratags=[(700, 1, len(xmp), xmp, True)])
    else:
        Image.fromarray(pixels).save(out, kind, xmp=xmp, exif=exif, lossless=True)
    return Image.open(io.BytesIO(out.getvalue()))


def upright(image: Image.Image) -> np.ndarray[Any, Any]:
    with collected():
        file = pgic_core.open_file(pgic_core.encode(image, lossless=True))
    return upright_pixels(file.decode(), file.orientation)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_kind_orientation_in_xmp_alone(kind: str, orientation: int) -> None:
    expected = ImageOps.exif_transpose(photo(kind, packet(orientation)))
    np.testing.assert_array_equal(upright(photo(kind, packet(orientation))), np.asarray(expected))


def test_a_loaded_tiff_is_not_turned_twice() -> None:
    image = photo("TIFF", packet(6))
    image.load()
    np.testing.assert_array_equal(upright(image), np.rot90(PIXELS, -1))


def test_a_loaded_tiff_of_16_bits_keeps_them() -> None:
    pixels = PIXELS.astype(np.uint16) * 257
    np.testing.assert_array_equal(upright(photo("TIFF", packet(3), pixels=pixels)), pixels[::-1, ::-1])


def test_an_upright_copy_is_not_turned_again() -> None:
    image = ImageOps.exif_transpose(photo("WEBP", packet(6)))
    np.testing.assert_array_equal(upright(image), np.rot90(PIXELS, -1))


@pytest.mark.parametrize("orientation", [0, 1, 9, "", "six", "66"])
def test_what_is_no_orientation_says_nothing(orientation: object) -> None:
    assert exif_with_orientation(None, packet(orientation)) is None


def test_exif_has_the_last_word() -> None:
    stated = exif(Directory([(0x0112, short(1))]))
    assert exif_with_orientation(stated, packet(6)) == stated


@pytest.mark.parametrize("order", ["<", ">"])
def test_nothing_else_of_the_exif_moves(order: str) -> None:
    made = Image.Exif()
    made.endian = order
    made[0x010F], made[0x0132] = "DJI made", "2024:05:01 10:12:34"
    stated = made.tobytes()
    turned = exif_with_orientation(stated, packet(6, "'"))
    assert turned is not None
    assert orientation_of(turned) == 6
    tags = read_exif(turned).main
    assert (tags[0x010F].text(), tags[0x0132].text()) == ("DJI made", "2024:05:01 10:12:34")
    assert turned[14 : len(stated)] == stated[14:]


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_broken_exif_gets_one_too(length: int) -> None:
    stated = exif(Directory([(0x010F, ascii_("DJI made"))]))
    turned = exif_with_orientation(stated[:length], packet(6))
    assert turned is not None
    assert orientation_of(turned) == 6
