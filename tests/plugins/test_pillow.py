"""The Pillow plugin on sound files, by Pillow's own means and beside its own formats."""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, ImageSequence

import pgic_core
import pgic_plugins.pillow
from pgic_core import open_file
from pgic_core.container import Annotation, Box, Metadata
from pgic_core.errors import PgiOptionError
from pgic_plugins.pillow import PgiImageFile, register_pgi_opener

from . import workers

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Codec

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "Maker"
    tags[ExifTags.Base.Orientation] = orientation
    return tags


def save(image: Image.Image, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, "PGI", **options)
    file.seek(0)
    return file


class CountingFile(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_round_trip(codec: Codec, photo: Image.Image):
    with Image.open(io.BytesIO(codec.encode(photo))) as image:
        assert isinstance(image, PgiImageFile)
        assert (image.format, image.get_format_mimetype()) == ("PGI", "image/x-pgi")
        codec.check(image, photo)


def test_opening_reads_a_small_part_and_decodes_nothing(codec: Codec, photo: Image.Image):
    data = codec.encode(photo)
    file = CountingFile(data)
    with Image.open(file) as image:
        assert (image.size, image.mode) == (photo.size, "RGB")
        assert image._im is None
        assert file.count < min(2000, len(data) // 4)
        image.load()
        assert image._im is not None
        assert image.fp is None


def test_opens_from_paths_files_and_streams(pgi: Path, photo: Image.Image):
    class Stream:
        def __init__(self, file: io.BufferedReader) -> None:
            self.read = file.read

    with pgi.open("rb") as file, pgi.open("rb") as other:
        for source in (pgi, str(pgi), file, Stream(other)):
            with Image.open(source) as image:  # type: ignore[arg-type]
                assert image.size == photo.size
                image.load()
        assert not file.closed


def test_a_path_is_closed_after_loading(pgi: Path):
    with warnings.catch_warnings(action="error", category=ResourceWarning):
        image = Image.open(pgi)
        file = image.fp
        image.load()
        assert file is not None
        assert file.closed


def test_a_closed_image_does_not_load(pgi: Path):
    with Image.open(pgi) as image:
        pass
    with pytest.raises(ValueError, match="closed image"):
        image.load()


def test_one_frame(pgi: Path):
    with Image.open(pgi) as image:
        assert (image.n_frames, image.is_animated, image.tell()) == (1, False, 0)
        image.seek(0)
        assert len(list(ImageSequence.Iterator(image))) == 1
        with pytest.raises(EOFError):
            image.seek(1)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        *((mode, mode) for mode in ("L", "LA", "RGB", "RGBA", "I;16", "F")),
        ("1", "L"),
        ("P", "RGB"),
        ("PA", "RGBA"),
        ("La", "LA"),
        ("RGBa", "RGBA"),
        ("RGBX", "RGB"),
        ("CMYK", "RGB"),
        ("YCbCr", "RGB"),
        ("HSV", "RGB"),
        ("LAB", "RGB"),
        ("I", "I"),
    ],
)
def test_every_mode_of_pillow_can_be_saved(mode: str, expected: str, photo: Image.Image):
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(photo, srgb, lab, outputMode="LAB")
    else:
        via = {"PA": "P", "La": "LA", "RGBa": "RGBA", "I;16": "I", "LA": "L"}
        image = photo.convert(via[mode]).convert(mode) if mode in via else photo.convert(mode)
    assert image is not None
    with Image.open(save(image, lossless=True)) as decoded:
        assert decoded.mode == expected
        assert decoded.size == image.size
        if mode == expected:
            assert decoded.tobytes() == image.tobytes()


def test_int32_keeps_negative_values():
    image = Image.fromarray(np.array([[-5, 70000], [3, 2**31 - 1]], np.int32))
    with Image.open(save(image)) as decoded:
        assert decoded.mode == "I"
        np.testing.assert_array_equal(decoded, image)


def test_sixteen_bits_of_colour_are_opened_with_eight():
    from pgic_core.api import encode

    pixels = np.full((3, 4, 3), [0, 32768, 65535], np.uint16)
    with Image.open(io.BytesIO(encode(pixels))) as image:
        assert (image.mode, image.getpixel((1, 1))) == ("RGB", (0, 128, 255))


def test_samples_without_a_mode_are_refused_when_opening():
    from pgic_core.api import encode

    with pytest.raises(OSError, match="no mode for rgb of float32"):
        Image.open(io.BytesIO(encode(np.zeros((3, 4, 3), np.float32))))


def test_transparency_stays(codec: Codec, photo: Image.Image):
    image = photo.convert("RGBA")
    image.putalpha(photo.convert("L"))
    with Image.open(io.BytesIO(codec.encode(image))) as decoded:
        assert decoded.mode == "RGBA"
        assert decoded.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_info_goes_there_and_back(codec: Codec, photo: Image.Image):
    given = {
        "exif": exif(6).tobytes(),
        "icc_profile": ICC,
        "xmp": XMP,
        "dpi": (300.0, 72.5),
        "metadata": Metadata(1_700_000_000_000, "drone 7", None, {"iso": "100"}, True),
        "annotations": (Annotation("broken insulator", Box(1, 2, 30, 40), 0.5),),
        "extension": {"vendor.thermal": [1, 2.5, "x"]},
        "image_type": 1,
    }
    with Image.open(io.BytesIO(codec.encode(photo, **given))) as image:
        assert image.info == given
        again = save(image, **codec.options, **image.info)
    with Image.open(again) as image:
        assert image.info == given


def test_exif_may_be_an_object_and_xmp_text(photo: Image.Image):
    with Image.open(save(photo, lossless=True, exif=exif(3), xmp=XMP.decode())) as image:
        assert image.getexif() == exif(3)
        assert image.info["xmp"] == XMP


def test_what_a_jpeg_brings_is_kept_unless_told_otherwise(photo: Image.Image):
    jpeg = io.BytesIO()
    photo.save(jpeg, "JPEG", exif=exif(), icc_profile=ICC, xmp=XMP, dpi=(300, 300))
    with Image.open(jpeg) as image:
        with Image.open(save(image, lossless=True)) as saved:
            for name in ("exif", "icc_profile", "xmp", "dpi"):
                assert saved.info[name] == image.info[name]
            assert saved.info["metadata"].sensor_params["camera_make"] == "Maker"
        options = {"exif": b"", "icc_profile": b"", "xmp": b""}
        with Image.open(save(image, lossless=True, **options)) as saved:
            assert not set(options) & set(saved.info)


def test_annotations_stay_while_pixels_keep_their_places(photo: Image.Image):
    marks = (Annotation("crack", Box(0, 0, 5, 5)),)
    file = save(
        photo, lossless=True, annotations=marks, extension={"vendor.x": 1}, metadata={"anomaly": True}
    )
    with Image.open(file) as image:
        with Image.open(save(image, lossless=True)) as saved:
            assert saved.info == image.info
        for moved in (image.crop((0, 0, 50, 50)), image.rotate(180), image.copy()):
            with Image.open(save(moved, lossless=True)) as saved:
                assert "annotations" not in saved.info
                assert "extension" not in saved.info
                assert saved.info["metadata"].anomaly
        image.thumbnail((50, 50))
        with Image.open(save(image, lossless=True)) as saved:
            assert "annotations" not in saved.info


def test_orientation_is_applied_by_exif_transpose(photo: Image.Image):
    with Image.open(save(photo, lossless=True, exif=exif(6))) as image:
        assert image.size == photo.size
        upright = ImageOps.exif_transpose(image)
    assert upright.tobytes() == photo.transpose(Image.Transpose.ROTATE_270).tobytes()


def test_draft_is_what_jpeg_does(codec: Codec):
    original = Image.fromarray(skimage.data.coffee())
    jpeg = io.BytesIO()
    original.save(jpeg, "JPEG", quality=95)
    data = codec.encode(original)
    for size, scale in {
        (75, 50): 8,
        (76, 50): 4,
        (75, 51): 4,
        (150, 100): 4,
        (150, 101): 2,
        (300, 200): 2,
        (301, 200): 1,
        (20, 30): 8,
        (1, 1): 8,
        (0, 0): 8,
        (600, 400): 1,
        (1000, 10): 1,
        (74.5, 49.5): 8,
    }.items():
        with Image.open(io.BytesIO(data)) as ours, Image.open(jpeg) as theirs:
            expected = theirs.draft(None, size if all(size) else (1, 1))
            drafted = ours.draft(None, size)
            assert ours.size == theirs.size == (600 // scale, 400 // scale)
            # JPEG's loader speaks up where nothing changes, too.
            assert drafted == (expected if scale > 1 else None)
            if scale > 1:
                assert ours.draft(None, (1, 1)) is None
            ours.load()
            assert ours.im.size == ours.size
            if scale > 1:
                difference = np.asarray(ours, float) - np.asarray(theirs, float)
                assert np.abs(difference).mean() < 4


def test_draft_of_a_loaded_image_does_nothing(pgi: Path, photo: Image.Image):
    with Image.open(pgi) as image:
        image.load()
        assert image.draft(None, (1, 1)) is None
        assert image.size == photo.size
        assert image.draft("L", None) is None


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (301, 203)])
def test_draft_of_odd_and_small_sizes(codec: Codec, photo: Image.Image, size: tuple[int, int]):
    with Image.open(io.BytesIO(codec.encode(photo.resize(size)))) as image:
        image.draft(None, (1, 1))
        assert np.asarray(image).shape == (image.height, image.width, 3)


def test_thumbnail_is_made_of_the_preview(codec: Codec):
    original = Image.fromarray(skimage.data.astronaut())
    with Image.open(io.BytesIO(codec.encode(original))) as image:
        image.thumbnail((32, 32))
        assert image._scale == 8
        original.thumbnail((32, 32))
        assert image.size == original.size == (32, 32)
        assert np.abs(np.asarray(image, float) - np.asarray(original)).mean() < 6


def test_a_thumbnail_of_a_sixth_is_made_of_the_larger_preview(photo: Image.Image):
    """Within two levels of one of the whole picture, and of the first bytes of the file."""
    original = Image.fromarray(skimage.data.coffee())
    data = save(original, quality=80).getvalue()
    with open_file(data) as file:
        assert file.exact is None
        prefix = data[: file.preview_bytes]
        whole = Image.fromarray(file.decode())
    with Image.open(io.BytesIO(prefix)) as image:
        image.thumbnail((96, 96))
        assert (image._level, image._scale) == ("preview", 4)
        whole.thumbnail((96, 96))
        assert np.abs(np.asarray(image, float) - np.asarray(whole)).mean() < 2
    for size, level in (((150, 100), "fast"), ((100, 66), "preview"), ((99, 66), "preview")):
        with Image.open(io.BytesIO(data)) as image:
            image.draft(None, size)
            assert (image._level, image._scale) == (level, 4)
    exact = pgic_core.encode(original, quality=80, exact=[(300, 200, 64, 64)])
    for other in (exact, pgic_core.encode(original, lossless=True)):
        with Image.open(io.BytesIO(other)) as image:
            image.draft(None, (90, 60))
            assert (image._level, image._scale) == ("fast", 4)


@pytest.mark.parametrize("size", [(600, 400), (601, 399), (97, 403)])
def test_thumbnail_has_the_size_that_pillow_gives_it(codec: Codec, size: tuple[int, int]):
    photo = Image.fromarray(skimage.data.coffee()).resize(size)
    data = codec.encode(photo)
    for most in [(70, 70), (75, 51), (149.9, 80), (160, 160), (320, 320), (5, 1), (700, 700)]:
        for gap in (2.0, None):
            same = photo.copy()
            same.thumbnail(most, reducing_gap=gap)
            with Image.open(io.BytesIO(data)) as image:
                image.thumbnail(most, reducing_gap=gap)
                image.load()
                assert image.size == image.im.size == same.size
                assert image._scale == 1 or gap is not None
                wider = image._scale > 1 and image._scale * same.width > size[0] + 8
                assert not wider, "the thumbnail would be made larger than what was decoded"


def test_the_first_bytes_of_a_learned_file_are_enough_for_a_thumbnail():
    from pgic_core.api import open_file

    original = Image.fromarray(skimage.data.coffee())
    data = save(original, quality=80).getvalue()
    with open_file(data) as file:
        enough = file.preview_bytes
    assert enough < len(data) // 2
    with Image.open(io.BytesIO(data[:enough])) as image:
        image.thumbnail((20, 20))
        original.thumbnail((20, 20))
        assert np.abs(np.asarray(image, float) - np.asarray(original)).mean() < 6


@pytest.mark.parametrize("step", [1, 777, 10**9])
def test_parser_takes_any_pieces(codec: Codec, photo: Image.Image, step: int):
    original = photo.resize((40, 30)) if step == 1 else photo
    data = codec.encode(original)
    parser = ImageFile.Parser()
    for start in range(0, len(data), step):
        parser.feed(data[start : start + step])
    codec.check(parser.close(), original)


def test_verify(pgi: Path):
    with Image.open(pgi) as image:
        image.verify()
        assert image.fp is None
    with Image.open(pgi) as image:
        image.load()
        with pytest.raises(RuntimeError, match="directly after open"):
            image.verify()


def test_pickles_and_copies(pgi: Path):
    expected = Image.open(pgi).tobytes()
    for make in (copy.deepcopy, lambda image: pickle.loads(pickle.dumps(image))):
        with Image.open(pgi) as image:
            twin = make(image)
            assert twin == image
            assert (twin.format, twin.filename, twin.info) == ("PGI", str(pgi), image.info)
            assert twin.tobytes() == expected
            assert twin.draft(None, (1, 1)) is None
            assert twin.n_frames == 1
    with Image.open(pgi) as image:
        for plain in (image.copy(), copy.copy(image)):
            assert (type(plain), plain.tobytes()) == (Image.Image, expected)


def test_threads(pgi: Path):
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(workers.pixels_of, [str(pgi)] * 12))) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(pgi: Path, method: str):
    """After the codec has run in this process, so that a fork inherits it."""
    expected = workers.pixels_of(str(pgi))
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        pool = multiprocessing.get_context(method).Pool(2)
    with pool:
        assert pool.map(workers.pixels_of, [str(pgi)] * 3) == [expected] * 3
        assert pool.apply(workers.digest_of, (Image.open(pgi),)) == expected


def test_saves_to_paths(tmp_path: Path, photo: Image.Image):
    for target in (tmp_path / "a.pgi", str(tmp_path / "b.PGI"), str(tmp_path / "c.pgi").encode()):
        photo.save(target, lossless=True)
        with Image.open(target) as image:
            assert image.tobytes() == photo.tobytes()


def test_saves_over_itself(codec: Codec, pgi: Path):
    expected = workers.pixels_of(str(pgi))
    with Image.open(pgi) as image:
        image.save(pgi, lossless=True)
    assert workers.pixels_of(str(pgi)) == expected


def test_unknown_options_are_ignored_as_by_other_formats(photo: Image.Image):
    assert save(photo, lossless=True, progressive=True).read() == save(photo, lossless=True).read()


@pytest.mark.parametrize("options", [{"quality": 101}, {"quality": 1, "lossless": True}, {"bpp": -1}])
def test_impossible_options_raise_and_leave_no_file(
    tmp_path: Path, photo: Image.Image, options: dict[str, int]
):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the class is the point
        photo.save(tmp_path / "x.pgi", **options)
    assert isinstance(caught.value, PgiOptionError)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_image_is_refused_as_by_jpeg():
    for name in ("PGI", "JPEG"):
        with pytest.raises(ValueError):  # noqa: PT011
            Image.new("RGB", (0, 5)).save(io.BytesIO(), name)


def test_rate_options_reach_the_codec(tmp_path: Path):
    original = Image.fromarray(skimage.data.coffee())
    small = save(original, max_bytes=15_000)
    assert len(small.read()) <= 15_000
    original.save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert len(save(image, ratio=30).read()) <= (tmp_path / "x.png").stat().st_size / 30


def test_options_of_the_opener(pgi: Path, photo: Image.Image):
    register_pgi_opener(level="preview", threads=1)
    with Image.open(pgi) as image:
        assert image.size == (38, 26)
        assert np.asarray(image).shape == (26, 38, 3)
        assert image.draft(None, (1, 1)) is None
    register_pgi_opener()
    with Image.open(pgi) as image:
        assert image.size == photo.size


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"threads": True}, {"on_damage": "x"}, {"level": "best"}]
)
def test_impossible_options_of_the_opener(options: dict[str, object]):
    with pytest.raises(PgiOptionError):
        register_pgi_opener(**options)  # type: ignore[arg-type]
    assert pgic_plugins.pillow.LEVEL == "fast"


def test_pillow_lists_the_format():
    Image.init()
    assert Image.registered_extensions()[".pgi"] == "PGI"
    assert "PGI" in Image.OPEN
    assert "PGI" in Image.SAVE
