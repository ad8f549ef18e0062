"""What the encoder itself carries without loss, because the model would show it badly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from pgic_core.codec.learned.decoder import LearnedImage
from pgic_core.codec.learned.encoder import Encoder, RateTarget, encode_learned
from pgic_core.codec.learned.exact.decision import near_depth, near_error
from pgic_core.codec.learned.exact.hard_blocks import promised_error
from pgic_core.codec.learned.exact.search import ExactSearch
from pgic_core.lab.generated_patterns import PATTERNS
from pgic_core.limits import Limits
from pgic_core.models import default_model
from pgic_core.options import DecodeOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = default_model()
CASES = Path(__file__).parent.parent / "cases"


def case(name: str) -> NDArray[np.uint8]:
    with Image.open(CASES / name) as image:
        return np.asarray(image.convert("RGB"))


def coded(rgb: NDArray[np.uint8], **options: Any) -> bytes:
    return b"".join(encode_learned(rgb, model=MODEL, **options))


def opened(data: bytes, rgb: NDArray[np.uint8]) -> LearnedImage:
    height, width = rgb.shape[:2]
    return LearnedImage(lambda at, n: data[at : at + n], len(data), width, height, Limits.unlimited())


def shown(rgb: NDArray[np.uint8], **options: Any) -> tuple[NDArray[np.uint8], int]:
    data = coded(rgb, **options)
    return opened(data, rgb).decode()[0], len(data)


def error(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.square(a.astype(float) - b).mean())


def hue(rgb: NDArray[Any]) -> float:
    """In degrees, of a mean colour."""
    red, green, blue = rgb.reshape(-1, 3).mean(0)
    return float(np.degrees(np.arctan2(3**0.5 * (green - blue), 2 * red - green - blue)))


@pytest.mark.parametrize("quality", [20, 50, 95])
def test_stripes_of_two_pixels_are_neither_blue_nor_wrong(quality: int) -> None:
    rgb = case("stripes2.png")
    picture, size = shown(rgb, quality=quality)
    assert error(picture, rgb) < 6.5  # 40 dB
    assert np.ptp(picture, axis=2).max() == 0
    assert size < 2000


@pytest.mark.parametrize("quality", [40, 75])
def test_a_fine_drawing_is_right_and_small(quality: int) -> None:
    rgb = case("lines.png")
    picture, size = shown(rgb, quality=quality)
    assert error(picture, rgb) < 6.5
    assert size < 5000


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]


@pytest.mark.parametrize(("side", "quality"), [(1, 80), (2, 50), (4, 50), (8, 50)])
@pytest.mark.parametrize("ground", ["grey", "photo", "night"])
def test_lamps_and_marks_keep_their_colour(side: int, quality: int, ground: str) -> None:
    rgb = np.full((256, 256, 3), 128, np.uint8)
    if ground != "grey":
        rgb = np.ascontiguousarray(skimage.data.coffee()[100:356, 200:456]) // (1 if ground == "photo" else 5)
    places = [(30 + 61 * i + j, 40 + 57 * j) for i in range(4) for j in range(4)]
    for number, (y, x) in enumerate(places):
        rgb[y : y + side, x : x + side] = COLOURS[number % 4]
    picture, _ = shown(rgb, quality=quality)
    for number, (y, x) in enumerate(places):
        mark = picture[y : y + side, x : x + side].astype(float)
        off = (hue(mark) - hue(np.array(COLOURS[number % 4])) + 180) % 360 - 180
        assert abs(off) < 30, (number, mark.mean((0, 1)))  # the same of six hues
        assert np.ptp(mark.mean((0, 1))) > 120


@pytest.mark.parametrize(
    ("name", "quality"), [("marks.png", 50), ("marks.png", 80), ("thermal_palette.png", 50)]
)
def test_the_marks_of_real_files_keep_their_colour(name: str, quality: int) -> None:
    rgb = case(name)
    picture, _ = shown(rgb, quality=quality)
    strong = np.ptp(rgb.astype(int), axis=2) == 255
    alone = strong.copy()
    for axis in (0, 1):
        for step in (-4, 4):
            alone &= ~np.roll(strong, step, axis)
    if name == "marks.png":
        alone = strong
    assert alone.any()
    assert np.abs(picture[alone].astype(int) - rgb[alone]).max() <= 60


def rings() -> NDArray[np.uint8]:
    y, x = np.mgrid[:256, :256] - 128
    return np.repeat((128 + 127 * np.cos((x * x + y * y) / 81))[:, :, None], 3, 2).astype(np.uint8)


@pytest.mark.parametrize("quality", [30, 50, 80])
@pytest.mark.parametrize("kind", ["rings", "photo", "noise"])
def test_neutral_pictures_come_back_neutral(kind: str, quality: int) -> None:
    grey = {
        "rings": rings()[:, :, 0],
        "photo": skimage.data.camera()[:200, :300],
        "noise": np.random.default_rng(1).integers(0, 256, (130, 140), np.uint8),
    }[kind]
    rgb = np.repeat(grey[:, :, None], 3, 2)
    image = opened(coded(rgb, quality=quality), rgb)
    assert image.header.neutral
    for level in ("fast", "preview"):
        picture, _ = image.decode(DecodeOptions(level))  # type: ignore[arg-type]
        assert np.ptp(picture, axis=2).max() == 0
    almost = rgb.copy()
    almost[-1, -1, 0] ^= 1
    assert not opened(coded(almost, quality=quality), almost).header.neutral


@pytest.mark.parametrize("period", [2, 3, 4, 6])
@pytest.mark.parametrize("colour", [(1, 1, 1), (1, -1, 0), (-1, 0, 1)])
def test_fine_patterns_are_kept(period: int, colour: tuple[int, int, int]) -> None:
    x = np.arange(192)
    for strength in (40, 110):
        wave = strength * np.where(x % period < period / 2, 1, -1)
        rgb = np.broadcast_to(128 + wave[None, :, None] * np.array(colour), (192, 192, 3)).astype(np.uint8)
        for turned in (rgb, rgb.transpose(1, 0, 2)):
            picture, size = shown(np.ascontiguousarray(turned), quality=40)
            assert error(picture, turned) < 6.5
            assert size < 1500


def test_photos_that_need_none_get_none() -> None:
    photos = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.coffee()[:200, :300]]
    for rgb in map(np.ascontiguousarray, photos):
        plain = Encoder(rgb, MODEL, 2, None, 2, lambda share: None, search_exact=False)
        assert coded(rgb, quality=50) == b"".join(plain.code(50))


@pytest.mark.parametrize("quality", [50, 60])
def test_coloured_letters_on_a_photo_are_clear(quality: int) -> None:
    image = Image.fromarray(skimage.data.coffee()[:128, 300:560] // 2)
    ImageDraw.Draw(image).text((10, 40), "SF6 0.52 MPa A2", (255, 0, 90), font=ImageFont.load_default(24))
    rgb = np.asarray(image)
    picture, _ = shown(rgb, quality=quality)
    ink = (rgb == (255, 0, 90)).all(2)
    assert ink.sum() > 100
    assert np.square(picture[ink].astype(float) - rgb[ink]).mean() < 130  # 27 dB


def test_a_disc_in_few_grey_levels_is_not_lost() -> None:
    y, x = np.mgrid[:192, :192]
    ground = 120 + (x + y) // 16 + np.random.default_rng(0).integers(0, 2, (192, 192))
    rgb = np.stack([ground, ground + 10, ground - 90], 2).astype(np.uint8)
    rgb[np.hypot(x - 99, y - 93) <= 4] = 255
    picture, _ = shown(rgb, quality=40)
    assert error(picture[64:128, 64:128], rgb[64:128, 64:128]) < 6.5  # 40 dB


def test_stars_and_lamps_at_night_are_not_lost() -> None:
    y, x = np.mgrid[:512, :512]
    sky = np.stack([6 + y / 60, 9 + y / 50, 22 + x / 40], 2)
    rgb = (sky + np.random.default_rng(0).integers(0, 3, sky.shape)).astype(np.uint8)
    places = [(69, 77), (140, 402), (333, 259), (421, 90)]
    for row, column in places:
        for off_y, off_x, light in [(0, 0, 90), (0, 1, 80), (1, 0, 70), (1, 1, 30), (-1, 0, 25), (0, -1, 25)]:
            rgb[row + off_y, column + off_x] += np.uint8(light)
    picture, size = shown(rgb, quality=40)
    for row, column in places:
        area = np.s_[row - 32 : row + 32, column - 32 : column + 32]
        assert error(picture[area], rgb[area]) < 2
    plain = Encoder(rgb, MODEL, 2, None, 2, lambda share: None, search_exact=False)
    assert size < sum(map(len, plain.code(40))) + 400


@pytest.mark.parametrize("effort", [1, 2, 3])
def test_every_effort_finds_them(effort: int) -> None:
    rgb = case("marks.png")
    data = coded(rgb, quality=60, effort=effort)
    assert opened(data, rgb).header.exact is not None
    assert coded(rgb, quality=60, effort=effort, threads=3) == data


def test_targets_choose_them_anew_at_each_quality() -> None:
    rgb = np.ascontiguousarray(np.concatenate([skimage.data.coffee()[:192, :256], rings()[:64]]))
    data = coded(rgb, target=RateTarget(max_bytes=9_000))
    quality = opened(data, rgb).header.quality
    assert len(data) <= 9_000
    assert data == coded(rgb, quality=quality)
    data = coded(rgb, target=RateTarget(min_psnr=34))
    assert error(opened(data, rgb).decode()[0], rgb) <= 255**2 / 10**3.4


def test_fewer_bits_are_near_enough() -> None:
    for quality in range(1, 101):
        weight = MODEL.error_weight(quality)
        assert near_error(near_depth(weight)) <= promised_error(weight) / 3
    assert near_error(8) == 0


def test_a_page_of_text_takes_few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried is bounded; the rest of the page is judged by what came of a sample."""
    page = PATTERNS["text"](1024, np.random.default_rng(3))
    search = Encoder(page, MODEL, 2, None, 1, lambda share: None)._search
    assert search is not None
    tried = []
    judged = ExactSearch._judged

    def counted(self: ExactSearch, cores: NDArray[np.intp], *rest: Any) -> Any:
        tried.append(len(cores))
        return judged(self, cores, *rest)

    monkeypatch.setattr(ExactSearch, "_judged", counted)
    blocks = search.find(50).blocks
    assert sum(tried) <= 30
    cores = blocks.reshape(32, 4, 32, 4).any((1, 3))
    assert cores.sum() > 10 * sum(tried)
