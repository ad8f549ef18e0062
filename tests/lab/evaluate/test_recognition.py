"""Recognition of decoded pictures in the report: the insulator recogniser, with and without truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from pgic_core.cli import app
from pgic_core.errors import PgiInputError
from pgic_core.lab.evaluate.recognition_table import enough_table, recognition_rows
from pgic_core.lab.recognition import Seen, held_out, label_of_name, read_places, read_truth

from .conftest import run_evaluate
from .test_evaluate import data_of, read

TOWER = Path(__file__).resolve().parents[3] / "examples" / "tower.jpg"


def test_the_report_tells_what_coding_costs_a_recogniser(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with Image.open(TOWER) as image:
        for number in range(2):
            image.crop((600 + 200 * number, 200, 920 + 200 * number, 440)).save(tmp_path / f"in/{number}.png")
    done = run_evaluate(
        *(tmp_path / "in", "-o", tmp_path / "out", "--recogniser", "insulator", "--codec", "jpeg"),
        *("--points", 2, "-q", 50, "--megapixels", 0, "--no-perceptual", "--crops", 0),
        *("--recogniser-roi", "saliency"),
    )
    assert done.exit_code == 0, done.output
    rows = read(tmp_path / "out" / "recognition.csv")
    shares = {"1/10 of JPEG 95": 0.1, "1/5 of JPEG 80": 0.2}
    assert {(row["size"], row["codec"]) for row in rows} >= {
        (size, codec)
        for size in shares
        for codec in ("pgic", "pgic, fine", "pgic, regions by saliency", "jpeg", "avif")
    }
    for row in rows:
        most = shares[row["size"]]
        assert float(row["share"]) <= most or not row["codec"].startswith("pgic")
        assert row["pictures"] == "2"
    clauses = data_of(tmp_path / "out" / "report.html")["clauses"]
    own = [clause for clause in clauses if clause["id"] == "A-B.2d"]
    assert len(own) == 2
    assert {clause["verdict"] for clause in own} <= {"met", "not met"}


def rows_of(decoded: list[list[object]]) -> list[dict[str, object]]:
    original = [["a", 0, 0, 10, 10, 0.9]]
    same = {"recogniser": "insulator", "picture": "x/1.png", "size": "1/10 of JPEG 95", "jpeg_share": 0.1}
    same |= {"pixels": 720}
    return [
        {**same, "codec": "original", "quality": 0, "bytes": 1000, "seen": original},
        {**same, "codec": "pgic", "quality": 20, "bytes": 90, "seen": decoded},
    ]


@pytest.mark.usefixtures("offers_insulator")
def test_rows_are_compared_with_truth_or_with_the_original() -> None:
    (row,) = recognition_rows(rows_of([["a", 0, 0, 10, 9, 0.8]]), None)
    assert (row["codec"], row["share"], row["lost"]) == ("pgic", 0.09, 0)
    assert (row["quality"], row["bpp"]) == (20, 1)
    truth = {"1.png": [Seen("a", (50, 50, 60, 60))], "2.png": []}
    (row,) = recognition_rows(rows_of([["a", 50, 50, 60, 60, 0.8]]), truth)
    assert (row["original"], row["decoded"]) == (0, 1)
    assert np.isnan(row["lost"])
    assert recognition_rows(rows_of([]), {"other.png": []}) == []
    elsewhere = rows_of([["a", 0, 0, 10, 9, 0.8], ["a", 60, 60, 80, 80, 0.9]])
    assert recognition_rows(elsewhere, None)[0]["lost"] > 0
    assert recognition_rows(elsewhere, None, {"1.png": (0, 0, 20, 20)})[0]["lost"] == 0


def test_enough_is_where_all_larger_files_are_enough_too() -> None:
    same = {"recogniser": "r", "truth": "given", "codec": "pgic", "bytes": 90, "bpp": 0.5, "quality": 30}
    same |= {"lost": 1, "low": -1, "high": 3}

    def shares_of(*met: bool) -> list[str]:
        rows = [{**same, "jpeg_share": 0.1 * (i + 1), "met": each} for i, each in enumerate(met)]
        table = enough_table([*reversed(rows), {**same, "jpeg_share": None, "met": False}])
        return [] if table is None else list(table.columns[3].cells)

    assert shares_of(False, True, True) == ["20 %"]
    assert shares_of(True, False, True) == ["30 %"]
    assert shares_of(True, False) == ["above 20 %"]
    assert shares_of(True) == []


@pytest.fixture
def offers_insulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgic_core.hooks.offered", lambda kind: {"insulator": "boxes"})


def test_truth_is_read_from_coco_and_from_text(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    coco = {
        "images": [{"id": 4, "file_name": "a.jpg"}, {"id": 5, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "insulator"}],
        "annotations": [{"image_id": 4, "category_id": 1, "bbox": [1, 2, 3, 4]}],
    }
    path.write_text(json.dumps(coco))
    assert read_truth(path) == {"a.jpg": [Seen("insulator", (1, 2, 4, 6))], "b.jpg": []}
    path.write_text('{"a.png": "110 kV"}')
    assert read_truth(path)["a.png"][0].label == "110 kV"
    path.write_text(
        '{"a.png": {"lines": [{"text": "110", "box": [1, 2, 3, 4]}], "within": [0, 0, 9, 9]}, "b.png": "5"}'
    )
    assert read_truth(path)["a.png"] == [Seen("110", (1, 2, 3, 4))]
    assert read_places(path) == {"a.png": (0, 0, 9, 9)}
    for wrong in ('{"a.png": {"lines": [3]}}', '{"a.png": {"lines": [], "within": 3}}'):
        path.write_text(wrong)
        with pytest.raises(PgiInputError, match=r"can be read|which part"):
            read_places(path)
    for wrong in ("[1]", "no json", '{"annotations": 3}'):
        path.write_text(wrong)
        with pytest.raises(PgiInputError, match=r"no annotations|cannot be read as JSON"):
            read_truth(path)


def test_truth_by_label_and_by_name(tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 4, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "insulator"}, {"id": 2, "name": "broken"}],
        "annotations": [{"image_id": 4, "category_id": number, "bbox": [1, 2, 3, 4]} for number in (1, 2)],
    }
    (tmp_path / "truth.json").write_text(json.dumps(coco))
    assert [s.label for s in read_truth(tmp_path / "truth.json", ["broken"])["a.jpg"]] == ["broken"]
    assert label_of_name(["x/n01440764_tench.JPEG"])["x/n01440764_tench.JPEG"][0].label == "n01440764"


def test_held_out_are_test_scenes_and_those_kept_for_others() -> None:
    assert [held_out(name) for name in ("100001.jpg", "100001h.jpg", "130037.jpg", "100000.jpg")] == [
        True,
        True,
        True,
        False,
    ]


def test_the_bench_writes_what_each_recogniser_lost(tmp_path: Path) -> None:
    """Several recognisers see the same files, also at a quality, and only those pictures that truth names."""
    (tmp_path / "in").mkdir()
    with Image.open(TOWER) as image:
        for number in (1, 2):
            image.crop((600, 100 * number, 920, 100 * number + 240)).save(tmp_path / f"in/{number}.png")
    (tmp_path / "truth.json").write_text('{"1.png": "110 kV"}')
    arguments = ["bench", "recognition", tmp_path / "in", "--csv", tmp_path / "lost.csv", "-q", 40]
    arguments += ["--recogniser", "insulator", "--recogniser", "insulator-detector"]
    arguments += ["--level", "fast", "--truth", tmp_path / "truth.json", "--share", 20, "--share", 10]
    arguments += ["--roi", "saliency", "--roi", "seen:0.5"]
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    rows = read(tmp_path / "lost.csv")
    assert {row["recogniser"] for row in rows} == {"insulator", "insulator-detector"}
    assert {row["truth"] for row in rows} == {"given", "original"}
    regions = {"pgic, regions by saliency", "pgic, regions seen at 0.5"}
    assert {row["codec"] for row in rows} == {"pgic", *regions, "jpeg", "avif"}
    assert {row["pictures"] for row in rows} == {"1"}
    assert {row["size"] for row in rows if row["jpeg_share"]} == {"1/10 of JPEG 95", "20 % of JPEG 95"}
    assert "From where on less than 5 %" in done.output
    by_quality = [row for row in rows if row["size"] == "quality 40"]
    for row in by_quality:
        own = next(float(r["bytes"]) for r in by_quality if r["codec"] == "pgic")
        assert float(row["bytes"]) <= own if "regions" in row["codec"] else float(row["bytes"]) >= own
    wrong = [str(argument) for argument in [*arguments[:3], "--recogniser", "insulator", "--level", "best"]]
    for strength in ("high", "9"):
        done = CliRunner().invoke(app, [*wrong[:5], "--roi", f"saliency:{strength}"])
        assert done.exit_code == 2
        assert f"{strength} is no strength" in done.output
    assert "no level best" in CliRunner().invoke(app, wrong).output
