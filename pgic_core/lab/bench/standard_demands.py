"""The standard's own numbers at its own size: 5 megapixels (A-8.2b, A-B.2c, A-B.2f)."""

from __future__ import annotations

import math
import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from rich.table import Table

from ...api import decode, encode
from .jpeg_ratio import RATIOS
from .peer_codecs import find_codec
from .region_quality import WORST_TILE, region_quality
from .speed import in_fresh_process, measure_speed, workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from .jpeg_ratio import RatioRow

__all__ = [
    "EXCELLENT_PSNR",
    "OPERATIONS",
    "ThroughputRow",
    "ratio_picture_table",
    "throughput_of_jobs",
    "throughput_of_threads",
    "throughput_table",
    "worst_pair",
]

OPERATIONS = ("encode", "decode")
_ASKED = 5.0
_ASKED_CORES = 8
EXCELLENT_PSNR = 35.0
"""dB above which the standard calls a decoded picture excellent."""
_CROP = 384


@dataclass(frozen=True, slots=True)
class ThroughputRow:
    """How many pictures a second.

    Attributes:
        operation: "encode" or "decode".
        jobs: processes at a time, one picture each.
        threads: of each process.
        per_second: pictures a second, all processes together.
        wall: seconds of one call, median.
        cpu: seconds of processor time of one call, median.
    """

    operation: str
    jobs: int
    threads: int
    per_second: float
    wall: float
    cpu: float

    @property
    def per_core(self) -> float:
        """Pictures for each second of processor time."""
        return 1 / self.cpu if self.cpu else math.nan


def throughput_of_threads(
    picture: NDArray[np.uint8],
    counts: Sequence[int],
    *,
    quality: int = 50,
    repeats: int = 3,
    on_step: Callable[[], None] = lambda: None,
) -> list[ThroughputRow]:
    """One process with 1, 2, ... threads, kept to as many processors.

    Args:
        picture: ``(H, W, 3)``.
        counts: of threads.
        quality: of pgic.
        repeats: calls after the first.
        on_step: called after each process.

    Raises:
        PgiError: coding fails.
    """
    rows = []
    for count in counts:
        found = measure_speed(
            picture,
            [find_codec("pgic")],
            qualities={"pgic": quality},
            threads=count,
            runs=1,
            repeats=repeats,
            on_step=on_step,
        )
        rows += [
            ThroughputRow(row.operation, 1, count, 1 / row.warm, row.warm, row.cpu)
            for row in found
            if row.operation in OPERATIONS
        ]
    return rows


def throughput_of_jobs(
    picture: NDArray[np.uint8],
    counts: Sequence[int],
    *,
    quality: int = 50,
    repeats: int = 3,
    on_step: Callable[[], None] = lambda: None,
) -> list[ThroughputRow]:
    """1, 2, ... processes at once, each with one thread, as ``-j`` shares a folder among them.

    Args:
        picture: ``(H, W, 3)``, which all of them code.
        counts: of processes.
        quality: of pgic.
        repeats: calls of each process after its first.
        on_step: called after each count and operation.

    Raises:
        PgiError: coding fails.
    """
    rows = []
    with workplace(picture, None) as folder, _one_thread_each():
        in_fresh_process(folder, "pgic", "encode", quality, 0)  # the file that decoders read
        for count in counts:
            for operation in OPERATIONS:
                with ThreadPoolExecutor(count) as pool:
                    waiting = [
                        pool.submit(in_fresh_process, folder, "pgic", operation, quality, repeats)
                        for _ in range(count)
                    ]
                    figures = [each.result() for each in waiting]
                walls = [statistics.median(each["warm"]) for each in figures]
                cpu = statistics.median(each["cpu"] for each in figures)
                together = sum(1 / wall for wall in walls)
                rows.append(ThroughputRow(operation, count, 1, together, statistics.median(walls), cpu))
                on_step()
    return rows


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = os.environ.get("PGIC_THREADS")
    os.environ["PGIC_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PGIC_THREADS"]
        else:
            os.environ["PGIC_THREADS"] = before


def throughput_table(rows: Sequence[ThroughputRow], megapixels: float, processor: str) -> Table:
    """For people.

    Args:
        rows: as measured.
        megapixels: of the picture.
        processor: its name.
    """
    title = f"Pictures of {megapixels:g} megapixels a second; asked: {_ASKED:g} on {_ASKED_CORES} cores"
    table = Table(title=title, caption=processor)
    for name in ("operation", "processes", "threads each"):
        table.add_column(name)
    for name in (
        "a second",
        "seconds",
        "processor seconds",
        "for each core",
        f"on {_ASKED_CORES} cores at most",
    ):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.operation,
            str(row.jobs),
            str(row.threads),
            f"{row.per_second:.2f}",
            f"{row.wall:.2f}",
            f"{row.cpu:.2f}",
            f"{row.per_core:.2f}",
            f"{_ASKED_CORES * row.per_core:.1f}",
        )
    return table


def ratio_picture_table(rows: Sequence[RatioRow]) -> Table:
    """PSNR and MS-SSIM of every picture in its share of the JPEG, the worst first."""
    table = Table(title="Each picture within a share of its JPEG, the worst first")
    table.add_column("picture")
    for name in (
        "JPEG",
        "at most",
        "bytes",
        "of the JPEG",
        "PSNR",
        "MS-SSIM",
        f"above {EXCELLENT_PSNR:g} dB",
    ):
        table.add_column(name, justify="right")
    shares = dict(RATIOS)
    for row in sorted(rows, key=lambda r: (r.psnr, r.picture)):
        small = row.file_bytes > 0
        table.add_row(
            row.picture,
            str(row.jpeg_quality),
            f"{shares[row.jpeg_quality]:.0%}",
            f"{row.file_bytes:,}" if small else "none so small",
            f"{row.file_bytes / row.jpeg_bytes:.1%}" if small else "",
            f"{row.psnr:.2f}" if small else "",
            f"{row.ms_ssim:.4f}" if small else "",
            "yes" if row.psnr > EXCELLENT_PSNR else "no",
        )
    return table


def worst_pair(picture: NDArray[np.uint8], file_bytes: int) -> Image.Image:
    """The worst place of a picture in so many bytes: the original to the left, the decoded one to the right.

    Args:
        picture: ``(H, W, 3)``.
        file_bytes: of the file at most.

    Raises:
        PgiTargetError: it cannot be that small.
    """
    decoded = decode(encode(picture, max_bytes=file_bytes))
    figures = region_quality(picture, decoded, None)
    height, width = (min(_CROP, side) for side in picture.shape[:2])
    top = min(max(0, figures.worst_y + WORST_TILE // 2 - height // 2), picture.shape[0] - height)
    left = min(max(0, figures.worst_x + WORST_TILE // 2 - width // 2), picture.shape[1] - width)
    part = np.s_[top : top + height, left : left + width]
    return Image.fromarray(np.concatenate([picture[part], decoded[part]], axis=1))
