"""What a picture loses on its way into a file or out of one: gathered, then named in one warning."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ..errors import PgiWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["collected", "report"]

_collector: ContextVar[list[str] | None] = ContextVar("pgic_losses", default=None)


@contextmanager
def collected() -> Iterator[list[str]]:
    """Gather what :func:`report` says in this thread instead of warning of it.

    Yields:
        A list that fills while the block runs: one sentence for each picture that lost something.
    """
    notes: list[str] = []
    token = _collector.set(notes)
    try:
        yield notes
    finally:
        _collector.reset(token)


def report(name: str, losses: Sequence[str], stacklevel: int = 3) -> None:
    """Name all losses of one picture in one :class:`~pgic_core.PgiWarning`; nothing if there are none.

    Args:
        name: what the picture is called.
        losses: predicates, such as "has 3 frames; the first is coded".
        stacklevel: as for :func:`warnings.warn`; 3 is the caller of the caller.
    """
    if not losses:
        return
    sentence = f"{name} " + "; it ".join(losses) + "."
    notes = _collector.get()
    if notes is None:
        warnings.warn(PgiWarning(sentence), stacklevel=stacklevel)
    else:
        notes.append(sentence)
