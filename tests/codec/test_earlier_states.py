"""What an encoder knows of earlier states agrees with how a reader counts them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.codec.sequence.earlier_states import EarlierStates

SHAPE = (2, 3)


def means_of(values: np.ndarray) -> np.ndarray:
    """Block means of positions that are grey all over."""
    blocks = values.repeat(16, 0).repeat(16, 1)
    return np.repeat(blocks[:, :, None], 3, 2).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_the_nearest_state_is_found_where_a_reader_has_it(seed: int, frames: int) -> None:
    random = np.random.default_rng(seed)
    history: list[list[list[float]]] = [[[] for _ in range(SHAPE[1])] for _ in range(SHAPE[0])]
    now, states = np.zeros(SHAPE), EarlierStates()
    for _ in range(frames):
        changed = random.random(SHAPE) < 0.6
        states.push(means_of(now), changed, np.zeros(SHAPE, np.bool_))
        for row, column in np.argwhere(changed):
            history[row][column].insert(0, float(now[row, column]))
        now = np.where(changed, random.integers(0, 40, SHAPE) * 6, now)
    wanted = random.integers(0, 40, SHAPE) * 6
    ages = states.ages(means_of(now), means_of(wanted), np.ones(SHAPE, np.bool_))
    for row, column in np.ndindex(SHAPE):
        earlier = history[row][column][:7]
        best = min([abs(v - wanted[row, column]) for v in earlier], default=np.inf)
        last = abs(now[row, column] - wanted[row, column])
        age = ages[row, column]
        if age:
            assert abs(earlier[age - 1] - wanted[row, column]) == best < last
        else:
            assert best**2 >= 0.7 * last**2


def test_states_that_were_carried_without_loss_are_not_taken() -> None:
    states, everywhere = EarlierStates(), np.ones(SHAPE, np.bool_)
    lossless = np.zeros(SHAPE, np.bool_)
    lossless[0, 0] = True
    states.push(means_of(np.full(SHAPE, 50)), everywhere, lossless)
    ages = states.ages(means_of(np.full(SHAPE, 200)), means_of(np.full(SHAPE, 52)), everywhere)
    assert ages[0, 0] == 0
    assert (ages.reshape(-1)[1:] == 1).all()
