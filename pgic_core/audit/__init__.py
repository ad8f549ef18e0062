"""The audit log 安全审计日志: who opened, decoded, coded or changed what (A-6.5.3g).

Nothing is logged, and nothing of this room is imported, unless the environment variable ``PGIC_AUDIT`` names
a file. AUDIT.md beside this file specifies that file.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import PgiKeyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["VARIABLE", "Event", "audited", "denials", "note"]

VARIABLE = "PGIC_AUDIT"


def note(event: str, /, **facts: object) -> None:
    """Log an event if there is a log; returns once it is on the disk.

    Args:
        event: ``open``, ``decode``, ``encode``, ``edit``, ``key`` (a key was used) or ``deny`` (access was
            refused).
        facts: what JSON holds, such as ``file``, ``level``, ``window``, ``key_id`` or ``error``; None is left
            out. Never a secret.

    Raises:
        PgiInputError: the event cannot be logged, and ``PGIC_AUDIT_FAIL`` is not ``open``.
    """
    path = os.environ.get(VARIABLE)
    if path:
        # Not imported for those who keep no log.
        from .recording import record

        record(path, event, facts)


class Event:
    """An event that is going on; facts may be added until it ends."""

    __slots__ = ("facts",)

    def __init__(self, facts: dict[str, object]) -> None:
        self.facts = facts


@contextmanager
def audited(event: str, /, **facts: object) -> Iterator[Event]:
    """Log what a block does when it ends, before its caller sees a result; with ``error`` if it fails.

    Where no key opens what it needs, the event is ``deny``; the fact ``what`` then names the event, unless it
    says more already.

    Args:
        event: as for :func:`note`.
        facts: likewise.

    Yields:
        The event.
    """
    going_on = Event(facts)
    try:
        yield going_on
    except PgiKeyError as error:
        _deny(error, {"what": event} | going_on.facts)
        raise
    except Exception as error:
        note(event, **going_on.facts | _of(error))
        raise
    if os.environ.get(VARIABLE):
        note(event, **going_on.facts)


@contextmanager
def denials(what: str, facts: Callable[[], dict[str, object]]) -> Iterator[None]:
    """Log as ``deny`` what no key opens in a block, which is no event by itself.

    Args:
        what: is asked for.
        facts: gives those of the event.
    """
    try:
        yield
    except PgiKeyError as error:
        if os.environ.get(VARIABLE):
            _deny(error, {"what": what} | facts())
        raise


def _deny(error: PgiKeyError, facts: dict[str, object]) -> None:
    """Log a refusal, once however many blocks it passes through."""
    if not error.logged and os.environ.get(VARIABLE):
        error.logged = True
        note("deny", **facts | _of(error))


def _of(error: Exception) -> dict[str, object]:
    return {"error": type(error).__name__, "reason": str(error)[:400]}
