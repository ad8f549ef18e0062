"""Runs an attack in a process of its own and holds what it took against the budgets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Outcome", "command", "python"]

SECONDS = 2.0
"""Processor time of an attack above that of a process that starts and reads a sound file."""
MEGABYTES = 500
"""Memory that its process may take in all."""
_LAUNCHER = Path(__file__).with_name("launcher.py")
_PATIENCE = 60.0  # seconds of wall-clock time: what hangs takes no processor time


@dataclass(frozen=True)
class Outcome:
    """What became of a process.

    Attributes:
        status: exit status; negative for a signal, as which a process that hangs is reported too.
        stdout, stderr: what it wrote.
        seconds: of processor time, children included.
        megabytes: the most memory it held.
    """

    status: int
    stdout: bytes
    stderr: bytes
    seconds: float
    megabytes: float

    def check(self, status: int | None = None) -> Outcome:
        """Fail the test unless it ended by itself, within the budgets, without a traceback.

        Args:
            status: that it must have ended with; 0 or 1 if not given.
        """
        said = (self.stdout[-2000:], self.stderr[-2000:])
        assert self.status in ((0, 1) if status is None else (status,)), (self.status, *said)
        assert b"Traceback" not in self.stderr, said
        assert self.seconds <= SECONDS + _idle().seconds, f"{self.seconds:.1f} s"
        assert self.megabytes <= MEGABYTES, f"{self.megabytes:.0f} MB"
        return self


def command(*arguments: str | Path, **options: object) -> Outcome:
    """Run ``pgic`` with these arguments; options as for :func:`python`."""
    return _run([sys.executable, "-m", "pgic_core", *map(os.fspath, arguments)], **options)  # type: ignore[arg-type]


def python(code: str, *arguments: str | Path, **options: object) -> Outcome:
    """Run Python code in a fresh process.

    Args:
        code: is dedented.
        arguments: its ``sys.argv[1:]``.
        options: ``env``, variables to set; ``stdin``, bytes; ``cwd``.
    """
    return _run(
        [sys.executable, "-c", textwrap.dedent(code), *map(os.fspath, arguments)],
        **options,  # type: ignore[arg-type]
    )


@lru_cache(maxsize=1)
def _idle() -> Outcome:
    return python("import numpy, onnxruntime, PIL.Image, pgic_core, pgic_core.api, pgic_core.cli.info")


def _run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    cwd: str | os.PathLike[str] | None = None,
) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        done = subprocess.run(
            [sys.executable, "-S", "-E", str(_LAUNCHER), str(report), str(_PATIENCE), *arguments],
            input=stdin,
            capture_output=True,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            check=True,
        )
        return Outcome(stdout=done.stdout, stderr=done.stderr, **json.loads(report.read_text()))
