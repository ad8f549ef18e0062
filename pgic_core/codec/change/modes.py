"""Modes and ages of the positions of a change frame (``STREAM.md``, "Change")."""

from __future__ import annotations

__all__ = ["CHANGE_MODES", "NEW", "OLDEST", "UNCHANGED"]

UNCHANGED, NEW = 0, 1
CHANGE_MODES = range(2, 16)
"""Modes of positions whose symbols are coded as differences."""
OLDEST = 7
"""The highest age: so many states of a position before its last one can be referred to."""
