"""Windows that are decoded together."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

import pgic_core
from pgic_core.codec.rectangle import Rectangle
from pgic_core.codec.windows_decoded_together import grouped
from pgic_core.errors import PgiOptionError

_SIDES = st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(1, 400), st.integers(1, 400))


@given(st.lists(_SIDES, max_size=30))
def test_every_window_lies_in_its_group(windows: list[tuple[int, int, int, int]]) -> None:
    boxes = [Rectangle.of_window(window) for window in windows]
    groups = grouped(boxes)
    assert sorted(member for _, members in groups for member in members) == list(range(len(boxes)))
    for around, members in groups:
        inner = [boxes[member] for member in members]
        assert around == Rectangle(
            min(box.left for box in inner),
            min(box.top for box in inner),
            max(box.right for box in inner),
            max(box.bottom for box in inner),
        )


def test_windows_that_overlap_go_together_and_those_apart_do_not() -> None:
    cover = [Rectangle.of_window((x, y, 640, 640)) for y in range(0, 1400, 450) for x in range(0, 2400, 470)]
    assert len(grouped(cover)) == 1
    apart = [Rectangle(0, 0, 64, 64), Rectangle(3000, 2000, 3064, 2064), Rectangle(32, 32, 96, 96)]
    assert [members for _, members in grouped(apart)] == [[0, 2], [1]]


@pytest.mark.parametrize("options", [{"quality": 50}, {"lossless": True}], ids=["learned", "lossless"])
@pytest.mark.parametrize("level", ["fast", "preview"])
def test_windows_are_those_of_single_calls(options: dict[str, object], level: str) -> None:
    data = pgic_core.encode(skimage.data.astronaut(), **options)  # type: ignore[arg-type]
    windows = [(3, 5, 60, 70), (33, 40, 100, 30), (400, 450, 112, 62), (0, 0, 1, 1)]
    found = pgic_core.decode(data, windows=windows, level=level)  # type: ignore[call-overload]
    assert len(found) == len(windows)
    for one, window in zip(found, windows, strict=True):
        alone = pgic_core.decode(data, window=window, level=level)  # type: ignore[call-overload]
        assert one.shape == alone.shape
        assert one.flags.c_contiguous
        assert np.abs(one.astype(int) - alone).max() <= 1


def test_options_that_do_not_go_together() -> None:
    data = pgic_core.encode(np.zeros((9, 9), np.uint8))
    assert pgic_core.decode(data, windows=[]) == []
    assert pgic_core.decode(data, windows=[(0, 0, 2, 3)])[0].shape == (3, 2)
    with pytest.raises(PgiOptionError, match="neither window nor progress"):
        pgic_core.decode(data, window=(0, 0, 1, 1), windows=[(0, 0, 1, 1)])  # type: ignore[call-overload]
    with pytest.raises(PgiOptionError, match="not inside the picture"):
        pgic_core.decode(data, windows=[(0, 0, 1, 1), (8, 8, 2, 1)])
