"""What counts as change, and where a moved camera's picture lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage import data

from pgic_core.codec.change.change_image import ChangeImage
from pgic_core.codec.change.opening import open_change
from pgic_core.codec.change.stream import ChangeHeader, serialise_change
from pgic_core.codec.change.warped_image import WarpedImage
from pgic_core.codec.homography import SUBPIXELS, Homography, resampled
from pgic_core.codec.learned.decoder import LearnedImage
from pgic_core.codec.learned.encoder import encode_learned
from pgic_core.codec.sequence import scene as scene_module
from pgic_core.codec.sequence.alignment import align
from pgic_core.codec.sequence.canvas import SourceCanvas
from pgic_core.codec.sequence.detection import amounts_of, block_means, detect
from pgic_core.codec.sequence.scene import Scene
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.errors import PgiFormatError
from pgic_core.limits import Limits
from pgic_core.models import default_model
from pgic_core.options import DecodeOptions

from .test_change import payload_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROMISED = 2.5


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    return np.ascontiguousarray(data.astronaut()[:448, :448])


def noisy(rgb: NDArray[np.uint8], seed: int, sigma: float = 2.0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, sigma, rgb.shape)
    return np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)


def found(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return detect(block_means(before), block_means(now), PROMISED)[0]


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 6.0])
def test_noise_is_no_change(photo: NDArray[np.uint8], sigma: float) -> None:
    assert not found(noisy(photo, 1, sigma), noisy(photo, 2, sigma)).any()


@pytest.mark.parametrize("side", [12, 40, 120])
def test_an_object_is_found_where_it_is(photo: NDArray[np.uint8], side: int) -> None:
    now = photo.copy()
    now[70 : 70 + side, 135 : 135 + side] = 255 - now[70 : 70 + side, 135 : 135 + side]
    changed = found(noisy(photo, 1), noisy(now, 2))
    truth = np.zeros((7, 7), np.bool_)
    truth[1 : 1 + -(-(70 + side - 64) // 64), 2 : 2 + -(-(135 + side - 128) // 64)] = True
    np.testing.assert_array_equal(changed, truth)


def test_light_that_fades_slowly_becomes_a_change(photo: NDArray[np.uint8]) -> None:
    darker = [np.rint(photo * (1 - 0.002 * step)).astype(np.uint8) for step in range(30)]
    shares = [found(photo, frame).mean() for frame in darker]
    assert shares[1] == 0
    assert shares[-1] > 0.5


def test_amounts_are_quarters_of_a_level_where_something_changed() -> None:
    changed = np.array([[True, True], [True, False]])
    amount = np.array([[0.0, 2.0], [200.0, 50.0]], np.float32)
    np.testing.assert_array_equal(amounts_of(changed, amount), [[1, 8], [255, 0]])


def turned(width: int, height: int, degrees: float, right: float, down: float) -> Homography:
    angle = np.deg2rad(degrees)
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    back = np.array([[1, 0, width / 2 + right], [0, 1, height / 2 + down], [1e-5, 0, 1]])
    return Homography(back @ turn @ centre)


def test_corners_give_the_map_back() -> None:
    wanted = turned(300, 200, 3, 12, -7)
    own = np.array([[0, 0], [300, 0], [0, 200], [300, 200]], np.float64)
    corners = np.rint(wanted.apply(own) * SUBPIXELS).astype(np.int64)
    got = Homography.of_corners(300, 200, corners)
    inside = np.array([[10.0, 20.0], [150.0, 100.0], [290.0, 5.0]])
    np.testing.assert_allclose(got.apply(inside), wanted.apply(inside), atol=1 / SUBPIXELS)
    np.testing.assert_allclose(got.inverse.apply(got.apply(inside)), inside, atol=1e-6)


@pytest.mark.parametrize(
    "corners", [[[0, 0]] * 4, [[0, 0], [1, 0], [2, 0], [3, 0]], [[9, 0], [0, 0], [9, 9], [0, 9]]]
)
def test_corners_of_no_picture_are_refused(corners: list[list[int]]) -> None:
    with pytest.raises(PgiFormatError):
        Homography.of_corners(100, 100, np.array(corners, np.int64) * SUBPIXELS)


def test_a_whole_translation_changes_no_pixel(photo: NDArray[np.uint8]) -> None:
    shift = np.array([[1, 0, 5], [0, 1, 9], [0, 0, 1]], np.float64)
    np.testing.assert_array_equal(resampled(photo, shift, 100, 120), photo[9:109, 5:125])


def test_a_moved_camera_is_found(photo: NDArray[np.uint8]) -> None:
    wanted = turned(320, 320, 2, 40, 30)
    now = resampled(photo, wanted.matrix, 320, 320)
    last = photo[:320, :320]
    got = align(photo, last, Homography(np.eye(3)), noisy(now, 3))
    assert got is not None
    points = np.array([[20.0, 20.0], [300.0, 20.0], [160.0, 160.0], [20.0, 300.0]])
    assert np.abs(got.apply(points) - wanted.apply(points)).max() < 0.5


def test_pictures_of_different_scenes_are_not_aligned(photo: NDArray[np.uint8]) -> None:
    other = np.ascontiguousarray(data.chelsea()[:300, :448])
    assert align(photo, photo[:300], Homography(np.eye(3)), other) is None


def scene_of(rgb: NDArray[np.uint8], quality: int = 50) -> Scene:
    height, width = rgb.shape[:2]
    payload = payload_of(encode_learned(rgb, model=default_model(), quality=quality), width, height)
    return Scene(LearnedImage(payload.read, payload.length, width, height, payload.limits), rgb)


def test_a_slow_ramp_stays_near_what_is_stored(photo: NDArray[np.uint8]) -> None:
    rgb = photo[:128, :192]
    scene = scene_of(rgb)
    own = np.abs(scene.canvas.decode(DecodeOptions())[0].astype(int) - rgb).mean()
    for step in range(1, 25):
        frame = np.rint(rgb * (1 - 0.01 * step)).astype(np.uint8)
        coded = scene.code(frame, effort=1, threads=1)
        assert coded is not None
        scene.advance(coded, payload_of(coded.payload, 192, 128))
        shown = scene.canvas.decode(DecodeOptions())[0]
        assert np.abs(shown.astype(int) - frame).mean() < own + 2.5


def test_a_camera_that_drifts_costs_less_than_stills(photo: NDArray[np.uint8]) -> None:
    frames = [
        np.ascontiguousarray(photo[20 + 6 * k : 276 + 6 * k, 30 + 9 * k : 350 + 9 * k]) for k in range(4)
    ]
    scene, sizes = scene_of(frames[0]), []
    for frame in frames[1:]:
        coded = scene.code(frame, effort=2, threads=1)
        assert coded is not None
        sizes.append(sum(map(len, coded.payload)))
        image = scene.advance(coded, payload_of(coded.payload, 320, 256))
        assert isinstance(image, WarpedImage)
        shown = image.decode(DecodeOptions())[0]
        assert 10 * np.log10(255**2 / np.square(shown.astype(float) - frame).mean()) > 30
        window = image.decode(DecodeOptions(window=(40, 50, 64, 80)))[0]
        assert np.abs(window.astype(int) - shown[50:130, 40:104]).max() <= 1
        assert image.decode(DecodeOptions("preview"))[0].shape == (32, 40, 3)
    still = sum(map(len, encode_learned(frames[1], model=default_model(), quality=50)))
    assert max(sizes) < 0.6 * still


def test_a_cut_to_another_scene_asks_for_a_key_frame(photo: NDArray[np.uint8]) -> None:
    scene = scene_of(np.ascontiguousarray(photo[:256, :384]))
    assert scene.code(np.ascontiguousarray(data.chelsea()[:256, :384]), effort=1, threads=1) is None


def test_a_scene_can_be_taken_up_from_a_file(photo: NDArray[np.uint8]) -> None:
    rgb = np.ascontiguousarray(photo[:192, :256])
    first = scene_of(rgb)
    scene = Scene.of_frame(first.canvas, 1)
    coded = scene.code(noisy(rgb, 4, 1.0), effort=1, threads=1)
    assert coded is not None
    assert not coded.changed.any()
    image = scene.advance(coded, payload_of(coded.payload, 256, 192))
    assert isinstance(image, ChangeImage)
    assert scene.depth == 1


def test_a_canvas_stays_within_the_limits_of_those_who_read_it(photo: NDArray[np.uint8]) -> None:
    moved = Homography(np.array([[1, 0, 300], [0, 1, 200], [0, 0, 1]], np.float64))
    grid = Grid.square(448, 448, 512)
    wide = SourceCanvas(photo, None, grid, 0, 0, (448, 448))
    assert wide.moved(photo, moved) is not None
    narrow = SourceCanvas(photo, None, grid, 0, 0, (448, 448), Limits(pixels=448 * 448))
    assert narrow.moved(photo, moved) is None


def test_a_map_of_no_picture_is_no_place(photo: NDArray[np.uint8]) -> None:
    canvas = SourceCanvas(photo, None, Grid.square(448, 448, 512), 0, 0, (448, 448))
    mirrored = Homography(np.array([[-1, 0, 448], [0, 1, 0], [0, 0, 1]], np.float64))
    nowhere = Homography(np.full((3, 3), np.nan))
    assert canvas.moved(photo, mirrored) is None
    assert canvas.moved(photo, nowhere) is None


def test_colour_in_a_grey_scene_asks_for_a_key_frame(photo: NDArray[np.uint8]) -> None:
    grey = np.repeat(photo[:128, :192, 1:2], 3, 2)
    scene = scene_of(grey)
    assert scene.canvas.header.neutral
    coloured = grey.copy()
    coloured[40:60, 40:60, 0] = 255
    assert scene.code(coloured, effort=1, threads=1) is None
    assert scene.code(grey, effort=1, threads=1) is not None


def test_a_fixed_camera_is_not_aligned_to_what_moves_before_it(photo: NDArray[np.uint8]) -> None:
    scene = scene_of(np.ascontiguousarray(photo[:256, :384]), 30)
    passing = photo[:256, :384].copy()
    passing[20:200, 30:250] = data.chelsea()[40:220, 60:280]
    coded = scene.code(passing, effort=1, threads=1)
    assert coded is not None
    assert isinstance(scene.advance(coded, payload_of(coded.payload, 384, 256)), ChangeImage)


def test_damage_of_a_moved_frame_is_marked_wherever_it_shows(photo: NDArray[np.uint8]) -> None:
    frames = [np.ascontiguousarray(photo[20 + k : 276 + k, 30 + k : 350 + k]) for k in (0, 9)]
    scene = scene_of(frames[0])
    coded = scene.code(frames[1], effort=1, threads=1)
    assert coded is not None
    sound = bytearray(b"".join(coded.payload))
    reference = scene.canvas
    image = open_change(payload_of([bytes(sound)], 320, 256), reference)
    assert isinstance(image, WarpedImage)
    part = image.canvas.own_index.parts["preview"][next(iter(image.canvas.own_index.parts["preview"]))]
    sound[part.offset + part.length // 2] ^= 1
    spoilt = open_change(payload_of([bytes(sound)], 320, 256), reference)
    shown, mask = spoilt.decode(DecodeOptions(on_damage="conceal"))
    assert mask is not None
    differs = (shown != image.decode(DecodeOptions())[0]).any(2)
    assert differs.any()
    assert mask[differs].all()


def test_exact_blocks_stay_while_others_are_coded_again(photo: NDArray[np.uint8]) -> None:
    rgb, exact = photo[:256, :320], np.zeros((32, 40), np.bool_)
    exact[9:14, 9:14] = True
    payload = payload_of(encode_learned(rgb, model=default_model(), quality=60, exact=exact), 320, 256)
    scene = Scene(LearnedImage(payload.read, payload.length, 320, 256, payload.limits), rgb)
    frame = rgb.copy()
    frame[:, 192:] //= 2
    coded = scene.code(frame, effort=2, threads=1)
    assert coded is not None
    scene.advance(coded, payload_of(coded.payload, 320, 256))
    shown = scene.canvas.decode(DecodeOptions())[0]
    np.testing.assert_array_equal(shown[72:112, 72:112], rgb[72:112, 72:112])
    assert np.abs(shown[:, 192:].astype(int) - frame[:, 192:]).mean() < 5


def test_where_much_changed_the_rest_is_coded_if_it_pays(photo: NDArray[np.uint8]) -> None:
    """Light that is too weak to count as a change is coded beside one, and the map stays 0 there."""
    rgb = photo[:256, :320].astype(int)
    frame = np.clip(rgb + 1, 0, 255)
    alone, beside = frame.copy(), frame.copy()
    beside[:, :128] = 255 - rgb[:, :128]
    for shown, expected in ((alone, False), (beside, True)):
        scene = scene_of(rgb.astype(np.uint8), 90)
        coded = scene.code(shown.astype(np.uint8), effort=2, threads=1)
        assert coded is not None
        image = scene.advance(coded, payload_of(coded.payload, 320, 256))
        assert isinstance(image, ChangeImage)
        assert bool(image.change.changed[:, 3:].any()) == expected
        assert not image.change.amounts[:, 3:].any()


def test_a_restored_place_is_compared_with_what_is_stored(photo: NDArray[np.uint8]) -> None:
    """Light grows while something passes again and again, and goes on growing when it is gone."""
    rgb = photo[:192, :256].astype(np.float32)
    scene = scene_of(rgb.astype(np.uint8), 20)
    own = np.abs((scene.canvas.decode(DecodeOptions())[0] - rgb)[64:128, 64:128].mean())
    ages = []
    for number in range(1, 24):
        frame = rgb + 0.4 * number
        light = frame[64:128, 64:128].copy()
        if number % 2 and number < 17:
            frame[70:120, 70:120] = (220, 190, 40)
        coded = scene.code(noisy(frame.clip(0, 255).astype(np.uint8), number, 1), effort=2, threads=1)
        assert coded is not None
        image = scene.advance(coded, payload_of(coded.payload, 256, 192))
        assert isinstance(image, ChangeImage)
        ages.append(int(image.change.ages.max()))
        if number >= 17:
            shown = scene.canvas.decode(DecodeOptions())[0][64:128, 64:128]
            assert abs((shown - light).mean()) < own + 2.5
    assert max(ages) > 0


def test_an_encoder_counts_states_as_readers_do(
    photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_module, "_MOST_BYTES_STILL", np.inf)  # no key frames, whatever changes cost
    monkeypatch.setattr(scene_module, "_MOST_CHANGES", np.inf)
    rgb, random = photo[:192, :256], np.random.default_rng(8)
    scene = scene_of(rgb, 50)
    for number in range(7):
        frame = rgb.copy()
        frame[:, :120] = frame[:, :120] * random.uniform(0.6, 1)
        left = int(random.integers(0, 190))
        frame[60:120, left : left + 60] = random.integers(0, 255, 3)
        coded = scene.code(noisy(frame, number, 1), effort=1, threads=1)
        assert coded is not None
        scene.advance(coded, payload_of(coded.payload, 256, 192))
    compared, grid, canvas = 0, scene.canvas.grid, scene.canvas
    for age in range(1, 5):
        ages, modes = np.full((3, 4), age, np.uint8), np.zeros((3, 4), np.uint8)
        header = ChangeHeader(grid, 0, 0, None, modes, modes > 0, ages, ages, None, None, False)
        data = serialise_change(header, ([b""], [b""]), [], grid)
        stored = open_change(payload_of(data, 256, 192), canvas).decode(DecodeOptions())[0]
        means = scene._earlier._means[age - 1]
        for row, column in np.ndindex(3, 4):
            expected = means[16 * row + 4 : 16 * row + 12, 16 * column + 4 : 16 * column + 12].mean((0, 1))
            if np.isfinite(expected).all():
                there = slice(64 * row + 16, 64 * row + 48), slice(64 * column + 16, 64 * column + 48)
                assert np.abs(stored[there].mean((0, 1)) - expected).max() < 10
                compared += 1
    assert compared > 20


def test_costly_changes_are_followed_by_a_key_frame(
    photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of a frame reads all changes before it, so they are bounded by what the key frame takes."""
    monkeypatch.setattr(scene_module, "_MOST_CHANGES", 2.0)
    rgb, random = photo[:192, :256], np.random.default_rng(3)
    scene, total = scene_of(rgb, 40), 0
    key = len(b"".join(encode_learned(rgb, model=default_model(), quality=40)))
    for number in range(40):
        frame = rgb.copy()
        frame[:, :120] = frame[:, :120] * random.uniform(0.4, 1)
        coded = scene.code(noisy(frame, number, 3), effort=1, threads=1)
        if coded is None:
            break
        total += sum(map(len, coded.payload))
        scene.advance(coded, payload_of(coded.payload, 256, 192))
    assert coded is None
    assert 2 * key < total < 3.5 * key


def test_exact_blocks_stay_in_a_canvas_that_grew(photo: NDArray[np.uint8]) -> None:
    """They are found where the canvas has them now, and are not coded again with what lies beside them."""
    exact = np.zeros((32, 40), np.bool_)
    exact[25:31, 33:39] = True
    rgb = np.ascontiguousarray(photo[60:316, 90:410])
    payload = payload_of(encode_learned(rgb, model=default_model(), quality=60, exact=exact), 320, 256)
    scene = Scene(LearnedImage(payload.read, payload.length, 320, 256, payload.limits), rgb)
    placed = scene._source.moved(
        photo[40:296, 60:380],
        Homography.of_corners(
            320, 256, np.array([[-30, -20], [290, -20], [-30, 236], [290, 236]], np.int64) * SUBPIXELS
        ),
    )
    assert placed is not None
    assert placed.left > 0
    padded = placed.canvas.grid.padded
    free = scene._without_exact(placed, (padded.height // 64, padded.width // 64))
    side = placed.canvas.grid.tile // 64
    assert np.argwhere(~free).tolist() == [[placed.top * side + 3, placed.left * side + 4]]
