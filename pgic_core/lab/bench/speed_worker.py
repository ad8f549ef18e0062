"""One measurement in a process of its own: ``python -m pgic_core.lab.bench.speed_worker JOB``, JOB as JSON.

Cold times count from the start of the process, so that they are what a user of a fresh process waits.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...terminal import show_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main", "run"]

_WINDOW = 512


def main() -> None:
    """Do the job of the command line and print its figures as JSON."""
    show_json(run(json.loads(sys.argv[1])))


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job.

    Args:
        job: ``codec``, ``operation`` (encode, decode, preview, window, encode-stages or decode-stages),
            ``quality``, ``repeats`` of the call after the first, ``picture`` (an ``.npy`` file), ``file``
            (the coded file, written by encode and read by the rest) and ``started`` (``time.time()`` before
            the process was).

    Returns:
        ``cold`` seconds from the start of the process to the first result, ``warm`` seconds of each further
        call, ``cpu`` seconds of one, ``peak`` bytes of memory of the process. For stages instead of these
        ``stages``, mean seconds of a warm call by stage.
    """
    work = _work(job)
    figures: dict[str, Any] = {}
    if job["operation"].endswith("-stages"):
        from .stage_times import stage_times

        figures["stages"], result = stage_times(work, job["repeats"])
    else:
        result = work()
        figures["cold"] = time.time() - job["started"]
    if job["operation"].startswith("encode"):
        Path(job["file"]).write_bytes(result)
    if "stages" in figures:
        return figures
    warm = []
    cpu = time.process_time()
    for _ in range(job["repeats"]):
        start = time.perf_counter()
        work()
        warm.append(time.perf_counter() - start)
    cpu = (time.process_time() - cpu) / max(1, job["repeats"])
    return figures | {"warm": warm, "cpu": cpu, "peak": _peak_bytes()}


def _work(job: dict[str, Any]) -> Callable[[], Any]:
    from .peer_codecs import find_codec

    codec = find_codec(job["codec"])
    operation = job["operation"].removesuffix("-stages")
    if operation == "encode":
        import numpy as np

        picture = np.load(job["picture"])
        return lambda: codec.encode(picture, job["quality"])
    data = Path(job["file"]).read_bytes()
    if operation == "decode":
        return lambda: codec.decode(data)
    from ...api import decode, inspect

    if operation == "preview":
        return lambda: decode(data, level="preview")
    info = inspect(data)
    width, height = min(_WINDOW, info.width), min(_WINDOW, info.height)
    window = ((info.width - width) // 2, (info.height - height) // 2, width, height)
    return lambda: decode(data, window=window)


def _peak_bytes() -> int:
    """Most memory this process ever held. Linux counts its parent's into ``ru_maxrss``, not into VmHWM."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


if __name__ == "__main__":
    main()
