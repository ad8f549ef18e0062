"""The post-filter of a picture: its weights, its arithmetic, and what it is worth."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.codec.learned.decoder import LearnedImage
from pgic_core.codec.learned.encoder import Encoder, encode_learned
from pgic_core.codec.learned.rendering.post_filter import (
    BLOCK,
    FEATURES,
    HALF,
    REACH,
    SHIFTS,
    Filter,
    filtered,
)
from pgic_core.codec.learned.rendering.post_filter_fit import FilterFit, samples
from pgic_core.codec.learned.symbols.entropy_coding import CdfTable
from pgic_core.codec.rectangle import Rectangle
from pgic_core.errors import PgiFormatError
from pgic_core.limits import Limits
from pgic_core.models import Network, default_model
from pgic_core.options import DecodeOptions

from . import torch_engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = default_model()
BANK = CdfTable.of(MODEL)
EVEN = np.ones((512, 512), np.float32)


def some_filter(seed: int, sets: int = 2, largest: int = 40, shift: int = 8) -> Filter:
    random = np.random.default_rng(seed)
    weights = random.integers(-largest, largest + 1, (sets, FEATURES, 3)).astype(np.int16)
    return Filter(weights, shift, (5, 70, -33))


def wider(picture: NDArray[Any]) -> NDArray[Any]:
    """With the pixels around it that a filter sees."""
    return np.pad(picture, ((REACH, REACH), (REACH, REACH), (0, 0)), "edge")


def by_the_book(post_filter: Filter, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """STREAM.md, "Post-filter", word for word."""
    x = wider(picture.astype(np.float64))
    height, width = picture.shape[:2]

    def at(dy: int, dx: int) -> NDArray[np.float64]:
        return x[REACH + dy : REACH + dy + height, REACH + dx : REACH + dx + width]

    def correction(weights: NDArray[np.int16]) -> NDArray[np.float64]:
        out = np.zeros((height, width, 3))
        for k in range(3):
            for number, (dy, dx) in enumerate(HALF):
                pair = (at(dy, dx) + at(-dy, -dx) - 2 * at(0, 0))[:, :, k]
                out += pair[:, :, None] * (weights[k * len(HALF) + number] * 2.0**-post_filter.shift)
        return out

    s = x.sum(2)
    around = sum(s[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3))
    h = np.abs(9 * s[REACH:-REACH, REACH:-REACH] - around)
    mean = h.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((1, 3))
    activity = np.minimum(64, np.floor(mean / 2)) / 64
    activity = activity.repeat(BLOCK, 0).repeat(BLOCK, 1)[:, :, None]
    first = correction(post_filter.weights[0])
    second = correction(post_filter.weights[1]) if len(post_filter.weights) > 1 else first
    filtered = np.clip(np.rint(picture + first + activity * (second - first)), 0, 255)
    bayer = np.zeros((1, 1), int)
    for _ in range(3):
        bayer = np.block([[4 * bayer, 4 * bayer + 2], [4 * bayer + 3, 4 * bayer + 1]])
    turns = np.tile(bayer, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    raised = filtered + np.floor((np.array(post_filter.offsets) + turns) / 64)
    return np.clip(raised, 0, 255).astype(np.uint8)


@given(
    values=st.lists(st.integers(-32767, 32767), min_size=FEATURES * 3, max_size=FEATURES * 3),
    sets=st.integers(0, 2),
    shift=st.sampled_from(SHIFTS),
    offsets=st.tuples(*[st.integers(-128, 127)] * 3),
)
@settings(max_examples=30, deadline=None)
def test_what_is_packed_is_unpacked(
    values: list[int], sets: int, shift: int, offsets: tuple[int, int, int]
) -> None:
    weights = np.resize(np.array(values, np.int16), (sets, FEATURES, 3))
    post_filter = Filter(weights, shift, offsets)
    packed = post_filter.pack(BANK)
    assert len(packed) <= 2048
    assert post_filter.bits(BANK) == pytest.approx(8 * len(packed), abs=80)
    again = Filter.unpack(packed, BANK)
    np.testing.assert_array_equal(again.weights, weights)
    assert (again.shift, again.offsets) == (shift, offsets)


@given(data=st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    try:
        post_filter = Filter.unpack(data, BANK)
    except PgiFormatError:
        return
    assert post_filter.weights.shape in [(sets, FEATURES, 3) for sets in range(3)]


@pytest.mark.parametrize(("at", "value"), [(0, 3), (0, 255), (1, 4), (1, 10), (2, 0), (2, 80), (2, 255)])
def test_values_out_of_range_are_refused(at: int, value: int) -> None:
    packed = bytearray(some_filter(0).pack(BANK))
    packed[at] = value
    with pytest.raises(PgiFormatError, match="out of range"):
        Filter.unpack(bytes(packed), BANK)


@pytest.mark.parametrize("sets", [1, 2])
def test_the_network_does_what_the_format_says(sets: int) -> None:
    picture = skimage.data.astronaut()[100:300, 60:340]
    whole = Rectangle(0, 0, picture.shape[1], picture.shape[0])
    post_filter = some_filter(sets, sets)
    expected = by_the_book(post_filter, picture)
    assert np.abs(expected.astype(int) - picture).max() > 20
    found = filtered(post_filter, picture, whole, whole, whole, 2)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("offset", [-128, -65, -20, -1, 0, 1, 33, 127])
def test_offsets_raise_the_mean_by_so_many_64ths(offset: int) -> None:
    picture = np.full((64, 72, 3), 100, np.uint8)
    whole = Rectangle(0, 0, 72, 64)
    post_filter = Filter(np.zeros((0, FEATURES, 3), np.int16), SHIFTS[0], (offset, 0, -offset // 2))
    found = filtered(post_filter, picture, whole, whole, whole, 1)
    np.testing.assert_allclose(found.mean((0, 1)), [100 + offset / 64, 100, 100 + (-offset // 2) / 64])
    bright = filtered(post_filter, np.full_like(picture, 255), whole, whole, whole, 1)
    assert bright.min() >= 252


def test_the_mean_colour_is_kept_over_generations() -> None:
    first = np.ascontiguousarray(skimage.data.coffee()[:256, :320])
    rgb = first
    for _ in range(4):
        data = b"".join(encode_learned(rgb, model=MODEL, quality=50))
        rgb = decoded(data, rgb)[1]
    assert np.abs(rgb.mean((0, 1)) - first.mean((0, 1))).max() < 0.1


def test_another_engine_gives_the_very_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = skimage.data.chelsea()[:200, :300]
    whole, post_filter = Rectangle(0, 0, 300, 200), some_filter(3)
    here = filtered(post_filter, picture, whole, whole, whole, 2)
    monkeypatch.setattr(Network, "run", torch_engine.run)
    there = filtered(post_filter, picture, whole, whole, whole, 1)
    np.testing.assert_array_equal(there, here)


@given(
    left=st.integers(0, 200), top=st.integers(0, 150), width=st.integers(1, 100), height=st.integers(1, 50)
)
@settings(max_examples=25, deadline=None)
def test_a_part_is_filtered_as_the_whole_is(left: int, top: int, width: int, height: int) -> None:
    picture = skimage.data.chelsea()[:200, :300]
    whole, post_filter = Rectangle(0, 0, 300, 200), some_filter(4)
    everything = filtered(post_filter, picture, whole, whole, whole, 1)
    block = Rectangle(left, top, left + width, top + height)
    seen = block.grown(REACH + BLOCK - 1, 1, whole)
    part = filtered(post_filter, picture[seen.inside(whole)], seen, block, whole, 1)
    np.testing.assert_array_equal(part, everything[block.inside(whole)])


def test_the_strongest_filter_gives_grey_levels() -> None:
    picture = skimage.data.chelsea()[:64, :64]
    whole = Rectangle(0, 0, 64, 64)
    post_filter = Filter(np.full((2, FEATURES, 3), -32767, np.int16), SHIFTS[0])
    found = filtered(post_filter, picture, whole, whole, whole, 1)
    # Its sums are beyond what float32 adds up exactly, which shows where they almost cancel.
    assert np.mean(found != by_the_book(post_filter, picture)) < 0.01


def blurred(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    x = np.pad(picture.astype(float), ((1, 1), (1, 1), (0, 0)), "edge")
    x = (x[:-2] + 6 * x[1:-1] + x[2:]) / 8
    return np.rint((x[:, :-2] + 6 * x[:, 1:-1] + x[:, 2:]) / 8).astype(np.uint8)


def error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.square(a.astype(float) - b).mean())


def test_a_blur_is_found_and_undone_where_bits_are_cheap() -> None:
    picture = skimage.data.astronaut()
    soft = blurred(picture)
    whole = Rectangle(0, 0, 512, 512)
    fit = FilterFit()
    fit.add(wider(soft), picture, EVEN, 1.0)
    post_filter = fit.best(BANK, 1.0, 512 * 512)
    assert post_filter is not None
    sharp = filtered(post_filter, soft, whole, whole, whole, 2)
    assert error(sharp, picture) < 0.3 * error(soft, picture)
    dear = fit.best(BANK, 1e-9, 512 * 512)
    assert dear is None or not len(dear.weights)


def test_a_picture_without_errors_gets_no_filter() -> None:
    picture = skimage.data.astronaut()
    fit = FilterFit()
    assert fit.best(BANK, 1.0, 1000) is None
    fit.add(wider(picture), picture, EVEN, 1.0)
    assert fit.best(BANK, 1.0, 512 * 512) is None


def decoded(data: bytes, rgb: NDArray[np.uint8]) -> tuple[LearnedImage, NDArray[np.uint8]]:
    height, width = rgb.shape[:2]
    image = LearnedImage(lambda at, n: data[at : at + n], len(data), width, height, Limits.unlimited())
    return image, image.decode()[0]


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("quality", [50, 85])
def test_it_makes_photos_better_for_less(quality: int, blocks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = np.ascontiguousarray(np.tile(skimage.data.astronaut(), (3, 3, 1) if blocks else (2, 2, 1)))
    if blocks:
        monkeypatch.setattr("pgic_core.codec.block_cutting._BLOCK_PIXELS", 1)
    with_filter = b"".join(encode_learned(rgb, model=MODEL, quality=quality))
    monkeypatch.setattr("pgic_core.codec.learned.encoder.samples", lambda *_: {})
    without = b"".join(encode_learned(rgb, model=MODEL, quality=quality))
    image, better = decoded(with_filter, rgb)
    assert image.filter is not None
    assert decoded(without, rgb)[0].filter is None
    assert len(with_filter) < 1.01 * len(without)
    assert error(better, rgb) < 0.99 * error(decoded(without, rgb)[1], rgb)


def test_what_suits_one_sample_alone_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [skimage.data.chelsea(), skimage.data.rocket(), skimage.data.coffee(), skimage.data.astronaut()]
    parts = [photo[100:292, 100:292] for photo in photos]

    def has_weights(soft: int) -> bool:
        fit = FilterFit()
        for number, part in enumerate(parts):
            seen = wider(blurred(part) if number < soft else part)
            fit.add(seen, part, EVEN[:192, :192], 1.0)
        found = fit.best(BANK, 1.0, 1000 * 1000)
        return found is not None and len(found.weights) > 0

    assert has_weights(4)
    assert not has_weights(1)
    # Samples that do not judge each other would have agreed.
    monkeypatch.setattr(
        "pgic_core.codec.learned.rendering.post_filter_fit._unseen_gain",
        lambda parts: (whole := reduce(add, parts)).gain(whole.solve()),
    )
    assert has_weights(1)


def test_regions_of_interest_decide_what_is_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = skimage.data.astronaut()
    roi = np.zeros((8, 8), np.int8)
    roi[2:6, 2:6] = 24
    with_filter = b"".join(encode_learned(rgb, model=MODEL, quality=40, roi=roi))
    monkeypatch.setattr("pgic_core.codec.learned.encoder.samples", lambda *_: {})
    without = b"".join(encode_learned(rgb, model=MODEL, quality=40, roi=roi))
    inside = np.s_[128:384, 128:384]
    image, better = decoded(with_filter, rgb)
    assert image.filter is not None
    assert error(better[inside], rgb[inside]) < error(decoded(without, rgb)[1][inside], rgb[inside])


def test_a_square_chosen_twice_counts_twice() -> None:
    grey = np.full((2048, 2048, 3), 128, np.uint8)
    grey[112:224, 112:224] = np.random.default_rng(0).integers(0, 256, (112, 112, 3))
    whole, noise = Rectangle(0, 0, 2048, 2048), Rectangle(112, 112, 224, 224)
    shares = samples(grey, [whole], whole, 64)
    (even,) = {share for box, share in shares.items() if box != noise}
    differences = np.abs(np.diff(grey[112:224:4, 112:224, 1].astype(int))).mean()
    assert shares[noise] == pytest.approx(2 * even / differences, rel=1e-6)
    assert len(shares) == 7
    assert samples(grey, [whole], whole, 2000) == shares  # no margin where a block ends with the picture


def test_few_squares_cannot_judge_each_other() -> None:
    grey = np.full((2048, 2048, 3), 128, np.uint8)
    grey[896:1008, 896:1008] = np.random.default_rng(0).integers(0, 256, (112, 112, 3))
    whole = Rectangle(0, 0, 2048, 2048)
    part = [Rectangle(0, 0, 1152, 1152)]
    assert len(samples(grey, part, whole, 64)) >= 3
    assert samples(grey, part, whole, 1000) == {}


def test_the_small_rendering_tells_the_mean_error_of_a_quarter() -> None:
    rgb = np.ascontiguousarray(np.tile(skimage.data.chelsea(), (5, 4, 1))[:1203, :1477])
    encoder = Encoder(rgb, MODEL, 2, None, 1, lambda share: None, search_exact=False)
    image = decoded(b"".join(encoder.code(40)), rgb)[0]
    quarter = image.decode(DecodeOptions(scale=4))[0]
    expected = rgb.mean((0, 1)) - quarter.mean((0, 1))
    assert encoder._small is not None
    assert np.abs(encoder._small.mean - expected).max() < 0.2
    # The same error shifts the full size, as far as the filter does not raise it again.
    assert image.filter is not None
    full = rgb.mean((0, 1)) - image.decode()[0].mean((0, 1))
    assert np.abs(full).max() < 0.1


def test_a_model_that_does_not_weigh_errors_sends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(MODEL), "weighs_errors", False)
    rgb = skimage.data.astronaut()
    assert decoded(b"".join(encode_learned(rgb, model=MODEL, quality=80)), rgb)[0].filter is None


def test_effort_1_sends_none() -> None:
    rgb = skimage.data.astronaut()
    assert decoded(b"".join(encode_learned(rgb, model=MODEL, quality=80, effort=1)), rgb)[0].filter is None


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (5, 7), (17, 33), (1030, 515)])
def test_any_size_has_parts_to_find_it_from(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = np.ascontiguousarray(np.tile(skimage.data.astronaut(), (3, 2, 1))[: size[0], : size[1]])
    encoder = Encoder(rgb, MODEL, 2, None, 1, lambda share: None)
    for box in encoder._samples:
        assert box.left % BLOCK == box.top % BLOCK == box.width % BLOCK == box.height % BLOCK == 0
        assert 0 <= box.left < box.right <= size[1]
        assert 0 <= box.top < box.bottom <= size[0]
    assert bool(encoder._samples) == (min(size) >= BLOCK)
    with monkeypatch.context() as patch:
        patch.setattr("pgic_core.codec.block_cutting._BLOCK_PIXELS", 1)
        Encoder(rgb, MODEL, 2, None, 1, lambda share: None)
    _, picture = decoded(b"".join(encoder.code(70)), rgb)
    assert picture.shape == rgb.shape


def test_a_filter_that_cannot_be_read_is_an_error_of_ours() -> None:
    rgb = skimage.data.astronaut()
    data = b"".join(encode_learned(rgb, model=MODEL, quality=80))
    image, _ = decoded(data, rgb)
    hostile = LearnedImage(lambda at, n: data[at : at + n], len(data), 512, 512, Limits.unlimited())
    hostile.header = replace(image.header, filter=image.header.filter[:-4] + b"\0\0\0\0")
    for read in (hostile.decode, hostile.verify):
        with pytest.raises(PgiFormatError):
            read()
    picture, touched = hostile.decode(DecodeOptions(on_damage="conceal"))
    assert error(picture, rgb) < 1.2 * error(image.decode()[0], rgb)
    assert touched is not None
    exact = np.zeros((64, 64), np.bool_) if image.header.exact is None else image.header.exact
    np.testing.assert_array_equal(touched, ~exact.repeat(8, 0).repeat(8, 1))
    assert hostile.decode(DecodeOptions("preview"))[0].shape == (64, 64, 3)
