"""``PGIC_TRACE_PLUGINS=1``: what is loaded and called, on standard error, before it happens."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from ..terminal import say

__all__ = ["Stopwatch", "brief", "trace"]

_VARIABLE = "PGIC_TRACE_PLUGINS"


def trace(message: str) -> None:
    """Print a line if the environment asks for it. It is there at once, also if what follows hangs."""
    if os.environ.get(_VARIABLE, "") not in ("", "0"):
        say(f"pgic plugin: {message}")


class Stopwatch:
    """Milliseconds since it was made, as text."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __str__(self) -> str:
        return f"{(time.perf_counter() - self._start) * 1000:.1f} ms"


def brief(value: object) -> str:
    """A value in few words. Bytes are never shown: they may be a key."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{getattr(value, 'dtype', '')} {shape}"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return f"<{type(value).__name__} of {len(value)}>"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
