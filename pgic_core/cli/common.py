"""Options that several commands share, and the way they run."""

from __future__ import annotations

import dataclasses
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ..errors import PgiInputError, PgiOptionError
from ..terminal import say
from .batch import Report, run_batch
from .paths import STREAM, Target, claim
from .tiers import option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .batch import Progress
    from .paths import Existing

__all__ = [
    "PGI_SUFFIXES",
    "Losses",
    "Run",
    "output_options",
    "run_options",
    "run_targets",
    "strict_option",
]

PGI_SUFFIXES = (".pgi",)
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
    def plan(cls, files: int, jobs: int | None, threads: int | None, verbose: bool, quiet: bool) -> Run:
        """Share the processors between files.

        One file gets all threads. Several go up to four at a time, since each needs memory, and share them.
        """
        from ..models import default_threads

        try:
            available = default_threads()
        except PgiOptionError as error:  # a wrong PGIC_THREADS
            raise click.UsageError(str(error)) from error
        jobs = min(jobs or min(available, _MAX_DEFAULT_JOBS), max(files, 1))
        return cls(jobs, threads or max(1, available // jobs), verbose, quiet)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """``-j``, ``--threads``, ``-v`` and ``--quiet``."""
    for decorate in (
        option("--quiet", is_flag=True, group="Running", advanced=True, help="Say nothing but what failed."),
        option(
            "-v", "--verbose", is_flag=True, group="Running", advanced=True, help="Say a line for each file."
        ),
        option(
            "--threads",
            type=click.IntRange(min=1),
            metavar="N",
            group="Running",
            advanced=True,
            help="Threads for each file. [default: what PGIC_THREADS or the processors leave to each]",
        ),
        option(
            "-j",
            "--jobs",
            type=click.IntRange(min=1),
            metavar="N",
            group="Running",
            help="Files at a time. [default: up to 4]",
        ),
    ):
        command = decorate(command)
    return command


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """``-o``, ``-f``, ``--skip-existing`` and ``--keep-time``."""
    for decorate in (
        option(
            "--keep-time",
            is_flag=True,
            group="Output",
            advanced=True,
            help="Give each output the time of last change of its input.",
        ),
        option(
            "--skip-existing",
            is_flag=True,
            group="Output",
            advanced=True,
            help="Leave files that are there, to go on where a run was stopped.",
        ),
        option(
            "-f",
            "--force",
            is_flag=True,
            group="Output",
            help="Overwrite files whose names were not typed but made from the inputs'.",
        ),
        option(
            "-o",
            "--output",
            metavar="PATH",
            group="Output",
            help="File or folder; folders below an input folder are kept. [default: beside the input]",
        ),
    ):
        command = decorate(command)
    return command


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
        from ..api.losses import sentence

        if self._strict:
            raise PgiInputError(f"With --strict nothing may be lost: {sentence('it', losses)}")
        with self._lock:
            self.files += 1
        if not self._quiet:
            say(f"pgic: {sentence(name, losses)}")


def strict_option(command: Callable[..., None]) -> Callable[..., None]:
    """``--strict``."""
    return option(
        "--strict",
        is_flag=True,
        group="Running",
        advanced=True,
        help="Fail where something of a picture would be left out or changed, instead of saying so.",
    )(command)


def run_targets(
    targets: Sequence[Target],
    work: Callable[[Target, Progress], str],
    run: Run,
    *,
    force: bool,
    skip_existing: bool,
    losses: Losses,
    passed_over: Sequence[str] = (),
    keep_time: bool = False,
) -> None:
    """Make every target, say what became of them, and exit with 1 if one failed.

    Args:
        targets: what to make.
        work: makes one, and returns the line to say.
        run: how to go about it.
        force: overwrite files whose names were not typed.
        skip_existing: leave files that are there.
        losses: which ``work`` tells what pictures lose.
        passed_over: phrases for the summary, about files that are no targets.
        keep_time: give each output the time of last change of its input, where both are files.

    Raises:
        click.UsageError: there is nothing to do, or ``force`` and ``skip_existing`` are both set.
    """
    if force and skip_existing:
        raise click.UsageError("--force and --skip-existing contradict each other.")
    if not targets:
        more = "".join(f" {phrase}." for phrase in passed_over)
        raise click.UsageError(f"There are no files of a known kind in what was named.{more}")
    existing: Existing = "overwrite" if force else "skip" if skip_existing else "refuse"
    claimed: dict[str, str] = {}
    wanted: list[Target] = []
    refused: list[tuple[str, str]] = []
    for target in targets:
        try:
            if claim(target, claimed, existing):
                replaces = force or (target.typed and not skip_existing)
                wanted.append(dataclasses.replace(target, replace=replaces))
        except PgiInputError as error:
            refused.append((target.source.name, str(error)))

    def timed(target: Target, progress: Progress) -> str:
        line = work(target, progress)
        if keep_time and target.name != STREAM and not target.source.is_stream:
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
