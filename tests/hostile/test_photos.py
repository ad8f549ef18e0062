"""Photos that ask for more than they are worth end at once, in one plain sentence."""

from __future__ import annotations

import io
import resource
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

import pgic_core
from pgic_core.errors import PgiError
from pgic_core.photos.conversion_losses import collected
from pgic_core.photos.foreign_photo import open_foreign_photo

from ..api.foreign_files import with_chunks, with_segments
from ..api.photos import GREY, PHOTO, photo_file

if TYPE_CHECKING:
    from collections.abc import Iterator

# Pillow warns of each odd tag.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

SECONDS, BYTES = 2, 500 << 20


@pytest.fixture(autouse=True)
def _cheap() -> Iterator[None]:
    """The budget for a small file, of processor time and of memory that stays in use at the peak."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < BYTES


def refused(data: bytes) -> str:
    with collected(), pytest.raises(PgiError) as caught:
        pgic_core.encode(open_foreign_photo(data), lossless=True, effort=1)
    text = str(caught.value)
    assert "\n" not in text
    return text


def page(tags: list[tuple[int, int, int, int]], more: bytes = b"") -> bytes:
    """A TIFF of one directory, and bytes that follow it at offset 4096."""
    out = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags))
    for tag in sorted(tags):
        out += struct.pack("<HHII", *tag)
    return (out + bytes(4)).ljust(4096, b"\0") + more


def layout(width: int, height: int, compression: int, **changes: int) -> list[tuple[int, int, int, int]]:
    """Tags of RGB with 16 bits in one strip at offset 4096."""
    tags = {
        256: width,
        257: height,
        258: 16,
        259: compression,
        262: 2,
        273: 4096,
        277: 3,
        278: height,
        279: 64,
    }
    tags |= {int(name[1:]): value for name, value in changes.items()}
    return [(tag, 4, 1, value) for tag, value in tags.items()]


def test_a_strip_that_inflates_without_end() -> None:
    """The strip is 16 MB, and would become 16 GB: no more is made of it than the picture has."""
    bomb = zlib.compress(bytes(200 << 20), 9)
    back = _coded(page(layout(16, 16, 8, t279=len(bomb)), bomb))
    assert back.shape == (16, 16, 3)
    assert "pixels" in refused(page(layout(60_000, 60_000, 8, t279=len(bomb)), bomb))


def _coded(data: bytes) -> Any:
    with collected():
        return pgic_core.decode(pgic_core.encode(open_foreign_photo(data), lossless=True, effort=1))


def test_strips_that_share_their_bytes() -> None:
    rows, strip = 4000, 1 << 20
    offsets = struct.pack("<I", 100_000) * rows
    lengths = struct.pack("<I", strip) * rows
    tags = [tag for tag in layout(100, rows, 5) if tag[0] not in (273, 278, 279)]
    tags += [(273, 4, rows, 4096), (278, 4, 1, 1), (279, 4, rows, 4096 + len(offsets))]
    data = page(tags, offsets + lengths + bytes(strip))
    assert "longer than the file" in refused(data)


def test_tiles_that_are_far_larger_than_their_picture() -> None:
    tags = [tag for tag in layout(16, 16, 8) if tag[0] not in (273, 278, 279)]
    tags += [(322, 4, 1, 65_520), (323, 4, 1, 65_520), (324, 4, 1, 4096), (325, 4, 1, 64)]
    refused(page(tags, bytes(64)))


@pytest.mark.parametrize("value", [0, 2**32 - 1])
@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 273, 277, 278, 279, 317, 322, 338, 339])
def test_tags_of_a_tiff_at_their_extremes(tag: int, value: int) -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((16, 16, 3), np.uint16), photometric="rgb")
    data = page(layout(16, 16, 1, **{f"t{tag}": value}), bytes(16 * 16 * 6))
    try:
        _coded(data)
    except PgiError as error:
        assert "\n" not in str(error)  # noqa: PT017  # either end is right


def test_directories_that_refer_to_each_other() -> None:
    """EXIF that points to itself, and very many tags that share their bytes."""
    tags = layout(4, 4, 1, t279=96)
    tags += [(0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)]
    _coded(page(tags, bytes(96)))
    shared = [(40_000 + number, 1, 1 << 20, 4096) for number in range(200)]
    _coded(page(layout(4, 4, 1, t279=96) + shared, bytes(1 << 20)))


def test_texts_of_a_png_that_inflate_without_end() -> None:
    bomb = b"Note\0\0" + zlib.compress(bytes(64 << 20), 9)
    assert "too large" in refused(with_chunks(photo_file("PNG", GREY), (b"zTXt", bomb)))
    many = [(b"tEXt", b"Note\0x")] * 100_000
    with collected() as losses:
        pgic_core.encode(open_foreign_photo(with_chunks(photo_file("PNG", GREY), *many)), effort=1)
    assert "too long" in losses[0]


def test_a_png_of_16_bits_that_claims_too_much() -> None:
    data = bytearray(photo_file("PNG", GREY))
    data[16:29] = struct.pack(">IIBBBBB", 60_000, 60_000, 16, 2, 0, 0, 0)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert "too large" in refused(bytes(data)) or "pixels" in refused(bytes(data))


def test_a_jpeg_xl_is_measured_before_it_is_decoded() -> None:
    """A side in 30 bits behind a selector of 2, for height and width; 3 bits between for no fixed ratio."""
    pytest.importorskip("pillow_jxl")
    side = 11_999 << 2 | 3
    size = (side << 1) | (side << (1 + 32 + 3))
    assert "144,000,000" in refused(b"\xff\x0a" + size.to_bytes(9, "little") + bytes(100))
    refused(b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a" + b"\x00\x00\x00\x08free" * 1000)


def test_segments_of_a_jpeg_without_end() -> None:
    many = [(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x0a\0\0" + struct.pack(">I", 1 << 31))] * 2000
    _coded(with_segments(photo_file("JPEG", PHOTO), *many))
