"""Running a command that makes files: in parallel, with a report of losses and failures."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ..errors import PgiError, PgiInputError, PgiOptionError
from ..terminal import say
from .batch import Report, run_batch
from .command_base import reason_of
from .file_facts_output import pgi_sources
from .paths import STREAM, Target, claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .batch import Progress
    from .file_options import OutputOptions, RunOptions
    from .paths import Existing, Source

__all__ = ["Losses", "Run", "change_each", "do_each", "naming", "run_targets"]

_MAX_DEFAULT_JOBS = 4


@dataclass(frozen=True, slots=True)
class Run:
    """How a command goes about its files.

    Attributes:
        jobs: files at a time.
        threads: threads for each file.
        verbose: say a line for each file.
        quiet: say nothing but what failed.
    """

    jobs: int
    threads: int
    verbose: bool
    quiet: bool

    @classmethod
    def plan(cls, files: int, options: RunOptions) -> Run:
        """Share the processors between files.

        One file gets all threads. Several go up to four at a time, since each needs memory, and share them.

        Raises:
            PgiOptionError: ``PGIC_THREADS`` is no whole number from 1.
        """
        from ..models import default_threads

        available = default_threads()
        jobs = min(options.jobs or min(available, _MAX_DEFAULT_JOBS), max(files, 1))
        threads = options.threads or max(1, available // jobs)
        return cls(jobs, threads, options.verbose, options.quiet)


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Name the file in the error of a command that works on one alone, and exit with 1.

    Args:
        name: of the file.
    """
    try:
        yield
    except PgiOptionError:  # is about the arguments
        raise
    except PgiError as error:
        say(f"pgic: {name}: {reason_of(error)}")
        sys.exit(1)


class Losses:
    """Says what pictures lose, one line for each, and counts them; or makes an error of it.

    Args:
        strict: raise instead.
        quiet: count only.

    Attributes:
        files: how many pictures lost something.
    """

    def __init__(self, *, strict: bool, quiet: bool) -> None:
        self._strict = strict
        self._quiet = quiet
        self._lock = threading.Lock()
        self.files = 0

    def tell(self, name: str, losses: Sequence[str]) -> None:
        """Say what the picture ``name`` loses; nothing if it loses nothing.

        Raises:
            PgiInputError: it loses something, and that is not allowed.
        """
        if not losses:
            return
        from ..photos.conversion_losses import sentence

        if self._strict:
            raise PgiInputError(f"With --strict nothing may be lost: {sentence('it', losses)}")
        with self._lock:
            self.files += 1
        if not self._quiet:
            say(f"pgic: {sentence(name, losses)}")


def run_targets(
    targets: Sequence[Target],
    work: Callable[[Target, Progress], str],
    run: Run,
    outputs: OutputOptions,
    losses: Losses,
    passed_over: Sequence[str] = (),
) -> None:
    """Make every target, say what became of them, and exit with 1 if one failed.

    Args:
        targets: what to make.
        work: makes one, and returns the line to say.
        run: how to go about it.
        outputs: what to do about files that are there, and about times.
        losses: which ``work`` tells what pictures lose.
        passed_over: phrases for the summary, about files that are no targets.

    Raises:
        click.UsageError: there is nothing to do, or the options contradict each other.
    """
    if outputs.force and outputs.skip_existing:
        raise click.UsageError("--force and --skip-existing contradict each other.")
    if not targets:
        more = "".join(f" {phrase}." for phrase in passed_over)
        raise click.UsageError(f"There are no files of a known kind in what was named.{more}")
    wanted, refused = _claimed(targets, outputs)

    def timed(target: Target, progress: Progress) -> str:
        line = work(target, progress)
        if outputs.keep_time and target.name != STREAM and not target.source.is_stream:
            times = os.stat(target.source.name)
            os.utime(target.name, ns=(times.st_atime_ns, times.st_mtime_ns))
        return line

    skipped = len(targets) - len(wanted) - len(refused)
    report = run_batch(
        wanted,
        lambda target: target.source.name,
        timed,
        jobs=run.jobs,
        verbose=(run.verbose or len(targets) == 1) and not run.quiet,
        show_progress=not run.quiet,
    )
    report = Report(len(targets), refused + report.failures)
    if len(targets) > 1 and not run.quiet:
        left = f", {skipped} left as they are" if skipped else ""
        lossy = f", {losses.files} with warnings" if losses.files else ""
        done = len(targets) - len(report.failures) - skipped
        say(f"{done} of {len(targets)} files done{left}{lossy}")
    if not run.quiet:
        for phrase in passed_over:
            say(f"pgic: {phrase}")
    report.finish()


def _claimed(targets: Sequence[Target], outputs: OutputOptions) -> tuple[list[Target], list[tuple[str, str]]]:
    """The targets to make, and name and reason of those that may not be written."""
    existing: Existing = "overwrite" if outputs.force else "skip" if outputs.skip_existing else "refuse"
    claimed: dict[str, str] = {}
    wanted: list[Target] = []
    refused: list[tuple[str, str]] = []
    for target in targets:
        try:
            if claim(target, claimed, existing):
                replaces = outputs.force or (target.typed and not outputs.skip_existing)
                wanted.append(dataclasses.replace(target, replace=replaces))
        except PgiInputError as error:
            refused.append((target.source.name, str(error)))
    return wanted, refused


def do_each(
    items: Sequence[str],
    work: Callable[[str, Progress], str],
    running: RunOptions,
    name_of: Callable[[str], str] = str,
) -> None:
    """Work on files or pairs of files and say a line for each; exits with 1 if one of them failed.

    Args:
        items: what to work on.
        work: does one item, calls what it is given with the share done, and returns the line to say.
        running: how many at a time, and what to say.
        name_of: name of an item in messages.
    """
    run = Run.plan(len(items), running)
    run_batch(
        items,
        name_of,
        work,
        jobs=run.jobs,
        verbose=not run.quiet,
        show_progress=not run.quiet,
    ).finish()


def change_each(inputs: Sequence[str], work: Callable[[str, Progress], object]) -> None:
    """Change ``.pgi`` files in place, one after the other; exits with 1 if one of them failed.

    Args:
        inputs: arguments that name files, patterns or folders.
        work: changes the file with a name, and calls what it is given with the share done.

    Raises:
        click.UsageError: they name no ``.pgi`` file.
    """

    def change(source: Source, progress: Progress) -> None:
        work(source.name, progress)

    run_batch(
        pgi_sources(inputs), lambda source: source.name, change, jobs=1, verbose=False, show_progress=True
    ).finish()
