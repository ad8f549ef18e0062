"""Change frames: what they store, and that a canvas decodes as the picture with the same symbols does."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pgic_core.codec.base import Payload
from pgic_core.codec.change.change_image import ChangeImage
from pgic_core.codec.change.encoder import CanvasPicture, encode_change
from pgic_core.codec.change.map_of_changes import ChangeMaps, packed_maps, rounded_amounts, unpacked_maps
from pgic_core.codec.change.opening import open_change
from pgic_core.codec.change.still_from_change import still_of
from pgic_core.codec.change.stream import ChangeHeader, serialise_change
from pgic_core.codec.learned.decoder import LearnedImage
from pgic_core.codec.learned.encoder import encode_learned
from pgic_core.codec.learned.payload.cursor import Cursor
from pgic_core.codec.learned.symbols.difference_distributions import difference_frequencies
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.errors import (
    PgiChecksumError,
    PgiError,
    PgiFormatError,
    PgiLimitError,
    PgiTruncatedError,
)
from pgic_core.limits import Limits
from pgic_core.models import Model, Network, default_model
from pgic_core.options import DecodeOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

WIDTH, HEIGHT = 600, 140
"""Two tiles, and more than whole positions."""


@pytest.fixture(scope="module")
def model() -> Model:
    return default_model()


def picture(seed: int) -> NDArray[np.uint8]:
    """A smooth picture with an object whose place and colour follow from the seed."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack([128 + 80 * np.sin(x / 40 + c) * np.cos(y / 30 - c) for c in range(3)], 2)
    random = np.random.default_rng(seed)
    left, top = int(random.integers(0, WIDTH - 80)), int(random.integers(0, HEIGHT - 60))
    rgb[top : top + 60, left : left + 80] = random.integers(20, 235, 3)
    return np.asarray(np.clip(rgb, 0, 255), np.uint8)


def payload_of(pieces: Sequence[bytes], width: int = WIDTH, height: int = HEIGHT) -> Payload:
    data = b"".join(pieces)

    def read(offset: int, length: int) -> bytes:
        if offset + length > len(data):
            raise PgiTruncatedError("The file ends early.")
        return data[offset : offset + length]

    return Payload(read, lambda: data, len(data), width, height, Limits())


def key_frame(rgb: NDArray[np.uint8], model: Model, **options: Any) -> LearnedImage:
    payload = payload_of(encode_learned(rgb, model=model, **options))
    return LearnedImage(payload.read, payload.length, WIDTH, HEIGHT, payload.limits)


def change(
    rgb: NDArray[np.uint8],
    reference: LearnedImage,
    amounts: NDArray[np.uint8] | None = None,
    exact: NDArray[np.bool_] | None = None,
    ages: NDArray[np.uint8] | None = None,
) -> bytes:
    if amounts is None:
        amounts = np.full((3, 10), 40, np.uint8)
    if ages is None:
        ages = np.zeros_like(amounts)
    frame = CanvasPicture(rgb, reference.grid, amounts > 0, amounts, ages, exact=exact)
    return b"".join(encode_change(frame, reference, effort=2, threads=1)[0])


def opened(data: bytes, reference: LearnedImage) -> ChangeImage:
    found = open_change(payload_of([data]), reference)
    assert isinstance(found, ChangeImage)
    return found


def pixels(image: LearnedImage, **options: Any) -> NDArray[np.uint8]:
    return image.decode(DecodeOptions(threads=1, **options))[0]


@pytest.fixture(scope="module")
def chain(model: Model) -> list[LearnedImage]:
    """A key frame and three changes: all of it, one tile, and a few positions."""
    frames: list[LearnedImage] = [key_frame(picture(0), model, quality=40)]
    for seed, columns in ((1, slice(0, 10)), (2, slice(8, 10)), (3, slice(3, 5))):
        amounts = np.zeros((3, 10), np.uint8)
        amounts[:, columns] = 30
        frames.append(opened(change(picture(seed), frames[-1], amounts), frames[-1]))
    return frames


def test_a_frame_without_changes_is_seven_bytes_and_shows_its_reference(chain: list[LearnedImage]) -> None:
    data = change(picture(0), chain[0], np.zeros((3, 10), np.uint8))
    assert len(data) == 7
    np.testing.assert_array_equal(pixels(opened(data, chain[0])), pixels(chain[0]))


def test_changed_positions_come_close_to_the_picture(chain: list[LearnedImage]) -> None:
    before = np.abs(pixels(chain[0]).astype(int) - picture(1)).mean()
    after = np.abs(pixels(chain[1]).astype(int) - picture(1)).mean()
    still = np.abs(pixels(key_frame(picture(1), default_model(), quality=40)).astype(int) - picture(1)).mean()
    assert before > 5 * after
    assert after < 1.5 * still


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_canvas_decodes_as_the_still_with_its_symbols(chain: list[LearnedImage], number: int) -> None:
    payload = payload_of(still_of(chain[number]))
    still = LearnedImage(payload.read, payload.length, WIDTH, HEIGHT, payload.limits)
    for options in ({}, {"level": "preview", "scale": 8}, {"window": (470, 30, 90, 70)}, {"scale": 2}):
        np.testing.assert_array_equal(pixels(chain[number], **options), pixels(still, **options))
    still.verify()
    chain[number].verify()


@pytest.mark.parametrize("level", ["fast", "fine"])
def test_windows_are_parts_of_the_whole(chain: list[LearnedImage], level: str) -> None:
    whole = pixels(chain[3], level=level).astype(int)
    window = pixels(chain[3], level=level, window=(200, 20, 150, 100)).astype(int)
    assert np.abs(window - whole[20:120, 200:350]).max() <= 1


def test_far_from_a_change_nothing_changes(chain: list[LearnedImage]) -> None:
    reach = chain[0].model.halo("means") + chain[0].model.halo("synthesis") + 8
    before, after = pixels(chain[2]), pixels(chain[3])
    assert (before[:, : 3 * 64 - reach] == after[:, : 3 * 64 - reach]).all()
    assert (before != after).any()


def test_a_frame_reads_only_tiles_that_changed(chain: list[LearnedImage]) -> None:
    frame = chain[3]
    assert isinstance(frame, ChangeImage)
    assert frame.change.changed_tiles() == [0]
    assert set(frame.own_index.parts["preview"]) == {0}


def test_symbols_do_not_depend_on_float_noise_along_a_chain(
    chain: list[LearnedImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def symbols() -> bytes:
        tiles = chain[3].reader(raise_damage=True)
        whole = chain[3].grid.padded
        return tiles.z(whole).tobytes() + tiles.base(whole).tobytes() + tiles.detail(whole).tobytes()

    expected, plain, real = symbols(), pixels(chain[3]), Network.run

    def with_noise(
        network: Network, inputs: Mapping[str, NDArray[Any]], *outputs: Any, **options: Any
    ) -> list[NDArray[Any]]:
        random = np.random.default_rng(len(inputs))
        return [
            out if out.dtype == np.uint8 else np.asarray(out + random.normal(0, 1e-3, out.shape), out.dtype)
            for out in real(network, inputs, *outputs, **options)
        ]

    monkeypatch.setattr(Network, "run", with_noise)
    assert symbols() == expected
    difference = np.abs(pixels(chain[3]).astype(int) - plain)
    assert difference.max() <= 12
    assert np.mean(difference > 1) < 8e-2


def test_exact_blocks_stay_where_nothing_changed_and_are_replaced_elsewhere(model: Model) -> None:
    asked = np.zeros((-(-HEIGHT // 8), WIDTH // 8), np.bool_)
    asked[2:5, 2:6] = asked[2:5, 66:70] = True
    key = key_frame(picture(0), model, quality=40, exact=asked)
    amounts = np.zeros((3, 10), np.uint8)
    amounts[0, 8] = 50
    wanted = np.zeros_like(asked)
    wanted[3:6, 67:71] = True
    frame = opened(change(picture(5), key, amounts, exact=wanted), key)
    shown = pixels(frame)
    np.testing.assert_array_equal(shown[16:40, 16:48], picture(0)[16:40, 16:48])
    np.testing.assert_array_equal(shown[24:48, 536:568], picture(5)[24:48, 536:568])
    assert frame.header.exact is not None
    assert not frame.header.exact[2, 66]
    assert frame.header.exact[2, 2]
    frame.verify()
    window = pixels(frame, window=(530, 20, 60, 60))
    assert np.abs(window.astype(int) - shown[20:80, 530:590]).max() <= 1


def test_a_region_map_holds_in_change_frames(model: Model) -> None:
    roi = np.zeros((3, 10), np.int8)
    roi[:, 4] = 24
    error = []
    for found in (roi, None):
        key = key_frame(picture(0), model, quality=20, roi=found)
        shown = pixels(opened(change(picture(6), key), key))
        error.append(np.square(shown.astype(float) - picture(6))[:, 4 * 64 : 5 * 64].mean())
    assert error[0] < 0.5 * error[1]


def test_a_canvas_that_grew_holds_what_was_there(model: Model) -> None:
    key = key_frame(picture(0), model, quality=40)
    grid = Grid.square(512 + 640, 512 + 192, 512)
    rgb = np.zeros((grid.height, grid.width, 3), np.uint8)
    rgb[512 : 512 + HEIGHT, 512 : 512 + WIDTH] = picture(0)
    corners = np.full((4, 2), -40 * 64, np.int64)
    amounts = np.zeros((11, 18), np.uint8)
    amounts[7, 7] = 9
    placed = CanvasPicture(rgb, grid, amounts > 0, amounts, np.zeros_like(amounts), 1, 1, corners)
    pieces, _ = encode_change(placed, key, effort=2, threads=1)
    frame = open_change(payload_of(pieces), key)
    canvas = frame.canvas  # type: ignore[attr-defined]
    np.testing.assert_array_equal(
        frame.decode(DecodeOptions(threads=1))[0],
        canvas.decode(DecodeOptions(threads=1, window=(472, 472, WIDTH, HEIGHT)))[0],
    )
    there = canvas.decode(DecodeOptions(threads=1, window=(512 + 250, 512, 200, HEIGHT)))[0]
    assert np.abs(there.astype(int) - pixels(key)[:, 250:450]).mean() < 2
    with pytest.raises(PgiError, match="canvas"):
        still_of(frame)


def test_damage_is_found_and_concealed(chain: list[LearnedImage]) -> None:
    reference = chain[0]
    data = bytearray(change(picture(1), reference))
    frame = opened(bytes(data), reference)
    part = frame.own_index.parts["preview"][1]
    data[part.offset + part.length // 2] ^= 1
    frame = opened(bytes(data), reference)
    with pytest.raises(PgiChecksumError):
        pixels(frame)
    with pytest.raises(PgiChecksumError):
        frame.verify()
    _, mask = frame.decode(DecodeOptions(threads=1, on_damage="conceal"))
    assert mask is not None
    assert mask[:, 520:].all()
    assert not mask[:, :200].any()


def test_hostile_headers_end_in_a_plain_error_or_a_picture(chain: list[LearnedImage]) -> None:
    random = np.random.default_rng(0)
    good = change(picture(1), chain[0])
    frame = opened(good, chain[0])
    first = min(part.offset for layer in frame.own_index.parts.values() for part in layer.values())
    ends = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(int(random.integers(1, 4))):
            data[int(random.integers(0, first - 4))] = int(random.integers(0, 256))
        data[first - 4 : first] = zlib.crc32(bytes(data[: first - 4])).to_bytes(4, "little")
        try:
            found = open_change(payload_of([bytes(data)]), chain[0])
            found.decode(DecodeOptions(threads=1, window=(0, 0, 64, 64)))
        except PgiError:
            ends += 1
    assert ends > 200


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [(1, 0x80, "version"), (0, 4, "version"), (1, 0x44, "contradict"), (1, 0x42, "contradict")],
)
def test_headers_that_contradict_themselves(
    chain: list[LearnedImage], at: int, value: int, said: str
) -> None:
    data = bytearray(change(picture(0), chain[0], np.zeros((3, 10), np.uint8)))
    data[at] = value
    data[3:7] = zlib.crc32(bytes(data[:3])).to_bytes(4, "little")
    with pytest.raises(PgiError, match=said):
        opened(bytes(data), chain[0])


@pytest.mark.parametrize(("width", "height", "tile"), [(600, 140, 512), (1300, 700, 64), (64, 64, 128)])
def test_tiles_that_changed_are_those_with_a_mode(width: int, height: int, tile: int) -> None:
    grid, random = Grid.square(width, height, tile), np.random.default_rng(width)
    padded = grid.padded
    modes = (random.random((padded.height // 64, padded.width // 64)) < 0.2).astype(np.uint8)
    exact = random.random((-(-height // 8), -(-width // 8))) < 0.01
    ages = (random.random(modes.shape) < 0.05).astype(np.uint8)
    header = ChangeHeader(grid, 0, 0, None, modes, modes > 0, ages, modes, None, exact, False)
    boxes = [grid.box(index) for index in range(grid.count)]
    changed = modes | ages
    assert header.changed_tiles() == [
        i for i, box in enumerate(boxes) if changed[box.inside(padded, 64)].any()
    ]
    assert header.exact_tiles() == [i for i, box in enumerate(boxes) if exact[box.inside(padded, 8)].any()]


def ages_in(columns: slice, age: int) -> dict[str, Any]:
    """Amounts and ages of a frame that looks at some columns of positions."""
    amounts, ages = np.zeros((3, 10), np.uint8), np.zeros((3, 10), np.uint8)
    amounts[:, columns], ages[:, columns] = 9, age
    return {"amounts": amounts, "ages": ages}


def restored(where: NDArray[np.bool_], age: int, reference: LearnedImage) -> ChangeImage:
    """A frame in which some positions are as they were, and nothing is coded."""
    grid, modes = reference.grid, np.zeros((3, 10), np.uint8)
    ages = np.where(where, np.uint8(age), np.uint8(0))
    header = ChangeHeader(grid, 0, 0, None, modes, modes > 0, ages, ages, None, None, False)
    parts = [b""] * len(header.changed_tiles())
    return opened(b"".join(serialise_change(header, (parts, parts), [], grid)), reference)


def changed_in(image: LearnedImage) -> NDArray[np.bool_]:
    assert isinstance(image, ChangeImage)
    return image.change.changed


def test_positions_become_what_they_were(chain: list[LearnedImage]) -> None:
    frame = restored(changed_in(chain[3]), 1, chain[3])
    reader, before = frame.reader(raise_damage=True), chain[2].reader(raise_damage=True)
    for tile in range(2):
        np.testing.assert_array_equal(reader.tile_z(tile), before.tile_z(tile))
        for layer in ("base", "detail"):
            np.testing.assert_array_equal(reader.tile_symbols(layer, tile), before.tile_symbols(layer, tile))
    exact = chain[2].header.exact
    assert exact is not None  # which do not come back
    learned = ~exact.repeat(8, 0).repeat(8, 1)[:HEIGHT, :WIDTH]
    shown = pixels(frame)
    np.testing.assert_array_equal(shown[learned], pixels(chain[2])[learned])
    np.testing.assert_array_equal(pixels(frame, window=(180, 30, 100, 60)), shown[30:90, 180:280])


def test_states_are_counted_by_position(chain: list[LearnedImage]) -> None:
    """What changed twice was two states back in the key frame; before that there are zeros."""
    twice = changed_in(chain[1]) & changed_in(chain[3]) & ~changed_in(chain[2])
    assert twice.any()
    here = twice[:, :8]
    key, last = (image.reader(raise_damage=True) for image in (chain[0], chain[3]))
    for age in (2, 3, 7):
        reader = restored(twice, age, chain[3]).reader(raise_damage=True)
        cells = here.repeat(2, 0).repeat(2, 1)
        z, base = reader.tile_z(0)[:, here], reader.tile_symbols("base", 0)[cells]
        if age == 2:
            np.testing.assert_array_equal(z, key.tile_z(0)[:, here])
            np.testing.assert_array_equal(base, key.tile_symbols("base", 0)[cells])
        else:
            assert not z.any()
            assert not base.any()
        np.testing.assert_array_equal(reader.tile_z(0)[:, ~here], last.tile_z(0)[:, ~here])


def test_a_frame_that_restores_can_be_restored_from(chain: list[LearnedImage]) -> None:
    """A state that was taken up again counts as a new one, and what it replaced as the one before."""
    where = changed_in(chain[3])
    twice = restored(where, 1, restored(where, 2, chain[3]))
    np.testing.assert_array_equal(pixels(twice), pixels(chain[3]))


def test_differences_go_on_from_an_earlier_state(chain: list[LearnedImage]) -> None:
    shown = picture(1)
    shown[:, 3 * 64 : 5 * 64] = np.clip(shown[:, 3 * 64 : 5 * 64].astype(int) + 6, 0, 255)
    frame = opened(change(shown, chain[3], **ages_in(slice(3, 5), 1)), chain[3])
    part = slice(3 * 64, 5 * 64)
    assert (frame.change.modes[:, 3:5] > 1).any()
    error = np.abs(pixels(frame)[:, part].astype(int) - shown[:, part]).mean()
    assert error < np.abs(pixels(chain[2])[:, part].astype(int) - shown[:, part]).mean()
    payload = payload_of(still_of(frame))
    still = LearnedImage(payload.read, payload.length, WIDTH, HEIGHT, payload.limits)
    np.testing.assert_array_equal(pixels(still), pixels(frame))


def with_maps(maps: bytes, version: int, reference: LearnedImage, tiles: int = 1) -> ChangeImage:
    """A frame with some bytes for its map of changes, and tiles without symbols."""
    variable = bytes([len(maps)]) + maps + bytes(10 * tiles)
    start = bytes([version, 1, len(variable)]) + variable
    return opened(start + zlib.crc32(start).to_bytes(4, "little"), reference)


def test_ages_are_checked(chain: list[LearnedImage]) -> None:
    def older(first: int, version: int) -> ChangeImage:
        return with_maps(zlib.compress(bytes([first, *[0] * 29, 5])), version, chain[0])

    assert older(0x10, 2).change.ages[0, 0] == 1
    assert not older(0x01, 1).change.third
    for first, version, said in ((0x11, 2, "age to a position that is new"), (0x10, 1, "one mode for each")):
        with pytest.raises(PgiFormatError, match=said):
            older(first, version)


def test_maps_of_the_third_version_are_checked(chain: list[LearnedImage]) -> None:
    """Masks of 32, 8 and 16 values, each with weights if it names several; then words."""
    restoring, one_age, one_amount = bytes([0, 0, 1, 0]), bytes([2]), bytes([4, 0])
    frame = with_maps(restoring + one_age + one_amount, 3, chain[0], tiles=2)
    assert (frame.change.ages == 1).all()
    assert (frame.change.amounts == 2).all()
    wrong = [
        (bytes([1, 0, 0, 0]) + one_age + one_amount, "nothing changed"),
        (restoring + bytes([0]) + one_amount, "no values"),
        (restoring + bytes([1]) + one_amount, "without naming its state"),
        (restoring + one_age + one_amount + bytes([1, 0, 0, 0]), "more than its symbols"),
        (restoring + one_age + one_amount + bytes([1]), "whole number"),
        (bytes([7, 0, 0, 0, 0, 0x10]) + one_age + one_amount, "filled up"),
        (restoring + one_age, "shorter"),
    ]
    for maps, said in wrong:
        with pytest.raises(PgiFormatError, match=said):
            with_maps(maps, 3, chain[0])


@pytest.mark.parametrize("seed", range(8))
def test_maps_read_back(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 40, 2).tolist())
    modes = random.choice(random.integers(0, 16, 5), shape).astype(np.uint8)
    modes[-1, -1] = max(1, seed)
    z_coded = (modes > 0) & (random.random(shape) < 0.3 * (seed % 3))
    ages = (random.integers(0, 8, shape) * (random.random(shape) < 0.2 * (seed % 4))).astype(np.uint8)
    ages[(modes == 1) & z_coded] = 0
    maps = ChangeMaps(modes, z_coded, ages, np.zeros(shape, np.uint8))
    amounts = np.where(maps.changed, random.integers(0, 256, shape), 0).astype(np.uint8)
    maps = maps._replace(amounts=rounded_amounts(amounts))
    for found, expected in zip(unpacked_maps(Cursor(packed_maps(maps)), shape), maps, strict=True):
        np.testing.assert_array_equal(found, expected)
    told, real = (values[amounts > 0].astype(float) for values in (maps.amounts, amounts))
    assert ((told > 0) & (told < 2 * real) & (real < 1.5 * told + 1)).all()
    assert not maps.amounts[amounts == 0].any()


def test_distributions_of_differences_are_whole() -> None:
    for frequencies in difference_frequencies():
        assert frequencies.sum() == 1 << 24
        assert frequencies.min() > 0
        assert len(frequencies) % 2 == 0


def test_what_is_only_coded_more_closely_does_not_count_as_changed(chain: list[LearnedImage]) -> None:
    amounts = np.zeros((3, 10), np.uint8)
    candidates = np.ones((3, 10), np.bool_)
    frame = CanvasPicture(picture(1), chain[0].grid, candidates, amounts, amounts)
    data = b"".join(encode_change(frame, chain[0], effort=2, threads=1)[0])
    found = opened(data, chain[0])
    assert found.change.changed.any()
    assert found.facts.changes is not None
    assert not found.facts.changes.any()


def test_a_frame_cut_short_says_so(chain: list[LearnedImage]) -> None:
    data = change(picture(1), chain[0])
    for length in (0, 5, 20, len(data) - 1):
        with pytest.raises(PgiFormatError):
            pixels(opened(data[:length], chain[0]))


def test_exact_maps_of_a_chain_are_bounded(
    chain: list[LearnedImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = np.zeros((18, 75), np.bool_)
    wanted[3:6, 67:71] = True
    data = change(picture(5), chain[0], exact=wanted)
    opened(data, chain[0])
    monkeypatch.setattr("pgic_core.codec.change.change_image._MOST_EXACT_BLOCKS", wanted.size - 1)
    with pytest.raises(PgiLimitError, match="exact maps"):
        opened(data, chain[0])
