"""Which neighbouring tiles share a message, so that both the file and what a window reads stay small.

A message takes bytes of its own for its tag and its entry in the table. Tiles in one message save these
bytes, but whoever needs one of them reads all. FORMAT.md, section 9.7, leaves the choice to the writer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cipher_suites import TAG_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..codec.payload_parts import PayloadPart
    from ..codec.tiles_and_windows import Grid

__all__ = ["JOINED_BYTES", "runs_of_tiles"]

JOINED_BYTES = 8192
"""Plain bytes that neighbouring tiles in one message may have together."""

_MESSAGE_BYTES = TAG_BYTES + 3
_READ_COST = 1 / 1500
"""What a byte counts that a window at one place reads, against one that the file takes. A smaller number
makes files smaller and windows dearer. With this one, encryption costs 1 % of the bytes of photos of 5
megapixels at quality 50; a message for every tile would cost 1.8 %."""
_WINDOW = 2
"""Tiles along each side of the window that is expected: 512 pixels and what decoding needs around them."""


def runs_of_tiles(parts: Sequence[PayloadPart], grid: Grid) -> list[int]:
    """How many parts each message gets, in their order.

    Of all ways to cut the parts into runs of at most :data:`JOINED_BYTES`, this is the one whose file, with
    what windows at all places read, is smallest.

    Args:
        parts: tiles of one layer and tier, in ascending order of tiles.
        grid: of the tiles. Those of an opacity plane may have another one, for which the cut is not the best.
    """
    touched = [_windows_on(part.tile, grid) for part in parts]
    least, last_run = [0.0], [0]
    for end in range(1, len(parts) + 1):
        best, length = float("inf"), 1
        stored, windows = 0, set[tuple[int, int]]()
        for start in range(end - 1, -1, -1):
            stored += parts[start].length
            if stored > JOINED_BYTES and start < end - 1:
                break
            windows.update(touched[start])
            read = (stored + TAG_BYTES) * len(windows)
            cost = least[start] + _MESSAGE_BYTES + _READ_COST * read
            if cost < best:
                best, length = cost, end - start
        least.append(best)
        last_run.append(length)
    return _unwound(last_run)


def _windows_on(tile: int, grid: Grid) -> list[tuple[int, int]]:
    """Upper left tiles, row and column, of the expected windows that need a tile."""
    row, column = divmod(tile, grid.columns)
    return [(y, x) for y in _starts(row, grid.rows) for x in _starts(column, grid.columns)]


def _starts(at: int, count: int) -> range:
    """Where windows begin along one side that need the tile ``at`` of ``count``."""
    last = max(count - _WINDOW, 0)
    return range(max(min(at - _WINDOW + 1, last), 0), min(at, last) + 1)


def _unwound(last_run: Sequence[int]) -> list[int]:
    """Lengths of all runs, from the length of the last one for each end."""
    runs: list[int] = []
    end = len(last_run) - 1
    while end:
        runs.append(last_run[end])
        end -= last_run[end]
    return runs[::-1]
