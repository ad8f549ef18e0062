from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.codec.learned.payload.header import StreamHeader, parse, serialise
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.errors import PgiChecksumError, PgiError, PgiFormatError, PgiLimitError, PgiTruncatedError
from pgic_core.limits import DEFAULT_LIMITS, Limits
from pgic_core.varint import varint

DIGEST = "00112233445566778899aabbccddeeff"
HEADER = 24


def payload(width: int = 1300, height: int = 700, *, roi: bool = False, words: int = 30) -> bytes:
    grid = Grid.square(width, height, 512)
    roi_map = None
    if roi:
        shape = grid.padded.height // 64, grid.padded.width // 64
        roi_map = np.random.default_rng(0).integers(-8, 9, shape).astype(np.int8)
    random = np.random.default_rng(1)
    layers = [
        [random.bytes(4 * int(random.integers(words + 1))) for _ in range(grid.count)] for _ in range(2)
    ]
    return b"".join(serialise(StreamHeader(DIGEST, 50, grid, roi_map), layers))


def opened(data: bytes, width: int = 1300, height: int = 700, limits: Limits = DEFAULT_LIMITS):
    def read(offset: int, length: int) -> bytes:
        assert offset >= 0
        assert length >= 0
        part = data[offset : offset + length]
        if len(part) < length:
            raise PgiTruncatedError("short")
        return part

    return parse(read, len(data), width, height, limits), read


def resealed(data: bytes, change: dict[int, int]) -> bytes:
    """With bytes changed and the header's CRC32 made to fit."""
    raw = bytearray(data)
    for at, value in change.items():
        raw[at] = value
    (variable,) = struct.unpack_from("<I", raw, 20)
    end = HEADER + variable
    if end + 4 <= len(raw):
        struct.pack_into("<I", raw, end, zlib.crc32(bytes(raw[:end])))
    return bytes(raw)


@given(
    width=st.integers(1, 4000), height=st.integers(1, 4000), roi=st.booleans(), quality=st.integers(1, 100)
)
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read(width: int, height: int, roi: bool, quality: int) -> None:
    grid = Grid.square(width, height, 512)
    shape = grid.padded.height // 64, grid.padded.width // 64
    roi_map = np.full(shape, -3, np.int8) if roi else None
    tiles = [[bytes([i % 256]) * 4 * (i % 5) for i in range(grid.count)] for _ in range(2)]
    data = b"".join(serialise(StreamHeader(DIGEST, quality, grid, roi_map), tiles))
    # Empty tiles make few bytes of many pixels, which is what that limit is there to refuse.
    (header, index), read = opened(data, width, height, Limits(pixels_per_byte=1 << 40))
    assert (header.model_digest, header.quality, header.grid) == (DIGEST, quality, grid)
    assert (header.roi_map is None) == (roi_map is None)
    if roi_map is not None:
        np.testing.assert_array_equal(header.roi_map, roi_map)
    for number, layer in enumerate(("preview", "detail")):
        assert [index.read_tile(layer, tile, read) for tile in range(grid.count)] == tiles[number]
    assert index.total_bytes == len(data)


def test_a_picture_with_nothing_to_say_has_bytes_enough_to_be_believed() -> None:
    grid = Grid.square(40_000, 30_000, 512)
    data = b"".join(serialise(StreamHeader(DIGEST, 1, grid, None), [[b""] * grid.count] * 2))
    opened(data, 40_000, 30_000, Limits(pixels=1 << 40))


def read_all(data: bytes) -> None:
    (_, index), read = opened(data)
    for layer, parts in index.parts.items():
        for tile in range(len(parts)):
            index.read_tile(layer, tile, read)


@pytest.mark.parametrize("roi", [False, True])
def test_a_flipped_bit_is_noticed_wherever_it_is(roi: bool) -> None:
    data = payload(roi=roi)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(PgiError):
            read_all(bytes(damaged))


def test_every_truncation_is_noticed() -> None:
    data = payload()
    for length in range(len(data)):
        with pytest.raises(PgiError):
            opened(data[:length])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: 2}, "version 2"),
        ({1: 16}, "version 1"),
        ({2: 5}, "out of range"),
        ({2: 12}, "out of range"),
        ({19: 0}, "out of range"),
        ({19: 101}, "out of range"),
        ({2: 8}, "The image index|not as long"),
        ({HEADER: 127}, "not as long|beyond the image data"),
        ({HEADER: 0x80, HEADER + 1: 0}, "shortest form"),
    ],
)
def test_a_sealed_lie_is_refused(change: dict[int, int], message: str) -> None:
    with pytest.raises(PgiError, match=message):
        opened(resealed(payload(), change))


def test_an_index_larger_than_the_data_is_refused_before_it_is_read() -> None:
    data = bytearray(payload())
    struct.pack_into("<I", data, 20, 0xFFFFFFF0)
    with pytest.raises(PgiFormatError, match="larger than the image data"):
        opened(bytes(data))


def test_two_kilobytes_that_claim_eighty_megapixels_are_refused() -> None:
    data = payload(512, 512, words=500)[:2048]
    with pytest.raises(PgiLimitError, match="pixels_per_byte"):
        opened(data, 10000, 8000)


@pytest.mark.parametrize(
    ("values", "message"),
    [(30_000_000, "larger than its tiles can need"), (232, "one value per block"), (230, "one value per")],
)
def test_a_roi_map_of_another_size_is_refused(values: int, message: str) -> None:
    grid = Grid.square(1300, 700, 512)
    good = payload(roi=True)
    bomb = zlib.compress(bytes(values), 9)
    (variable,) = struct.unpack_from("<I", good, 20)
    body = bytearray(good[:HEADER])
    index = good[HEADER : HEADER + variable]
    old = index[1 + (index[0] >= 0x80) :]
    inflater = zlib.decompressobj()
    inflater.decompress(old)
    rest = inflater.unused_data
    length = len(bomb)
    forged = varint(length) + bomb + rest
    struct.pack_into("<I", body, 20, len(forged))
    start = bytes(body) + forged
    data = start + struct.pack("<I", zlib.crc32(start)) + good[HEADER + variable + 4 :]
    assert grid.count == 6
    with pytest.raises(PgiFormatError, match=message):
        opened(data)


def test_no_picture_gets_so_small_that_the_default_reader_refuses_it() -> None:
    for width, height in [(2048, 1024), (4096, 512), (65535, 512), (2592, 1944), (8192, 8192), (10000, 8000)]:
        grid = Grid.square(width, height, 512)
        data = b"".join(serialise(StreamHeader(DIGEST, 1, grid, None), [[b""] * grid.count] * 2))
        (header, _), _ = opened(data, width, height)
        assert header.grid == grid


def test_a_part_longer_than_any_tile_needs_is_refused() -> None:
    grid = Grid.square(100, 100, 64)
    tiles = [b"", b"", b"", bytes(64 * 64 * 8 + 4)]
    data = b"".join(serialise(StreamHeader(DIGEST, 50, grid, None), [tiles, [b""] * 4]))
    with pytest.raises(PgiFormatError, match="beyond its bound"):
        opened(data, 100, 100)


def test_a_damaged_tile_is_named() -> None:
    data = bytearray(payload())
    data[-1] ^= 1
    (_, index), read = opened(bytes(data))
    for tile in range(6):
        index.read_tile("preview", tile, read)
    index.read_tile("detail", 4, read)
    with pytest.raises(PgiChecksumError, match="Tile 5 of the detail layer"):
        index.read_tile("detail", 5, read)
