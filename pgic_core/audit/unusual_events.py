"""Unusual events of a log: bursts of failures, odd hours, mass export."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..options import PREVIEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .log_line import Line

__all__ = ["Finding", "Rules", "watch"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as unusual.

    Attributes:
        failures: as many failed or denied events of one user within ``failure_minutes``.
        failure_minutes: likewise.
        first_hour: of the usual day, 0 to 23, by the clock of this machine.
        last_hour: the hour in which the usual day ends, 1 to 24.
        exports: as many different pictures decoded in full size by one user within ``export_minutes``.
        export_minutes: likewise.
    """

    failures: int = 5
    failure_minutes: float = 1.0
    first_hour: int = 6
    last_hour: int = 22
    exports: int = 200
    export_minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something unusual.

    Attributes:
        kind: "failures", "hours" or "export".
        seq: number of the line at which it showed.
        time: as that line says.
        user: whose doing it is.
        text: a sentence.
    """

    kind: str
    seq: int
    time: str
    user: str
    text: str


def watch(lines: Iterable[Line], rules: Rules = Rules()) -> Iterator[Finding]:
    """Go through the lines of a log, and tell what is unusual as soon as it shows.

    A burst or an export is told once, and again only after it has ended; odd hours once for each user and
    day.

    Args:
        lines: in their order.
        rules: what counts as unusual.
    """
    failures: dict[str, deque[datetime]] = defaultdict(deque)
    exports: dict[str, deque[tuple[datetime, str]]] = defaultdict(deque)
    told: set[tuple[str, str]] = set()
    for line in lines:
        moment = _moment(line)
        user = line.text("user")
        if moment is None or line.event in ("start", "rotate", "checkpoint", "sign"):
            continue
        if line.event == "deny" or "error" in line.facts:
            recent = failures[user]
            recent.append(moment)
            _forget(recent, moment, rules.failure_minutes)
            if _crossed(told, ("failures", user), len(recent) >= rules.failures):
                yield _finding(
                    line, "failures", f"{user}: {len(recent)} failures in {rules.failure_minutes:g} min"
                )
        elif line.event == "decode" and line.facts.get("level") != PREVIEW and "window" not in line.facts:
            pictures = exports[user]
            pictures.append((moment, line.text("picture") or line.text("file")))
            while pictures and moment - pictures[0][0] > timedelta(minutes=rules.export_minutes):
                pictures.popleft()
            count = len({name for _, name in pictures})
            if _crossed(told, ("export", user), count >= rules.exports):
                yield _finding(
                    line, "export", f"{user}: {count} pictures decoded in {rules.export_minutes:g} min"
                )
        here = moment.astimezone()
        usual = rules.first_hour <= here.hour < rules.last_hour
        day = (f"hours {here.date()}", user)
        if not usual and day not in told:
            told.add(day)
            yield _finding(line, "hours", f"{user}: at work at {here:%H:%M}")


def _finding(line: Line, kind: str, text: str) -> Finding:
    return Finding(kind, line.seq, line.text("time"), line.text("user"), text)


def _crossed(told: set[tuple[str, str]], key: tuple[str, str], above: bool) -> bool:
    """Whether something begins to be unusual now."""
    if not above:
        told.discard(key)
        return False
    if key in told:
        return False
    told.add(key)
    return True


def _forget(recent: deque[datetime], now: datetime, minutes: float) -> None:
    while recent and now - recent[0] > timedelta(minutes=minutes):
        recent.popleft()


def _moment(line: Line) -> datetime | None:
    try:
        moment = datetime.fromisoformat(line.text("time"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
