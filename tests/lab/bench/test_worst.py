"""Generated patterns, and the search for the worst block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pgic_core.cli.bench import bench
from pgic_core.lab.bench.peer_codecs import Codec
from pgic_core.lab.bench.worst_case import WorstRow, _Files, generated_pictures, measure_worst, off_the_grid
from pgic_core.lab.generated_patterns import PATTERNS, generate


@pytest.mark.parametrize("kind", PATTERNS)
def test_patterns_are_pictures_that_their_seed_decides(kind: str) -> None:
    first, again, other = (PATTERNS[kind](96, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_generate_draws_every_kind_of_hardness() -> None:
    random = np.random.default_rng(5)
    steepest = [int(np.abs(np.diff(generate(64, random).astype(int), axis=1)).max()) for _ in range(40)]
    assert min(steepest) < 40  # flat fields
    assert max(steepest) == 255  # black beside white


def test_generated_pictures_are_the_same_every_time() -> None:
    pictures = dict(generated_pictures(1))
    assert set(pictures) == {f"{kind}-0" for kind in PATTERNS}
    again = dict(generated_pictures(1))
    assert all(np.array_equal(pictures[name], again[name]) for name in pictures)


def test_the_worst_block_is_found(tmp_path, monkeypatch) -> None:
    picture = np.full((128, 192, 3), 90, np.uint8)
    spoilt = picture.copy()
    spoilt[64:128, 128:192] = 30
    monkeypatch.setattr("pgic_core.lab.bench.worst_case.decode", lambda data: spoilt)
    (row,) = measure_worst("p", picture, (50,), tmp_path)
    assert (row.left, row.top) == (128, 64)
    assert row.psnr == pytest.approx(10 * np.log10(255**2 / 60**2))
    assert not row.holds
    assert (tmp_path / "p-q50.png").exists()


def test_the_last_blocks_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of one pixel beyond the last whole block is judged with those above it."""
    picture = np.full((129, 100, 3), 90, np.uint8)
    spoilt = picture.copy()
    spoilt[128, 70:] = 30
    monkeypatch.setattr("pgic_core.lab.bench.worst_case.decode", lambda data: spoilt)
    (row,) = measure_worst("p", picture, (50,))
    assert (row.left, row.top) == (36, 65)
    assert row.psnr == pytest.approx(10 * np.log10(255**2 / (60**2 * 30 / 64**2)))


def test_neutral_blocks_must_stay_neutral(monkeypatch) -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    tinted = picture.copy()
    tinted[:4, :4, 2] += 20
    monkeypatch.setattr("pgic_core.lab.bench.worst_case.decode", lambda data: tinted)
    below, above = measure_worst("p", picture, (40, 50))
    assert above.chroma == pytest.approx(10, abs=1)  # Cb moves by half as much as blue
    assert below.holds
    assert not above.holds


def test_blocks_that_are_good_enough_have_no_gap() -> None:
    row = WorstRow("p", 50, 10, 10, 0, 0, 40.5, 60.0, 0.0)
    assert row.gap == 0
    assert row.holds


def test_the_command_says_how_many_fail(tmp_path) -> None:
    csv = tmp_path / "worst.csv"
    result = CliRunner().invoke(bench, ["worst", "--patterns", "1", "--quality", "60", "--csv", str(csv)])
    lines = csv.read_text().splitlines()
    assert len(lines) == 1 + len(PATTERNS)
    failing = result.output.rsplit("\n", 2)[-2]
    assert failing.endswith(f"of {len(PATTERNS)} pictures and qualities are out of bounds.")
    assert result.exit_code == (0 if failing.startswith("0 ") else 1)


def test_the_largest_file_within_a_size_is_found_with_few_tries() -> None:
    made: list[int] = []

    def encode(picture: np.ndarray, quality: int) -> bytes:
        made.append(quality)
        return bytes(1000 + quality**2)

    codec = Codec("c", "", (), 0, encode, lambda data: np.zeros((1, 1, 3), np.uint8))
    files = _Files(codec, np.zeros((1, 1, 3), np.uint8))
    assert [len(files.largest_within(size)) for size in (3500, 2000, 10**6, 1000, 900)] == [
        1000 + quality**2 for quality in (50, 31, 100, 0, 0)
    ]
    assert len(made) == len(set(made)) < 30


@pytest.mark.parametrize(
    ("name", "shape"), [("a.png", (80, 96, 3)), ("a.AVIF", (75, 93, 3)), ("a.jpg", (75, 93, 3))]
)
def test_pictures_of_lossy_files_leave_the_grid_of_their_coder(
    name: str, shape: tuple[int, int, int]
) -> None:
    picture = np.arange(80 * 96 * 3, dtype=np.uint32).astype(np.uint8).reshape(80, 96, 3)
    found = off_the_grid(picture, Path(name))
    assert found.shape == shape
    np.testing.assert_array_equal(found, picture[-shape[0] :, -shape[1] :])
