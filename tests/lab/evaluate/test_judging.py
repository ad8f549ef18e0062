"""Blind judging: trials are drawn fairly, the page hides what is what, and gives its answers as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pgic_core.cli import app
from pgic_core.lab.evaluate.blind_judging import ORIGINAL, draw_trials
from tests.lab.browser import opened

CROPS: list[dict[str, Any]] = [{"views": [{"codec": name} for name in ("pgic", "avif", "jpeg")]}] * 4


def test_trials_follow_the_seed_and_treat_all_alike() -> None:
    trials = draw_trials(CROPS, 24, seed=3)
    assert trials == draw_trials(CROPS, 24, seed=3)
    assert trials != draw_trials(CROPS, 24, seed=4)
    others = Counter((t["crop"], t["b"] if t["a"] == "pgic" else t["a"]) for t in trials)
    assert set(others.values()) == {2}
    assert {name for _, name in others} == {ORIGINAL, "avif", "jpeg"}
    many = draw_trials(CROPS, 2000, seed=1)
    assert 0.45 < sum(t["a"] == "pgic" for t in many) / 2000 < 0.55
    assert draw_trials([], 5, seed=1) == []


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("judge") / "judge.html"
    arguments = ["judge", str(folder), "-o", str(page), "--codec", "jpeg", "--trials", "6", "-q", "20"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "6 trials on 2 pictures" in done.stderr
    return page


def test_a_judge_goes_through_all_trials(page: Path) -> None:
    with opened(page) as window:
        assert window.locator("#where").inner_text() == "Trial 1 of 6"
        assert not window.locator("#result").is_visible()
        # Nothing on the page tells which codec is which.
        assert not {"pgic", "jpeg"} & set(window.locator("main").inner_text().lower().split())
        for key in ("1", "2", "3"):
            window.keyboard.press(key)
        for _ in range(3):
            window.get_by_role("button", name="No difference").click()
        assert not window.locator("#trial").is_visible()
        rows = window.locator("#summary tr").all_inner_texts()
        assert [row.split()[0] for row in rows[1:]] == ["jpeg", "original"]
        with window.expect_download() as saving:
            window.locator("#save").click()
        text = Path(saving.value.path()).read_text()
    answers = list(csv.DictReader(io.StringIO(text)))
    assert [row["answer"] for row in answers] == ["a", "same", "b", "same", "same", "same"]
    assert {row["seed"] for row in answers} == {"1"}
    for other in ("jpeg", "original"):
        mine = [row for row in answers if other in (row["a"], row["b"])]
        points = [0.5 if row["answer"] == "same" else float(row[row["answer"]] == "pgic") for row in mine]
        assert float(mine[0]["share"]) == pytest.approx(sum(points) / len(points), abs=1e-4)
        assert float(mine[0]["low"]) < float(mine[0]["share"]) < float(mine[0]["high"])


def test_only_a_page_can_be_made(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["judge", str(folder), "-o", str(tmp_path / "judge.pdf")])
    assert done.exit_code == 2
    assert ".html" in done.stderr
