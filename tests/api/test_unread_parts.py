"""What stands in photo files beside what Pillow reads is kept, or named."""

from __future__ import annotations

import io
import struct
import time
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import pgic_core
from pgic_core.photos.conversion_losses import collected
from pgic_core.photos.foreign_photo import open_foreign_photo
from pgic_core.photos.side_data_reading import read_side_data
from pgic_core.photos.unread_parts import unread_parts

from .foreign_files import CASES, with_chunks, with_segments
from .photos import PHOTO, XMP, photo_file

FILM = struct.pack(">I", 24) + b"ftypmp42\0\0\0\0mp42isom" + bytes(range(1, 250)) * 4
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PALETTE = Image.fromarray(PHOTO).quantize(16)


def coded(data: bytes) -> tuple[pgic_core.PgiFile, list[str]]:
    """The file that becomes of a photo, and what it says of losses, but for palettes."""
    with collected() as losses:
        file = pgic_core.open_file(pgic_core.encode(open_foreign_photo(data), lossless=True, effort=1))
    return file, [loss for loss in losses if "palette" not in loss]


def gif(**options: Any) -> bytes:
    out = io.BytesIO()
    PALETTE.save(out, "GIF", **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (FILM, ", a film"),  # a Motion Photo
        (b"MotionPhoto_Data" + FILM, ", a film"),
        (photo_file(image=PHOTO[::4, ::4]), ", another JPEG picture"),  # a gain map
        (b"words", ""),
    ],
    ids=["film", "named film", "picture", "words"],
)
def test_bytes_behind_a_picture_are_named(kind: str, behind: bytes, said: str) -> None:
    data = gif() if kind == "GIF" else photo_file(kind)
    assert coded(data + behind)[1] == [
        f"has {len(behind):,} bytes behind its picture{said}; they are not kept"
    ]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_bytes_that_fill_up_are_not(kind: str) -> None:
    data = gif() if kind == "GIF" else photo_file(kind)
    assert coded(data + bytes(700))[1] == []
    assert coded(photo_file("JPEG", progressive=True) + b"\xff\xff\r\n")[1] == []


def test_an_embedded_picture_is_not_the_end_of_a_jpeg() -> None:
    inner = photo_file(image=PHOTO[::8, ::8])
    assert coded(with_segments(photo_file(), (0xE3, inner)))[1] == []


def test_a_large_thumbnail_of_a_drone_is_no_frame() -> None:
    with open(CASES / "stereo.mpo", "rb") as file:
        stereo = file.read()
    start = stereo.index(b"MPF\0") + 4
    (entries,) = struct.unpack_from("<I", stereo, start + 10 + 2 * 12 + 8)
    second = start + entries + 16
    assert coded(stereo)[1] == ["has 2 frames; the first is coded"]
    assert coded(stereo[:second] + b"\x02\0\x01\0" + stereo[second + 4 :])[1] == []


@pytest.mark.parametrize(
    "parts",
    [[(0, 0, SRGB)], [(1, 1, SRGB), (1, 1, SRGB)], [(2, 2, SRGB[300:]), (1, 2, SRGB[:300])]],
    ids=["counted from 0", "twice", "out of order"],
)
def test_profiles_of_a_jpeg_that_pillow_refuses(parts: list[tuple[int, int, bytes]]) -> None:
    segments = [(0xE2, b"ICC_PROFILE\0" + bytes([number, count]) + data) for number, count, data in parts]
    file, losses = coded(with_segments(photo_file(), *segments))
    assert (file.icc_profile, losses) == (SRGB, [])


def test_a_profile_of_which_parts_are_missing_is_named() -> None:
    data = with_segments(photo_file(), (0xE2, b"ICC_PROFILE\0\1\2" + SRGB[:300]))
    assert coded(data)[1] == ["has an ICC profile of which parts are missing; it is not kept"]


def test_a_thumbnail_beside_the_exif_is_named() -> None:
    data = with_segments(photo_file(), (0xE0, b"JFXX\0\x10" + photo_file(image=PHOTO[::8, ::8])))
    assert coded(data)[1] == ["has a thumbnail in a JFXX segment, which is not kept"]


def test_extended_xmp_whose_digest_is_written_small() -> None:
    import hashlib

    extended = XMP + b" " * 70_000
    digest = hashlib.md5(extended).hexdigest().encode()
    packet = XMP[:-12] + b'<a xmpNote:HasExtendedXMP="' + digest.lower() + b'"/></x:xmpmeta>'
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest.upper()
    segments = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)]
    for at in (0, 60_000):
        part = extended[at : at + 60_000]
        segments.append((0xE1, head + struct.pack(">II", len(extended), at) + part))
    file, losses = coded(with_segments(photo_file(), *segments))
    assert (file.side_data.xmp_extended, losses) == (extended, [])


def test_xmp_of_a_gif_is_kept_and_other_extensions_are_named() -> None:
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    xmp = b"!\xff\x0bXMP DataXMP" + XMP + trailer
    other = b"!\xff\x0bICCRGBG1012\x03abc\0"
    file, losses = coded(gif()[:-1] + xmp + other + b";")
    assert file.xmp == XMP
    assert losses == ["has application extension ICCRGBG1012, which .pgi has no place for"]


def test_boxes_of_a_jpeg_2000() -> None:
    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", 8 + len(data)) + kind + data

    exif = Image.Exif()
    exif[0x0112] = 6
    data = photo_file("JPEG2000")
    data += box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP)
    data += box(b"uuid", b"JpgTiffExif->JP2" + exif.tobytes()[6:])
    file, losses = coded(data + box(b"xml ", b"<gml/>") + box(b"uuid", bytes(20)))
    assert (file.xmp, file.orientation) == (XMP, 6)
    assert losses == ["has boxes xml, uuid, which .pgi has no place for"]


def test_the_profile_of_a_bmp_is_kept() -> None:
    pixels = PHOTO[::-1, :, ::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, 160, 120, 1, 24, 0, len(pixels), 2835, 2835, 0, 0) + bytes(16)
    for space, expected, said in (
        (b"DEBM", SRGB, []),
        (b"KNIL", None, ["has its colour profile in another file; it is not kept"]),
    ):
        whole = head + space + bytes(48) + struct.pack("<IIII", 4, 124, len(SRGB), 0)
        data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 138 + len(SRGB)) + whole + SRGB + pixels
        file, losses = coded(data)
        assert (file.icc_profile, losses) == (expected, said)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ((1, 13), None),
        ((2, 2), None),
        ((9, 16), "BT.2020 with PQ"),
        ((12, 13), "P3"),
        ((9, 18), "BT.2020 with HLG"),
        ((2, 16), "PQ"),
    ],
)
def test_colours_of_an_avif_that_are_not_srgb_are_named(points: tuple[int, int], said: str | None) -> None:
    data = photo_file("AVIF")
    at = data.index(b"colrnclx") + 8
    losses = coded(data[:at] + struct.pack(">HH", *points) + data[at + 4 :])[1]
    assert losses == ([f"has colours of {said}, which are taken for sRGB"] if said else [])


def test_a_gain_map_of_an_avif_is_named() -> None:
    data = photo_file("AVIF")
    brands = int.from_bytes(data[:4], "big")  # "tmap" is a brand, too
    data = (brands + 4).to_bytes(4, "big") + data[4:brands] + b"tmap" + data[brands:]
    image = Image.open(io.BytesIO(photo_file("AVIF")))
    assert unread_parts(image, io.BytesIO(data))[1] == ["has a gain map, which is not kept"]


def test_colours_of_a_png_that_are_srgb_by_code_points_are_not_named() -> None:
    assert coded(with_chunks(photo_file("PNG"), (b"cICP", b"\x01\x0d\0\1")))[1] == []


def test_chunks_of_a_webp_that_have_no_place_are_named() -> None:
    data = photo_file("WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    data += b"abcd\x03\0\0\0xyz\0"
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    assert coded(data)[1] == ["has chunk abcd, which .pgi has no place for"]


def test_a_raw_photo_whose_preview_is_coded_says_so() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(PHOTO[::4, ::4], photometric="rgb", subifds=1, subfiletype=1)
        writer.write(np.zeros((240, 320), np.uint16), photometric=32803, subfiletype=0)
    assert coded(out.getvalue())[1] == [
        "has a picture of 320 x 240 below its first page, as raw photos have; that page, 40 x 30, is coded"
    ]


def test_a_pyramid_is_no_raw_photo() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(PHOTO, photometric="rgb", subifds=1)
        writer.write(PHOTO[::2, ::2], photometric="rgb", subfiletype=1)
    assert coded(out.getvalue())[1] == []


@pytest.mark.parametrize(
    "data",
    [
        photo_file()[:-2] + b"\xff\xdd\0\4\0\0" * 1_000_000 + b"\xff\xd9behind",
        gif()[:-1] + b"!\xfe" + b"\1a" * 2_000_000 + b"\0;",
        photo_file("PNG")[:-12] + struct.pack(">I4sI", 0, b"abCd", 0) * 400_000 + photo_file("PNG")[-12:],
        photo_file("WEBP") + b"abcd\0\0\0\0" * 500_000,
        photo_file("JPEG2000") + struct.pack(">I4s", 8, b"uuid") * 500_000,
    ],
    ids=["JPEG", "GIF", "PNG", "WEBP", "JPEG2000"],
)
def test_hostile_parts_take_little_time(data: bytes) -> None:
    image = Image.open(io.BytesIO(data))
    before = time.process_time()
    read_side_data(image)
    assert time.process_time() - before < 1.5


@pytest.mark.parametrize("tag", [33723, 34377], ids=["IPTC", "Photoshop"])
def test_a_tag_of_a_tiff_that_is_too_long_is_named(tag: int) -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, PHOTO, photometric="rgb", extratags=[(tag, 7, 9_000_000, bytes(9_000_000), True)])
    assert coded(out.getvalue())[1] == ["has 1 tag that is damaged or too long; none of them is kept"]
