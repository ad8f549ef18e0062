"""A process that judges a batch of mutants: ``python -m tests.fuzz.worker RUN FIRST COUNT KIND``.

Writes one JSON object a line: the number of a mutant before it is read, and its verdict after. Whoever
started it sees from the last line which one ended or stopped the process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from .memory import Watch
from .mutate import mutant
from .seeds import seeds
from .target import judge

__all__ = ["main"]

_ADDRESSES = 3 << 30


def main() -> None:
    """Judge the batch of the command line."""
    run, first, count = map(int, sys.argv[1:4])
    kind = sys.argv[4]
    for seed in seeds():  # engines and plugins are loaded before the process counts as idle
        judge(seed.data, seed)
    for seed in seeds():
        judge(seed.data, seed)
    watch = Watch()
    # An allocation that no limit stopped fails here before it fills the machine.
    used = _most_memory()
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + _ADDRESSES, resource.RLIM_INFINITY))
    assert used < _ADDRESSES
    for number in range(first, first + count):
        print(json.dumps({"start": number}), flush=True)
        made = mutant(number, run, kind)
        watch.peak()
        start = time.perf_counter()
        verdict = judge(made.data, None if made.sealed else made.seed, watch)
        record = {
            "number": number,
            "sealed": made.sealed,
            "outcomes": verdict.outcomes,
            "faults": verdict.faults,
            "sites": sorted(verdict.sites),
            "seconds": verdict.seconds,
            "wall": time.perf_counter() - start,
            "peak": verdict.peak,
        }
        print(json.dumps(record), flush=True)


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _most_memory() -> int:
    """The most memory that was in use so far; ``ru_maxrss`` counts that of the parent before ``exec``."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    main()
