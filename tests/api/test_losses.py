"""Nothing of a photo is lost in silence: it is kept, or one warning for each file names it."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

import imageio.v2
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

import pgic_core
import pgic_plugins.pillow  # noqa: F401
from pgic_core.codec.jxl_header import JxlHeader, jxl_header
from pgic_core.errors import PgiFormatError, PgiInputError, PgiLimitError, PgiOptionError, PgiWarning
from pgic_core.limits import Limits
from pgic_core.photos.conversion_losses import collected
from pgic_core.photos.foreign_photo import open_foreign_photo

from .foreign_files import CASES, with_chunks, with_segments
from .photos import GREY, PHOTO, opened, photo_file, psnr

IPTC = b"\x1c\x02\x05\x00\x05tower\x1c\x02\x78\x00\x03fog"
RESOURCE = b"8BIM\x04\x0a\x00\x00\x00\x00\x00\x01\x01\x00"  # copyrighted


def losses_of(source: Any, **options: Any) -> list[str]:
    with collected() as losses:
        pgic_core.encode(open_foreign_photo(source, **options), lossless=True, effort=1)
    return losses


def kept(source: Any) -> pgic_core.SideData:
    """What stands beside the pixels of a photo of which nothing is lost."""
    with collected() as losses:
        data = pgic_core.encode(open_foreign_photo(source), lossless=True, effort=1)
    assert not losses
    return pgic_core.open_file(data).side_data


@pytest.mark.parametrize(
    ("name", "count"), [("anim.gif", 3), ("multi.tif", 3), ("stereo.mpo", 2)], ids=lambda value: str(value)
)
def test_frames_are_named_and_can_be_chosen(name: str, count: int) -> None:
    """Kind: GIF, TIFF and MPO of several frames."""
    path = CASES / name
    assert losses_of(path)[0] == f"has {count} frames; the first is coded"
    assert losses_of(path, frame=count)[0] == f"has {count} frames; frame {count} is coded"
    with Image.open(path) as image:
        image.seek(count - 1)
        expected = np.asarray(image.convert("RGB"))
    with collected():
        data = pgic_core.encode(open_foreign_photo(path, frame=count), lossless=True)
    np.testing.assert_array_equal(pgic_core.decode(data), expected)
    with pytest.raises(PgiOptionError, match=f"has {count} frames, so there is no frame {count + 1}"):
        open_foreign_photo(path, frame=count + 1)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF", "TIFF"])
def test_frames_of_what_pillow_writes(kind: str) -> None:
    """Kind: APNG, WebP, AVIF and others of several frames."""
    frames = [Image.fromarray(np.roll(PHOTO, 9 * step, axis=1)) for step in range(4)]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    assert losses_of(out.getvalue())[0] == "has 4 frames; the first is coded"
    assert losses_of(out.getvalue(), frame=2)[0] == "has 4 frames; frame 2 is coded"


def test_frames_of_heic() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    heif = pillow_heif.from_pillow(Image.fromarray(PHOTO))
    heif.add_from_pillow(Image.fromarray(PHOTO[:80]))
    out = io.BytesIO()
    heif.save(out, quality=50)
    assert losses_of(out.getvalue())[0].startswith("has 2 frames")


def test_a_reduced_copy_in_a_tiff_is_no_frame_of_its_own() -> None:
    tifffile = pytest.importorskip("tifffile")
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(PHOTO, photometric="rgb")
        writer.write(PHOTO[::2, ::2], photometric="rgb", subfiletype=1)
        writer.write(PHOTO[:50], photometric="rgb")
    assert losses_of(out.getvalue()) == ["has 2 frames; the first is coded"]
    with open_foreign_photo(out.getvalue(), frame=2) as image:
        assert image.size == (160, 50)


def test_frames_are_counted_within_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GIF of very many frames, and a TIFF whose pages form a ring."""
    monkeypatch.setenv("PGIC_LIMIT_FRAMES", "4096")
    gif = photo_file("GIF", GREY[:2, :2])
    start = gif.index(b",")
    many = gif[:-1] + gif[start:-1] * 5000 + b";"
    assert losses_of(many)[0].startswith("has more than 4096 frames")
    with pytest.raises(PgiLimitError, match="frames"):
        open_foreign_photo(many, frame=2, limits=Limits(frames=100))
    ring = bytearray(photo_file("TIFF", GREY[:2, :2]))
    (first,) = struct.unpack_from("<I", ring, 4)
    (entries,) = struct.unpack_from("<H", ring, first)
    struct.pack_into("<I", ring, first + 2 + 12 * entries, first)
    assert losses_of(bytes(ring)) == []


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("1", "is black and white; grey of 8 bits is coded"),
        ("P", "has a palette; its colours are coded as RGB"),
        ("CMYK", "is CMYK; sRGB is coded"),
        ("LAB", "is LAB; sRGB is coded"),
        ("YCbCr", "is YCbCr; RGB is coded"),
    ],
)
def test_conversions_are_named(mode: str, words: str) -> None:
    """Kind: CMYK, palette, black and white, other colour spaces."""
    image = Image.fromarray(PHOTO)
    image = (
        ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
        if mode == "LAB"
        else image.convert(mode)
    )
    with pytest.warns(PgiWarning, match=words):
        pgic_core.encode(image)
    assert losses_of(CASES / "cmyk.jpg") == ["is CMYK; sRGB is coded"]


def test_one_warning_names_the_file_and_all_that_is_lost() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pgic_core.encode(open_foreign_photo(CASES / "anim.gif"))
    (warning,) = [item for item in caught if issubclass(item.category, PgiWarning)]
    assert str(warning.message) == (
        "anim.gif has 3 frames; the first is coded; it has a palette; its colours are coded as RGB."
    )
    assert warning.filename == __file__


def test_comment_of_a_jpeg() -> None:
    """Kind: JPEG comments, also several and of no encoding."""
    assert kept(CASES / "comment.jpg").comments == (b"tower 12, phase B",)
    data = with_segments(photo_file(), (0xFE, b"\xbe\xa7\xcb\xfe"), (0xFE, "缺陷".encode()))
    assert kept(data).comments == (b"\xbe\xa7\xcb\xfe", "缺陷".encode())


def test_comment_of_a_gif() -> None:
    with collected():
        data = pgic_core.encode(opened("GIF", GREY, comment=b"phase C"))
    assert pgic_core.open_file(data).side_data.comments == (b"phase C",)


def test_texts_of_a_png() -> None:
    """Kind: a PNG that is called .jpg, with texts."""
    assert kept(CASES / "png_named.jpg").texts == (
        pgic_core.PngText("Title", "panel 7"),
        pgic_core.PngText("Comment", "缺陷"),
    )
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Title", "Mast", "de", "Titel")
    info.add_text("Note", "ö" * 3000, zip=True)
    info.add_text("Note", "second")
    assert kept(photo_file("PNG", pnginfo=info)).texts == (
        pgic_core.PngText("Title", "Mast", "de", "Titel"),
        pgic_core.PngText("Note", "ö" * 3000),
        pgic_core.PngText("Note", "second"),
    )


def test_a_text_that_is_too_long_is_named() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Note", "x" * 70_000, zip=True)
    assert losses_of(photo_file("PNG", pnginfo=info)) == [
        "has 1 text that is too long or damaged; none of them is kept"
    ]


def test_chunks_of_a_png_that_have_no_place_are_named() -> None:
    data = with_chunks(photo_file("PNG"), (b"tIME", bytes(7)), (b"cICP", b"\x09\x10\x00\x01"))
    assert losses_of(data) == ["has chunks tIME, cICP, which .pgi has no place for"]


def test_raw_profiles_of_a_png() -> None:
    """Kind: EXIF, XMP and IPTC of a PNG in texts, as older tools write them."""
    info = PngImagePlugin.PngInfo()
    exif = b"Exif\0\0" + Image.Exif().tobytes()[6:]
    for name, data in (("exif", exif), ("xmp", b"<x/>"), ("iptc", b"8BIM\x04\x04\0\0\0\0\0\x12" + IPTC)):
        info.add_text(f"Raw profile type {name}", f"\n{name}\n {len(data)}\n{data.hex()}\n", zip=True)
    with pgic_core.open_file(pgic_core.encode(opened("PNG", pnginfo=info))) as file:
        assert file.exif == exif
        assert file.xmp == b"<x/>"
        assert file.side_data == pgic_core.SideData(iptc=IPTC)


def test_iptc_and_photoshop_resources_of_a_jpeg() -> None:
    """Kind: IPTC, in one segment or several."""
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) & 1)
    head = b"Photoshop 3.0\0"
    assert kept(with_segments(photo_file(), (0xED, head + RESOURCE + block))) == pgic_core.SideData(
        iptc=IPTC, photoshop=RESOURCE
    )
    parts = ((0xED, head + block[:9]), (0xED, head + block[9:]))
    assert kept(with_segments(photo_file(), *parts)).iptc == IPTC
    cut = with_segments(photo_file(), (0xED, head + RESOURCE + block[:11]))
    assert kept(cut).photoshop == RESOURCE + block[:11]


@pytest.mark.parametrize("order", ["<", ">"])
def test_iptc_of_a_tiff(order: str) -> None:
    """Also where it is stated as whole numbers of 32 bits, as some tools do."""
    tifffile = pytest.importorskip("tifffile")
    padded = IPTC + bytes(-len(IPTC) % 4)
    numbers = struct.unpack(f"{order}{len(padded) // 4}I", padded)
    for tag in ((33723, 7, len(IPTC), IPTC, True), (33723, 4, len(numbers), numbers, True)):
        out = io.BytesIO()
        tifffile.imwrite(out, PHOTO, photometric="rgb", byteorder=order, extratags=[tag])
        assert kept(out.getvalue()).iptc == IPTC


def test_extended_xmp_of_a_jpeg() -> None:
    digest, parts = b"0" * 32, (b"<rest>", b"more</rest>")
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" note="' + digest + b'"/>'
    segments = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)]
    for offset, part in ((6, parts[1]), (0, parts[0])):
        head = b"http://ns.adobe.com/xmp/extension/\0" + digest + struct.pack(">II", 17, offset)
        segments.append((0xE1, head + part))
    assert kept(with_segments(photo_file(), *segments)).xmp_extended == b"<rest>more</rest>"


def test_extended_xmp_that_is_not_whole_is_named() -> None:
    digest = b"0" * 32
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" note="' + digest + b'"/>'
    part = b"http://ns.adobe.com/xmp/extension/\0" + digest + struct.pack(">II", 17, 0) + b"<rest>"
    data = with_segments(photo_file(), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet), (0xE1, part))
    assert losses_of(data) == [
        "has extended XMP that is damaged or that its XMP does not name; it is not kept"
    ]


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
def test_colours_multiplied_by_opacity_are_named(kind: str) -> None:
    tifffile = pytest.importorskip("tifffile")
    out = io.BytesIO()
    pixels = np.full((20, 20, 4), (40, 30, 20, 60), np.uint8)
    tifffile.imwrite(out, pixels, photometric="rgb", extrasamples=[kind])
    named = "has colours multiplied by opacity; they are divided by it, and rounded"
    assert losses_of(out.getvalue()) == ([named] if kind == "assocalpha" else [])


def test_gamma_becomes_a_profile() -> None:
    """Kind: gAMA of 1.0 and no profile: it would be too dark."""
    with pgic_core.open_file(pgic_core.encode(open_foreign_photo(CASES / "gamma_linear.png"))) as file:
        profile = file.icc_profile
    assert profile is not None
    linear = Image.new("RGB", (1, 1), (55, 55, 55))
    shown = ImageCms.profileToProfile(linear, io.BytesIO(profile), ImageCms.createProfile("sRGB"))
    assert shown is not None
    assert shown.getpixel((0, 0)) == pytest.approx((128, 128, 128), abs=1)


def test_primaries_become_a_profile() -> None:
    """cHRM of Display P3: its red is stronger than that of sRGB."""
    p3 = [31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]
    data = with_chunks(
        photo_file("PNG"), (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *p3))
    )
    profile = pgic_core.open_file(pgic_core.encode(open_foreign_photo(data))).icc_profile
    assert profile is not None
    colours = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    assert colours.red_colorant[0] == pytest.approx((0.5151, 0.2412, -0.0011), abs=2e-3)


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\0")],
        [(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))],
    ],
    ids=["gamma", "stated", "primaries"],
)
def test_srgb_needs_no_profile(chunks: list[tuple[bytes, bytes]]) -> None:
    data = with_chunks(photo_file("PNG"), *chunks)
    assert losses_of(data) == []
    assert pgic_core.open_file(pgic_core.encode(open_foreign_photo(data))).icc_profile is None


@pytest.mark.parametrize("gamma", [1, 2**31 - 1])
def test_a_gamma_without_sense_is_named(gamma: int) -> None:
    (loss,) = losses_of(with_chunks(photo_file("PNG"), (b"gAMA", struct.pack(">I", gamma))))
    assert "make no sense" in loss


def test_tags_of_a_tiff_are_kept_as_they_are() -> None:
    """Also those that no camera writes, such as where on Earth a map lies."""
    tifffile = pytest.importorskip("tifffile")
    scale = (0.5, 0.25, 0.0)
    out = io.BytesIO()
    tags = [(33550, 12, 3, scale, True), (315, 2, 5, "Li F", True)]
    tifffile.imwrite(out, PHOTO, photometric="rgb", byteorder=">", extratags=tags, software=False)
    assert losses_of(out.getvalue()) == []
    with pgic_core.open_file(pgic_core.encode(open_foreign_photo(out.getvalue()))) as file:
        exif = Image.Exif()
        exif.load(file.exif)
    assert exif[33550] == scale
    assert exif[315] == "Li F"


def test_a_tiff_without_a_resolution_has_none() -> None:
    with collected():
        data = pgic_core.encode(open_foreign_photo(CASES / "multi.tif"))
    assert pgic_core.inspect(data).dpi is None


@pytest.mark.parametrize("version", [2, 3])
def test_a_second_picture_through_imageio_makes_a_sequence(tmp_path: Any, version: int) -> None:
    """Kind: two append_data calls, which wrote two files into one."""
    path = tmp_path / "x.pgi"
    if version == 2:
        writer = imageio.v2.get_writer(path)
        write = writer.append_data
    else:
        writer = iio.imopen(path, "w")
        write = writer.write
    with writer:
        write(PHOTO)
        write(PHOTO[::-1])
    for number, picture in enumerate(iio.imiter(path)):
        assert psnr(picture, PHOTO[:: 1 - 2 * number]) > 30
    assert iio.improps(path, index=...).n_images == 2
    with pytest.raises(PgiFormatError, match="follow the last block"):
        pgic_core.decode(CASES / "imageio_two_appends.pgi")


@pytest.mark.parametrize("kind", ["EPS", "PCX", "TGA", "ICO"])
def test_formats_that_are_not_on_the_list_are_refused(kind: str) -> None:
    """Kind: an EPS that is called photo.jpg, for which Pillow would start Ghostscript."""
    with pytest.raises(PgiInputError, match="not read here"):
        open_foreign_photo(photo_file(kind, PHOTO[:32, :32]))
    with pytest.raises(PgiInputError, match=r"\.pgi file already"):
        open_foreign_photo(pgic_core.encode(PHOTO, effort=1))


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (np.complex64, "holds complex numbers, which a .pgi file cannot hold"),
        (np.int64, "1 x 64 bits of signed whole numbers"),
        (np.uint64, "1 x 64 bits of whole numbers"),
    ],
)
def test_a_tiff_of_samples_that_are_not_read_says_which(dtype: Any, words: str) -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, np.ones((8, 9), dtype))
    with pytest.raises(PgiInputError, match=words):
        open_foreign_photo(out.getvalue())


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\0\0\0\0",
            "a PAM picture",
        ),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "a raw photo"),
        (b"v/1\1\2\0\0\0", "an OpenEXR picture"),
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0", "no picture on its first page"),
        (pgic_core.encode(np.zeros((8, 8, 3), np.uint8)), "a .pgi file already"),
        (b"\xff\xd8\xff\xf7\0\x0b", "a JPEG-LS picture"),
        (b"\x89PNG\r\n\x1a\n", "This PNG file is damaged"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a film or a sound"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "This AVIF file is damaged"),
        (b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10", "BigTIFF of big-endian byte order"),
        (b"anything", "not a picture"),
    ],
)
def test_files_that_are_no_photos_are_called_by_their_names(head: bytes, words: str) -> None:
    with pytest.raises(PgiInputError, match=words):
        open_foreign_photo(head)


def test_broken_files_stay_as_they_were() -> None:
    """Kinds: cut short; bytes after the end."""
    with pytest.raises(PgiInputError, match="cannot be read"):
        pgic_core.encode(open_foreign_photo(CASES / "truncated.jpg"))
    assert losses_of(CASES / "trailing.jpg") == []


def test_a_jpeg_xl_tells_bits_and_animation() -> None:
    """Its Pillow plugin drops both in silence."""
    pytest.importorskip("pillow_jxl")
    for mode, bits in (("RGB", 8), ("I;16", 16)):
        out = io.BytesIO()
        Image.new(mode, (64, 50)).save(out, "JXL")
        assert jxl_header(out) == JxlHeader(64, 50, bits, False)
    # Small 8 x 8; further fields, no orientation, size or preview; animated: 100 / 1 ticks, no end; 12 bits.
    fields = (
        "1"
        + "00000"
        + "000"
        + "00000"
        + "0"
        + "1"
        + "000"
        + "0"
        + "0"
        + "1"
        + "0000"
        + "00"
        + "0"
        + "0"
        + "01"
    )
    value = sum(int(bit) << at for at, bit in enumerate(fields))
    assert jxl_header(io.BytesIO(b"\xff\x0a" + value.to_bytes(8, "little"))) == JxlHeader(8, 8, 12, True)


def test_pillow_says_that_it_holds_8_bits() -> None:
    data = pgic_core.encode(np.zeros((4, 4, 3), np.uint16))
    with Image.open(io.BytesIO(data)) as image, pytest.warns(PgiWarning, match="of which Pillow holds 8"):
        image.load()
