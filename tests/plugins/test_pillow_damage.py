"""The Pillow plugin on files that are damaged, cut off, forged, too large or that lack a library."""

from __future__ import annotations

import dataclasses
import io
import sys
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, UnidentifiedImageError

from pgic_core.container import BlockFlag, BlockType, PgiReader
from pgic_core.container.file_header import pack_header
from pgic_core.errors import PgiChecksumError, PgiError, PgiLimitError, PgiTruncatedError
from pgic_core.limits import Limits
from pgic_plugins.pillow import PgiImageFile, register_pgi_opener

from .conftest import CODECS, Codec

if TYPE_CHECKING:
    from pathlib import Path

REFUSALS = (OSError, Image.DecompressionBombError)


def damaged(data: bytes, position: int) -> io.BytesIO:
    changed = bytearray(data)
    changed[position] ^= 0x55
    return io.BytesIO(changed)


@pytest.fixture(scope="module")
def wide() -> Image.Image:
    """A picture of ten tiles side by side, 5000 x 60, so that damage to some leaves sound pixels."""
    return Image.fromarray(np.tile(skimage.data.coffee()[100:160, :500], (1, 10, 1)))


@pytest.fixture(scope="module")
def small_files() -> dict[str, bytes]:
    photo = Image.fromarray(skimage.data.astronaut()[:40, :50])
    return {name: Codec(name).encode(photo, xmp=b"<x/>", metadata={"device_id": "d"}) for name in CODECS}


def test_other_bytes_are_another_format():
    with pytest.raises(SyntaxError, match="not a PGI file"):
        PgiImageFile(io.BytesIO(b"\x89PNG\r\n\x1a\n"))
    for data in (b"", b"\x89PG", b"\x09PGI" * 20):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data))


def test_a_damaged_header_is_an_error_with_our_sentence(codec: Codec, photo: Image.Image):
    with pytest.raises(OSError, match="The header is damaged: its CRC32 does not match") as caught:
        Image.open(damaged(codec.encode(photo), 40))
    assert isinstance(caught.value, PgiError)
    assert isinstance(caught.value.__cause__, PgiChecksumError)


def test_damaged_pixels_raise_when_they_are_loaded(codec: Codec, photo: Image.Image):
    data = codec.encode(photo)
    with Image.open(damaged(data, len(data) - 20)) as image:
        assert image.size == photo.size
        for _ in range(2):  # trying again does not help, and does not give a black picture
            with pytest.raises(OSError, match="damaged"):
                image.load()


def test_verify_finds_any_changed_byte(small_files: dict[str, bytes]):
    for data in small_files.values():
        for position in range(0, len(data), 37):
            with pytest.raises(REFUSALS), Image.open(damaged(data, position)) as image:
                image.verify()


@pytest.mark.parametrize("how", ["pillow's switch", "option"])
def test_damage_is_concealed_where_asked(
    codec: Codec, wide: Image.Image, how: str, monkeypatch: pytest.MonkeyPatch
):
    data = codec.encode(wide)
    if how == "option":
        register_pgi_opener(on_damage="conceal")
    else:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(data)) as image:
        sound = np.asarray(image)
        assert image.damaged is not None
        assert not image.damaged.any()
    with Image.open(damaged(data, len(data) - 20)) as image:
        pixels = np.asarray(image)
        assert image.damaged is not None
        assert image.damaged.shape == (60, 5000)
        assert 0 < image.damaged.mean() < 1
        np.testing.assert_array_equal(pixels[~image.damaged], sound[~image.damaged])


def test_a_file_cut_off_is_an_error_or_concealed(
    codec: Codec, wide: Image.Image, monkeypatch: pytest.MonkeyPatch
):
    data = codec.encode(wide)
    for length in (5, 31, 32, 100, 200, len(data) // 4, len(data) * 9 // 10, len(data) - 1):
        with pytest.raises(OSError), Image.open(io.BytesIO(data[:length])) as image:  # noqa: PT011
            image.load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(data[: len(data) * 9 // 10])) as image:
        assert np.asarray(image).shape == (60, 5000, 3)
        assert image.damaged is not None
        assert 0 < image.damaged.mean() < 1


def test_a_cut_is_told_from_other_damage(codec: Codec, photo: Image.Image):
    data = codec.encode(photo)
    with Image.open(io.BytesIO(data[:-1])) as image, pytest.raises(OSError, match="ends") as caught:
        image.load()
    assert isinstance(caught.value.__cause__, PgiTruncatedError)


def test_parser_of_a_cut_file_raises(codec: Codec, photo: Image.Image):
    parser = ImageFile.Parser()
    parser.feed(codec.encode(photo)[:-1])
    with pytest.raises(OSError, match="ends"):
        parser.close()


def test_damaged_metadata_is_passed_over_where_damage_is_concealed(codec: Codec, photo: Image.Image):
    data = codec.encode(photo, xmp=b"<x>text</x>")
    with PgiReader(data) as reader:
        position = reader.blocks[0].offset
    with pytest.raises(OSError, match="extension block is damaged"):
        Image.open(damaged(data, position))
    register_pgi_opener(on_damage="conceal")
    with Image.open(damaged(data, position)) as image:
        assert image.info == {"image_type": 0}
        codec.check(image, photo)


def test_metadata_for_others_does_not_hide_the_picture(codec: Codec, photo: Image.Image):
    data = codec.encode(photo, xmp=b"<x>text</x>")
    with PgiReader(data) as reader:
        header = reader.header
    sealed = [
        dataclasses.replace(block, flags=BlockFlag.ENCRYPTED) if block.type == BlockType.EXTENSION else block
        for block in header.blocks
    ]
    start = pack_header(sealed, header.fields_crc32)
    with Image.open(io.BytesIO(start + data[len(start) :])) as image:
        assert image.info == {"image_type": 0}
        codec.check(image, photo)


def test_pillows_bomb_guard(pgi: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch):
    pixels = photo.width * photo.height
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
    with warnings.catch_warnings(action="error"):
        Image.open(pgi).close()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels - 1)
    with pytest.warns(Image.DecompressionBombWarning) as caught:
        Image.open(pgi).close()
    assert len(caught) == 1
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels // 2 - 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(pgi)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    Image.open(pgi).close()


def test_our_limits_are_a_bomb_guard_too(pgi: Path, monkeypatch: pytest.MonkeyPatch):
    register_pgi_opener(limits=Limits(pixels=1000))
    with pytest.raises(Image.DecompressionBombError, match="limit 'pixels'") as caught:
        Image.open(pgi)
    assert isinstance(caught.value, PgiLimitError)
    register_pgi_opener()
    monkeypatch.setenv("PGIC_LIMIT_BLOCKS", "0")
    with pytest.raises(Image.DecompressionBombError, match="PGIC_LIMIT_BLOCKS"):
        Image.open(pgi)


def test_a_missing_library_is_named(pgi: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pgic_core.api", None)
    with (
        pytest.warns(UserWarning, match=r"a library that PGI needs is missing: .*pgic_core\.api"),
        pytest.raises(UnidentifiedImageError),
    ):
        Image.open(pgi)


def test_a_library_that_only_this_picture_needs_is_named(photo: Image.Image, monkeypatch: pytest.MonkeyPatch):
    file = io.BytesIO()
    photo.save(file, "PGI", quality=50)
    monkeypatch.setitem(sys.modules, "pgic_core.codec.learned.image_with_opacity", None)
    with pytest.raises(OSError, match=r"A library that this \.pgi file needs is missing"):
        Image.open(file)


def test_an_unknown_model_is_an_os_error(photo: Image.Image, monkeypatch: pytest.MonkeyPatch):
    from pgic_core.models import model_lookup

    file = io.BytesIO()
    photo.save(file, "PGI", quality=50)
    monkeypatch.setattr(model_lookup, "available_models", lambda: ())
    with Image.open(file) as image:
        assert image.size == photo.size
        with pytest.raises(OSError, match="is not installed"):
            image.load()


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_do_worse_than_be_refused(name: str, small_files: dict[str, bytes], data: st.DataObject):
    file = bytearray(small_files[name])
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(4, len(file) - 1))
        file[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(4, len(file)))
    try:
        with Image.open(io.BytesIO(file[:cut])) as image:
            image.load()
    except REFUSALS:
        pass
    else:
        assert file[:cut] == small_files[name]
