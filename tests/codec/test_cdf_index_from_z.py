"""Rows of symbols, in the order in which they are coded."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.codec.learned.symbols.cdf_index_from_z import SymbolRows
from pgic_core.models import ROWS

SUMS = st.lists(
    st.floats(-200, 200, width=32) | st.sampled_from([0.0, 0.5, 1.0, 79.0, 79.5, 80.0]), max_size=300
)


@given(SUMS)
def test_rows_are_sorted_and_positions_ascend_in_them(sums: list[float]) -> None:
    rows = SymbolRows.of(np.array(sums, np.float32))
    expected = sorted(
        (min(int(value), ROWS - 1), place) for place, value in enumerate(sums) if np.float32(value) >= 1
    )
    assert rows.index.tolist() == [place for _, place in expected]
    assert rows.counts.tolist() == np.bincount([r for r, _ in expected], minlength=ROWS).tolist()
    assert rows.counts[0] == 0


@given(SUMS)
def test_the_way_for_dense_layers_gives_the_same(sums: list[float]) -> None:
    array = np.array(sums, np.float32)
    one, other = SymbolRows.of(array), SymbolRows.of(array, dense=True)
    np.testing.assert_array_equal(one.index, other.index)
    np.testing.assert_array_equal(one.counts, other.counts)
