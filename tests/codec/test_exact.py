"""Exact blocks: bit for bit inside a lossy picture, at every level, in every window, under damage."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.codec.average_downscaling import mean_reduce
from pgic_core.codec.learned.decoder import LearnedImage
from pgic_core.codec.learned.encoder import RateTarget, encode_learned
from pgic_core.codec.learned.exact.filling_under import Inpainted
from pgic_core.codec.learned.exact.layer import lowered, pack_exact, raised, unpack_exact
from pgic_core.codec.learned.payload.header import StreamHeader, parse, serialise
from pgic_core.codec.rectangle import Rectangle
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.errors import PgiError, PgiFormatError, PgiOptionError, PgiTruncatedError
from pgic_core.limits import DEFAULT_LIMITS, Limits
from pgic_core.models import default_model
from pgic_core.options import DecodeOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = default_model()
DIGEST = "00112233445566778899aabbccddeeff"


def coded(rgb: NDArray[np.uint8], **options: Any) -> bytes:
    return b"".join(encode_learned(rgb, model=MODEL, **options))


def opened(data: bytes, rgb: NDArray[np.uint8], length: int | None = None) -> LearnedImage:
    def read(offset: int, count: int) -> bytes:
        if offset + count > len(data):
            raise PgiTruncatedError("The data ends early.")
        return data[offset : offset + count]

    return LearnedImage(read, length or len(data), rgb.shape[1], rgb.shape[0], DEFAULT_LIMITS)


def in_pixels(blocks: NDArray[np.bool_], rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return blocks.repeat(8, 0).repeat(8, 1)[: rgb.shape[0], : rgb.shape[1]]


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


@lru_cache
def photo() -> NDArray[np.uint8]:
    """Six tiles, cut off at the right and lower edge in the middle of a block: 1117 x 637."""
    coffee = (
        skimage.data.coffee()[:, :, :3] // 2 + 40
    )  # without highlights, which would be exact by themselves
    return np.ascontiguousarray(np.tile(coffee, (2, 2, 1))[60:697, 30:1147])


@lru_cache
def marked() -> tuple[NDArray[np.bool_], bytes, NDArray[np.uint8], NDArray[np.uint8]]:
    """Blocks around the corner of four tiles, at all edges, and strewn; the stream; picture and preview."""
    rgb = photo()
    blocks = np.random.default_rng(3).random((80, 140)) < 0.03
    blocks[55:75, 50:75] = True
    blocks[0, 0] = blocks[-1, -1] = blocks[30, -1] = blocks[-1, 30] = True
    data = coded(rgb, quality=40, exact=blocks)
    image = opened(data, rgb)
    return blocks, data, image.decode()[0], image.decode(DecodeOptions("preview"))[0]


def test_exact_blocks_come_back_bit_for_bit_and_the_rest_stays_what_it_was() -> None:
    rgb, (blocks, data, picture, _) = photo(), marked()
    inside = in_pixels(blocks, rgb)
    np.testing.assert_array_equal(picture[inside], rgb[inside])
    np.testing.assert_array_equal(opened(data, rgb).header.exact, blocks)
    plain = opened(coded(rgb, quality=40), rgb).decode()[0]
    assert psnr(picture[~inside], rgb[~inside]) > psnr(plain[~inside], rgb[~inside]) - 0.3


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_every_window_shows_exact_blocks_bit_for_bit(data: st.DataObject) -> None:
    rgb, (blocks, stream, whole, _) = photo(), marked()
    height, width = rgb.shape[:2]
    # Corners near the borders of tiles, as well as anywhere.
    x = data.draw(st.one_of(st.integers(505, 520), st.integers(0, width - 1)))
    y = data.draw(st.one_of(st.integers(505, 520), st.integers(0, height - 1)))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    part, _ = opened(stream, rgb).decode(DecodeOptions(window=(x, y, w, h)))
    there = np.s_[y : y + h, x : x + w]
    inside = in_pixels(blocks, rgb)[there]
    np.testing.assert_array_equal(part[inside], rgb[there][inside])
    assert np.abs(part.astype(int) - whole[there]).max() <= 1


def test_previews_show_the_means_of_exact_blocks() -> None:
    rgb, (blocks, stream, _, preview) = photo(), marked()
    np.testing.assert_array_equal(preview[blocks], mean_reduce(rgb, 8)[blocks])
    image = opened(stream, rgb)
    part, _ = image.decode(DecodeOptions("preview", window=(401, 403, 301, 203)))
    there = np.s_[50:76, 50:88]
    np.testing.assert_array_equal(part[blocks[there]], preview[there][blocks[there]])
    assert np.abs(part.astype(int) - preview[there]).max() <= 1
    prefix = opened(stream[: image.preview_bytes], rgb, len(stream))
    np.testing.assert_array_equal(prefix.decode(DecodeOptions("preview"))[0], preview)


def test_strips_and_blocks_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, (blocks, stream, whole, _) = photo(), marked()
    monkeypatch.setattr("pgic_core.codec.block_cutting._BLOCK_PIXELS", 1)
    strips = np.concatenate(list(opened(stream, rgb).strips()))
    inside = in_pixels(blocks, rgb)
    np.testing.assert_array_equal(strips[inside], rgb[inside])
    assert np.abs(strips.astype(int) - whole).max() <= 1


def test_a_window_reads_only_the_parts_that_it_touches() -> None:
    rgb, (blocks, stream, _, _) = photo(), marked()
    broken = bytearray(stream)
    for tile, part in opened(stream, rgb).index.exact.items():
        if tile != 3:
            broken[part.offset] ^= 1
    part, _ = opened(bytes(broken), rgb).decode(DecodeOptions(window=(400, 600, 100, 30)))
    inside = in_pixels(blocks, rgb)[600:630, 400:500]
    np.testing.assert_array_equal(part[inside], rgb[600:630, 400:500][inside])
    with pytest.raises(PgiFormatError, match="exact layer"):
        opened(bytes(broken), rgb).decode(DecodeOptions(window=(560, 560, 20, 20)))


@pytest.mark.parametrize("level", ["fast", "preview"])
def test_a_damaged_part_spoils_its_own_blocks_only(level: Any) -> None:
    rgb, (blocks, stream, *clean) = photo(), marked()
    sound = clean[level == "preview"]
    broken = bytearray(stream)
    part = opened(stream, rgb).index.exact[4]
    broken[part.offset + part.length // 2] ^= 4
    image = opened(bytes(broken), rgb)
    for call in (lambda: image.decode(DecodeOptions(level)), image.verify):
        with pytest.raises(PgiFormatError, match="Tile 4 of the exact layer is damaged"):
            call()
    shown, mask = image.decode(DecodeOptions(level, on_damage="conceal"))
    own = np.zeros_like(blocks)
    own[64:, 64:128] = blocks[64:, 64:128]
    np.testing.assert_array_equal(mask, own if level == "preview" else in_pixels(own, rgb))
    assert mask is not None
    np.testing.assert_array_equal(shown[~mask], sound[~mask])


def test_exact_blocks_outlive_the_damage_of_their_tile() -> None:
    rgb, (blocks, stream, _, _) = photo(), marked()
    broken = bytearray(stream)
    for layer in ("preview", "detail"):
        for part in opened(stream, rgb).index.parts[layer]:
            broken[part.offset + 1] ^= 1
    shown, mask = opened(bytes(broken), rgb).decode(DecodeOptions(on_damage="conceal"))
    assert mask is not None
    inside = in_pixels(blocks, rgb)
    np.testing.assert_array_equal(mask, ~inside)
    np.testing.assert_array_equal(shown[inside], rgb[inside])


@pytest.mark.parametrize("effort", [1, 2, 3])
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_every_effort_keeps_them(effort: int, share: float) -> None:
    rgb = np.ascontiguousarray(photo()[:130, :201])
    blocks = np.random.default_rng(1).random((17, 26)) < share
    data = coded(rgb, quality=50, effort=effort, exact=blocks)
    picture, _ = opened(data, rgb).decode()
    inside = in_pixels(blocks, rgb)
    np.testing.assert_array_equal(picture[inside], rgb[inside])
    assert coded(rgb, quality=50, effort=effort, exact=blocks, threads=3) == data


def test_targets_count_them() -> None:
    rgb = photo()[:256, :384]
    blocks = np.zeros((32, 48), np.bool_)
    blocks[8:16, 8:20] = True
    data = coded(rgb, exact=blocks, target=RateTarget(max_bytes=18_000))
    assert 12_000 < len(data) <= 18_000
    data = coded(rgb, exact=blocks, target=RateTarget(min_psnr=36))
    assert psnr(opened(data, rgb).decode()[0], rgb) >= 36


def test_no_blocks_are_no_blocks() -> None:
    rgb = photo()[:64, :64]
    assert coded(rgb, quality=50, exact=np.zeros((8, 8), np.bool_)) == coded(rgb, quality=50)
    for wrong in (np.ones((8, 9), np.bool_), np.ones((8, 8), np.uint8)):
        with pytest.raises(PgiOptionError, match="exact blocks of this picture must be"):
            coded(rgb, quality=50, exact=wrong)


def test_what_is_around_goes_on_below_them() -> None:
    rgb = photo()
    blocks = marked()[0]
    given = Inpainted(rgb, blocks, Grid.square(1117, 637, 512), 2).area(Rectangle(0, 0, 1117, 637))
    inside = in_pixels(blocks, rgb)
    np.testing.assert_array_equal(given[~inside], rgb[~inside])
    # A ramp is spanned again, whatever stood there, across borders of tiles too.
    ramp = np.repeat((np.mgrid[:640, :1120].sum(0) / 8)[:, :, None], 3, 2).astype(np.uint8)
    spoilt = ramp.copy()
    blocks = np.zeros((80, 140), np.bool_)
    blocks[60:70, 58:70] = True
    spoilt[in_pixels(blocks, ramp)] = 255
    given = Inpainted(spoilt, blocks, Grid.square(1120, 640, 512), 1)
    whole = given.area(Rectangle(0, 0, 1120, 640))
    part = given.area(Rectangle(500, 490, 1300, 700))  # beyond the edges, which are repeated
    np.testing.assert_array_equal(part[:150, :620], whole[490:, 500:])
    assert (part[150:] == part[149]).all()
    given = whole
    assert np.abs(given.astype(int) - ramp).max() <= 3
    nothing = Inpainted(ramp, np.ones_like(blocks), Grid.square(1120, 640, 512), 1)
    assert (nothing.area(Rectangle(0, 0, 1120, 640)) == 128).all()


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    share=st.floats(0, 1),
    seed=st.integers(0, 1 << 20),
    depth=st.integers(4, 8),
)
@settings(max_examples=60, deadline=None)
def test_parts_come_back(height: int, width: int, share: float, seed: int, depth: int) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, random.integers(1, 256), (height, width, 3), np.uint8)
    blocks = random.random((-(-height // 8), -(-width // 8))) < share
    blocks[random.integers(blocks.shape[0]), random.integers(blocks.shape[1])] = True
    data = pack_exact(pixels, blocks, 2, depth)
    back = unpack_exact(data, blocks, height, width, depth)
    inside = in_pixels(blocks, pixels)
    assert (back[~inside] == 0).all()
    assert np.abs(back[inside].astype(int) - pixels[inside]).max() <= 255 / (2**depth - 1) / 2 + 0.5
    if depth == 8:
        np.testing.assert_array_equal(back[inside], pixels[inside])
    other = blocks.copy()
    other[: 1 + blocks.shape[0] // 2] = ~other[: 1 + blocks.shape[0] // 2]
    if other.any() and (other.sum(1).max(), other.any(1).sum()) != (blocks.sum(1).max(), blocks.any(1).sum()):
        with pytest.raises(PgiFormatError):
            unpack_exact(data, other, height, width, depth)


@pytest.mark.parametrize("data", [b"", b"\2abc", b"\1abc", b"\0" + bytes(191), b"\0" + bytes(193), b"\1"])
def test_parts_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(PgiFormatError):
        unpack_exact(data, np.ones((1, 1), np.bool_), 8, 8)


def stream_of(blocks: NDArray[np.bool_], tile: int = 512) -> bytes:
    grid = Grid.square(8 * blocks.shape[1] - 3, 8 * blocks.shape[0] - 3, tile)
    header = StreamHeader(DIGEST, 50, grid, None, exact=blocks)
    parts = [(4 + index % 5, bytes([index % 256]) * (index + 1)) for index in header.exact_tiles()]
    layers = [[b"abcd"] * grid.count, [b"efgh"] * grid.count]
    return b"".join(serialise(header, layers, parts))


def read_back(data: bytes, blocks: NDArray[np.bool_]) -> tuple[StreamHeader, dict[int, bytes]]:
    def read(offset: int, length: int) -> bytes:
        if offset + length > len(data):
            raise PgiTruncatedError("short")
        return data[offset : offset + length]

    width, height = 8 * blocks.shape[1] - 3, 8 * blocks.shape[0] - 3
    header, index = parse(read, len(data), width, height, Limits(pixels_per_byte=1 << 40))
    for tile in range(header.grid.count):
        assert index.read_tile("preview", tile, read) == b"abcd"
        assert index.read_tile("detail", tile, read) == b"efgh"
    assert all(part.depth == 4 + tile % 5 for tile, part in index.exact.items())
    return header, {tile: index.read_tile("exact", tile, read) for tile in index.exact}


@given(rows=st.integers(1, 300), columns=st.integers(1, 300), seed=st.integers(0, 1 << 20))
@settings(max_examples=40, deadline=None)
def test_maps_of_any_size_come_back(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    blocks = random.random((rows, columns)) < random.random() ** 4
    blocks[random.integers(rows), random.integers(columns)] = True
    header, parts = read_back(stream_of(blocks), blocks)
    np.testing.assert_array_equal(header.exact, blocks)
    assert parts == {index: bytes([index % 256]) * (index + 1) for index in header.exact_tiles()}


def test_a_flipped_bit_is_noticed_wherever_it_is() -> None:
    blocks = np.zeros((90, 170), np.bool_)
    blocks[60:70, 60:70] = True
    data = stream_of(blocks)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(PgiError):
            read_back(bytes(damaged), blocks)
    for length in range(len(data)):
        with pytest.raises(PgiError):
            read_back(data[:length], blocks)


def forged_map(packed: bytes, blocks: NDArray[np.bool_], tile_log2: int = 9) -> bytes:
    """A stream that says another map, all checksums right."""
    data = bytearray(stream_of(blocks))
    old = zlib.compress(np.packbits(blocks, axis=1).tobytes(), 9)
    at = data.index(old)
    assert len(packed) < 128
    data[at - 1 : at + len(old)] = bytes([len(packed)]) + packed
    variable = int.from_bytes(data[20:24], "little") + len(packed) - len(old)
    data[20:24] = variable.to_bytes(4, "little")
    data[2] = tile_log2
    data[24 + variable : 28 + variable] = zlib.crc32(data[: 24 + variable]).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(20), "outside the picture, or none"),
        (b"\x80" + bytes(18) + b"\x01", "outside the picture, or none"),
        (bytes(21), "one value per block"),
        (bytes(19), "one value per block"),
        (bytes(100_000), "one value per block"),
    ],
)
def test_maps_that_are_none_are_refused(content: bytes, message: str) -> None:
    blocks = np.zeros((10, 12), np.bool_)
    blocks[3, 3] = True
    with pytest.raises(PgiFormatError, match=message):
        read_back(forged_map(zlib.compress(content, 9), blocks), blocks)


def test_tiles_too_large_for_a_lossless_decoder_are_refused() -> None:
    blocks = np.zeros((10, 12), np.bool_)
    blocks[3, 3] = True
    same = zlib.compress(np.packbits(blocks, axis=1).tobytes(), 9)
    read_back(forged_map(same, blocks), blocks)
    with pytest.raises(PgiFormatError, match="too large for exact blocks"):
        read_back(forged_map(same, blocks, tile_log2=10), blocks)


def test_black_white_and_neutral_survive_every_depth() -> None:
    levels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    for depth in range(4, 9):
        back = raised(lowered(levels, depth), depth)
        assert back[0, 0].tolist() == [0, 0, 0]
        assert back[0, 255].tolist() == [255, 255, 255]
        assert (back == back[:, :, :1]).all()
        np.testing.assert_array_equal(lowered(back, depth), lowered(levels, depth))
    with pytest.raises(PgiFormatError, match="has more"):
        raised(np.array([16], np.uint8), 4)


def test_what_was_asked_for_is_exact_beside_what_is_only_near() -> None:
    """Lamps that the encoder finds itself, in a tile with a box that was asked for and in one without."""
    rgb = photo().copy()
    for x in (100, 700):
        rgb[100:104, x : x + 4] = 0, 70, 255
    blocks = np.zeros((80, 140), np.bool_)
    blocks[20:23, 20:30] = True
    image = opened(coded(rgb, quality=50, exact=blocks), rgb)
    carried, (exact, size) = image.header.exact, image.exact.kept()
    assert carried is not None
    assert exact is not None
    depths = {tile: part.depth for tile, part in image.index.exact.items()}
    assert depths[0] == 8
    assert 6 <= depths[1] < 8
    assert exact[blocks].all()
    assert exact[12, 12]
    assert carried[12, 87]
    assert not exact[12, 87]
    assert size == image.index.exact[0].length
    picture, _ = image.decode()
    np.testing.assert_array_equal(picture[in_pixels(exact, rgb)], rgb[in_pixels(exact, rgb)])
    assert np.abs(picture[100:104, 700:704].astype(int) - (0, 70, 255)).max() <= 4
