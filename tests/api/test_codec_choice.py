"""The right coder for the picture: drawings without loss, photos learned, and targets that look at both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont

import pgic_core
from pgic_core import PgiOptionError, PgiTargetError
from pgic_core.cli import app
from pgic_core.codec.lossless.encoder import encode_lossless
from pgic_core.codec.lossless.size_estimate import estimate_lossless

from .photos import GREY, PHOTO, RGBA, psnr

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASES = Path(__file__).parents[1] / "cases"


def case(name: str) -> NDArray[np.uint8]:
    with Image.open(CASES / name) as image:
        return np.asarray(image.convert("RGB"))


def drawing() -> NDArray[np.uint8]:
    """Lines and words, as of a circuit diagram."""
    image = Image.new("RGB", (640, 400), "white")
    draw = ImageDraw.Draw(image)
    random = np.random.default_rng(2)
    for _ in range(60):
        draw.line([int(v) for v in random.integers(0, 640, 4)], fill="black", width=2)
        draw.text((int(random.integers(0, 600)), int(random.integers(0, 390))), "K1 24V", fill="navy")
    return np.asarray(image)


def text() -> NDArray[np.uint8]:
    """A page of smoothed letters in several colours, as a screenshot has it."""
    image = Image.new("RGB", (800, 500), (240, 240, 240))
    draw, random = ImageDraw.Draw(image), np.random.default_rng(0)
    for top in range(8, 480, 22):
        words = "".join(chr(int(code)) for code in random.integers(33, 126, 90))
        colour = tuple(int(value) for value in random.integers(0, 120, 3))
        draw.text((8, top), words, fill=colour, font=ImageFont.load_default(17))
    return np.asarray(image)


def gradient() -> NDArray[np.uint8]:
    ramp = np.linspace(0, 255, 900).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (600, 900, 3)))


FLAT = np.full((300, 400, 3), 77, np.uint8)
DRAWN = {
    "lines": case("lines.png"),
    "two-pixel stripes": case("stripes2.png"),
    "marks": case("marks.png"),
    "drawing": drawing(),
    "text": text(),
    "flat": FLAT,
    "gradient": gradient(),
}
PHOTOS = {
    "astronaut": skimage.data.astronaut()[:300, :400],
    "coffee": skimage.data.coffee()[:300, :400],
    "cat": skimage.data.chelsea()[:280, :400],
    "false colours": case("thermal_palette.png"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_drawings_and_flat_colours_are_exact_and_no_larger(name: str) -> None:
    picture = DRAWN[name]
    data = pgic_core.encode(picture)
    assert pgic_core.inspect(data).codec == "lossless"
    np.testing.assert_array_equal(pgic_core.decode(data), picture)
    learned = pgic_core.encode(picture, codec="learned")
    assert pgic_core.inspect(learned).codec == "learned"
    assert len(data) < 1.35 * len(learned)


def test_kind_lines_takes_a_thirtieth_and_is_exact() -> None:
    """``lines.png`` took 43,281 bytes at 15.2 dB, and takes 1,385 without loss."""
    data = pgic_core.encode(DRAWN["lines"])
    assert len(data) < 1500


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality", [10, 50, 95])
def test_photos_stay_with_the_learned_codec(name: str, quality: int) -> None:
    facts = pgic_core.inspect(pgic_core.encode(PHOTOS[name], quality=quality, effort=1))
    assert (facts.codec, facts.quality) == ("learned", quality)


def test_opacity_is_weighed_with_its_colours() -> None:
    drawn = np.dstack([DRAWN["drawing"], DRAWN["drawing"][:, :, :1]])
    data = pgic_core.encode(drawn)
    assert (pgic_core.inspect(data).codec, pgic_core.inspect(data).channels) == ("lossless", "rgb+alpha")
    np.testing.assert_array_equal(pgic_core.decode(data), drawn)
    assert pgic_core.inspect(pgic_core.encode(RGBA)).codec == "learned"


def test_a_byte_budget_is_filled_without_loss_where_that_fits() -> None:
    for options in ({"max_bytes": 2000}, {"bpp": 0.5}, {"ratio": 2, "source_bytes": 4387}):
        data = pgic_core.encode(DRAWN["lines"], **options)  # type: ignore[arg-type]
        assert pgic_core.inspect(data).codec == "lossless"
        np.testing.assert_array_equal(pgic_core.decode(data), DRAWN["lines"])
    exact = len(pgic_core.encode(PHOTO, lossless=True))
    assert len(pgic_core.encode(PHOTO, max_bytes=exact)) == exact
    assert pgic_core.inspect(pgic_core.encode(PHOTO, max_bytes=exact - 1)).codec == "learned"


def test_a_budget_that_neither_codec_meets_is_refused() -> None:
    with pytest.raises(PgiTargetError, match="quality 1 makes a file of"):
        pgic_core.encode(PHOTO, max_bytes=300)
    with pytest.raises(PgiTargetError, match="Coded lossless"):
        pgic_core.encode(GREY, max_bytes=300)


@pytest.mark.parametrize("name", ["flat", "lines", "gradient"])
def test_min_psnr_60_is_met_without_loss(name: str) -> None:
    data = pgic_core.encode(DRAWN[name], min_psnr=60)
    assert pgic_core.inspect(data).codec == "lossless"
    np.testing.assert_array_equal(pgic_core.decode(data), DRAWN[name])


def test_min_psnr_takes_the_smaller_codec_that_meets_it() -> None:
    exact = pgic_core.encode(PHOTO, min_psnr=99)
    assert pgic_core.inspect(exact).codec == "lossless"
    loose = pgic_core.encode(PHOTO, min_psnr=30)
    assert pgic_core.inspect(loose).codec == "learned"
    assert psnr(pgic_core.decode(loose), PHOTO) >= 30
    with pytest.raises(PgiTargetError, match="100 stays below"):
        pgic_core.encode(PHOTO, min_psnr=99, codec="learned")


def test_a_codec_can_be_forced() -> None:
    assert pgic_core.inspect(pgic_core.encode(PHOTO, codec="lossless")).codec == "lossless"
    assert pgic_core.inspect(pgic_core.encode(FLAT, codec="learned", quality=20)).quality == 20
    model = pgic_core.default_model()
    assert pgic_core.inspect(pgic_core.encode(FLAT, model=model)).codec == "learned"
    assert pgic_core.inspect(pgic_core.encode(FLAT, model=model, codec="auto")).codec == "lossless"
    assert pgic_core.inspect(pgic_core.encode(GREY, model=model)).codec == "lossless"
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        (PHOTO, {"codec": "jpeg"}, "codec must be one of"),
        (GREY, {"codec": "learned"}, "8-bit RGB of visible light only"),
        (PHOTO, {"codec": "learned", "image_type": "infrared"}, "8-bit RGB of visible light only"),
        (PHOTO, {"codec": "learned", "lossless": True}, "contradict"),
        (PHOTO, {"codec": "lossless", "quality": 50}, "contradict"),
        (PHOTO, {"codec": "lossless", "roi": [(0, 0, 9, 9)]}, "contradict"),
    ]
    for picture, options, message in wrong:
        with pytest.raises(PgiOptionError, match=message):
            pgic_core.encode(picture, **options)


def test_the_command_takes_and_tells_the_codec(tmp_path: Path) -> None:
    target = str(tmp_path / "x.pgi")
    result = CliRunner().invoke(app, ["encode", "-v", str(CASES / "lines.png"), target])
    assert result.exit_code == 0, result.output
    assert "bpp, lossless" in result.output.replace("\n", " ")
    result = CliRunner().invoke(app, ["encode", "--codec", "learned", str(CASES / "lines.png"), target])
    assert result.exit_code == 0, result.output
    assert "codec         learned" in CliRunner().invoke(app, ["info", target]).output


@pytest.mark.parametrize("name", PHOTOS)
def test_the_guess_is_near_for_photos(name: str) -> None:
    exact = sum(map(len, encode_lossless(PHOTOS[name], effort=1)))
    guess = estimate_lossless(PHOTOS[name])
    assert 0.5 * exact < guess.size < 2 * exact
    assert guess.flat < 0.5


def test_the_guess_takes_any_shape() -> None:
    for shape in ((1, 1, 3), (1, 5000, 3), (5000, 1, 4), (129, 127, 3)):
        guess = estimate_lossless(np.zeros(shape, np.uint8))
        assert 0 < guess.size < np.prod(shape) + 200
        assert 0 <= guess.flat <= 1


def test_coding_without_loss_stops_at_its_bound() -> None:
    with pytest.raises(PgiTargetError, match="more than 1,000 bytes"):
        encode_lossless(PHOTO, at_most=1000)
    size = sum(map(len, encode_lossless(PHOTO)))
    assert sum(map(len, encode_lossless(PHOTO, at_most=size))) == size
