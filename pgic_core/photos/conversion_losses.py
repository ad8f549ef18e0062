"""What a picture loses when it is converted: collected, then named in one warning."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ..errors import PgiWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["callers_level", "collected", "report", "sentence"]

_BETWEEN = {"pgic_core", "pgic_plugins", "PIL", "imageio"}
_collector: ContextVar[list[str] | None] = ContextVar("pgic_losses", default=None)


@contextmanager
def collected() -> Iterator[list[str]]:
    """Gather what :func:`report` says in this thread instead of warning of it.

    Yields:
        A list that fills while the block runs, with predicates such as "has 3 frames; the first is coded".
    """
    notes: list[str] = []
    token = _collector.set(notes)
    try:
        yield notes
    finally:
        _collector.reset(token)


def report(name: str, losses: Sequence[str]) -> None:
    """Name all losses of one picture in one :class:`~pgic_core.PgiWarning`; nothing if there are none.

    Args:
        name: what the picture is called.
        losses: predicates, such as "has 3 frames; the first is coded".
    """
    if not losses:
        return
    notes = _collector.get()
    if notes is None:
        warnings.warn(PgiWarning(sentence(name, losses)), stacklevel=callers_level())
    else:
        notes.extend(losses)


def sentence(name: str, losses: Sequence[str]) -> str:
    """All losses of a picture as one sentence."""
    return f"{name} " + "; it ".join(losses) + "."


def callers_level() -> int:
    """The stack level of whoever called pgic, be it through Pillow or imageio."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        level, frame = level + 1, frame.f_back
    return level
