"""The tables of docs/recognition.md say what the results beside them hold."""

from __future__ import annotations

import csv
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
CELL = re.compile(r"(-?\d+\.\d) % \((-?\d+\.\d) to (-?\d+\.\d)\)( \*)?")


def test_every_cell_is_a_row_of_the_results() -> None:
    known = set()
    for path in DOCS.glob("results/recognition-*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                figures = tuple(f"{float(row[name]):.1f}" for name in ("lost", "low", "high"))
                known.add((*figures, "" if row["met"] == "True" else " *"))
    cells = CELL.findall((DOCS / "recognition.md").read_text(encoding="utf-8"))
    assert len(cells) > 40
    assert [cell for cell in cells if cell not in known] == []


def test_met_is_what_the_standard_asks_for() -> None:
    for path in DOCS.glob("results/recognition-*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                assert (row["met"] == "True") == (float(row["high"]) < 5), row
                assert float(row["low"]) <= float(row["lost"]) <= float(row["high"]), row
