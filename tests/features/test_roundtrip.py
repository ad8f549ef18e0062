import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.errors import PgiOptionError
from pgic_core.features import decode_features, encode_features, hevc_carrier, inspect_features
from pgic_core.features.bitstream import CODECS
from pgic_core.features.channel_layout import PACKINGS
from pgic_core.features.prequantise import BIT_DEPTHS, QUANTISERS, fit_quantiser

ROUTES = [("hevc", packing) for packing in PACKINGS] + [("pgic", "stack")]


def feature_map(shape, seed=0, relu=True):
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return np.maximum(values, 0) if relu else values


def prequantised(values, kind="uniform", bits=8, per_channel=False):
    whole = values.reshape(-1, *values.shape[-3:]).astype(np.float32)
    quantiser = fit_quantiser(whole, kind, bits, per_channel=per_channel)
    return quantiser.dequantise(quantiser.quantise(whole)).reshape(values.shape)


@settings(max_examples=15, deadline=None)
@given(
    route=st.sampled_from(ROUTES),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 37), st.integers(1, 37)),
    kind=st.sampled_from(QUANTISERS),
    bits=st.sampled_from(BIT_DEPTHS),
    per_channel=st.booleans(),
    relu=st.booleans(),
    seed=st.integers(0, 99),
)
def test_without_qp_only_prequantisation_is_lost(route, shape, kind, bits, per_channel, relu, seed):
    values = feature_map(shape, seed, relu)
    codec, packing = route
    data = encode_features(
        values, codec=codec, packing=packing, qp=None, bits=bits, quantiser=kind, per_channel=per_channel
    )
    assert np.array_equal(decode_features(data), prequantised(values, kind, bits, per_channel))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 17), (3, 7, 7), (5, 33, 1), (64, 14, 14)])
def test_odd_shapes(route, shape):
    values = feature_map(shape)
    data = encode_features(values, codec=route[0], packing=route[1], qp=None)
    assert np.array_equal(decode_features(data), prequantised(values))


@pytest.mark.parametrize("codec", CODECS)
def test_finer_qp_means_more_bytes_and_less_error(codec):
    values = feature_map((24, 14, 14), relu=False)
    values = np.cumsum(np.cumsum(values, 1), 2)
    sizes, errors = [], []
    for qp in (0, 12, 22, 32, 42):
        data = encode_features(values, codec=codec, qp=qp)
        sizes.append(len(data))
        errors.append(float(((decode_features(data) - values) ** 2).mean()))
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    assert errors[0] < 5e-3 * values.var()


def test_our_own_coder_takes_fewer_bytes_than_any_video_route():
    rng = np.random.default_rng(4)
    base = rng.normal(size=(12, 14, 14))
    mix = np.einsum("oc,chw->ohw", rng.normal(size=(64, 12)), np.cumsum(base, 2))
    values = np.maximum(mix, 0).astype(np.float32)

    def at(codec, packing, qp):
        data = encode_features(values, codec=codec, packing=packing, qp=qp)
        return len(data), float(((decode_features(data) - values) ** 2).mean())

    size, error = at("pgic", "stack", 26)
    for packing in PACKINGS:
        rivals = [at("hevc", packing, qp) for qp in (16, 20, 24, 28)]
        assert min(r[0] for r in rivals if r[1] <= error) > size


def test_types_come_back():
    values = feature_map((4, 9, 9))
    assert decode_features(encode_features(values)).dtype == np.float32
    half = decode_features(encode_features(values.astype(np.float16), qp=None))
    assert half.dtype == np.float16
    assert np.array_equal(half, prequantised(values.astype(np.float16)).astype(np.float16))


def test_batches_sequences_and_pyramids_keep_their_form():
    one, two = feature_map((2, 3, 8, 9)), feature_map((5, 4, 4), 1)
    assert decode_features(encode_features(one, packing="tile-ordered")).shape == one.shape
    listed = decode_features(encode_features([one, two], codec="pgic"))
    assert [a.shape for a in listed] == [one.shape, two.shape]
    named = decode_features(encode_features({"p3": one, "p4": two}, codec="pgic"))
    assert {k: v.shape for k, v in named.items()} == {"p3": one.shape, "p4": two.shape}
    assert decode_features(encode_features([])) == []
    records = inspect_features(encode_features({"p3": one, "p4": two}, qp=30)).records
    assert [(r.name, r.shape, r.qp) for r in records] == [("p3", (2, 3, 8, 9), 30), ("p4", (1, 5, 4, 4), 30)]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("value", [0.0, -3.5, 1e30])
def test_constant_maps(codec, value):
    values = np.full((3, 20, 20), value, np.float32)
    assert np.array_equal(decode_features(encode_features(values, codec=codec)), values)
    assert np.array_equal(decode_features(encode_features(values, codec=codec, qp=None)), values)


def test_a_large_constant_map_respects_the_formats_own_bound():
    values = np.zeros((64, 128, 128), np.float32)
    for qp in (22, None):
        assert not decode_features(encode_features(values, codec="pgic", qp=qp)).any()


@pytest.mark.parametrize("codec", CODECS)
def test_values_far_out_do_not_overflow(codec):
    values = feature_map((2, 6, 6))
    values[0, 0, 0], values[1, 5, 5] = 3.4e38, -3.4e38
    assert np.isfinite(decode_features(encode_features(values, codec=codec))).all()


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
def test_the_largest_map_of_the_document(route):
    values = np.maximum(feature_map((512, 224, 224), relu=False) - 1, 0)
    data = encode_features(values, codec=route[0], packing=route[1], qp=None)
    assert np.array_equal(decode_features(data), prequantised(values))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"qp": 52}, "qp"),
        ({"qp": -1}, "qp"),
        ({"qp": 3.5}, "whole"),
        ({"qp": 3.1, "codec": "pgic"}, "multiple"),
        ({"qp": True}, "qp"),
        ({"packing": "pile"}, "packing"),
        ({"codec": "av1"}, "codec"),
        ({"bits": 16}, "bits"),
    ],
)
def test_options_are_checked(options, word):
    with pytest.raises(PgiOptionError, match=word):
        encode_features(feature_map((2, 4, 4)), **options)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4, 4), np.float32),
        np.zeros((1, 4, 4), np.int32),
        np.full((1, 4, 4), np.nan, np.float32),
        np.full((1, 4, 4), np.inf, np.float32),
    ],
)
def test_what_is_no_feature_map_is_refused(values):
    with pytest.raises(PgiOptionError):
        encode_features(values)


def test_what_an_encoder_codes_without_seeing_it_is_coded_anew(monkeypatch):
    values = np.cumsum(np.cumsum(feature_map((24, 14, 14), relu=False), 1), 2)
    sound = ((decode_features(encode_features(values, codec="hevc", qp=4)) - values) ** 2).mean()
    real = hevc_carrier._encode

    def drifting(frames, bits, mode):
        return real(frames if "keyint" in mode else frames[::-1].copy(), bits, mode)

    monkeypatch.setattr(hevc_carrier, "_encode", drifting)
    again = ((decode_features(encode_features(values, codec="hevc", qp=4)) - values) ** 2).mean()
    assert again < 2 * sound
