"""One file through every way of reading it: what comes out must be a right picture, or a ``PgiError``."""

from __future__ import annotations

import io
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import pgic_core
from pgic_core.errors import PgiError
from pgic_core.features import decode_features
from pgic_core.features.features_in_file import read_features

from .coverage import reject_sites
from .seeds import WINDOW, facts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .memory import Watch
    from .seeds import Seed

__all__ = ["MEMORY", "SECONDS", "Verdict", "judge"]

SECONDS = 2.0
"""Processor time that a call may take."""
MEMORY = 500 << 20
"""Bytes that it may take above the idle process."""


@dataclass
class Verdict:
    """What became of a file.

    Attributes:
        outcomes: ways of reading that gave a picture, and names of the errors of the others.
        faults: what must never happen; empty if all is well.
        sites: where parsers rejected it.
        seconds: processor time of the slowest call.
        peak: bytes above the idle process.
    """

    outcomes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    sites: set[tuple[str, int]] = field(default_factory=set)
    seconds: float = 0.0
    peak: int = 0


def judge(data: bytes, clean: Seed | None = None, watch: Watch | None = None) -> Verdict:
    """Read a file in every way.

    Args:
        data: its bytes.
        clean: what the file was before it was changed without its checksums; nothing may then come out
            that differs from it. None if anything may.
        watch: of memory.
    """
    verdict = Verdict()
    for name, call, same in _ways(data, clean):
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = call()
            verdict.outcomes.append(name)
            if clean is not None and not same(result):
                verdict.faults.append(f"{name}: a wrong result without an error")
        except PgiError as error:
            verdict.outcomes.append(type(error).__name__)
            verdict.sites |= reject_sites(error)
            if any(isinstance(cause, MemoryError) for cause in _chain(error)):
                verdict.faults.append(f"{name}: {error} after an allocation that failed")
        except BaseException as error:  # whatever else it is, it is the finding
            if isinstance(error, KeyboardInterrupt):
                raise
            verdict.faults.append(f"{name}: {type(error).__name__}: {error}"[:300])
        taken = time.process_time() - start
        verdict.seconds = max(verdict.seconds, taken)
        if taken > SECONDS:
            verdict.faults.append(f"{name}: {taken:.1f} s")
    if watch is not None:
        verdict.peak = watch.peak()
        if verdict.peak > MEMORY:
            verdict.faults.append(f"{verdict.peak >> 20} MB above the idle process")
    return verdict


def _ways(data: bytes, clean: Seed | None) -> list[tuple[str, Callable[[], Any], Callable[[Any], bool]]]:
    def features() -> Any:
        stream = read_features(data)
        return None if stream is None else decode_features(stream)

    def picture() -> Any:
        with pgic_core.open_file(_Pipe(data)) as file:
            size = (file.height, file.width)
            pixels = file.decode(threads=1)
            assert pixels.shape[:2] == size, "another size than the file says"
            assert pixels.dtype == file.sample_format.dtype
            return pixels

    def frames() -> Any:
        with pgic_core.open_file(data) as file:
            found = []
            for number in (*range(file.n_frames)[:3], *range(file.n_frames)[3:][-2:]):
                start = time.process_time()
                changes = file.changes(number).blocks.tolist()
                found.append((file.frame(number).decode(threads=1), changes))
                assert time.process_time() - start < SECONDS, "a frame takes too long"
            return found

    def same_frames(found: Any) -> bool:
        assert clean is not None
        return len(found) == len(clean.frames) and all(
            np.array_equal(pixels, expected, equal_nan=expected.dtype.kind == "f") and changes == blocks
            for (pixels, changes), (expected, blocks) in zip(found, clean.frames, strict=True)
        )

    def concealed() -> Any:
        return pgic_core.decode_with_mask(data, threads=1)

    def agrees(found: Any) -> bool:
        assert clean is not None
        sound = ~found.damaged
        return found.pixels.shape == clean.pixels.shape and np.array_equal(
            found.pixels[sound], clean.pixels[sound], equal_nan=clean.pixels.dtype.kind == "f"
        )

    def unchanged(_: Any) -> bool:
        assert clean is not None
        grows = clean.name.startswith("sequence")
        return data[: clean.size] == clean.data[: clean.size] and (grows or len(data) == clean.size)

    def equal(name: str) -> Callable[[Any], bool]:
        return lambda found: np.array_equal(found, getattr(clean, name))

    return [
        ("facts", lambda: facts_of(data), lambda found: found == getattr(clean, "facts", None)),
        ("picture", picture, equal("pixels")),
        ("preview", lambda: pgic_core.decode(data, level="preview", threads=1), equal("preview")),
        ("window", lambda: pgic_core.decode(data, window=WINDOW, threads=1), equal("window")),
        ("concealed", concealed, agrees),
        ("frames", frames, same_frames),
        ("features", features, lambda found: _same_features(found, clean)),
        ("verified", lambda: pgic_core.verify(data), unchanged),
    ]


def _same_features(found: Any, clean: Seed | None) -> bool:
    assert clean is not None
    expected = clean.features
    if isinstance(found, dict):
        return found.keys() == expected.keys() and all(
            np.array_equal(found[name], expected[name]) for name in found
        )
    if isinstance(found, list):
        return len(found) == len(expected) and all(map(np.array_equal, found, expected))
    return found is expected is None


def _chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


class _Pipe(io.RawIOBase):
    """Bytes that come in pieces and cannot be sought in."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), 1000, len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
