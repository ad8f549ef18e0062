"""Mutated, cut and forged feature streams: ``python -m tests.features.mutations --count 5000 --seed 2``.

Half of them get a CRC32 that fits, so that the parsers behind it are reached. Each must end in one of our
errors or in what was announced, within two seconds of processor time; the run says so on its last line.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from pgic_core.errors import PgiError
from pgic_core.features import decode_features, encode_features, inspect_features
from pgic_core.varint import varint

__all__ = ["Report", "attack", "seal", "streams"]

SECONDS = 2.0  # of processor time that a call may take
_FORGED = (0, 1, 7, 127, 128, 255, 256, 4096, 65_535, 1 << 20, (1 << 24) - 1, 1 << 24, 1 << 32, (1 << 63) - 1)
_HEAD = 9  # bytes of a stream before what its CRC32 covers


@dataclass
class Report:
    """What became of the mutants.

    Attributes:
        outcomes: "decoded" and names of errors, with their counts.
        sealed: how many had a CRC32 that fits.
        slowest: seconds of processor time of the slowest call.
        faults: what must not be; number of the mutant and description.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    sealed: int = 0
    slowest: float = 0.0
    faults: list[tuple[int, str]] = field(default_factory=list)


@lru_cache(maxsize=1)
def streams() -> tuple[bytes, ...]:
    """Sound streams: every codec, packing, quantiser and form, from tiny to the size of a late layer."""
    rng = np.random.default_rng(0)
    values = np.maximum(rng.normal(size=(6, 15, 11)), 0).astype(np.float32)
    pyramid = {"p3": values, "p4": values[:, ::2, ::2]}
    late = np.maximum(rng.normal(size=(320, 7, 7)) - 1, 0).astype(np.float16)
    return (
        encode_features(values, packing="stack", qp=22),
        encode_features(values, packing="tile-ordered", qp=None, bits=10, quantiser="lloyd"),
        encode_features(pyramid, packing="stack-ordered", qp=32, bits=12, quantiser="log", per_channel=True),
        encode_features(values, codec="pgic", qp=20),
        encode_features(pyramid, codec="pgic", qp=None),
        encode_features([values, values[None]], codec="pgic", qp=30, quantiser="log"),
        encode_features(late, codec="pgic", qp=34),
        encode_features(late[None, :64], packing="tile", qp=30),
    )


def seal(data: bytes) -> bytes:
    """Repair the CRC32."""
    return data[:5] + struct.pack("<I", zlib.crc32(data[_HEAD:])) + data[_HEAD:]


def mutate(rng: np.random.Generator, original: bytes) -> bytes:
    """One to five changes of bytes, numbers or length."""
    data = bytearray(original)
    for _ in range(int(rng.choice((1, 1, 2, 5)))):
        if len(data) <= _HEAD:
            break
        # The head of a record is where the claims are, so aim there half of the time.
        last = len(data) if rng.random() < 0.5 else min(60, len(data))
        at = int(rng.integers(5, last))
        size = int(rng.integers(1, 20))
        match int(rng.integers(7)):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = rng.bytes(size)
            case 3:
                data[at] ^= 1 << int(rng.integers(8))
            case 4:
                data[at : at + size] = rng.bytes(min(size, len(data) - at))
            case 5:
                number = varint(_FORGED[int(rng.integers(len(_FORGED)))])
                data[at : at + len(number)] = number[: len(data) - at]
            case _:  # a splice
                other = streams()[int(rng.integers(len(streams())))]
                start = int(rng.integers(len(other)))
                piece = other[start : start + 10 * size][: len(data) - at]
                data[at : at + len(piece)] = piece
    return bytes(data)


def attack(count: int, seed: int) -> Report:
    """Decode ``count`` mutants, every second of them sealed."""
    rng = np.random.default_rng(seed)
    report = Report()
    for number in range(count):
        original = streams()[number // 2 % len(streams())]
        data = mutate(rng, original)
        sealed = number % 2 == 1 and len(data) > _HEAD
        if sealed:
            data = seal(data)
            report.sealed += 1
        start = time.process_time()
        try:
            found = decode_features(data)
            report.outcomes["decoded"] += 1
            if not sealed and data != original:
                report.faults.append((number, "a changed stream passed its CRC32"))
            shapes = [r.shape if r.batched else r.shape[1:] for r in inspect_features(data).records]
            arrays = list(found.values()) if isinstance(found, dict) else found
            arrays = [arrays] if isinstance(arrays, np.ndarray) else arrays
            if [array.shape for array in arrays] != shapes or not all(np.isfinite(a).all() for a in arrays):
                report.faults.append((number, "an array other than announced"))
        except PgiError as error:
            report.outcomes[type(error).__name__] += 1
            if not str(error).endswith("."):
                report.faults.append((number, f"no sentence: {error}"))
        except Exception as error:  # whatever else it is, it is the finding
            report.faults.append((number, f"{type(error).__name__}: {error}"[:300]))
        report.slowest = max(report.slowest, time.process_time() - start)
    return report


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.features.mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="mutants [5000]")
    parser.add_argument("--seed", type=int, default=2, help="of the run [2]")
    given = parser.parse_args()
    report = attack(given.count, given.seed)
    for name, count in sorted(report.outcomes.items()):
        print(f"{count:>8,} {name}")
    for number, what in report.faults:
        print(f"FAULT in {number}: {what}")
    print(
        f"end: {given.count:,} streams, {report.sealed:,} sealed again, {len(report.faults)} faults, "
        f"slowest {report.slowest:.2f} s of processor time"
    )
    sys.exit(bool(report.faults) or report.slowest > SECONDS)


if __name__ == "__main__":
    main()
