"""Damaged, cut and forged files: a plain error, or concealment that says where."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

import pgic_core
from pgic_core import PgiError, PgiFormatError, PgiOptionError, PgiTruncatedError, PgiUnsupportedError
from pgic_core.container import PgiReader, build_file

from .photos import GREY, PHOTO, RGBA, exif_bytes

LEARNED = pgic_core.encode(RGBA, exif=exif_bytes())
LOSSLESS = pgic_core.encode(GREY, exif=exif_bytes())


def rebuilt(data: bytes, payload: bytes | None = None, **fields: int) -> bytes:
    """The file with other A.2 fields or another payload, all checksums of the container right."""
    with PgiReader(data) as reader:
        old = reader.read_payload(0, reader.payload_length)
        return build_file(
            dataclasses.replace(reader.fields, **fields),
            old if payload is None else payload,
            metadata=reader.metadata,
            extension=reader.extension,
        )


@pytest.mark.parametrize("data", [LEARNED, LOSSLESS], ids=["learned", "lossless"])
@settings(deadline=None, max_examples=40)
@given(where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_any_changed_byte_is_found(data: bytes, where: float, change: int) -> None:
    changed = bytearray(data)
    changed[int(where * len(data))] ^= change
    with pytest.raises(PgiError):
        pgic_core.verify(bytes(changed))
    try:
        pgic_core.decode(bytes(changed), on_damage="conceal")
    except PgiError:
        return


@pytest.mark.parametrize("data", [LEARNED, LOSSLESS], ids=["learned", "lossless"])
def test_any_cut_is_found(data: bytes) -> None:
    for length in range(0, len(data), max(1, len(data) // 60)):
        with pytest.raises(PgiFormatError):
            pgic_core.verify(data[:length])
        with pytest.raises(PgiError):
            pgic_core.decode(data[:length])
    with pytest.raises(PgiFormatError, match="follow"):
        pgic_core.decode(data + b"\0")


def test_a_prefix_shows_the_preview() -> None:
    needed = pgic_core.inspect(LEARNED).preview_bytes
    assert needed < len(LEARNED)
    whole = pgic_core.decode(LEARNED, level="preview")
    np.testing.assert_array_equal(pgic_core.decode(LEARNED[:needed], level="preview"), whole)
    np.testing.assert_array_equal(pgic_core.decode(io.BytesIO(LEARNED[:needed]), level="preview"), whole)
    with pytest.raises(PgiTruncatedError):
        pgic_core.decode(LEARNED[:needed])
    with pytest.raises(PgiTruncatedError):
        pgic_core.decode(LEARNED[: needed - 1], level="preview")


def test_damage_is_concealed_and_masked() -> None:
    data = bytearray(LEARNED)
    data[-9] ^= 1
    with pytest.raises(PgiFormatError):
        pgic_core.decode(bytes(data))
    decoded = pgic_core.decode_with_mask(bytes(data))
    assert decoded.damaged.shape == (120, 160)
    assert decoded.damaged.any()
    np.testing.assert_array_equal(decoded.pixels[:, :, 3], RGBA[:, :, 3])
    np.testing.assert_array_equal(decoded.pixels, pgic_core.decode(bytes(data), on_damage="conceal"))
    assert not pgic_core.decode_with_mask(LEARNED).damaged.any()


def test_damaged_opacity_is_concealed_and_masked() -> None:
    with PgiReader(LEARNED) as reader:
        start = reader.header.image.offset + 7
    data = bytearray(LEARNED)
    data[start + 4 + 16 + 9 + 6] ^= 1  # in the one tile of the opacity plane
    pixels, damaged = pgic_core.decode_with_mask(bytes(data))
    assert damaged.all()
    assert (pixels[:, :, 3] == 128).all()
    np.testing.assert_array_equal(pixels[:, :, :3], pgic_core.decode(LEARNED)[:, :, :3])


@pytest.mark.parametrize(
    ("forged", "error", "message"),
    [
        (rebuilt(LOSSLESS, color_depth=16), PgiFormatError, "color_depth"),
        (rebuilt(LEARNED, color_depth=16), PgiFormatError, "color_depth"),
        (rebuilt(LOSSLESS, compression_type=0), PgiFormatError, "coder"),
        (rebuilt(LOSSLESS, compression_type=1), PgiFormatError, "opacity"),
        (rebuilt(LEARNED, compression_type=2), PgiUnsupportedError, "stream version"),
        (rebuilt(LOSSLESS, width=600), PgiFormatError, "tiles"),
        (rebuilt(LEARNED, payload=b"\xff\xff\xff\x7f" + bytes(90)), PgiFormatError, "opacity"),
        (rebuilt(LEARNED, payload=b"\1\0\0"), PgiFormatError, "opacity"),
    ],
)
def test_forged_fields_are_refused(forged: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pgic_core.decode(forged)
    with pytest.raises(error, match=message):
        pgic_core.inspect(forged)


def test_an_unknown_codec_shows_no_picture() -> None:
    with pytest.raises(PgiUnsupportedError, match="compression_type 9"):
        pgic_core.decode(rebuilt(LEARNED, compression_type=9))


def test_the_opacity_plane_must_be_one_channel_of_8_bits() -> None:
    from pgic_core.codec.alpha import join_alpha
    from pgic_core.codec.lossless.encoder import encode_lossless

    for pixels in (PHOTO, GREY[:, :, None].astype(np.uint16)):
        payload = b"".join(join_alpha([b"x" * 99], encode_lossless(pixels)))
        with pytest.raises(PgiFormatError, match="opacity"):
            pgic_core.decode(rebuilt(LEARNED, payload=payload))


@pytest.mark.parametrize(
    "options",
    [
        {"level": "finest"},
        {"scale": 3},
        {"on_damage": "ignore"},
        {"threads": 0},
        {"window": (0, 0, 10)},
        {"window": (0, 0, 10.5, 10)},
        {"window": 5},
        {"window": (0, 0, 0, 10)},
        {"window": (150, 0, 11, 10)},
        {"window": (-1, 0, 11, 10)},
    ],
    ids=repr,
)
@pytest.mark.parametrize("data", [LEARNED, LOSSLESS], ids=["learned", "lossless"])
def test_wrong_options_are_refused(data: bytes, options: dict[str, Any]) -> None:
    with pytest.raises(PgiOptionError):
        pgic_core.decode(data, **options)


def test_windows_take_numpy_integers() -> None:
    window = tuple(np.array([10, 20, 30, 40]))
    np.testing.assert_array_equal(pgic_core.decode(LOSSLESS, window=window), GREY[20:60, 10:40])


def test_a_stream_that_cannot_seek() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.rest = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self.rest.readinto(memoryview(buffer)[:1000])

    pipe = Pipe(LOSSLESS)
    np.testing.assert_array_equal(pgic_core.decode(pipe), GREY)  # type: ignore[arg-type]
    with pytest.raises(PgiTruncatedError):
        pgic_core.decode(Pipe(LOSSLESS[:-1]))  # type: ignore[arg-type]


def test_one_open_file_serves_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    photo = np.ascontiguousarray(skimage.data.camera())
    with pgic_core.open_file(pgic_core.encode(np.tile(photo, (2, 2)))) as file, ThreadPoolExecutor(8) as pool:
        windows = [(x, y, 300, 300) for x in range(0, 700, 230) for y in range(0, 700, 230)]
        parts = list(pool.map(lambda window: file.decode(window=window, threads=1), windows))
    for (x, y, width, height), part in zip(windows, parts, strict=True):
        np.testing.assert_array_equal(part, np.tile(photo, (2, 2))[y : y + height, x : x + width])
