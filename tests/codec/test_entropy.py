from __future__ import annotations

import hashlib
from types import SimpleNamespace

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.codec.learned.symbols.entropy_coding import LARGEST, CdfTable, SegmentReader, encode_segments
from pgic_core.errors import PgiFormatError
from pgic_core.models import PRECISION, ROWS, default_model
from pgic_core.models.entropy_coder_tables import gaussian_frequencies


@pytest.fixture(scope="module")
def cdfs() -> CdfTable:
    return CdfTable.of(default_model())


segment = st.lists(
    st.tuples(
        st.integers(1, ROWS - 1),
        st.one_of(st.integers(-3, 3), st.integers(-LARGEST, LARGEST)),
    ),
    max_size=60,
)


@given(segments=st.lists(segment, max_size=3))
@settings(deadline=None)
def test_segments_come_back(segments: list[list[tuple[int, int]]]) -> None:
    cdfs = CdfTable.of(default_model())
    arrays = []
    for pairs in segments:
        counts = np.bincount([r for r, _ in pairs], minlength=ROWS)
        symbols = np.array([s for _, s in sorted(pairs)], np.int16)
        arrays.append((counts, symbols))
    data = encode_segments(cdfs, arrays)
    assert len(data) % 4 == 0
    reader = SegmentReader(cdfs, data)
    for counts, symbols in arrays:
        np.testing.assert_array_equal(reader.read(counts), symbols)
    reader.finish()


def test_every_row_has_exactly_the_frequencies_of_the_tables(cdfs: CdfTable) -> None:
    """The library's own rounding must not come between the specification and the bytes."""
    frequencies = default_model().tables.frequencies
    start = 0
    for row in range(1, ROWS):
        count = 2 * int(frequencies["bounds"][row]) + 2
        f = frequencies["values"][start : start + count].astype(np.int64)
        start += count
        assert f.min() >= 1
        assert f.sum() == 1 << PRECISION
        ends = np.cumsum(f)
        picked = np.unique(np.r_[0, count // 2, np.argmin(f), np.argmax(f), count - 1])
        for symbol in picked:
            for quantile in (ends[symbol] - f[symbol], ends[symbol] - 1):
                state = np.array([quantile, 1], np.uint32)  # 1 << 32 | quantile
                coder = constriction.stream.stack.AnsCoder(state)
                assert coder.decode(cdfs.row(row)) == symbol


@given(data=st.binary(max_size=200), count=st.integers(0, 50))
@settings(deadline=None)
def test_foreign_bytes_never_do_worse_than_an_error(data: bytes, count: int) -> None:
    cdfs = CdfTable.of(default_model())
    counts = np.bincount(np.arange(count) % (ROWS - 1) + 1, minlength=ROWS)
    try:
        reader = SegmentReader(cdfs, data)
        values = reader.read(counts)
        reader.finish()
    except PgiFormatError:
        return
    assert np.abs(values).max(initial=0) <= LARGEST


def test_a_symbol_beyond_the_largest_is_refused(cdfs: CdfTable) -> None:
    row = ROWS - 1
    bound = int(cdfs.bounds[row])
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(np.array([65535], np.int32), cdfs.excess)
    coder.encode_reverse(np.array([2 * bound + 1], np.int32), cdfs.row(row))
    data = coder.get_compressed().astype("<u4").tobytes()
    with pytest.raises(PgiFormatError, match="larger than the format allows"):
        SegmentReader(cdfs, data).read(np.bincount([row], minlength=ROWS))


def test_the_bytes_of_a_fixed_segment_never_change() -> None:
    """Compatibility: a release that changes this cannot read older files."""
    tables = SimpleNamespace(frequencies=gaussian_frequencies())
    cdfs = CdfTable(SimpleNamespace(tables=tables))  # type: ignore[arg-type]
    random = np.random.default_rng(7)
    rows = np.sort(random.integers(1, 60, 5000))
    symbols = np.rint(random.standard_normal(5000) * 2.0 ** (-2 + rows / 8)).astype(np.int16)
    symbols[:3] = (-5000, 32767 - 200, 1)
    data = encode_segments(cdfs, [(np.bincount(rows, minlength=ROWS), symbols)])
    assert hashlib.sha256(data).hexdigest() == (
        "a77503458471522b6992c9c9d680ede712d0bbf9bf4a649745b2e0a316dc435e"
    )
