"""``python -m tests.fuzz --count 20000 --seed 1``: many mutants, in processes that may die, and a report.

Exit status 1 if anything came out that must not; those files are kept in the folder that ``--keep`` names.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .coverage import Coverage
from .mutate import mutant

__all__ = ["Report", "main", "run"]

_HANGS = 120.0
"""Seconds without a line after which a worker counts as hanging; its own clock is processor time."""


@dataclass
class Report:
    """What became of the mutants.

    Attributes:
        files: how many were read.
        sealed: how many of them with sound checksums.
        outcomes: ways of reading that gave a result, and errors, with their counts.
        coverage: rules reached.
        seconds: processor time of the slowest call.
        peak: bytes above the idle process.
        faults: number and description of what must not be.
    """

    files: int = 0
    sealed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    coverage: Coverage = field(default_factory=Coverage)
    seconds: float = 0.0
    peak: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def lines(self, every_site: bool = False) -> list[str]:
        """For people."""
        return [
            f"{self.files:,} files, {self.sealed:,} of them sealed again",
            *(f"  {count:>8,} {name}" for name, count in sorted(self.outcomes.items())),
            f"slowest call {self.seconds:.2f} s of processor time, "
            f"most memory {self.peak / (1 << 20):.0f} MB above the idle process",
            *self.coverage.lines(every_site),
            *(f"FAULT in {number}: {what}" for number, what in self.faults),
        ]


def run(count: int, seed: int, batch: int = 500, kind: str = "") -> Report:
    """Judge mutants 0 to ``count`` of a run, of files whose names begin with ``kind``."""
    report = Report()
    first = 0
    while first < count:
        first += _batch(report, seed, first, min(batch, count - first), kind)
    return report


def _batch(report: Report, seed: int, first: int, count: int, kind: str) -> int:
    """One process; returns how many mutants it came through, the one that ended it included."""
    command = [sys.executable, "-m", "tests.fuzz.worker", str(seed), str(first), str(count), kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    alive = [time.monotonic()]

    def watch() -> None:
        while process.poll() is None:
            if time.monotonic() - alive[0] > _HANGS:
                process.kill()
            time.sleep(0.5)

    threading.Thread(target=watch, daemon=True).start()
    errors: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    started = None
    done = 0
    for line in process.stdout:
        alive[0] = time.monotonic()
        record = json.loads(line)
        if "start" in record:
            started = record["start"]
            continue
        started = None
        done += 1
        report.files += 1
        report.sealed += record["sealed"]
        report.outcomes.update(record["outcomes"])
        report.coverage.add({(name, line_number) for name, line_number in record["sites"]})
        report.seconds = max(report.seconds, record["seconds"])
        report.peak = max(report.peak, record["peak"])
        report.faults += [(record["number"], fault) for fault in record["faults"]]
    code = process.wait()
    reader.join()
    if code == 0:
        return done
    if started is None:
        raise RuntimeError(f"The worker failed before it read a file: {errors[0][-500:]}")
    report.files += 1
    report.faults.append((started, f"ended the process with status {code}: {errors[0][-200:]}"))
    return done + 1


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="mutants [20000]")
    parser.add_argument("--seed", type=int, default=0, help="of the run [0]")
    parser.add_argument("--batch", type=int, default=500, help="mutants for each process [500]")
    parser.add_argument("--of", default="", metavar="KIND", help='such files only, say "sequence"')
    parser.add_argument("--keep", type=Path, help="folder for files that show a fault")
    parser.add_argument("-v", "--verbose", action="store_true", help="list the rules that were not reached")
    given = parser.parse_args()
    start = time.perf_counter()
    report = run(given.count, given.seed, given.batch, given.of)
    print("\n".join(report.lines(given.verbose)))
    print(f"{time.perf_counter() - start:.0f} s")
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
        for number, _ in report.faults:
            (given.keep / f"{given.seed}-{number}.pgi").write_bytes(mutant(number, given.seed, given.of).data)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()
