"""From a folder to tables and page: what is measured, that it is kept, and that it is the same every time."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

import pgic_core
from pgic_core.errors import PgiOptionError
from pgic_core.lab.bench.metrics import ms_ssim, psnr, ssim
from pgic_core.lab.bench.peer_codecs import find_codec
from pgic_core.lab.evaluate.crop_comparison import file_of_size
from pgic_core.lab.evaluate.evaluated_pictures import find_all, find_subjects
from pgic_core.lab.evaluate.point_task import TIMES

from .conftest import FAST, run_evaluate


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert found
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def test_the_report_is_one_page_beside_its_tables(report: Path) -> None:
    assert [path.name for path in report.glob("*.html")] == ["report.html"]
    assert {p.name for p in report.glob("*.csv")} == {
        *("points.csv", "exact.csv", "ratio.csv", "speed.csv", "ranking.csv")
    }


def test_figures_are_those_of_the_codecs(report: Path, folder: Path) -> None:
    points = read(report / "points.csv")
    assert {p["codec"] for p in points} == {
        "raw",
        "pgic",
        "pgic preview",
        "pgic preview 1/4",
        "pgic fast 1/2",
        "pgic fast 1/4",
        "pgic fine",
        "pgic perceptual",
        "jpeg",
        "webp",
    }
    (point,) = (
        p for p in points if p["picture"] == "coffee.png" and p["codec"] == "pgic" and p["quality"] == "50"
    )
    original = np.asarray(Image.open(folder / "coffee.png").convert("RGB"))
    coded = pgic_core.encode(original, quality=50, threads=1)
    decoded = pgic_core.decode(coded, threads=1)
    assert int(point["bytes"]) == len(coded)
    assert float(point["psnr"]) == psnr(original, decoded)
    assert float(point["ssim"]) == ssim(original, decoded)
    assert float(point["ms_ssim"]) == ms_ssim(original, decoded)
    assert float(point["bpp"]) == 8 * len(coded) / original[..., 0].size
    assert float(point["ratio"]) == (folder / "coffee.png").stat().st_size / len(coded)
    assert 0 < float(point["st_lpips"]) < 1
    assert float(point["encode_seconds"]) > 0
    (raw,) = (p for p in points if p["picture"] == "coffee.png" and p["codec"] == "raw")
    assert (raw["psnr"], raw["ssim"], raw["st_lpips"], raw["gmsd"]) == ("inf", "1.0", "0.0", "0.0")
    assert int(raw["bytes"]) == original.nbytes


def test_reduced_levels_are_measured_against_the_reduced_picture(report: Path) -> None:
    rows = [p for p in read(report / "points.csv") if p["codec"] == "pgic preview"]
    assert {row["scale"] for row in rows} == {"8"}
    assert all(float(row["psnr"]) > 28 for row in rows if row["quality"] == "80")


def test_regions_and_background_make_the_whole(report: Path) -> None:
    rows = [p for p in read(report / "points.csv") if p["codec"] == "jpeg" and p["psnr_background"]]
    assert rows
    for row in rows:
        inside, outside, whole = (float(row[name]) for name in ("psnr_roi", "psnr_background", "psnr"))
        assert min(inside, outside) <= whole <= max(inside, outside)


def test_other_modalities_take_the_lossless_path(report: Path) -> None:
    rows = read(report / "exact.csv")
    assert {row["kind"] for row in rows} == {"infrared", "grey, 16 bits"}
    own = [row for row in rows if row["codec"] == "pgic"]
    assert {row["exact"] for row in own} == {"True"}
    assert {"raw", "png"} <= {row["codec"] for row in rows}
    assert not {row["picture"] for row in rows} & {p["picture"] for p in read(report / "points.csv")}


def test_parquet_holds_what_csv_does(report: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for path in report.glob("*.csv"):
        table = parquet.read_table(path.with_suffix(".parquet")).to_pylist()
        rows = read(path)
        assert len(table) == len(rows)
        for ours, row in zip(table, rows, strict=True):
            assert {k: "" if v is None else str(v) for k, v in ours.items()} == row


def test_a_second_run_gives_the_same_figures(report: Path, folder: Path, tmp_path: Path) -> None:
    done = run_evaluate(folder, "-o", tmp_path, "--megapixels", 0, "--perceptual", *FAST, "-j", 1)
    assert done.exit_code == 0, done.output
    for name in ("points.csv", "exact.csv", "ratio.csv"):
        first, second = read(report / name), read(tmp_path / name)
        for row in (*first, *second):
            for time in TIMES:
                row.pop(time, None)
        assert first == second
    first_page, second_page = data_of(report / "report.html"), data_of(tmp_path / "report.html")
    for same in ("crops", "curves", "bdRates", "ratio"):
        assert first_page[same] == second_page[same]


def test_a_run_that_was_cut_off_goes_on(report: Path, folder: Path, tmp_path: Path) -> None:
    """What is kept is not measured again: its times come back to the last digit."""
    report = Path(shutil.copytree(report, tmp_path / "report"))
    before = read(report / "points.csv")
    kept = sorted((report / "work").glob("*.json"))
    gone = next(path for path in kept if '"codec": "jpeg", "quality": 5, "scale"' in path.read_text())
    gone.unlink()
    done = run_evaluate(folder, "-o", report, "--megapixels", "0.05", "--perceptual", *FAST)
    assert done.exit_code == 0, done.output
    assert gone.exists()
    after = read(report / "points.csv")
    changed = [b["codec"] for b, a in zip(before, after, strict=True) if a != b]
    assert changed
    assert set(changed) == {"jpeg"}


def test_what_cannot_be_measured_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(data.coffee()[:64, :64]).save(tmp_path / "in" / "good.png")
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no picture")
    Image.new("RGB", (4, 4)).save(tmp_path / "in" / "tiny.png")
    done = run_evaluate(
        tmp_path / "in", "-o", tmp_path / "out", "--megapixels", 0, "--no-perceptual", "--codec", "jpeg",
        "--points", 2, "-q", 50,
    )  # fmt: skip
    assert done.exit_code == 1
    assert "bad.jpg" in done.stderr
    assert "tiny.png" in done.stderr
    told = data_of(tmp_path / "out" / "report.html")
    assert {name for name, _ in told["failures"]} == {"bad.jpg", "tiny.png"}
    assert "\n" not in done.stdout


def test_nothing_to_measure_is_an_error(tmp_path: Path) -> None:
    done = run_evaluate(tmp_path, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "no picture" in done.stderr


def test_subjects_are_upright_and_say_what_they_are(folder: Path) -> None:
    subjects, refused = find_subjects(folder)
    assert refused == []
    assert {s.name: s.kind for s in subjects} == {
        "below/face.jpg": "visible",
        "coffee.png": "visible",
        "grey16.png": "grey, 16 bits",
        "thermal.jpg": "infrared",
    }
    turned, _ = find_subjects(Path(__file__).resolve().parents[2] / "cases" / "orient6.jpg")
    with Image.open(turned[0].path) as image:
        assert (turned[0].width, turned[0].height) == image.size[::-1]


@pytest.mark.parametrize("name", ["jpeg", "webp", "jp2"])
def test_peers_get_no_fewer_bytes(name: str) -> None:
    codec, picture = find_codec(name), data.coffee()[:96, :128]
    quality, coded = file_of_size(codec, picture, 2500)
    assert len(coded) >= 2500
    assert coded == codec.encode(picture, quality)
    assert quality == codec.qualities[0] or len(codec.encode(picture, quality - 1)) < 2500
    most, _ = file_of_size(codec, picture, 10**9)
    assert most == codec.qualities[-1]


def test_the_clauses_of_appendix_b_are_answered(report: Path) -> None:
    clauses = data_of(report / "report.html")["clauses"]
    assert {"A-8.2a", "A-8.1b", "A-8.2b", "A-B.2c", "A-B.2d", "A-B.2e", "A-B.2f", "A-8.2c"} <= {
        c["id"] for c in clauses
    }
    assert {c["verdict"] for c in clauses} <= {"met", "not met", "reported", "not measured"}
    infrared = next(c for c in clauses if c["id"] == "A-8.1b")
    assert infrared["verdict"] == "met"
    rows = read(report / "ratio.csv")
    for quality, share in ((95, 0.1), (80, 0.2)):
        inside = [row for row in rows if row["jpeg_quality"] == str(quality)]
        assert len(inside) == 2
        assert all(int(row["file_bytes"]) <= share * int(row["jpeg_bytes"]) for row in inside)
        excellent = all(float(row["psnr"]) > 35 for row in inside)
        clause = next(c for c in clauses if f"JPEG {quality}" in c["asked"])
        assert clause["verdict"] == ("met" if excellent else "not met")
    assert not math.isnan(float(rows[0]["ms_ssim"]))


def test_folders_together_and_large_pictures_made_small(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "more"
    other.mkdir()
    Image.fromarray(data.coffee()).save(other / "coffee.png")
    subjects, _ = find_all([folder, other])
    names = [subject.name for subject in subjects]
    assert {"photos <1>/coffee.png", "more/coffee.png"} <= set(names)
    small, _ = find_all([folder, other], most_megapixels=0.06)
    for before, after in zip(subjects, small, strict=True):
        if after.name != "more/coffee.png":
            assert after == before  # small already, or stored without loss
    large = small[names.index("more/coffee.png")]
    assert (large.width, large.height) == (300, 200)
    assert large.rgb().shape == (200, 300, 3)
    assert large.file_bytes == 0  # the file is of another picture
    assert large.digest != subjects[names.index("more/coffee.png")].digest
    assert abs(large.rgb().mean() - data.coffee().mean()) < 1
    with pytest.raises(PgiOptionError, match="same folder and name"):
        find_all([other, other])
