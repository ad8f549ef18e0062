"""How long the header of a change frame may be (STREAM.md, "Change"), before anything of it is read."""

from __future__ import annotations

import pytest

from pgic_core.codec.change.stream import parse_change
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.errors import PgiChecksumError, PgiFormatError
from pgic_core.limits import Limits
from pgic_core.varint import varint


def longest(width: int, height: int, tile: int) -> int:
    """``variable_length`` at most, by the formula of STREAM.md."""
    width, height = 2 * width + 2 * tile, 2 * height + 2 * tile
    n = -(-width // 64) * -(-height // 64)
    e = -(-height // 8) * -(-width // 64)
    t = -(-width // tile) * -(-height // tile)
    return 4502 + 2 * (n + n // 8 + e + e // 8 + 28 * t)


@pytest.mark.parametrize(("width", "height", "tile"), [(1, 1, 64), (640, 480, 512), (4000, 3001, 256)])
def test_the_header_has_a_longest_length(width: int, height: int, tile: int) -> None:
    grid, bound = Grid.square(width, height, tile), longest(width, height, tile)
    for length, error, reads in ((bound, PgiChecksumError, 2), (bound + 1, PgiFormatError, 1)):
        data = bytes([3, 0]) + varint(length) + bytes(length + 4)
        asked: list[tuple[int, int]] = []

        def read(at: int, count: int, data: bytes = data, asked: list[tuple[int, int]] = asked) -> bytes:
            asked.append((at, count))
            return data[at : at + count]

        with pytest.raises(error):
            parse_change(read, len(data), grid, grid, Limits())
        assert len(asked) == reads
