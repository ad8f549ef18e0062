"""A few hundred mutants in each test run, the bombs, and every file that was ever trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from .__main__ import run
from .bombs import bombs
from .memory import Watch
from .mutate import mutant
from .sealing import reseal
from .seeds import seeds
from .target import judge

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.pgi"))


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    for seed in seeds():
        verdict = judge(seed.data, seed)
        assert verdict.faults == []
        wanted = {"facts", "picture", "preview", "concealed", "verified", "frames"}
        if not seed.name.startswith("sequence"):  # which hold no feature maps
            wanted.add("features")
        assert wanted <= set(verdict.outcomes)


def test_mutants_give_a_right_picture_or_an_error_of_ours() -> None:
    report = run(400, seed=20261122)
    print("\n".join(report.lines()))
    assert report.faults == []
    assert report.files == 400
    assert report.sealed >= 200
    # Sealed files are of no use unless they get past the checksums.
    reached = {parser for parser, _ in report.coverage.files}
    lossless = {f"codec/lossless/{name}.py" for name in ("decoder", "predictive_coder", "tile_coders")}
    assert {
        "container/file_header.py",
        "container/sequence_records.py",
        "codec/learned/payload/header.py",
    } | lossless <= reached


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_refused(name: str) -> None:
    watch = Watch()
    watch.peak()
    verdict = judge(bombs()[name], None, watch)
    assert verdict.faults == []
    assert "verified" not in verdict.outcomes
    assert verdict.sites


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("sealed", [False, True])
def test_files_that_were_trouble_are_none_any_more(path: Path, sealed: bool) -> None:
    data = path.read_bytes()
    assert judge(reseal(data) if sealed else data).faults == []


def test_a_mutant_is_the_same_every_time() -> None:
    for number in range(40):
        assert mutant(number, 3) == mutant(number, 3)
    assert mutant(1, 3).data != mutant(1, 4).data


def test_sealed_mutants_have_sound_checksums() -> None:
    made = [mutant(number, 5) for number in range(0, 200, 2)]
    assert all(one.sealed for one in made)
    # Where forged offsets make blocks overlap, no checksums can fit all of them.
    assert sum(reseal(one.data) == one.data for one in made) > 85
