"""Training crops: where they lie, how they are turned, and what light and patterns make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from pgic_core.errors import PgiInputError
from pgic_core.lab.training.augment import in_bad_light, with_pattern
from pgic_core.lab.training.config import TrainingConfig
from pgic_core.lab.training.crop_sampling import CropSampler, FlatPictures, PictureIndex, Places, sample_crops

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE = data.astronaut()
CPU = torch.device("cpu")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, name, pixels in [
        ("large", "a", PICTURE),
        ("large", "b", data.coffee()),
        ("small", "c", PICTURE[100:220, 90:310]),
    ]:
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    return tmp_path


def reference(picture: NDArray[np.uint8], y: int, x: int, turn: int, side: int) -> NDArray[np.uint8]:
    part = picture[y : y + side, x : x + side]
    if turn & 1:
        part = part[:, ::-1]
    if turn & 2:
        part = part[::-1]
    return part.transpose(1, 0, 2) if turn & 4 else part


def test_crops_lie_within_pictures_and_are_what_slicing_gives(root: Path) -> None:
    index = PictureIndex(root, {"large": 3, "small": 1}, scales=(0.75, 0.5))
    pictures = FlatPictures(index.entries, CPU)
    for side in (64, 128):
        places = index.draw(np.random.default_rng(3), 200, side)
        crops = pictures.gather(places, side).numpy()
        rows = zip(places.entry, places.y, places.x, places.turn, crops, strict=True)
        for entry, y, x, turn, crop in rows:
            picture = pictures.picture(entry).numpy()
            assert 0 <= y <= len(picture) - side
            assert 0 <= x <= picture.shape[1] - side
            assert np.array_equal(crop, reference(picture, y, x, turn, side))
        assert set(places.turn) == set(range(8))
    # Both corners can be reached.
    corner = Places(*(np.array([v, v]) for v in (0, 512 - 128, 512 - 128, 0)))
    assert np.array_equal(pictures.gather(corner, 128)[1].numpy(), PICTURE[-128:, -128:])


def test_half_of_the_crops_come_from_smaller_copies_and_folders_have_their_shares(root: Path) -> None:
    index = PictureIndex(root, {"large": 3, "small": 1}, scales=(0.75, 0.6))
    places = index.draw(np.random.default_rng(5), 4000, 64)
    entries = [index.entries[i] for i in places.entry]
    assert np.mean([e.copy for e in entries]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([e.path.parent.name == "small" for e in entries]) == pytest.approx(0.25, abs=0.04)
    # Where a picture is too small for a crop, others take its share.
    assert {
        e.path.name for e in (index.entries[i] for i in index.draw(np.random.default_rng(1), 99, 128).entry)
    } == {
        "a.png",
        "b.png",
    }
    with pytest.raises(PgiInputError, match="600 pixels"):
        index.draw(np.random.default_rng(1), 1, 600)


def test_smaller_copies_show_the_same_picture(root: Path) -> None:
    index = PictureIndex(root, {"large": 1}, scales=(0.5,))
    pictures = FlatPictures(index.entries, CPU)
    small = next(i for i, e in enumerate(index.entries) if e.copy and e.path.name == "a.png")
    wanted = np.asarray(Image.fromarray(PICTURE).resize((256, 256), Image.Resampling.BICUBIC))
    assert np.abs(pictures.picture(small).numpy().astype(int) - wanted).max() <= 1


def test_excluded_files_are_not_read_and_broken_ones_are_named(root: Path) -> None:
    assert {e.path.name for e in PictureIndex(root, {"large": 1}, exclude=["b.p"]).entries} == {"a.png"}
    with pytest.raises(PgiInputError, match="no training pictures"):
        PictureIndex(root, {"missing": 1})
    (root / "large" / "z.png").write_bytes((root / "large" / "a.png").read_bytes()[:2000])
    index = PictureIndex(root, {"large": 1})
    with pytest.raises(PgiInputError, match=r"z\.png cannot be decoded"):
        FlatPictures(index.entries, CPU)


def test_a_few_crops_are_those_of_the_whole_set(root: Path) -> None:
    config = TrainingConfig("small", data={"large": 3, "small": 1})
    few = sample_crops(config, root, 6, 128, seed=9, harsh=0.5)
    index = PictureIndex(root, config.data, scales=config.schedule.scales)
    sampler = CropSampler(index, CPU)
    assert np.array_equal(few, sampler.crops(np.random.default_rng(9), 6, 128, harsh=0.5).numpy())


def test_the_same_seed_gives_the_same_crops(root: Path) -> None:
    sampler = CropSampler(PictureIndex(root, {"large": 1}), CPU, patterns=4, pattern_side=160)

    def crops(seed: int) -> torch.Tensor:
        return sampler.crops(np.random.default_rng(seed), 12, 128, harsh=0.3, generated=0.3)

    assert torch.equal(crops(4), crops(4))
    assert not torch.equal(crops(4), crops(5))


def test_only_the_shares_asked_for_are_harsh_or_generated(root: Path) -> None:
    sampler = CropSampler(PictureIndex(root, {"large": 1}), CPU, patterns=8, pattern_side=128)

    def changed(**shares: float) -> float:
        plain = sampler.crops(np.random.default_rng(2), 1000, 64)
        shown = sampler.crops(np.random.default_rng(2), 1000, 64, **shares)
        return float((plain != shown).flatten(1).any(1).float().mean())

    assert changed() == 0
    assert changed(harsh=0.3) == pytest.approx(0.3, abs=0.05)
    assert changed(generated=0.2) == pytest.approx(0.2, abs=0.05)
    assert changed(generated=1.0) > 0.97


def test_patterns_fill_crops_or_a_rectangle_of_them() -> None:
    crops = torch.full((400, 64, 64, 3), 7, dtype=torch.uint8)
    patterns = torch.tensor([100, 150, 200], dtype=torch.uint8).expand(400, 64, 64, 3)
    shown = with_pattern(crops, patterns, np.random.default_rng(0))
    painted = (shown != 7).all(-1)
    assert torch.equal(painted, (shown != 7).any(-1))
    whole = 0
    for mask, picture in zip(painted, shown, strict=True):
        rows, columns = mask.any(1), mask.any(0)
        assert torch.equal(mask, rows[:, None] & columns)
        assert int(mask.sum()) >= 8 * 8
        assert sorted(picture[mask][0].tolist()) in ([100, 150, 200], [55, 105, 155])
        whole += bool(mask.all())
    assert 150 < whole < 250
    assert (crops == 7).all()


def bad_light(picture: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    shown: NDArray[np.uint8] = in_bad_light(torch.from_numpy(picture)[None], np.random.default_rng(seed))[
        0
    ].numpy()
    return shown


@pytest.mark.parametrize("seed", range(12))
def test_bad_light_keeps_the_scene_recognisable(seed: int) -> None:
    seen = bad_light(PICTURE, seed)
    assert seen.shape == PICTURE.shape
    assert seen.dtype == np.uint8
    assert not np.array_equal(seen, PICTURE)
    # Means of 32 x 32 blocks: the noise is gone, the scene is left.
    blocks = [x.reshape(16, 32, 16, 32, 3).mean((1, 3, 4)).ravel() for x in (PICTURE, seen)]
    assert np.corrcoef(*blocks)[0, 1] > 0.3


def test_low_light_is_dim_and_noisy() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    shown = [bad_light(flat, seed) for seed in range(40)]
    assert min(s.mean() for s in shown) < 40
    assert all(s.std() > 0.5 for s in shown)
