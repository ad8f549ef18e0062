import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.errors import PgiFormatError
from pgic_core.features.channel_layout import (
    PACKINGS,
    order_channels,
    order_from_bytes,
    order_size,
    order_to_bytes,
    plan_layout,
)


@settings(max_examples=150, deadline=None)
@given(
    packing=st.sampled_from(PACKINGS),
    channels=st.integers(1, 40),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    seed=st.integers(0, 9),
)
def test_packing_is_inverted_exactly(packing, channels, height, width, seed):
    samples = np.random.default_rng(seed).integers(0, 4096, (channels, height, width)).astype(np.uint16)
    layout = plan_layout(packing, channels, height, width)
    frames = layout.pack(samples)
    assert frames.shape == (layout.frames, layout.frame_height, layout.frame_width)
    assert frames.size == layout.samples
    assert all(side % 8 == 0 and side >= 16 for side in frames.shape[1:])
    assert np.array_equal(layout.unpack(frames), samples)


def test_stacking_makes_every_channel_a_frame():
    samples = np.arange(3 * 16 * 16, dtype=np.uint16).reshape(3, 16, 16)
    assert np.array_equal(plan_layout("stack", 3, 16, 16).pack(samples), samples)


def test_tiles_run_across_first_then_down_then_into_the_next_frame():
    layout = plan_layout("tile", 30, 700, 700)
    assert (layout.columns, layout.rows, layout.frames) == (3, 2, 5)
    samples = np.arange(30, dtype=np.uint16)[:, None, None] * np.ones((1, 700, 700), np.uint16)
    frames = layout.pack(samples)
    corners = frames[:, 0:1400:700, 0:2100:700].reshape(-1)
    assert corners.tolist() == list(range(30))


def slow_order(channels):
    """The rule as document B says it, one distance at a time."""
    left, order = list(range(1, len(channels))), [0]
    while left:
        nearest = min(left, key=lambda c: (np.linalg.norm(channels[order[-1]] - channels[c]), c))
        order.append(nearest)
        left.remove(nearest)
    return order


def test_the_specified_order_is_the_greedy_nearest_neighbour():
    channels = np.random.default_rng(2).integers(0, 256, (25, 5, 4)).astype(np.float64)
    assert order_channels(channels).tolist() == slow_order(channels)


def test_similar_channels_become_neighbours():
    rows = np.array([0, 10, 1, 11, 2, 12], float)[:, None, None] * np.ones((1, 4, 4))
    assert order_channels(rows).tolist() == [0, 2, 4, 1, 3, 5]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(0, 1000))
def test_orders_are_stored_in_the_fewest_bytes_and_come_back(channels, seed):
    order = np.concatenate([[0], 1 + np.random.default_rng(seed).permutation(channels - 1)]).astype(np.int64)
    data = order_to_bytes(order)
    assert len(data) == order_size(channels)
    assert 256 ** len(data) >= math.factorial(channels - 1)
    assert np.array_equal(order_from_bytes(data, channels), order)


def test_512_channels_can_be_ordered():
    samples = np.random.default_rng(0).integers(0, 256, (512, 14, 14)).astype(np.uint16)
    order = order_channels(samples)
    assert sorted(order.tolist()) == list(range(512))
    assert np.array_equal(order_from_bytes(order_to_bytes(order), 512), order)


def test_numbers_beyond_the_last_permutation_are_refused():
    with pytest.raises(PgiFormatError):
        order_from_bytes(b"\xff", 5)
    with pytest.raises(PgiFormatError):
        order_from_bytes(b"\x00\x00", 5)
