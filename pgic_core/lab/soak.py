"""Endurance: the life of files over and over, under watch (A-B.2e: 30 x 24 hours without failure).

A round codes a picture, decodes it at every level and in a window, verifies, edits, and damages it. What the
process holds is read after every round: memory, open files, threads, and bytes on disk. A drift is the slope
of a straight line through those readings, with an interval; it says what 30 days would come to.
"""

from __future__ import annotations

import csv
import gc
import io
import math
import os
import threading
import time
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import decode, decode_with_mask, encode_to, open_file, set_metadata, verify
from ..container import atomic_write
from ..errors import PgiError, PgiUnsupportedError
from ..options import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["DAYS", "WARM_UP", "Drift", "Reading", "Soak", "drift_of", "drifts", "generation_losses", "soak"]

DAYS = 30
WARM_UP = 0.2
"""Share of the readings, from the start, in which caches still fill; drift is taken over the rest."""
_QUALITIES = (20, 50, 80)
_LEAST_READINGS = 8
_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Reading:
    """What the process holds after a round.

    Attributes:
        seconds: since the start.
        memory: bytes resident.
        handles: open files and sockets.
        threads: of the process.
        disk: bytes in the folder of work.
    """

    seconds: float
    memory: int
    handles: int
    threads: int
    disk: int


@dataclass(frozen=True, slots=True)
class Drift:
    """How a figure of the readings moves.

    Attributes:
        name: of the figure.
        per_day: slope.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    name: str
    per_day: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the figure rises for certain."""
        return self.low > 0


@dataclass(slots=True)
class Soak:
    """What a run found.

    Attributes:
        rounds: completed.
        failures: what went wrong, one sentence each.
        readings: one after every round.
    """

    rounds: int
    failures: list[str]
    readings: list[Reading]

    def write(self, path: Path) -> None:
        """Write the readings as CSV.

        Raises:
            PgiInputError: the file cannot be written.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([field.name for field in fields(Reading)])
        writer.writerows(astuple(reading) for reading in self.readings)
        atomic_write(path, text.getvalue().encode())


def soak(
    pictures: Sequence[NDArray[np.uint8]],
    folder: Path,
    seconds: float,
    *,
    on_round: Callable[[float], None] = lambda share: None,
    clock: Callable[[], float] = time.monotonic,
) -> Soak:
    """Go round until the time is over; the round that runs then is finished.

    Args:
        pictures: ``(H, W, 3)`` each; taken in turn.
        folder: for the files, empty.
        seconds: how long.
        on_round: called after every round with the share of the time that is over.
        clock: seconds that only rise.
    """
    result = Soak(0, [], [])
    start = clock()
    while (passed := clock() - start) < seconds or not result.rounds:
        picture = pictures[result.rounds % len(pictures)]
        quality = _QUALITIES[result.rounds % len(_QUALITIES)]
        for problem in _round(picture, quality, folder / "soak.pgi", result.rounds):
            result.failures.append(f"Round {result.rounds}: {problem}")
        result.rounds += 1
        if result.rounds % 10 == 0:
            gc.collect()
        result.readings.append(_reading(clock() - start, folder))
        on_round(min(1.0, passed / seconds if seconds else 1.0))
    return result


def _round(picture: NDArray[np.uint8], quality: int, path: Path, number: int) -> Iterator[str]:
    """One life of a file; yields what went wrong."""
    try:
        encode_to(path, picture, quality=quality)
        whole = decode(path)
        if whole.shape != picture.shape:
            yield "The decoded picture has another size."
        for level in LEVELS:
            try:
                decode(path, level=level)
            except PgiUnsupportedError:
                continue  # the model has no such level
        width, height = min(64, picture.shape[1]), min(64, picture.shape[0])
        window = decode(path, window=(0, 0, width, height))
        if np.abs(window.astype(int) - whole[:height, :width]).max() > 1:
            yield "A window shows another picture than the whole."
        verify(path)
        set_metadata(path, metadata={"device_id": f"soak {number}"})
        with open_file(path) as file:
            if file.metadata.device_id != f"soak {number}":
                yield "An edit is not there."
        yield from _damaged(path.read_bytes(), number)
    except Exception as error:  # whatever happens in a month is what the run is for
        yield f"{type(error).__name__}: {error}"


def _damaged(data: bytes, number: int) -> Iterator[str]:
    """A changed byte must be found; concealing may fail in words only."""
    changed = bytearray(data)
    changed[len(data) // 2 + number % (len(data) // 2)] ^= 1 + number % 255
    try:
        verify(bytes(changed))
    except PgiError:
        pass
    else:
        yield "A changed byte was not found."
    with suppress(PgiError):
        decode_with_mask(bytes(changed))


def _reading(seconds: float, folder: Path) -> Reading:
    return Reading(
        seconds,
        _resident(),
        _count("/proc/self/fd"),
        _count("/proc/self/task") or threading.active_count(),
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    )


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _count(folder: str) -> int:
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0


def drifts(readings: Sequence[Reading]) -> list[Drift]:
    """Drift of every figure, after :data:`WARM_UP`; none if there are too few readings."""
    settled = readings[int(len(readings) * WARM_UP) :]
    if len(settled) < _LEAST_READINGS:
        return []
    seconds = [reading.seconds for reading in settled]
    names = ("memory", "handles", "threads", "disk")
    return [drift_of(name, seconds, [getattr(r, name) for r in settled]) for name in names]


def drift_of(name: str, seconds: Sequence[float], values: Sequence[float]) -> Drift:
    """Least-squares slope for each day, with a 95 % interval.

    Neighbouring readings are alike, so that the interval of plain regression would be far too narrow: it is
    taken over the means of up to 20 stretches.

    Args:
        name: of the figure.
        seconds: of the readings, rising.
        values: likewise.
    """
    stretches = min(_BLOCKS, len(values) // 2)
    days = np.array([part.mean() for part in np.array_split(np.asarray(seconds, float), stretches)]) / 86400
    means = np.array([part.mean() for part in np.array_split(np.asarray(values, float), stretches)])
    spread = float(((days - days.mean()) ** 2).sum())
    if stretches < 3 or spread == 0:
        return Drift(name, math.nan, -math.inf, math.inf)
    slope = float(((days - days.mean()) * (means - means.mean())).sum()) / spread
    rest = means - means.mean() - slope * (days - days.mean())
    freedom = stretches - 2
    error = math.sqrt(float((rest**2).sum()) / freedom / spread)
    reach = _student(freedom) * error
    return Drift(name, slope, slope - reach, slope + reach)


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t (Cornish and Fisher's expansion; right to 1 % from 2 degrees on)."""
    z = 1.959964
    if freedom == 1:
        return 12.706
    if freedom == 2:
        return 4.303
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / freedom ** (power + 1) for power, term in enumerate(terms))


def generation_losses(picture: NDArray[np.uint8], quality: int, count: int) -> Iterator[dict[str, Any]]:
    """PSNR to the original and mean colour over ``count`` re-saves, each of what the last one showed.

    Args:
        picture: ``(H, W, 3)``.
        quality: 1 to 100.
        count: of re-saves.
    """
    from ..api import encode
    from .bench.metrics import psnr

    shown = picture
    for generation in range(1, count + 1):
        data = encode(shown, quality=quality)
        shown = decode(data)
        drift = shown.reshape(-1, 3).mean(axis=0) - picture.reshape(-1, 3).mean(axis=0)
        yield {
            "generation": generation,
            "bytes": len(data),
            "psnr": psnr(picture, shown),
            "red": float(drift[0]),
            "green": float(drift[1]),
            "blue": float(drift[2]),
        }
