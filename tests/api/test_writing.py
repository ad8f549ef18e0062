"""Decoding to other formats: what stands beside the pixels goes along, or is named."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

import pgic_core
from pgic_core import PngText, SideData
from pgic_core.photos.conversion_losses import collected
from pgic_core.photos.foreign_photo import open_foreign_photo
from pgic_core.photos.photo_writing import photo_bytes
from pgic_core.photos.side_data_for_photo import Carried

from .foreign_files import CASES, png_chunks, with_segments
from .photos import ALPHA, GREY, PHOTO, XMP, exif_bytes, photo_file
from .test_losses import IPTC, RESOURCE

if TYPE_CHECKING:
    from pathlib import Path

SIDE = SideData(
    iptc=IPTC,
    photoshop=RESOURCE,
    comments=(b"phase B", "缺陷".encode()),
    texts=(PngText("Title", "Mast"), PngText("Note", "线路", "zh", "注")),
)


def written(data: bytes, suffix: str, **options: Any) -> tuple[bytes, list[str]]:
    """A ``.pgi`` file as a photo, and what that loses."""
    losses: list[str] = []
    with pgic_core.open_file(data) as file:
        picture, _ = file.decode_picture()
        carried = Carried.of(file, whole=True)
        options = {"orientation": file.orientation, "losses": losses} | options
        return bytes(photo_bytes(picture, carried, suffix, **options)), losses


def camera_exif(order: str, *, thumbnail: bool = True) -> bytes:
    """EXIF as cameras write it: maker notes with offsets from its header, Interoperability, a thumbnail."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))

    def directory(entries: list[tuple[int, int, int, bytes]], following: int = 0) -> None:
        start = len(out)
        values = start + 2 + 12 * len(entries) + 4
        table, extra = struct.pack(order + "H", len(entries)), b""
        for tag, kind, count, value in entries:
            if len(value) > 4:
                place, extra = struct.pack(order + "I", values + len(extra)), extra + value
            else:
                place = value.ljust(4, b"\0")
            table += struct.pack(order + "HHI", tag, kind, count) + place
        out.extend(table + struct.pack(order + "I", following) + extra)

    def long(value: int) -> bytes:
        return struct.pack(order + "I", value)

    def short(value: int) -> bytes:
        return struct.pack(order + "H", value)

    make, model = b"Canon\0", b"Canon EOS 5D\0\0"
    main_size = 2 + 12 * 5 + 4 + len(make) + len(model)
    exif_at = 8 + main_size
    # A directory of the maker's own, whose one text stands behind it, at an offset from the header of EXIF.
    note_at = exif_at + 2 + 12 * 4 + 4 + 20
    owner = b"Line inspection 7\0\0\0"
    note = struct.pack(order + "HHHII", 1, 0x0009, 2, len(owner), note_at + 18) + bytes(4) + owner
    interop_at = note_at + len(note)
    thumbnail_at = interop_at + 2 + 12 * 2 + 4
    small = photo_file("JPEG", GREY[:30, :40])
    directory(
        [
            (0x010F, 2, len(make), make),
            (0x0110, 2, len(model), model),
            (0x0112, 3, 1, short(6)),
            (0x0213, 3, 1, short(2)),
            (0x8769, 4, 1, long(exif_at)),
        ],
        thumbnail_at if thumbnail else 0,
    )
    assert len(out) == exif_at
    directory(
        [
            (0x9000, 7, 4, b"0230"),
            (0x9003, 2, 20, b"2026:05:01 08:30:00\0"),
            (0x927C, 7, len(note), bytes(len(note))),
            (0xA005, 4, 1, long(interop_at)),
        ]
    )
    out[note_at : note_at + len(note)] = note
    assert len(out) == interop_at
    directory([(0x0001, 2, 4, b"R98\0"), (0x0002, 7, 4, b"0100")])
    if thumbnail:
        assert len(out) == thumbnail_at
        image_at = thumbnail_at + 2 + 12 * 3 + 4
        directory(
            [(0x0103, 3, 1, short(6)), (0x0201, 4, 1, long(image_at)), (0x0202, 4, 1, long(len(small)))]
        )
        out.extend(small)
    return bytes(out)


def exiftool(data: bytes, path: Path) -> dict[str, Any]:
    path.write_bytes(data)
    command = ["exiftool", "-j", "-n", "-G1", "-a", "-u", "-b", str(path)]
    listed: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return listed[0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_a_tiff_keeps_exif_where_it_was(order: str, prefix: bytes) -> None:
    """Kind: maker notes and Interoperability, whose offsets count from the header of EXIF."""
    exif = camera_exif(order)
    data, losses = written(pgic_core.encode(PHOTO, exif=prefix + exif), ".tiff")
    assert losses == [
        "has a thumbnail in EXIF, which a TIFF would show as a second page and which is left out"
    ]
    assert data[8 : len(exif)] == exif[8:]
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages) == 1
        tags = file.pages.first.tags
        assert tags["Model"].value == "Canon EOS 5D"
        assert tags["Orientation"].value == 6
        assert tags["ExifTag"].value["ExifVersion"] == "0230"
    image = Image.open(io.BytesIO(data))
    assert image.getexif().get_ifd(0xA005)[1] == "R98"
    assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:05:01 08:30:00"


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not here; .ci/run installs it")
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".tiff", ".jpg", ".png", ".webp"])
def test_exiftool_reads_the_same_from_every_format(order: str, suffix: str, tmp_path: Path) -> None:
    exif = camera_exif(order, thumbnail=False)
    source = with_segments(photo_file(), (0xE1, b"Exif\0\0" + exif))
    before = exiftool(source, tmp_path / "in.jpg")
    assert before["Canon:OwnerName"] == "Line inspection 7"
    data, losses = written(pgic_core.encode(open_foreign_photo(source)), suffix)
    assert not losses or suffix == ".webp"
    after = exiftool(data, tmp_path / f"out{suffix}")
    groups = ("IFD0", "ExifIFD", "Canon", "InteropIFD")
    expected = {key: value for key, value in before.items() if key.split(":")[0] in groups}
    assert {key: after.get(key) for key in expected} == expected


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff"])
def test_iptc_comments_and_texts_go_back(suffix: str) -> None:
    data, losses = written(pgic_core.encode(PHOTO, side_data=SIDE, xmp=XMP), suffix)
    with collected() as lost, open_foreign_photo(data) as image:
        back = pgic_core.open_file(pgic_core.encode(image)).side_data
    assert not lost
    assert (back.iptc, back.photoshop) == (IPTC, RESOURCE)
    comments = tuple(PngText("Comment", text.decode()) for text in SIDE.comments)
    expected = {
        ".jpg": (["has PNG texts, which this JPEG cannot hold"], SIDE.comments, ()),
        ".png": ([], (), SIDE.texts + comments),
        ".tiff": (["has comments and PNG texts, which this TIFF cannot hold"], (), ()),
    }
    assert (losses, back.comments, back.texts) == expected[suffix]


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".bmp", ".gif", ".jp2", ".ppm"])
def test_what_a_format_cannot_hold_is_named_once(suffix: str) -> None:
    data = pgic_core.encode(PHOTO, exif=exif_bytes(), side_data=SIDE, xmp=XMP, dpi=(300, 300))
    _, losses = written(data, suffix)
    (loss,) = [item for item in losses if "cannot hold" in item]
    for word, holders in {
        "EXIF": (".webp", ".avif"),
        "XMP": (".webp", ".avif"),
        "IPTC": (),
        "comments": (".gif", ".jp2"),
        "PNG texts": (),
        "a resolution": (".bmp",),
    }.items():
        assert (word in loss) == (suffix not in holders)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "suffix", [".bmp", ".gif", ".jp2", ".ppm", ".png", ".jpg", ".tiff", ".webp", ".avif"]
)
def test_nothing_shows_sideways(suffix: str, orientation: int) -> None:
    """Kind: orientation in formats that cannot say it."""
    grey = np.dstack([GREY] * 3)
    data = pgic_core.encode(grey, exif=exif_bytes(orientation=orientation), lossless=True, effort=1)
    upright = ImageOps.exif_transpose(
        Image.open(io.BytesIO(photo_file("PNG", grey, exif=exif_bytes(orientation))))
    )
    out, losses = written(data, suffix, quality=95 if suffix == ".avif" else None)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(out)))
    assert shown.size == upright.size
    assert np.abs(np.asarray(shown.convert("RGB")).astype(int) - np.asarray(upright)).mean() < 4
    turned = suffix in (".bmp", ".gif", ".jp2", ".ppm") and orientation > 1
    assert any("turned upright" in loss for loss in losses) == turned


def test_samples_alone_stay_as_they_are_stored() -> None:
    data = pgic_core.encode(GREY, exif=exif_bytes(orientation=6))
    out, losses = written(data, ".npy")
    np.testing.assert_array_equal(np.load(io.BytesIO(out)), GREY)
    assert not losses


def test_xmp_that_is_too_large_for_a_segment_is_extended() -> None:
    """Kind: XMP of 70 KB, which kept a picture from becoming a JPEG."""
    data = pgic_core.encode(open_foreign_photo(CASES / "big_xmp.png"))
    xmp = pgic_core.open_file(data).xmp
    assert xmp is not None
    out, losses = written(data, ".jpg")
    assert losses == ["has PNG texts, which this JPEG cannot hold"]
    with pgic_core.open_file(pgic_core.encode(open_foreign_photo(out))) as file:
        assert b"HasExtendedXMP" in (file.xmp or b"")
        assert file.side_data.xmp_extended in xmp
        assert len(file.side_data.xmp_extended) > 0.99 * len(xmp.strip())
        again, _ = written(pgic_core.encode(open_foreign_photo(out)), ".jpg")
    with pgic_core.open_file(pgic_core.encode(open_foreign_photo(again))) as second:
        assert second.side_data == file.side_data


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not here; .ci/run installs it")
def test_exiftool_reads_extended_xmp(tmp_path: Path) -> None:
    places = "".join(f"<rdf:li>{'line ' * 20}, mast {number}</rdf:li>" for number in range(800))
    xmp = (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        f'photoshop:City="武汉"><dc:subject><rdf:Bag>{places}</rdf:Bag></dc:subject></rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    out, losses = written(pgic_core.encode(PHOTO, xmp=xmp), ".jpg")
    assert not losses
    tags = exiftool(out, tmp_path / "out.jpg")
    assert tags["XMP-photoshop:City"] == "武汉"
    assert tags["XMP-dc:Subject"][799].endswith("mast 799")


def test_exif_that_is_too_large_for_a_jpeg_is_named_and_the_picture_upright() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 70_000
    out, losses = written(pgic_core.encode(PHOTO, exif=exif), ".jpg")
    assert losses == [
        "has EXIF, which this JPEG cannot hold",
        "is turned upright, since this JPEG cannot say how it lies",
    ]
    assert Image.open(io.BytesIO(out)).size == (120, 160)


def test_a_resolution_beyond_a_format_is_named() -> None:
    out, losses = written(pgic_core.encode(PHOTO, dpi=(1e5, 1e5)), ".jpg")
    assert ["a resolution" in loss for loss in losses] == [True]
    assert Image.open(io.BytesIO(out)).size == (160, 120)


def test_16_bits_in_formats_of_8_are_named() -> None:
    pixels = np.dstack([GREY] * 3).astype(np.uint16) * 257
    _, losses = written(pgic_core.encode(pixels), ".webp")
    assert losses == ["has samples of 16 bits, of which this WEBP holds 8"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_tiff_holds_samples_of_every_type(dtype: Any, channels: int) -> None:
    pixels = np.dstack([GREY, ALPHA, GREY[::-1], ALPHA][:channels]).astype(dtype)
    out, losses = written(pgic_core.encode(pixels, lossless=True), ".tiff")
    assert not losses
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(out)).squeeze(), pixels.squeeze())
    back = pgic_core.decode(pgic_core.encode(open_foreign_photo(out), lossless=True))
    np.testing.assert_array_equal(back, pixels.squeeze())


def test_a_png_of_16_bits_holds_what_one_of_8_does() -> None:
    pixels = np.dstack([GREY] * 3).astype(np.uint16) * 257
    icc = photo_icc()
    data = pgic_core.encode(
        pixels, exif=exif_bytes(), icc_profile=icc, xmp=XMP, dpi=(300, 300), side_data=SIDE
    )
    out, losses = written(data, ".png")
    assert not losses
    kinds = [kind for kind, _ in png_chunks(out)]
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    with Image.open(io.BytesIO(out)) as image:
        image.load()
        assert image.info["icc_profile"] == icc
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.info["xmp"] == XMP
        assert image.getexif()[0x010F] == "DJI"


def photo_icc() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_broken_exif_does_not_keep_a_tiff_from_being_written() -> None:
    for exif in (b"no TIFF at all", b"II*\0\xff\xff\xff\x7f", camera_exif("<")[:60]):
        out, losses = written(pgic_core.encode(PHOTO, exif=exif), ".tiff")
        assert losses
        np.testing.assert_array_equal(
            tifffile.imread(io.BytesIO(out)), pgic_core.decode(pgic_core.encode(PHOTO, exif=exif))
        )
