"""Tiles that lie one after the other are read in one step, and fail one by one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage import data

import pgic_core
from pgic_core.codec.learned.payload.joined_reads import JoinedReads
from pgic_core.errors import PgiTruncatedError

if TYPE_CHECKING:
    from pathlib import Path

DATA = bytes(range(100))


class Reads:
    """Gives parts of :data:`DATA`, and keeps which."""

    def __init__(self, end: int = 100) -> None:
        self.end = end
        self.done: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        self.done.append((offset, length))
        if offset + length > self.end:
            raise PgiTruncatedError("The file ends.")
        return DATA[offset : offset + length]


def test_parts_side_by_side_take_one_read() -> None:
    reads = Reads()
    joined = JoinedReads(reads)
    spans = [(0, 4), (4, 10), (14, 6), (40, 5), (45, 5), (60, 3)]
    joined.expect(iter(spans))
    assert not reads.done
    for offset, length in reversed(spans):
        assert joined(offset, length) == DATA[offset : offset + length]
    assert reads.done == [(60, 3), (40, 10), (0, 20)]
    assert joined(50, 7) == DATA[50:57]  # nobody spoke of it
    joined.expect([(4, 10)])
    assert joined(4, 10) == DATA[4:14]
    assert reads.done[-1] == (4, 10)


def test_what_cannot_be_read_fails_alone() -> None:
    reads = Reads(end=50)
    joined = JoinedReads(reads)
    joined.expect([(0, 4), (4, 4), (44, 4), (48, 4), (52, 4)])
    assert joined(44, 4) == DATA[44:48]
    for offset in (48, 52):
        with pytest.raises(PgiTruncatedError):
            joined(offset, 4)
    assert joined(4, 4) == DATA[4:8]
    assert reads.done == [(44, 12), (44, 4), (48, 4), (52, 4), (0, 8)]


def test_no_read_is_longer_than_a_mebibyte() -> None:
    reads: list[int] = []
    joined = JoinedReads(lambda offset, length: reads.append(length) or bytes(length))  # type: ignore[func-returns-value]
    spans = [(place << 19, 1 << 19) for place in range(5)]
    joined.expect(spans)
    for span in spans:
        assert len(joined(*span)) == 1 << 19
    assert reads == [1 << 20, 1 << 20, 1 << 19]


class CountingFile(io.FileIO):
    """Counts its reads."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(-1 if size is None else size)

    def readinto(self, buffer: object) -> int:
        self.reads += 1
        return super().readinto(buffer)  # type: ignore[arg-type]


def test_tiles_take_one_read_for_each_layer(tmp_path: Path) -> None:
    path = tmp_path / "four-tiles.pgi"
    photo = np.tile(data.astronaut(), (2, 2, 1))
    pgic_core.encode_to(path, photo, quality=20, effort=1, codec="learned")
    found = {}
    for level in ("preview", "fast"):
        with CountingFile(str(path)) as file, pgic_core.open_file(file) as opened:
            before = file.reads
            shown = opened.decode(level=level)
            found[level] = file.reads - before
        assert (shown == pgic_core.decode(path, level=level)).all()
    # Three read header and index, one all previews, and others parts of the exact layer, if there is one.
    assert found["preview"] >= 4
    assert found["fast"] == found["preview"] + 1  # the details of four tiles
