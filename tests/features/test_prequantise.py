import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.errors import PgiFormatError, PgiOptionError
from pgic_core.features.prequantise import BIT_DEPTHS, QUANTISERS, Quantiser, fit_quantiser


def relu_map(seed=0, shape=(1, 8, 12, 12)):
    return np.maximum(np.random.default_rng(seed).normal(size=shape), 0).astype(np.float32)


@pytest.mark.parametrize("kind", QUANTISERS)
@pytest.mark.parametrize("bits", BIT_DEPTHS)
@pytest.mark.parametrize("per_channel", [False, True])
def test_levels_survive_quantising_and_the_stream(kind, bits, per_channel):
    quantiser = fit_quantiser(relu_map(), kind, bits, per_channel=per_channel)
    data = quantiser.to_bytes()
    again, used = Quantiser.from_bytes(data + b"more", channels=8)
    assert used == len(data)
    assert np.array_equal(again.levels, quantiser.levels)
    samples = quantiser.quantise(relu_map())
    assert samples.max() < 1 << bits
    assert np.array_equal(again.dequantise(samples), quantiser.dequantise(samples))


@pytest.mark.parametrize("bits", BIT_DEPTHS)
def test_uniform_error_is_at_most_half_a_step(bits):
    values = relu_map()
    quantiser = fit_quantiser(values, "uniform", bits)
    step = float(values.max()) / ((1 << bits) - 1)
    assert np.abs(quantiser.dequantise(quantiser.quantise(values)) - values).max() <= step * 0.501


def test_relu_zeros_stay_zero():
    values = relu_map()
    for kind in QUANTISERS:
        quantiser = fit_quantiser(values, kind, 8)
        assert (quantiser.dequantise(quantiser.quantise(values))[values == 0] == 0).all(), kind


def test_lloyd_beats_uniform_on_a_long_tailed_map():
    values = np.random.default_rng(3).exponential(size=(1, 32, 40, 40)).astype(np.float32) ** 1.5
    error = {}
    for kind in ("uniform", "lloyd"):
        quantiser = fit_quantiser(values, kind, 8)
        error[kind] = float(((quantiser.dequantise(quantiser.quantise(values)) - values) ** 2).mean())
    assert error["lloyd"] < 0.5 * error["uniform"]


def test_lloyd_reconstructs_at_the_middle_of_its_intervals():
    values = np.random.default_rng(5).normal(size=(1, 4, 50, 50)).astype(np.float32)
    quantiser = fit_quantiser(values, "lloyd", 8)
    low, high = quantiser.ranges[0]
    inner = low + quantiser.extra[0].astype(np.float64) / 65535 * (high - low)
    edges = np.concatenate([[low], inner, [high]])
    assert np.allclose(quantiser.levels[0], (edges[1:] + edges[:-1]) / 2, atol=1e-5)


def test_log_is_finer_near_zero():
    values = np.random.default_rng(1).normal(size=(1, 4, 30, 30)).astype(np.float32) ** 3
    levels = fit_quantiser(values, "log", 8).levels[0]
    gaps = np.diff(levels)
    assert gaps[np.abs(levels[:-1]).argmin()] < 0.1 * gaps[-1]


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(QUANTISERS),
    bits=st.sampled_from(BIT_DEPTHS),
    values=st.lists(st.floats(-(2.0**120), 2.0**120, width=32), min_size=1, max_size=40),
)
def test_any_finite_values_stay_within_their_range(kind, bits, values):
    array = np.array(values, np.float32).reshape(1, 1, 1, -1)
    quantiser = fit_quantiser(array, kind, bits)
    decoded = quantiser.dequantise(quantiser.quantise(array))
    span = float(array.max()) - float(array.min())
    slack = 1e-5 * (span + float(np.abs(array).max()))
    assert decoded.min() >= array.min() - slack
    assert decoded.max() <= array.max() + slack


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600), st.integers(1, 5))
def test_foreign_tables_are_refused_or_usable(data, channels):
    try:
        quantiser, used = Quantiser.from_bytes(data, channels)
    except PgiFormatError:
        return
    assert used <= len(data)
    assert np.isfinite(quantiser.levels).all()


def test_options_are_checked():
    with pytest.raises(PgiOptionError, match="bits"):
        fit_quantiser(relu_map(), "uniform", 9)
    with pytest.raises(PgiOptionError, match="quantiser"):
        fit_quantiser(relu_map(), "cubic", 8)
