"""How often a watermark is found where there is none of the key (A-6.5.3c)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiOptionError
from ...security.watermark import Watermark, embed, look
from ...security.watermark.detect import candidates
from ...security.watermark.watermark_bits import check_of, decode_unchecked
from .bench_pictures import load_rgb, size_of
from .watermark_rows import SHORT_CHECK_BITS, WatermarkRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MARKED_SHARE", "TILE_SIDE", "count_tiles", "measure_false", "numbered_key"]

TILE_SIDE = 512
"""Pixels along one side of a tile."""
MARKED_SHARE = 10
"""One pair in so many more has a tile that holds the watermark of another key."""
_MARKED_ROWS, _MARKED_COLUMNS = 2, 4


def numbered_key(label: str, number: int) -> bytes:
    """A key that anybody can make again, for measuring alone."""
    return hashlib.sha256(f"pgic bench watermark, {label} {number}".encode()).digest()


def count_tiles(paths: Sequence[Path]) -> int:
    """Whole tiles in pictures."""
    return sum((height // TILE_SIDE) * (width // TILE_SIDE) for width, height in map(size_of, paths))


def measure_false(
    unmarked: Sequence[Path], marked: Sequence[Path], pairs: int
) -> Iterator[list[WatermarkRow]]:
    """Look for watermarks of many keys in tiles that hold none, or one of another key.

    No two pairs have the same key: each tile is looked into with keys of its own.

    Args:
        unmarked: pictures whose tiles hold no watermark.
        marked: pictures that are marked at quality 50 first: their upper left corner, of eight tiles at most.
        pairs: of tile and key without a watermark, at least; a tenth as many have one of another key.

    Yields:
        The row of a picture.

    Raises:
        PgiOptionError: no picture has a whole tile.
    """
    tiles = count_tiles(unmarked)
    if tiles == 0:
        raise PgiOptionError(f"No picture has {TILE_SIDE} pixels or more on each side.")
    keys = -(-pairs // tiles)
    first = 0
    for path in unmarked:
        row = _row("unmarked tile", path, [*_tiles(load_rgb(path))], keys, first)
        first += row.trials
        yield [row]
    keys = -(-pairs // MARKED_SHARE // (_MARKED_ROWS * _MARKED_COLUMNS * len(marked)))
    for number, path in enumerate(marked):
        part = np.ascontiguousarray(load_rgb(path)[: _MARKED_ROWS * TILE_SIDE, : _MARKED_COLUMNS * TILE_SIDE])
        marked_part = embed(part, Watermark(numbered_key("other", number), bytes(8)))
        row = _row("marked tile, wrong key", path, [*_tiles(marked_part)], keys, first)
        first += row.trials
        yield [row]


def _row(case: str, path: Path, tiles: list[NDArray[np.uint8]], keys: int, first: int) -> WatermarkRow:
    hits = codes = short = 0
    number = first
    for tile in tiles:
        evidence = look(tile)
        for _ in range(keys):
            key = numbered_key("wrong", number)
            number += 1
            found = False
            for _, _, values in candidates(evidence, key):
                identity, check = decode_unchecked(key, values)
                right = check_of(key, identity)
                codes += 1
                short += check[: SHORT_CHECK_BITS // 8] == right[: SHORT_CHECK_BITS // 8]
                found |= check == right
            hits += found
    return WatermarkRow(
        "false id",
        f"{path.parent.name}/{path.name}",
        case,
        number - first,
        hits,
        tiles=len(tiles),
        codes=codes,
        short_checks=short,
    )


def _tiles(picture: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Those that do not overlap, from the upper left corner."""
    for top in range(0, picture.shape[0] - TILE_SIDE + 1, TILE_SIDE):
        for left in range(0, picture.shape[1] - TILE_SIDE + 1, TILE_SIDE):
            yield np.ascontiguousarray(picture[top : top + TILE_SIDE, left : left + TILE_SIDE])
