"""Recognition of decoded pictures in the report: the insulator recogniser, with and without truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pgic_core.errors import PgiInputError
from pgic_core.lab.evaluate.recognition import read_truth, recognition_rows
from pgic_core.lab.recognition import Seen

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
    assert {(row["jpeg_quality"], row["codec"]) for row in rows} >= {
        (quality, codec)
        for quality in ("95", "80")
        for codec in ("pgic", "pgic, fine", "pgic with regions", "jpeg", "avif")
    }
    for row in rows:
        most = {"95": 0.1, "80": 0.2}[row["jpeg_quality"]]
        assert float(row["share"]) <= most or not row["codec"].startswith("pgic")
        assert row["pictures"] == "2"
    clauses = data_of(tmp_path / "out" / "report.html")["clauses"]
    own = [clause for clause in clauses if clause["id"] == "A-B.2d"]
    assert len(own) == 2
    assert {clause["verdict"] for clause in own} <= {"met", "not met"}


def rows_of(decoded: list[list[object]]) -> list[dict[str, object]]:
    original = [["a", 0, 0, 10, 10, 0.9]]
    return [
        {"picture": "x/1.png", "jpeg_quality": 95, "codec": "original", "bytes": 1000, "seen": original},
        {"picture": "x/1.png", "jpeg_quality": 95, "codec": "pgic", "bytes": 90, "seen": decoded},
    ]


@pytest.mark.usefixtures("offers_insulator")
def test_rows_are_compared_with_truth_or_with_the_original() -> None:
    (row,) = recognition_rows("insulator", rows_of([["a", 0, 0, 10, 9, 0.8]]), None)
    assert (row["codec"], row["share"], row["lost"]) == ("pgic", 0.09, 0)
    truth = {"1.png": [Seen("a", (50, 50, 60, 60))], "2.png": []}
    (row,) = recognition_rows("insulator", rows_of([["a", 50, 50, 60, 60, 0.8]]), truth)
    assert (row["original"], row["decoded"]) == (0, 1)
    assert np.isnan(row["lost"])
    assert recognition_rows("insulator", rows_of([]), {"other.png": []}) == []


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
    for wrong in ("[1]", "no json", '{"annotations": 3}'):
        path.write_text(wrong)
        with pytest.raises(PgiInputError, match=r"no annotations|cannot be read as JSON"):
            read_truth(path)
