import math
import sys
from collections import defaultdict
from pathlib import Path

import bjontegaard
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pgic_core
from pgic_core.errors import PgiUnsupportedError
from pgic_core.lab.bench.bdrate import bd_rate, mean_bd_rate
from pgic_core.lab.bench.rate_distortion import read_points

# The worked example that implementations of the metric have passed around since VCEG-M33: kbit/s and dB.
ANCHOR = [(686.76, 40.28), (309.58, 37.18), (157.11, 34.24), (85.95, 31.42)]
TEST = [(893.34, 40.39), (407.8, 37.21), (204.93, 34.17), (112.75, 31.24)]

curves = st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0.01, 5)), min_size=4, max_size=12).map(
    lambda steps: [(float(np.exp(r)), 20 + q) for r, q in np.cumsum(steps, axis=0)]
)


def test_equal_curves_differ_by_nothing() -> None:
    assert bd_rate(ANCHOR, ANCHOR) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("factor", "expected"), [(0.5, -50.0), (2.0, 100.0), (0.9, -10.0)])
def test_a_constant_share_of_the_bytes_is_that_share(factor: float, expected: float) -> None:
    scaled = [(rate * factor, quality) for rate, quality in ANCHOR]
    assert bd_rate(ANCHOR, scaled) == pytest.approx(expected, abs=1e-9)
    # Over a part of the range as well: the share is the same everywhere.
    assert bd_rate(ANCHOR[1:], scaled[1:]) == pytest.approx(expected, abs=1e-9)


def test_straight_lines_give_the_mean_of_the_log_ratio() -> None:
    # log2 rate: x and x + x / 4 over 0 .. 4 dB; they differ by 1/2 in the mean, so the rates by 2 ** 0.5.
    anchor = [(2.0**x, float(x)) for x in range(5)]
    test = [(2.0 ** (1.25 * x), float(x)) for x in range(5)]
    assert bd_rate(anchor, test) == pytest.approx(100 * (math.sqrt(2) - 1), abs=1e-9)


def test_worked_example_agrees_with_the_package_and_with_the_original_polynomial() -> None:
    value = bd_rate(ANCHOR, TEST)
    assert value == pytest.approx(_by_package(ANCHOR, TEST), abs=1e-9)
    assert value == pytest.approx(_by_polynomial(ANCHOR, TEST), abs=0.1)


@given(curves, curves)
def test_agrees_with_the_package_on_any_rising_curves(anchor: list, test: list) -> None:
    low = max(anchor[0][1], test[0][1])
    high = min(anchor[-1][1], test[-1][1])
    if high <= low:
        assert bd_rate(anchor, test) is None
    else:
        assert bd_rate(anchor, test) == pytest.approx(_by_package(anchor, test), rel=1e-6, abs=1e-6)


def test_agrees_with_the_package_on_the_figures_of_the_shipped_model() -> None:
    measured: dict = defaultdict(list)
    for point in read_points(Path(pgic_core.__file__).parent / "weights/grid-1/results.csv"):
        measured[point.codec, point.picture].append((point.bpp, point.psnr))
    pairs = [
        (anchor, measured["pgic", picture])
        for (codec, picture), anchor in measured.items()
        if codec != "pgic"
    ]
    assert len(pairs) == 60 * 7 + 10 * 4  # pictures, and peers with the level fine
    for anchor, test in pairs:
        assert bd_rate(anchor, test) == pytest.approx(_by_package(anchor, test), abs=1e-9)


def test_without_scipy_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.interpolate", None)
    with pytest.raises(PgiUnsupportedError, match=r"pgic\[eval\]"):
        bd_rate(ANCHOR, TEST)


@given(curves, curves)
def test_swapping_the_curves_inverts_the_ratio(anchor: list, test: list) -> None:
    there, back = bd_rate(anchor, test), bd_rate(test, anchor)
    if there is None or back is None:
        assert there is back
    else:
        assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1, rel=1e-9)


def test_order_and_useless_points_do_not_matter() -> None:
    messy = [(1e9, math.inf), (700.0, 37.18), *reversed(ANCHOR)]
    assert bd_rate(messy, TEST) == bd_rate(ANCHOR, TEST)


@pytest.mark.parametrize(
    "test",
    [[(100.0, 50.0), (200.0, 55.0)], [(100.0, 40.28), (200.0, 55.0)], [(100.0, 35.0)], []],
)
def test_without_a_common_range_there_is_no_figure(test: list[tuple[float, float]]) -> None:
    assert bd_rate(ANCHOR, test) is None


def test_the_mean_leaves_out_pictures_without_a_figure() -> None:
    assert mean_bd_rate([-10.0, None, -20.0]) == (-15.0, 2)
    assert mean_bd_rate([None]) == (None, 0)


def _range(anchor: list, test: list) -> tuple[float, float]:
    return (
        max(min(q for _, q in anchor), min(q for _, q in test)),
        min(max(q for _, q in anchor), max(q for _, q in test)),
    )


def _by_package(anchor: list, test: list) -> float:
    columns = [
        column for curve in (anchor, test) for column in zip(*sorted(curve, key=lambda p: p[1]), strict=True)
    ]
    return float(bjontegaard.bd_rate(*columns, method="pchip", require_matching_points=False, min_overlap=0))


def _by_polynomial(anchor: list, test: list) -> float:
    low, high = _range(anchor, test)

    def area(curve: list) -> float:
        rates, qualities = zip(*curve, strict=True)
        whole = np.polyint(np.polyfit(qualities, np.log(rates), 3))
        return float(np.polyval(whole, high) - np.polyval(whole, low))

    return 100 * (math.exp((area(test) - area(anchor)) / (high - low)) - 1)
