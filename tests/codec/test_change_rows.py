"""CDF indexes of change frames: what a mode makes of the index that follows from z."""

from __future__ import annotations

import numpy as np
import pytest

from pgic_core.codec.change.distribution_by_mode import SUMS, index_table
from pgic_core.codec.learned.symbols.difference_distributions import ALL_ROWS
from pgic_core.models import ROWS


@pytest.mark.parametrize("layer", ["base", "detail"])
def test_before_version_3_an_index_ends_after_the_shift(layer: str) -> None:
    table = index_table(layer, third=False)
    summed = np.arange(1, SUMS)
    for mode in range(2, 16):
        np.testing.assert_array_equal(table[mode, 1:], np.clip(summed - 4 * (mode - 4), 0, ROWS - 1))
    np.testing.assert_array_equal(table[1, 1:], np.minimum(summed, ROWS - 1))
    assert not table[0].any()
    assert not table[:, 0].any()


def test_version_3_has_distributions_of_its_own_for_base_symbols() -> None:
    base, detail = (index_table(layer, third=True) for layer in ("base", "detail"))
    assert base[2:, 1:].min() == ROWS
    assert base[2:, 1:].max() == ALL_ROWS - 1
    assert detail.max() == ROWS - 1
    # The less is to change, the more often a difference is zero.
    assert (np.diff(base[2:, 1:ROWS].astype(int), axis=0) >= 0).all()
    assert (np.diff(detail[2:, 1:ROWS].astype(int), axis=0) <= 0).all()


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        index_table("base", third=True)[0, 0] = 1
