"""Working on many files: several at a time, with progress, past bad ones, and a report at the end."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NoReturn, TypeVar

from ..terminal import say
from .command_base import reason_of
from .progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Progress: TypeAlias = Callable[[float], None]

__all__ = ["Report", "run_batch"]

T = TypeVar("T")


class _Stopped(BaseException):
    """Ends a worker after an interrupt; not an Exception, so that nothing takes it for a bad file."""


@dataclass(slots=True)
class Report:
    """What became of the files.

    Attributes:
        total: how many there were.
        failures: name and reason of each that failed.
    """

    total: int
    failures: list[tuple[str, str]] = field(default_factory=list)

    def finish(self) -> None:
        """Say what failed and why, and exit with 1 if anything did."""
        if not self.failures:
            return
        if self.total > 1:
            say(f"{len(self.failures)} of {self.total} failed:")
        for name, reason in self.failures:
            say(f"  {name}: {reason}" if self.total > 1 else f"pgic: {name}: {reason}")
        sys.exit(1)


def run_batch(
    items: Sequence[T],
    name_of: Callable[[T], str],
    work: Callable[[T, Progress], str | None],
    *,
    jobs: int,
    verbose: bool,
    show_progress: bool,
) -> Report:
    """Work on every item, whatever happens to the others.

    Args:
        items: what to work on.
        name_of: name of an item in messages.
        work: does one item, in a thread if ``jobs`` is above 1; calls what it is given with the share done;
            returns a line to say, or None.
        jobs: items at a time.
        verbose: say the lines of ``work``.
        show_progress: draw a bar while standard error is a terminal.

    Returns:
        The report. An interrupt ends the process with 130 once all workers have stopped, a second one
        at once.
    """
    report = Report(len(items))
    stop = threading.Event()
    shares = [0.0] * len(items)
    with progress_bar(len(items), wanted=show_progress) as move_on:

        def advance(index: int, share: float) -> None:
            move_on(share - shares[index], name_of(items[index]))
            shares[index] = share

        def one(index: int) -> str | None:
            def progress(share: float) -> None:
                if stop.is_set():
                    raise _Stopped
                advance(index, share)

            progress(0.0)
            return work(items[index], progress)

        def settle(index: int, result: Callable[[], str | None]) -> None:
            try:
                line = result()
                if verbose and line:
                    say(line)
            except BrokenPipeError:
                raise
            except Exception as error:  # a bad file or a bug in a decoder must not end the others
                report.failures.append((name_of(items[index]), reason_of(error)))
            advance(index, 1.0)

        try:
            if jobs <= 1 or len(items) <= 1:
                for index in range(len(items)):
                    settle(index, partial(one, index))
            else:
                _run_threads(len(items), one, settle, jobs, stop)
        except KeyboardInterrupt as interrupt:
            for note in getattr(interrupt, "__notes__", ()):  # which plugin was at work
                say(f"pgic: {note}")
            say("pgic: interrupted")
            sys.exit(130)
    report.failures.sort()
    return report


def _run_threads(
    count: int,
    one: Callable[[int], str | None],
    settle: Callable[[int, Callable[[], str | None]], None],
    jobs: int,
    stop: threading.Event,
) -> None:
    # Not a pool of futures: an interrupt may reach this thread while it holds the lock of one, and its worker
    # would wait for that for ever.
    waiting = iter(range(count))
    finished: SimpleQueue[tuple[int, Callable[[], str | None]]] = SimpleQueue()

    def take() -> None:
        for index in waiting:  # each goes to one thread, since the interpreter takes this step in one
            if stop.is_set():
                return
            finished.put((index, _outcome(one, index)))

    threads = [threading.Thread(target=take, name=f"pgic-job_{n}") for n in range(min(jobs, count))]
    try:
        for thread in threads:
            thread.start()
        for _ in range(count):
            settle(*finished.get())
    except KeyboardInterrupt:
        say("pgic: stopping; interrupt again to leave at once")
        raise
    finally:
        stop.set()
        try:
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        except KeyboardInterrupt:  # the second one: a worker does not stop
            _leave()


def _outcome(one: Callable[[int], str | None], index: int) -> Callable[[], str | None]:
    """What gives the result of ``one``, or raises what it raised."""
    try:
        line = one(index)
    except BaseException as error:
        failure = error

        def fail() -> str | None:
            raise failure

        return fail
    return lambda: line


def _leave() -> NoReturn:
    """End the process although workers run: they may hang in a plugin, which is then named."""
    hooks = sys.modules.get("pgic_core.hooks")
    for call in hooks.running_calls() if hooks else ():
        say(f"pgic: interrupted in {call}")
    say("pgic: interrupted")
    sys.stdout.flush()
    os._exit(130)
