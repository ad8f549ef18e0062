"""Speed, processor time and memory of codecs side by side (A-8.2b, A-B.2f).

Every figure comes from a fresh process; codecs take turns (A B A B), so that a machine that slows down slows
all of them, and ratios are taken within a turn. Figures are medians over turns.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiError, PgiOptionError
from .metrics import bits_per_pixel, psnr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from .peer_codecs import Codec

__all__ = [
    "ANCHOR",
    "SpeedRow",
    "in_fresh_process",
    "measure_speed",
    "measure_stages",
    "operations",
    "run_worker",
    "steps_of",
    "workplace",
]

ANCHOR = "avif"
"""The codec that ratios are taken against."""


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One codec and operation; medians.

    Attributes:
        codec: its name.
        operation: ``encode``, ``decode``, and for pgic ``preview`` and ``window`` (512 x 512, central).
        quality: given to the codec.
        bpp: bits per pixel of the file.
        psnr: dB over RGB.
        megapixels_per_second: of the whole picture, warm; NaN for preview and window.
        warm: seconds of a call in a process that has made one before.
        cold: seconds from the start of a process to its first result, interpreter and imports included.
        cpu: seconds of processor time of a warm call, all threads together.
        peak: bytes of memory of the process.
        ratio: warm speed over that of the anchor's same operation; NaN without anchor.
    """

    codec: str
    operation: str
    quality: int
    bpp: float
    psnr: float
    megapixels_per_second: float
    warm: float
    cold: float
    cpu: float
    peak: int
    ratio: float


def measure_speed(
    picture: NDArray[np.uint8],
    codecs: Sequence[Codec],
    *,
    qualities: dict[str, int] | None = None,
    threads: int | None = None,
    runs: int = 3,
    repeats: int = 3,
    on_step: Callable[[], None] = lambda: None,
) -> list[SpeedRow]:
    """Measure encoding and decoding, and for pgic preview and window.

    Args:
        picture: ``(H, W, 3)``.
        codecs: side by side.
        qualities: by codec name; the codec's usual one where not given.
        threads: processors that all of them may use; all there are if not given.
        runs: turns.
        repeats: calls per process after the first.
        on_step: called after each process.

    Returns:
        Rows in the order of the codecs.

    Raises:
        PgiError: a codec fails.
    """
    height, width = picture.shape[:2]
    megapixels = height * width / 1e6
    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    sizes: dict[str, tuple[int, float, float]] = {}
    with workplace(picture, threads) as folder:
        for _ in range(runs):
            for codec in codecs:
                quality = (qualities or {}).get(codec.name, codec.usual)
                for operation in operations(codec.name):
                    figures = in_fresh_process(folder, codec.name, operation, quality, repeats)
                    results.setdefault((codec.name, operation), []).append(figures)
                    on_step()
                if codec.name not in sizes:
                    data = (folder / codec.name).read_bytes()
                    bpp = bits_per_pixel(len(data), width, height)
                    sizes[codec.name] = (quality, bpp, psnr(picture, codec.decode(data)))
    rows = []
    for (name, operation), turns in results.items():
        warm = [statistics.median(turn["warm"]) for turn in turns]
        anchor = [statistics.median(turn["warm"]) for turn in results.get((ANCHOR, operation), [])]
        seconds = statistics.median(warm)
        whole = operation in ("encode", "decode")
        rows.append(
            SpeedRow(
                name,
                operation,
                *sizes[name],
                megapixels / seconds if whole else math.nan,
                seconds,
                statistics.median(turn["cold"] for turn in turns),
                statistics.median(turn["cpu"] for turn in turns),
                int(statistics.median(turn["peak"] for turn in turns)),
                statistics.median(a / b for a, b in zip(anchor, warm, strict=True)) if anchor else math.nan,
            )
        )
    return rows


def steps_of(codecs: Sequence[Codec], runs: int) -> int:
    """How many processes :func:`measure_speed` starts."""
    return runs * sum(len(operations(codec.name)) for codec in codecs)


def measure_stages(
    picture: NDArray[np.uint8],
    name: str = "pgic",
    *,
    quality: int = 75,
    threads: int | None = None,
    repeats: int = 3,
) -> dict[str, dict[str, float]]:
    """Time of pgic by stage, in fresh processes, warm.

    Args:
        picture: ``(H, W, 3)``.
        name: ``pgic`` or ``pgic-eN``.
        quality: 1 to 100.
        threads: processors to use; all there are if not given.
        repeats: calls to take the mean of.

    Returns:
        For ``encode`` and ``decode``, seconds of one call by stage.

    Raises:
        PgiError: coding fails.
    """
    with workplace(picture, threads) as folder:
        return {
            operation: in_fresh_process(folder, name, f"{operation}-stages", quality, repeats)["stages"]
            for operation in ("encode", "decode")
        }


def operations(codec: str) -> tuple[str, ...]:
    """What is measured of a codec."""
    whole = ("encode", "decode")
    return (*whole, "preview", "window") if codec.startswith("pgic") else whole


@contextmanager
def workplace(picture: NDArray[np.uint8], threads: int | None) -> Iterator[Path]:
    """A folder with the picture in it; this process and its children keep to ``threads`` processors."""
    processors = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if threads is not None and processors and threads > len(processors):
        raise PgiOptionError(f"There are {len(processors)} processors here, not {threads}.")
    before = os.environ.get("PGIC_THREADS")
    with tempfile.TemporaryDirectory(prefix="pgic-bench-") as name:
        np.save(Path(name) / _PICTURE, picture)
        try:
            if threads is not None:
                os.environ["PGIC_THREADS"] = str(threads)
                if processors:
                    os.sched_setaffinity(0, sorted(processors)[:threads])
            yield Path(name)
        finally:
            if threads is not None:
                if before is None:
                    del os.environ["PGIC_THREADS"]
                else:
                    os.environ["PGIC_THREADS"] = before
                if processors:
                    os.sched_setaffinity(0, processors)


_PICTURE = "picture.npy"


def in_fresh_process(folder: Path, codec: str, operation: str, quality: int, repeats: int) -> dict[str, Any]:
    """Figures of :mod:`.speed_worker` for the picture in a :func:`workplace`.

    Raises:
        PgiError: the codec fails.
    """
    job = {
        "codec": codec,
        "operation": operation,
        "quality": quality,
        "repeats": repeats,
        "picture": str(folder / _PICTURE),
        "file": str(folder / codec),
        "started": time.time(),
    }
    return run_worker("pgic_core.lab.bench.speed_worker", job, f"{codec} failed to {operation}")


def run_worker(module: str, job: dict[str, Any], failure: str) -> dict[str, Any]:
    """Have a module do a job in a fresh process.

    Args:
        module: run with the job as its argument; prints figures. Both are JSON objects.
        job: what to do.
        failure: how the sentence begins where it cannot.

    Raises:
        PgiError: the process fails.
    """
    command = [sys.executable, "-m", module, json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PgiError(f"{failure}: {reason}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
