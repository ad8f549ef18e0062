"""What is coded of the hyper-latent, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.codec.learned.symbols.hyper_prediction import HyperPrediction
from pgic_core.models import default_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLES = default_model().tables
CHANNELS = len(TABLES.z_bias)


def prediction(rows: NDArray[np.uint8] | None = None) -> HyperPrediction:
    return HyperPrediction(TABLES, np.ones(CHANNELS, np.uint8) if rows is None else rows)


def random_z(seed: int, height: int, width: int) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    return random.integers(-127, 128, (CHANNELS, height, width)).astype(np.int16)


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9))
def test_there_and_back(seed: int, height: int, width: int) -> None:
    z = random_z(seed, height, width)
    rows = np.random.default_rng(seed).integers(0, 2, CHANNELS).astype(np.uint8)
    z[rows == 0] = 0
    residual = prediction(rows).residual(z)
    assert not residual[rows == 0].any()
    assert np.array_equal(prediction(rows).restore(residual[None])[0], z)


def test_tiles_are_restored_each_by_itself() -> None:
    z = np.stack([random_z(seed, 3, 5) for seed in range(4)])
    residuals = np.stack([prediction().residual(tile) for tile in z])
    assert np.array_equal(prediction().restore(residuals), z)


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4))
def test_as_specified(seed: int, height: int, width: int) -> None:
    """STREAM.md, in plain whole numbers."""
    z = random_z(seed, height, width)
    residual = prediction().residual(z)
    weight, shift, bias = (x.astype(np.int64) for x in (TABLES.z_weight, TABLES.z_shift, TABLES.z_bias))
    for y in range(height):
        for x in range(width):
            if (y, x) == (0, 0):
                near = [np.zeros(CHANNELS, np.int64)] * 4
            elif y == 0:
                near = [z[:, 0, x - 1]] * 4
            else:
                above = z[:, y - 1, x]
                near = [
                    z[:, y, x - 1] if x else above,
                    above,
                    z[:, y - 1, x - 1] if x else above,
                    z[:, y - 1, x + 1] if x + 1 < width else above,
                ]
            mean = np.clip((weight @ np.concatenate(near).astype(np.int64) + bias) >> shift, -127, 127)
            assert np.array_equal(residual[:, y, x], z[:, y, x] - mean)


def test_a_hostile_residual_leaves_the_range_and_does_not_come_back() -> None:
    residual = np.full((CHANNELS, 8, 8), 32767, np.int16)
    assert np.abs(prediction().restore(residual[None])).max() > 127


def test_what_follows_from_neighbours_is_not_coded() -> None:
    tables = replace(
        TABLES,
        z_weight=np.tile(32 * np.eye(CHANNELS, dtype=np.int8), (1, 4)),
        z_shift=np.full(CHANNELS, 7, np.uint8),
        z_bias=np.full(CHANNELS, 64, np.int32),
    )
    flat = np.broadcast_to(np.arange(CHANNELS, dtype=np.int16)[:, None, None] % 100, (CHANNELS, 5, 6))
    residual = HyperPrediction(tables, np.ones(CHANNELS, np.uint8)).residual(flat)
    assert np.array_equal(residual[:, 0, 0], flat[:, 0, 0])
    assert not residual.reshape(CHANNELS, -1)[:, 1:].any()
