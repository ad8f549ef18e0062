"""Options of commands that work on files: how to run, where to write, what may be lost."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .command_base import option

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OutputOptions", "RunOptions", "output_options", "run_options", "strict_option"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user says about the way of working; see :func:`run_options`.

    Attributes:
        jobs: files at a time, or None.
        threads: threads for each file, or None.
        verbose: say a line for each file.
        quiet: say nothing but what failed.
    """

    jobs: int | None
    threads: int | None
    verbose: bool
    quiet: bool


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What the user says about the outputs; see :func:`output_options`.

    Attributes:
        output: file, folder, ``-`` or None.
        force: overwrite files whose names were not typed.
        skip_existing: leave files that are there.
        keep_time: give each output the time of last change of its input, where both are files.
    """

    output: str | None
    force: bool
    skip_existing: bool
    keep_time: bool


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """``-j``, ``--threads``, ``-v`` and ``--quiet``, which ``command`` gets as its argument ``running``."""

    @functools.wraps(command)
    def bundled(*, jobs: int | None, threads: int | None, verbose: bool, quiet: bool, **others: Any) -> None:
        command(running=RunOptions(jobs, threads, verbose, quiet), **others)

    made: Callable[..., None] = bundled
    for decorate in (
        option("--quiet", is_flag=True, group="Running", advanced=True, help="Report failures only."),
        option(
            "-v",
            "--verbose",
            is_flag=True,
            group="Running",
            advanced=True,
            help="Report each file on a line.",
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
        made = decorate(made)
    return made


def output_options(command: Callable[..., None], *, demanded: bool = False) -> Callable[..., None]:
    """``-o``, ``-f``, ``--skip-existing`` and ``--keep-time``, which ``command`` gets as ``outputs``.

    Args:
        command: that makes files.
        demanded: whether it has to be told where they go.
    """
    where = "It has to be named." if demanded else "[default: beside the input]"

    @functools.wraps(command)
    def bundled(
        *, output: str | None, force: bool, skip_existing: bool, keep_time: bool, **others: Any
    ) -> None:
        command(outputs=OutputOptions(output, force, skip_existing, keep_time), **others)

    made: Callable[..., None] = bundled
    for decorate in (
        option(
            "--keep-time",
            is_flag=True,
            group="Output",
            advanced=True,
            help="Give each output the modification time of its input.",
        ),
        option(
            "--skip-existing",
            is_flag=True,
            group="Output",
            advanced=True,
            help="Skip outputs that exist, to resume an interrupted run.",
        ),
        option(
            "-f",
            "--force",
            is_flag=True,
            group="Output",
            help="Also overwrite files that pgic names after their inputs.",
        ),
        option(
            "-o",
            "--output",
            metavar="PATH",
            group="Output",
            help=f"File or folder; folders below an input folder are kept. {where}",
        ),
    ):
        made = decorate(made)
    return made


def strict_option(command: Callable[..., None]) -> Callable[..., None]:
    """``--strict``."""
    return option(
        "--strict",
        is_flag=True,
        group="Running",
        advanced=True,
        help="Fail where something of a picture would be left out or changed, instead of reporting it.",
    )(command)
