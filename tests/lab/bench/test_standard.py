"""The standard's own numbers: throughput by threads and processes, and every picture in its share of JPEG."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

from pgic_core.cli import app
from pgic_core.lab.bench.jpeg_ratio import RatioRow
from pgic_core.lab.bench.standard_demands import (
    ThroughputRow,
    ratio_picture_table,
    throughput_of_jobs,
    throughput_table,
    worst_pair,
)

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = data.coffee()[:160, :240]


def test_processes_run_side_by_side_with_one_thread_each() -> None:
    before = os.environ.get("PGIC_THREADS")
    rows = throughput_of_jobs(PHOTO, [1, 2], repeats=1)
    assert os.environ.get("PGIC_THREADS") == before
    assert [(row.operation, row.jobs, row.threads) for row in rows] == [
        ("encode", 1, 1),
        ("decode", 1, 1),
        ("encode", 2, 1),
        ("decode", 2, 1),
    ]
    assert rows[0].per_second == pytest.approx(1 / rows[0].wall)
    assert all(row.cpu > 0 for row in rows)


def test_tables_say_what_is_asked() -> None:
    row = ThroughputRow("encode", 1, 1, 0.5, 2.0, 1.25)
    assert row.per_core == 0.8
    table = throughput_table([row], 5, "a processor")
    assert "asked: 5 on 8 cores" in str(table.title)
    assert [list(column.cells)[-1] for column in table.columns][-1] == "6.4"
    rows = [RatioRow("good", 95, 1000, 99, 36.0, 0.99), RatioRow("bad", 80, 1000, 0, 0.0)]
    names, *_, above = (list(column.cells) for column in ratio_picture_table(rows).columns)
    assert (names, above) == (["bad", "good"], ["no", "yes"])


def test_the_worst_place_stands_beside_its_original() -> None:
    pair = np.asarray(worst_pair(PHOTO, 2500))
    assert pair.shape == (160, 480, 3)
    assert np.array_equal(pair[:, :240], PHOTO)
    assert 20 < 10 * np.log10(255**2 / np.square(pair[:, 240:].astype(float) - PHOTO).mean()) < 45


def test_the_command(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "coffee.png")
    worst, table = tmp_path / "out.png", tmp_path / "out.csv"
    arguments = [
        "bench",
        "standard",
        tmp_path / "coffee.png",
        "--megapixels",
        0.04,
        "--worst",
        worst,
        "--csv",
        table,
    ]
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert "Each picture within a share" in done.stdout
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["jpeg_quality"] for row in rows] == ["95", "80"]
    assert Image.open(worst).format == "PNG"
