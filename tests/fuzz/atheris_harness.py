"""Coverage-guided fuzzing, for longer runs than the tests have time for.

``pip install atheris`` (nothing here depends on it), then
``python -m tests.fuzz.atheris_harness FOLDER -max_total_time=3600``. FOLDER is libFuzzer's corpus, to which
seeds, bombs and known troubles are added; what follows are libFuzzer's options. Every input is sealed before
it is read, so that what libFuzzer learns is what lies behind the checksums. A finding is written as
``crash-*``: add it to the corpus folder here, and every test run replays it.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pgic_core"]):
    import pgic_core
    from pgic_core.features import decode_features
    from pgic_core.features.features_in_file import read_features

from .bombs import bombs
from .sealing import reseal
from .seeds import seeds

__all__ = ["main"]


def read(data: bytes) -> None:
    """Read one input in every way; anything but a ``PgiError`` is a finding."""
    sealed = reseal(data)
    for way in (pgic_core.inspect, _picture, _concealed, _features, pgic_core.verify):
        with contextlib.suppress(pgic_core.PgiError):
            way(sealed)


def _picture(data: bytes) -> None:
    pgic_core.decode(data, threads=1)


def _concealed(data: bytes) -> None:
    pgic_core.decode_with_mask(data, threads=1)


def _features(data: bytes) -> None:
    stream = read_features(data)
    if stream is not None:
        decode_features(stream)


def main() -> None:
    """Fill the corpus and fuzz until stopped."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    known = {path.name: path.read_bytes() for path in (Path(__file__).parent / "corpus").glob("*.pgi")}
    files = {f"seed-{seed.name}": seed.data for seed in seeds()} | bombs() | known
    for number, data in enumerate(files.values()):
        if len(data) < 20_000:
            (folder / f"start-{number}").write_bytes(data)
    atheris.Setup([sys.argv[0], *sys.argv[2:], str(folder), "-rss_limit_mb=2048", "-timeout=30"], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
