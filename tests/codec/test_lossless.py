"""Lossless and plain streams: every pixel comes back, damage stays in its tile, forged bytes are refused."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pgic_core.codec.lossless.decoder import LosslessImage
from pgic_core.codec.lossless.encoder import encode_lossless
from pgic_core.codec.lossless.tile_coders import EFFORTS, TileCoder, decode_tile, encode_tile
from pgic_core.codec.sample_format import SampleFormat
from pgic_core.errors import (
    PgiChecksumError,
    PgiError,
    PgiFormatError,
    PgiLimitError,
    PgiOptionError,
    PgiTruncatedError,
    PgiUnsupportedError,
)
from pgic_core.limits import Limits
from pgic_core.options import DecodeOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHOTO = skimage.data.retina()[400:920, 100:1130]  # 520 rows of 1030 pixels: 2 x 3 tiles
HEADER = 16
ENTRY = 9


def coded(pixels: NDArray[Any], **options: Any) -> bytes:
    return b"".join(encode_lossless(pixels, **options))


def opened(data: bytes, shape: tuple[int, ...], **options: Any) -> LosslessImage:
    def read(offset: int, length: int) -> bytes:
        if offset + length > len(data):
            raise PgiTruncatedError("The data ends early.")
        return data[offset : offset + length]

    return LosslessImage(read, options.pop("length", len(data)), shape[1], shape[0], **options)


def channels_of(photo: NDArray[Any], count: int) -> NDArray[Any]:
    """The photo with 1 to 4 channels; alpha is a ramp with zeros, so that colour under it is tested."""
    alpha = np.broadcast_to(np.arange(photo.shape[1]) % 256, photo.shape[:2]).astype(photo.dtype)[..., None]
    colour = photo[:, :, :1] if count <= 2 else photo
    return np.concatenate([colour, alpha], axis=2) if count in (2, 4) else np.ascontiguousarray(colour)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_pixel_comes_back(count: int, dtype: type) -> None:
    pixels = channels_of(PHOTO[:, :520], count).astype(dtype)
    if dtype is np.uint16:
        pixels = pixels * 257 - (pixels > 99)
    data = coded(pixels, effort=1)
    image = opened(data, pixels.shape)
    decoded, mask = image.decode()
    assert mask is None
    assert decoded.dtype == pixels.dtype
    np.testing.assert_array_equal(decoded, pixels)
    assert len(data) < pixels.nbytes
    assert (image.channels, image.sample_format.dtype) == (count, pixels.dtype)


@settings(deadline=None, max_examples=60)
@given(
    pixels=hnp.arrays(
        st.sampled_from([kind.dtype for kind in SampleFormat]),
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4)),
    ),
    effort=st.sampled_from(sorted(EFFORTS)),
    plain=st.booleans(),
)
def test_any_array_comes_back(pixels: NDArray[Any], effort: int, plain: bool) -> None:
    image = opened(coded(pixels, effort=effort, plain=plain), pixels.shape, plain=plain)
    image.verify()
    assert image.decode()[0].tobytes() == pixels.tobytes()  # NaN included


def test_tiles_of_png_are_still_read() -> None:
    pixels = channels_of(PHOTO[:300, :200].astype(np.uint16) * 257, 2)
    coder, tile = encode_tile(pixels, TileCoder.PNG, 2)
    assert coder is TileCoder.PNG
    head = struct.pack("<4BHHI", 1, 2, SampleFormat.UINT16, 0, 64, 64, 1)
    index = struct.pack("<IIB", len(tile), zlib.crc32(tile), coder)
    data = head + struct.pack("<I", zlib.crc32(index, zlib.crc32(head))) + index + tile
    np.testing.assert_array_equal(opened(data, pixels.shape).decode()[0], pixels)
    assert len(coded(pixels)) < len(data)


def test_plain_samples_stand_in_one_piece() -> None:
    pixels = np.arange(300 * 700 * 2, dtype=np.float32).reshape(300, 700, 2) / 3
    data = coded(pixels, plain=True)
    assert data.endswith(pixels.astype("<f4").tobytes())
    assert opened(data, pixels.shape, plain=True).grid.count > 1


def test_widest_and_highest_pictures() -> None:
    for shape in ((1, 65535, 1), (65535, 1, 1)):
        pixels = (np.arange(65535) % 251).astype(np.uint8).reshape(shape)
        for plain in (False, True):
            decoded, _ = opened(coded(pixels, plain=plain), shape, plain=plain).decode()
            np.testing.assert_array_equal(decoded, pixels)


def test_same_bytes_with_any_number_of_threads() -> None:
    assert coded(PHOTO, effort=1, threads=1) == coded(PHOTO, effort=1, threads=5)


def test_more_effort_is_smaller() -> None:
    photo = PHOTO[:300, 400:700]
    assert len(coded(photo, effort=3)) <= len(coded(photo, effort=2)) < len(coded(photo, effort=1))


def test_noise_is_stored_plain() -> None:
    noise = np.random.default_rng(1).integers(0, 65536, (64, 64, 1), dtype=np.uint16)
    coder, data = encode_tile(noise, TileCoder.PNG, 1)
    assert (coder, len(data)) == (TileCoder.PLAIN, noise.nbytes)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("window", [(0, 0, 1, 1), (500, 300, 30, 220), (1029, 519, 1, 1), (0, 0, 1030, 520)])
def test_window_is_the_same_part(window: tuple[int, int, int, int], plain: bool) -> None:
    x, y, width, height = window
    image = opened(coded(PHOTO, effort=1, plain=plain), PHOTO.shape, plain=plain)
    np.testing.assert_array_equal(
        image.decode(DecodeOptions(window=window))[0], PHOTO[y : y + height, x : x + width]
    )
    whole, _ = image.decode(DecodeOptions("preview"))
    part, _ = image.decode(DecodeOptions("preview", window))
    expected = whole[y // 8 : -(-(y + height) // 8), x // 8 : -(-(x + width) // 8)]
    np.testing.assert_array_equal(part, expected)


def test_window_reads_only_its_tiles() -> None:
    data = coded(PHOTO, effort=1)
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return data[offset : offset + length]

    image = LosslessImage(read, len(data), PHOTO.shape[1], PHOTO.shape[0])
    asked.clear()
    image.decode(DecodeOptions(window=(10, 10, 20, 20)))
    assert len(asked) == 1
    assert asked[0][0] == HEADER + ENTRY * 6


@pytest.mark.parametrize("window", [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 1031, 5), (1030, 0, 1, 1)])
def test_window_outside_is_refused(window: tuple[int, int, int, int]) -> None:
    image = opened(coded(PHOTO, effort=1), PHOTO.shape)
    with pytest.raises(PgiOptionError, match="window"):
        image.decode(DecodeOptions(window=window))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_preview_is_the_mean_of_boxes(dtype: type) -> None:
    pixels = PHOTO[:101, :75].astype(dtype)
    preview, _ = opened(coded(pixels, plain=True), pixels.shape, plain=True).decode(DecodeOptions("preview"))
    assert preview.shape == (13, 10, 3)
    for y, x in ((0, 0), (5, 9), (12, 9)):
        mean = pixels[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].mean(axis=(0, 1), dtype=np.float64)
        np.testing.assert_allclose(preview[y, x], mean, atol=0.51 if dtype != np.float32 else 1e-3)


def damage_tile(data: bytes, index: int) -> bytes:
    count = int.from_bytes(data[8:12], "little")
    lengths = [struct.unpack_from("<I", data, HEADER + ENTRY * i)[0] for i in range(count)]
    at = HEADER + ENTRY * count + sum(lengths[:index]) + lengths[index] // 2
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


@pytest.mark.parametrize("level", ["fast", "preview"])
def test_damage_stays_in_its_tile(level: Any) -> None:
    data = damage_tile(coded(PHOTO, effort=1), 1)
    image = opened(data, PHOTO.shape)
    with pytest.raises(PgiChecksumError, match=r"\(512, 0\)"):
        image.decode(DecodeOptions(level))
    with pytest.raises(PgiChecksumError):
        image.verify()
    pixels, mask = image.decode(DecodeOptions(level, on_damage="conceal"))
    sound, _ = opened(coded(PHOTO, effort=1), PHOTO.shape).decode(DecodeOptions(level))
    tile = np.zeros(mask.shape, bool)
    scale = 8 if level == "preview" else 1
    tile[: 512 // scale, 512 // scale : 1024 // scale] = True
    np.testing.assert_array_equal(mask, tile)
    np.testing.assert_array_equal(pixels[~tile], sound[~tile])
    border = np.concatenate(
        [
            sound[512 // scale, 512 // scale : 1024 // scale],
            sound[: 512 // scale, 512 // scale - 1],
            sound[: 512 // scale, 1024 // scale],
        ]
    )
    np.testing.assert_array_equal(pixels[0, 600 // scale], np.rint(border.mean(axis=0)))
    # A window beside the damage never touches it.
    image.decode(DecodeOptions(window=(0, 0, 512, 520)))


def test_nothing_left_is_mid_grey_and_opaque() -> None:
    pixels = channels_of(PHOTO[:40, :40], 4)
    filled, mask = opened(damage_tile(coded(pixels), 0), pixels.shape).decode(
        DecodeOptions(on_damage="conceal")
    )
    assert mask.all()
    np.testing.assert_array_equal(filled[7, 7], [128, 128, 128, 255])


def test_missing_end_is_concealed() -> None:
    data = coded(PHOTO, effort=1)
    image = opened(data[: len(data) * 2 // 3], PHOTO.shape, length=len(data))
    with pytest.raises(PgiTruncatedError):
        image.decode()
    pixels, mask = image.decode(DecodeOptions(on_damage="conceal"))
    assert 0 < mask.mean() < 1
    np.testing.assert_array_equal(pixels[~mask], PHOTO[~mask])


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_changed_bytes_never_give_another_picture(data: st.DataObject) -> None:
    pixels = PHOTO[300:340, 500:560]
    stream = bytearray(coded(pixels))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at] ^= data.draw(st.integers(1, 255))
    try:
        decoded, _ = opened(bytes(stream), pixels.shape).decode()
    except PgiError:
        return
    np.testing.assert_array_equal(decoded, pixels)  # two changes may cancel each other out


def forged(data: bytes, **fields: int) -> bytes:
    """The stream with header fields changed and its checksum made right again."""
    places = {"version": "B", "channels": "B", "sample_format": "B", "reserved": "B"}
    places |= {"tile_width": "H", "tile_height": "H", "tile_count": "I"}
    names = list(places)
    layout = "<" + "".join(places.values())
    values = dict(zip(names, struct.unpack_from(layout, data), strict=True)) | fields
    head = struct.pack(layout, *values.values())
    count = struct.unpack_from("<I", data, 8)[0]
    index = data[HEADER : HEADER + ENTRY * count]
    return head + struct.pack("<I", zlib.crc32(index, zlib.crc32(head))) + data[HEADER:]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reserved": 1}, "reserved"),
        ({"channels": 0}, "channels"),
        ({"channels": 5}, "channels"),
        ({"sample_format": 9}, "format"),
        ({"tile_width": 0}, "without pixels"),
        ({"tile_count": 1 << 31}, "tiles"),
        ({"tile_height": 1}, "tiles"),
    ],
)
def test_forged_header_is_refused(fields: dict[str, int], message: str) -> None:
    with pytest.raises(PgiFormatError, match=message):
        opened(forged(coded(PHOTO, effort=1), **fields), PHOTO.shape)


def test_another_version_is_not_supported() -> None:
    with pytest.raises(PgiUnsupportedError, match="version 2"):
        opened(forged(coded(PHOTO[:9, :9]), version=2), (9, 9))


def stream_of_one(width_units: int, height_units: int, count: int = 1, sample_format: int = 4) -> bytes:
    """A stream of ``count`` empty tiles."""
    head = struct.pack("<4BHHI", 1, 4, sample_format, 0, width_units, height_units, count)
    index = struct.pack("<IIB", 0, 0, 0) * count
    return head + struct.pack("<I", zlib.crc32(index, zlib.crc32(head))) + index


@pytest.mark.parametrize(("across", "down"), [(65, 64), (64, 65), (8191, 8191), (7, 8), (8, 7), (1, 1)])
def test_tiles_that_are_too_large_or_too_small_are_refused(across: int, down: int) -> None:
    with pytest.raises(PgiFormatError, match="each side must be from 64 to 512"):
        opened(stream_of_one(across, down), (500, 500))


def test_plain_tiles_have_bounds_of_their_own() -> None:
    with pytest.raises(PgiFormatError, match="64 MiB"):
        opened(stream_of_one(8191, 8191), (65000, 65000), plain=True)
    with pytest.raises(PgiFormatError, match="fewer than 4,096 pixels"):
        opened(stream_of_one(2, 1, 8192), (65535, 16), plain=True)
    opened(stream_of_one(2, 1), (8, 16), plain=True)  # the whole picture is one tile


def test_too_many_tiles_are_refused() -> None:
    with pytest.raises(PgiLimitError, match="tiles"):
        opened(coded(PHOTO, effort=1), PHOTO.shape, limits=Limits(tiles=5))


def test_plain_stream_keeps_its_rules() -> None:
    with pytest.raises(PgiFormatError, match="coder"):
        opened(coded(PHOTO[:100, :100], effort=1), (100, 100), plain=True)
    with pytest.raises(PgiFormatError, match="narrower"):
        opened(coded(PHOTO, effort=1), PHOTO.shape, plain=True)


def test_short_streams_are_refused() -> None:
    data = coded(PHOTO[:64, :64])
    for length in (0, 1, HEADER, HEADER + 3):
        with pytest.raises(PgiFormatError):
            opened(data[:length], (64, 64))
    with pytest.raises(PgiFormatError, match="end at"):
        opened(data + b"\0", (64, 64))


def test_a_tile_of_another_size_or_kind_is_refused() -> None:
    tile = np.ascontiguousarray(PHOTO[:40, :56])
    alpha = channels_of(tile, 4)
    _, webp = encode_tile(tile, TileCoder.WEBP, 1)
    _, with_alpha = encode_tile(alpha, TileCoder.WEBP, 1)
    _, png = encode_tile(tile.astype(np.uint16) * 9, TileCoder.PNG, 1)
    uint8, uint16 = np.dtype(np.uint8), np.dtype(np.uint16)
    for data, coder, shape, dtype in (
        (webp, TileCoder.WEBP, (40, 57, 3), uint8),
        (webp, TileCoder.WEBP, (16000, 16000, 3), uint8),
        (webp, TileCoder.WEBP, (40, 56, 3), uint16),
        (webp, TileCoder.PNG, (40, 56, 3), uint16),
        (webp[:40], TileCoder.WEBP, (40, 56, 3), uint8),
        (webp[:3], TileCoder.WEBP, (40, 56, 3), uint8),
        (with_alpha, TileCoder.WEBP, (40, 56, 3), uint8),
        (png, TileCoder.PNG, (41, 56, 3), uint16),
        (png[:-9], TileCoder.PNG, (40, 56, 3), uint16),
        (png, TileCoder.WEBP, (40, 56, 3), uint8),
        (b"", TileCoder.PLAIN, (1, 1, 1), uint8),
    ):
        with pytest.raises(PgiFormatError):
            decode_tile(data, coder, shape, dtype)


def test_options_are_checked() -> None:
    with pytest.raises(PgiOptionError, match="effort"):
        encode_lossless(PHOTO, effort=0)
    with pytest.raises(PgiOptionError, match="not complex64"):
        encode_lossless(PHOTO.astype(np.complex64))
    with pytest.raises(PgiOptionError, match="threads"):
        encode_lossless(PHOTO, threads=0)


def test_progress_ends_at_one() -> None:
    shares: list[float] = []
    coded(PHOTO, effort=1, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
