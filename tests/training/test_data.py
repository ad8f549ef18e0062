"""Training crops: in good light and in bad."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from pgic_core.training.data import CropSampler, in_bad_light

PICTURE = data.astronaut()


@pytest.mark.parametrize("seed", range(12))
def test_bad_light_keeps_the_scene_recognisable(seed: int) -> None:
    seen = in_bad_light(PICTURE, np.random.default_rng(seed))
    assert seen.shape == PICTURE.shape
    assert seen.dtype == np.uint8
    assert not np.array_equal(seen, PICTURE)
    # Means of 32 x 32 blocks: the noise is gone, the scene is left.
    blocks = [x.reshape(16, 32, 16, 32, 3).mean((1, 3, 4)).ravel() for x in (PICTURE, seen)]
    assert np.corrcoef(*blocks)[0, 1] > 0.3


def test_low_light_is_dim_and_noisy() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    shown = [in_bad_light(flat, np.random.default_rng(seed)) for seed in range(40)]
    assert min(s.mean() for s in shown) < 40
    assert all(s.std() > 0.5 for s in shown)


def test_only_the_share_asked_for_is_harsh() -> None:
    pictures, weights = {"a": [PICTURE]}, {"a": 1.0}
    assert np.array_equal(
        CropSampler(pictures, weights, 3).batch(4, 64), CropSampler(pictures, weights, 3, 0.0).batch(4, 64)
    )
    always = CropSampler(pictures, weights, 3, 1.0).crop(64)
    assert not np.array_equal(always, CropSampler(pictures, weights, 3).crop(64))
