"""What each level and size of one file costs and shows, call by call in turn."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...api import open_file
from ...codec.average_downscaling import mean_reduce
from ...options import ADAPTIVE, FAST
from .metrics import psnr
from .printed_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from rich.table import Table

__all__ = ["LevelRow", "level_table", "measure_levels"]

_SHARE = 0.1  # of the picture that the key region of "adaptive" covers


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One way to decode a file; medians over turns.

    Attributes:
        name: level, and scale where it is reduced.
        cpu: seconds of processor time, all threads together.
        share: of the time that "fast" takes in the same turn.
        psnr: dB against the original; of a reduced size, against the original shrunk by area.
        against_fast: dB against what "fast" shows, shrunk likewise; infinite where that is the same. Of
            "adaptive", in the key region and against "fine".
    """

    name: str
    cpu: float
    share: float
    psnr: float
    against_fast: float


def measure_levels(
    picture: NDArray[np.uint8],
    data: bytes,
    *,
    threads: int | None = None,
    runs: int = 3,
    on_step: Callable[[], None] = lambda: None,
) -> list[LevelRow]:
    """Decode a file in every way that its model has.

    Args:
        picture: the original, ``(H, W, 3)``.
        data: the file.
        threads: of each call; all processors if not given.
        runs: turns; a first one warms up.
        on_step: called after each turn.

    Returns:
        Rows, "fast" first.
    """
    box = _box(picture.shape[1], picture.shape[0])
    ways = _ways(data, box)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    shown: dict[str, NDArray[np.uint8]] = {}
    for turn in range(runs + 1):
        for name, options in ways.items():
            start = time.process_time()
            pixels = _decoded(data, options, threads)
            if turn:
                seconds[name].append(time.process_time() - start)
            else:
                shown[name] = pixels
        on_step()
    rows = []
    for name in ways:
        shares = [own / fast for own, fast in zip(seconds[name], seconds[FAST], strict=True)]
        quality = _quality(picture, shown, name, box)
        rows.append(LevelRow(name, statistics.median(seconds[name]), statistics.median(shares), *quality))
    return rows


def _box(width: int, height: int) -> tuple[int, int, int, int]:
    """A key region in the middle, as x, y, width and height."""
    across, down = (max(1, round(side * _SHARE**0.5)) for side in (width, height))
    return (width - across) // 2, (height - down) // 2, across, down


def _ways(data: bytes, box: tuple[int, int, int, int]) -> dict[str, dict[str, Any]]:
    """Options of decoding by name."""
    with open_file(data) as file:
        found = {renderer.level for renderer in file.info().renderers}
    ways: dict[str, dict[str, Any]] = {FAST: {}}
    ways |= {f"{FAST} 1/{scale}": {"scale": scale} for scale in (2, 4)}
    ways["preview"] = {"level": "preview"}
    ways |= {level: {"level": level} for level in sorted(found - {FAST, "preview"})}
    if "fine" in found:
        ways[ADAPTIVE] = {"level": ADAPTIVE, "regions": [box]}
    return ways


def _quality(
    picture: NDArray[np.uint8],
    shown: Mapping[str, NDArray[np.uint8]],
    name: str,
    box: tuple[int, int, int, int],
) -> tuple[float, float]:
    """``psnr`` and ``against_fast`` of a row."""
    pixels = shown[name]
    scale = round(picture.shape[0] / pixels.shape[0])
    own = psnr(mean_reduce(picture, scale), pixels)
    if name != ADAPTIVE:
        return own, psnr(mean_reduce(shown[FAST], scale), pixels)
    x, y, width, height = box
    inside = np.s_[y : y + height, x : x + width]
    return own, psnr(shown["fine"][inside], pixels[inside])


def _decoded(data: bytes, options: dict[str, Any], threads: int | None) -> NDArray[np.uint8]:
    with open_file(data) as file:
        return file.decode(threads=threads, **options)


def level_table(rows: Sequence[LevelRow]) -> Table:
    """The rows for a terminal."""
    figures = ["processor time", "of fast", "PSNR", "against fast"]
    table = new_table("Levels and sizes of one file, times call by call in turn", ["level"], figures)
    for row in rows:
        table.add_row(
            row.name,
            f"{1000 * row.cpu:.0f} ms",
            f"{row.share:.0%}",
            f"{row.psnr:.2f} dB",
            "same" if row.against_fast == math.inf else f"{row.against_fast:.1f} dB",
        )
    return table
