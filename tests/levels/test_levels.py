"""Fine, adaptive and perceptual: windows, regions, edges, and what is laid over them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pgic_core
from pgic_core.codec import block_cutting
from pgic_core.container import Annotation, Box
from pgic_core.errors import PgiModelError, PgiOptionError

if TYPE_CHECKING:
    from pathlib import Path

    from pgic_core.models import Model

WINDOWS = [(0, 0, 811, 501), (17, 33, 100, 64), (500, 200, 311, 301), (700, 490, 1, 1), (128, 128, 256, 128)]
BOX = (203, 155, 150, 97)


@pytest.mark.parametrize("level", ["fine", "perceptual", "adaptive"])
@pytest.mark.parametrize("scale", [1, 2])
def test_windows_equal_the_whole_picture(larger: Model, data: bytes, level: str, scale: int) -> None:
    kind: dict[str, Any] = {"level": level, "scale": scale}
    if level == "adaptive":
        kind["regions"] = [BOX, (640, 300, 40, 200)]
    whole = pgic_core.decode(data, **kind)
    assert whole.shape == (-(-501 // scale), -(-811 // scale), 3)
    for x, y, w, h in WINDOWS:
        part = pgic_core.decode(data, window=(x, y, w, h), **kind)
        rows = slice(y // scale, -(-(y + h) // scale))
        columns = slice(x // scale, -(-(x + w) // scale))
        assert np.abs(part.astype(int) - whole[rows, columns]).max() <= 1


@pytest.mark.parametrize("level", ["fast", "fine", "adaptive"])
def test_blocks_of_any_size_and_threads_show_the_same(
    larger: Model, data: bytes, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind: dict[str, Any] = {"level": level}
    if level == "adaptive":
        kind["regions"] = [BOX]
    whole = pgic_core.decode(data, threads=1, **kind)
    assert np.abs(pgic_core.decode(data, threads=3, **kind).astype(int) - whole).max() <= 1
    monkeypatch.setattr(block_cutting, "_BLOCK_PIXELS", 100_000)
    seen: list[float] = []
    cut = pgic_core.decode(data, threads=2, progress=seen.append, **kind)
    assert len(seen) > 1
    assert seen[-1] == 1
    assert np.abs(cut.astype(int) - whole).max() <= 1


def test_key_regions_are_fine_and_the_rest_is_fast(larger: Model, data: bytes) -> None:
    fine, fast = pgic_core.decode(data, level="fine"), pgic_core.decode(data)
    x, y, w, h = BOX
    for regions in ([BOX], mask_of(BOX), [Annotation("insulator", Box(x, y, x + w, y + h))]):
        mixed = pgic_core.decode(data, level="adaptive", regions=regions)
        inside = np.s_[y : y + h, x : x + w]
        assert np.array_equal(mixed[inside], fine[inside])
        far = ~mask_of((x - 16, y - 16, w + 32, h + 32))
        assert np.array_equal(mixed[far], fast[far])
        assert not np.array_equal(fine[inside], fast[inside])
        # Between the two: what lies on one side of a border is never far from what lies on the other.
        low, high = (f(fine.astype(int), fast.astype(int)) for f in (np.minimum, np.maximum))
        assert ((low <= mixed) & (mixed <= high)).all()
    everything = pgic_core.decode(data, level="adaptive", regions=np.ones((501, 811), bool))
    assert np.array_equal(everything, fine)
    assert np.array_equal(pgic_core.decode(data, level="adaptive", regions=[]), fast)


def mask_of(box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((501, 811), bool)
    x, y, w, h = box
    mask[max(y, 0) : y + h, max(x, 0) : x + w] = True
    return mask


def test_many_small_regions(larger: Model, data: bytes) -> None:
    random = np.random.default_rng(5)
    regions = [(int(x), int(y), 3, 3) for x, y in zip(*random.integers(0, 490, (2, 60)), strict=True)]
    fine = pgic_core.decode(data, level="fine")
    mixed = pgic_core.decode(data, level="adaptive", regions=regions)
    for x, y, w, h in regions:
        assert np.array_equal(mixed[y : y + h, x : x + w], fine[y : y + h, x : x + w])
    part = pgic_core.decode(data, level="adaptive", regions=regions, window=(100, 90, 311, 222))
    assert np.array_equal(part, mixed[90:312, 100:411])


def test_the_files_own_regions(larger: Model, photo: np.ndarray) -> None:
    x, y, w, h = BOX
    fault = Annotation("crack", Box(x, y, x + w, y + h))
    for options in ({"roi": [BOX]}, {"annotations": [fault]}):
        data = pgic_core.encode(photo, quality=40, **options)
        mixed = pgic_core.decode(data, level="adaptive")
        fine, fast = pgic_core.decode(data, level="fine"), pgic_core.decode(data)
        assert np.array_equal(mixed[y : y + h, x : x + w], fine[y : y + h, x : x + w])
        assert np.array_equal(mixed[:, 600:], fast[:, 600:])
    plain = pgic_core.encode(photo, quality=40)
    assert np.array_equal(pgic_core.decode(plain, level="adaptive"), pgic_core.decode(plain))


def test_regions_follow_the_orientation(larger: Model, photo: np.ndarray) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6  # a quarter turn: the upright picture is 501 wide
    data = pgic_core.encode(photo, quality=40, exif=exif.tobytes())
    x, y, w, h = BOX
    turned = (501 - y - h, x, h, w)
    mixed = pgic_core.decode(data, level="adaptive", regions=[turned])
    fine = pgic_core.decode(data, level="fine")
    assert np.array_equal(mixed[y : y + h, x : x + w], fine[y : y + h, x : x + w])
    assert np.array_equal(mixed[:, 600:], pgic_core.decode(data)[:, 600:])


@pytest.mark.parametrize(
    ("regions", "reason"),
    [
        ("everything", "regions must be a mask"),
        (np.zeros((3, 3)), "must have the upright picture's shape"),
        ([(900, 0, 5, 5)], "lies outside the picture"),
        ([(1, 2, 3)], "A box of interest must be"),
    ],
)
def test_regions_that_are_none(larger: Model, data: bytes, regions: Any, reason: str) -> None:
    with pytest.raises(PgiOptionError, match=reason):
        pgic_core.decode(data, level="adaptive", regions=regions)


def test_the_post_filter_is_for_fast_alone(larger: Model, photo: np.ndarray) -> None:
    with_filter = pgic_core.encode(photo, quality=40)
    without = pgic_core.encode(photo, quality=40, effort=1)
    assert pgic_core.inspect(with_filter).filter_bytes
    assert not pgic_core.inspect(without).filter_bytes
    assert next(r for r in larger.renderers if r.level == "fast").post_filter
    assert not next(r for r in larger.renderers if r.level == "fine").post_filter
    # Opened once more with the filter taken out of its header, the file shows the same at "fine".
    with pgic_core.open_file(with_filter) as file:
        image: Any = file._coded
        before = {level: file.decode(level=level) for level in ("fine", "fast")}
        image.header = dataclasses.replace(image.header, filter=b"")
        assert np.array_equal(file.decode(level="fine"), before["fine"])
        image.__dict__.pop("filter", None)
        assert not np.array_equal(file.decode(), before["fast"])


@pytest.mark.parametrize("level", ["fine", "adaptive", "perceptual"])
def test_exact_blocks_and_grey_are_laid_over_all_levels(larger: Model, photo: np.ndarray, level: str) -> None:
    data = pgic_core.encode(photo, quality=40, exact=[BOX])
    x, y, w, h = BOX
    shown = pgic_core.decode(data, level=level)
    assert np.array_equal(shown[y : y + h, x : x + w], photo[y : y + h, x : x + w])
    grey = np.repeat(photo[:, :, :1], 3, axis=2)
    shown = pgic_core.decode(pgic_core.encode(grey, quality=40), level=level, window=(0, 0, 200, 200))
    assert (shown == shown[:, :, :1]).all()


def test_opacity_stays_as_it_is(larger: Model, photo: np.ndarray) -> None:
    alpha = np.arange(501 * 811).reshape(501, 811, 1).astype(np.uint8)
    data = pgic_core.encode(np.concatenate([photo, alpha], axis=2), quality=40)
    assert np.array_equal(pgic_core.decode(data, level="fine")[:, :, 3:], alpha)


def test_a_level_that_the_model_lacks(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGIC_MODEL_PATH", raising=False)
    missing = {"fine", "adaptive", "perceptual"} - set(pgic_core.default_model().levels)
    for level in missing:
        with pytest.raises(PgiModelError, match=f"has no level {level}; it has "):
            pgic_core.decode(data, level=level)


def test_pictures_without_a_model_show_their_pixels_at_every_level(photo: np.ndarray) -> None:
    data = pgic_core.encode(photo, lossless=True)
    for level in ("fine", "adaptive", "perceptual"):
        assert np.array_equal(pgic_core.decode(data, level=level), photo)
        with pgic_core.open_file(data) as file:
            assert file.renderer(level) is None


def test_damage_is_marked_at_every_level(larger: Model, data: bytes) -> None:
    broken = bytearray(data)
    broken[-40:] = bytes(40)
    for level, scale in (("fast", 1), ("fine", 1), ("fine", 4), ("adaptive", 1)):
        shown = pgic_core.decode_with_mask(bytes(broken), level=level, scale=scale)
        sound = pgic_core.decode(data, level=level, scale=scale)
        assert shown.damaged.any()
        assert np.array_equal(shown.pixels[~shown.damaged], sound[~shown.damaged])


def test_strips_of_every_level(
    larger: Model, photo: np.ndarray, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pgic_core.encode(np.concatenate([photo, photo])[:, :300], quality=40)
    monkeypatch.setattr(block_cutting, "_BLOCK_PIXELS", 100_000)
    with pgic_core.open_file(data) as file:
        for options in (
            {},
            {"level": "fine"},
            {"level": "fine", "scale": 2},
            {"scale": 4},
            {"level": "preview"},
            {"level": "adaptive", "regions": [BOX]},
        ):
            seen: list[float] = []
            strips = list(file.strips(progress=seen.append, **options))  # type: ignore[arg-type]
            assert len(strips) > 1
            assert seen[-1] == 1
            assert np.array_equal(np.concatenate(strips), file.decode(**options))  # type: ignore[arg-type]
        assert file._coded.model.folder.parent == models  # type: ignore[attr-defined]


@pytest.mark.parametrize("level", ["fine", "adaptive", "perceptual"])
def test_every_level_of_an_encrypted_file(larger: Model, photo: np.ndarray, level: str) -> None:
    full, regions, preview = (pgic_core.generate_key() for _ in range(3))
    how: dict[str, Any] = {"codec": "learned", "roi": [BOX], "quality": 30}
    plain = pgic_core.decode(pgic_core.encode(photo, **how), level=level)
    data = pgic_core.encode(
        photo,
        recipients=[full.public, (regions.public, "regions"), (preview.public, "preview")],
        protect=0.05,
        **how,
    )
    assert (pgic_core.decode(data, level=level, keys=full) == plain).all()
    # Who may see the regions gets them at every level, and the rest coarsely.
    seen = pgic_core.decode(data, level=level, keys=regions)
    x, y, w, h = BOX
    inside = np.abs(seen.astype(int) - plain)[y : y + h, x : x + w]
    assert inside.max() <= 1
    with pytest.raises(pgic_core.PgiKeyError):
        pgic_core.decode(data, level=level, keys=preview)
