"""The endurance run: what it does in a round, what it notices, and how drift is told."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from pgic_core.cli import app
from pgic_core.errors import PgiFormatError
from pgic_core.lab import soak as module
from pgic_core.lab.soak import Reading, drift_of, drifts, generation_losses, soak

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = data.coffee()[100:196, 200:330]


def test_a_run_goes_round_and_holds_what_it_held(tmp_path: Path) -> None:
    """Ten rounds after a warm-up leave no file, no thread and no handle behind."""
    soak([PHOTO], tmp_path, 0)
    ticks = iter(range(1000))
    result = soak([PHOTO, PHOTO[:40, :33]], tmp_path, 20, clock=lambda: next(ticks))
    assert result.failures == []
    assert result.rounds == 10
    assert len({reading.handles for reading in result.readings}) == 1
    assert len({reading.threads for reading in result.readings}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["soak.pgi"]
    assert all(reading.memory > 10e6 for reading in result.readings)


def test_a_round_that_fails_is_told_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def verify(source: Any) -> None:
        calls.append(source)
        if isinstance(source, bytes):
            raise PgiFormatError("damaged")
        if len(calls) == 1:
            raise RuntimeError("out of luck")

    monkeypatch.setattr(module, "verify", verify)
    ticks = iter(range(1000))
    result = soak([PHOTO], tmp_path, 4, clock=lambda: next(ticks))
    assert result.rounds == 2
    assert result.failures == ["Round 0: RuntimeError: out of luck"]


def test_damage_that_passes_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "verify", lambda source: None)
    assert soak([PHOTO], tmp_path, 0).failures == ["Round 0: A changed byte was not found."]


def test_drift_is_the_slope_and_its_interval_holds_it() -> None:
    generator = np.random.default_rng(4)
    seconds = np.arange(400) * 9.0
    held = 0
    for _ in range(200):
        values = 1e8 + 5e6 * seconds / 86400 + generator.normal(0, 3e5, 400)
        drift = drift_of("memory", list(seconds), list(values))
        held += drift.low <= 5e6 <= drift.high
    assert 180 <= held <= 199  # of a 95 % interval
    level = drift_of("memory", list(seconds), [7.0] * 400)
    assert (level.per_day, level.low, level.high) == (0, 0, 0)
    assert not level.shown


def test_a_leak_is_shown_and_noise_is_not() -> None:
    generator = np.random.default_rng(5)
    readings = [
        Reading(10.0 * i, int(2e8 + generator.normal(0, 1e5)), 20 + i // 10, 8, 1000) for i in range(200)
    ]
    found = {drift.name: drift for drift in drifts(readings)}
    assert found["handles"].shown
    assert found["handles"].per_day == pytest.approx(864, rel=0.05)
    assert not found["threads"].shown
    assert not found["disk"].shown
    assert found["memory"].low < 0 < found["memory"].high
    assert drifts(readings[:5]) == []


def test_generations_start_from_what_the_last_one_showed() -> None:
    rows = list(generation_losses(PHOTO, 50, 3))
    assert [row["generation"] for row in rows] == [1, 2, 3]
    assert rows[0]["psnr"] > rows[2]["psnr"] > 25
    assert abs(rows[0]["red"]) < 1


def test_the_command_runs_and_writes_its_readings(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    done = CliRunner().invoke(
        app, ["soak", "--hours", "0", "--side", "64", "--csv", str(path), "--generations", "2"]
    )
    assert done.exit_code == 0, done.output
    assert "1 round in" in done.stdout
    assert "Too few rounds" in done.stdout
    assert "generation" in done.stdout
    with path.open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 1


@pytest.mark.slow
def test_a_minute_of_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["soak", "--hours", str(1 / 60), "--side", "128"])
    assert done.exit_code == 0, done.output
    assert "0 failures" in done.stdout
