"""Long runs: ``python -m tests.hostile.soak threads --count 500`` and ``... rounds --count 2000``.

``threads`` codes and decodes small files in 8 threads at once and in one, and compares every byte.
``rounds`` codes, decodes, inspects and is refused over and over, and watches memory and open files.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import skimage.data

import pgic_core
from pgic_core.errors import PgiError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["compare_threads", "run_rounds"]

_THREADS = 8


def picture(number: int) -> tuple[NDArray[Any], dict[str, Any]]:
    """A small picture of one of many sizes and kinds, and how to code it."""
    random = np.random.default_rng(number)
    photo = skimage.data.astronaut()
    height, width = (int(side) for side in random.integers(1, 180, 2))
    top, left = (int(start) for start in random.integers(0, 300, 2))
    part = photo[top : top + height, left : left + width]
    kind = number % 5
    if kind == 3:
        return part[:, :, 0], {"effort": 1}
    if kind == 4:
        return np.dstack([part, part[:, :, :1]]), {"quality": 40}
    return part, {"quality": int(random.integers(1, 101)), "effort": 1 + number % 2}


def _there_and_back(number: int) -> tuple[bytes, bytes]:
    image, options = picture(number)
    data = pgic_core.encode(image, threads=1 + number % 2, **options)
    window = (0, 0, image.shape[1], 1)
    pixels = [
        pgic_core.decode(data, threads=1 + number % 2),
        pgic_core.decode(data, level="preview"),
        pgic_core.decode(data, window=window),
    ]
    return hashlib.sha256(data).digest(), hashlib.sha256(b"".join(p.tobytes() for p in pixels)).digest()


def compare_threads(count: int) -> int:
    """Code and decode files in 8 threads and in one; returns how many came out otherwise."""
    with ThreadPoolExecutor(_THREADS) as pool:
        together = list(pool.map(_there_and_back, range(count)))
    alone = [_there_and_back(number) for number in range(count)]
    return sum(a != b for a, b in zip(together, alone, strict=True))


def run_rounds(count: int, folder: Path) -> tuple[list[int], list[int]]:
    """Go round; returns resident bytes and open files at 11 moments, the first after a tenth of the way."""
    image, options = picture(1)
    path = folder / "a.pgi"
    damaged = bytearray(pgic_core.encode(image, **options))
    damaged[-9] ^= 1
    memory, files = [], []
    for number in range(count):
        pgic_core.encode_to(path, image, **options)
        pgic_core.decode(path)
        with pgic_core.open_file(path) as file:
            file.info()
            file.decode(level="preview")
        for bad in (bytes(damaged), bytes(damaged[:-50]), b"no file"):
            try:
                pgic_core.decode(bad)
            except PgiError:
                pass
            else:
                raise AssertionError("a damaged file was decoded")
        pgic_core.decode_with_mask(bytes(damaged))
        if number >= count // 10 and (number - count // 10) % max(1, (count - count // 10) // 10) == 0:
            gc.collect()
            memory.append(_resident())
            files.append(len(os.listdir("/proc/self/fd")))
    return memory, files


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """The command line."""
    import tempfile

    parser = argparse.ArgumentParser(prog="python -m tests.hostile.soak", description=__doc__)
    parser.add_argument("what", choices=["threads", "rounds"])
    parser.add_argument("--count", type=int, default=500)
    given = parser.parse_args()
    start = time.perf_counter()
    if given.what == "threads":
        different = compare_threads(given.count)
        print(f"{given.count} files in {_THREADS} threads and in one: {different} differ")
        failed = different > 0
    else:
        with tempfile.TemporaryDirectory() as folder:
            memory, files = run_rounds(given.count, Path(folder))
        print("MB resident:", " ".join(f"{value / 1e6:.1f}" for value in memory))
        print("open files:", " ".join(map(str, files)))
        failed = len(set(files)) > 1 or memory[-1] - memory[0] > 10e6
    print(f"{time.perf_counter() - start:.0f} s")
    sys.exit(failed)


if __name__ == "__main__":
    main()
