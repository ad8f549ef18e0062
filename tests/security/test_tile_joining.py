"""Which tiles share a message: the best of all ways, and windows of real files that read little more."""

from __future__ import annotations

import io
from itertools import combinations, pairwise

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core
from pgic_core.codec.payload_parts import Layer, PayloadPart
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.security.tile_joining import JOINED_BYTES, runs_of_tiles

from .conftest import Keys, sealed


def cost(lengths: list[int], tiles: list[int], runs: list[int], grid: Grid) -> float:
    """Bytes that messages add, and 1/1500 of what windows of 2 x 2 tiles at all places read."""
    rows, columns = max(grid.rows - 1, 1), max(grid.columns - 1, 1)
    total, at = 0.0, 0
    for count in runs:
        run = range(at, at + count)
        if count > 1 and sum(lengths[k] for k in run) > JOINED_BYTES:
            return float("inf")
        needing = 0
        for top in range(rows):
            for left in range(columns):
                places = [divmod(tiles[k], grid.columns) for k in run]
                needing += any(top <= y < top + 2 and left <= x < left + 2 for y, x in places)
        total += 19 + (sum(lengths[k] for k in run) + 16) * needing / 1500
        at += count
    return total


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_best_of_all_ways(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    columns, rows = int(numbers.integers(1, 5)), int(numbers.integers(1, 4))
    grid = Grid.square(512 * columns, 512 * rows, 512)
    tiles = sorted(numbers.permutation(columns * rows)[:9].tolist())
    lengths = [int(10 ** numbers.uniform(0.5, 4)) for _ in tiles]
    parts = [PayloadPart(n, Layer.DETAIL, tile=tile) for n, tile in zip(lengths, tiles, strict=True)]
    runs = runs_of_tiles(parts, grid)
    assert sum(runs) == len(parts)
    every = []
    for count in range(len(parts)):
        for cuts in combinations(range(1, len(parts)), count):
            ends = [0, *cuts, len(parts)]
            every.append([end - start for start, end in pairwise(ends)])
    least = min(cost(lengths, tiles, each, grid) for each in every)
    assert cost(lengths, tiles, runs, grid) == pytest.approx(least)


def test_none_and_one() -> None:
    grid = Grid.square(100, 100, 512)
    assert runs_of_tiles([], grid) == []
    assert runs_of_tiles([PayloadPart(20_000, Layer.DETAIL)], grid) == [1]


class _Counting(io.BytesIO):
    """Bytes that count what is read of them."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def bytes_read(data: bytes, keys: object = None, **options: object) -> int:
    source = _Counting(data)
    with pgic_core.open_file(source, keys=keys) as file:  # type: ignore[arg-type]
        file.decode(**options)  # type: ignore[arg-type]
    return source.count


def test_previews_and_windows_read_little_more(keys: Keys) -> None:
    """In a busy picture, nearly every tile has a message of its own."""
    tile = Image.fromarray(skimage.data.astronaut())
    photo = Image.new("RGB", (2048, 1536))
    for y in range(3):
        for x in range(4):
            photo.paste(tile.rotate(90 * (x + y)), (512 * x, 512 * y))
    plain = pgic_core.encode(photo, quality=60)
    locked = sealed(plain, keys.full.public)
    assert len(locked) < 1.01 * len(plain)
    assert bytes_read(locked, keys.full, level="preview") < bytes_read(plain, level="preview") + 900
    for window in ((0, 0, 256, 256), (600, 600, 256, 256), (900, 400, 512, 512), (1000, 500, 1024, 1024)):
        read, needed = bytes_read(locked, keys.full, window=window), bytes_read(plain, window=window)
        assert read < 1.1 * needed + 900
