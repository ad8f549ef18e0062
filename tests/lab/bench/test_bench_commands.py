import csv
import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from skimage import data

from pgic_core.cli.bench import bench
from pgic_core.lab.bench.rate_distortion import read_points


def run(*arguments: object) -> Result:
    return CliRunner().invoke(bench, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name, photo in (("1.png", data.chelsea()), ("2.png", data.coffee())):
        Image.fromarray(photo[:120, :160]).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_rd_writes_table_points_and_plot(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    done = run("rd", folder, "--codec", "webp", "--codec", "jpeg", "--points", 3, "--results", model)
    assert done.exit_code == 0, done.output
    points = read_points(model / "results.csv")
    assert {(p.image, p.codec) for p in points} == {
        (image, codec) for image in ("1.png", "2.png") for codec in ("jpeg", "webp")
    }
    assert sorted({p.quality for p in points if p.codec == "jpeg"}) == [5, 60, 95]
    assert Image.open(model / "rd.png").format == "PNG"
    assert "against jpeg" in done.stdout
    both = tmp_path / "both"
    again = run("rd", "--from", model / "results.csv", "--csv", tmp_path / "again.csv", "--results", both)
    assert again.exit_code == 0, again.output
    assert "against jpeg" in again.stdout
    for copy in (tmp_path / "again.csv", both / "results.csv"):
        assert copy.read_bytes() == (model / "results.csv").read_bytes()


def test_rd_wants_pictures_or_points(folder: Path, tmp_path: Path) -> None:
    wrong = run("rd")
    assert wrong.exit_code == 2
    assert "Give pictures to measure" in wrong.stderr
    (tmp_path / "notes.csv").write_text("nothing")
    other = run("rd", "--from", tmp_path / "notes.csv", "--csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    assert other.exit_code == 1
    assert "does not hold measured points" in other.stderr


def test_stored_points_are_not_measured_again(folder: Path, tmp_path: Path) -> None:
    csv, merged = tmp_path / "points.csv", tmp_path / "merged.csv"
    assert run("rd", folder, "--codec", "jpeg", "--points", 2, "--csv", csv).exit_code == 0
    stored = read_points(csv)
    done = run("rd", folder / "1.png", "--from", csv, "--codec", "webp", "--points", 2, "--csv", merged)
    assert done.exit_code == 0, done.output
    points = read_points(merged)
    assert [p for p in points if p.codec == "jpeg"] == [p for p in stored if p.image == "1.png"]
    assert {(p.image, p.codec) for p in points} == {("1.png", "jpeg"), ("1.png", "webp")}


def test_what_was_measured_before_a_failure_is_kept(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(folder / "3.png")  # too small for MS-SSIM
    csv = tmp_path / "points.csv"
    done = run("rd", folder, "--codec", "jpeg", "--points", 2, "--csv", csv)
    assert done.exit_code == 2
    assert "at least 11 x 11" in done.stderr
    assert {p.image for p in read_points(csv)} == {"1.png", "2.png"}


def test_quality_says_whether_the_scale_holds(folder: Path, tmp_path: Path) -> None:
    done = run("quality", folder, "--codec", "jpeg", "--limit", 1, "--csv", tmp_path / "steps.csv")
    assert done.exit_code == 0, done.output
    assert "rise at every step" in done.stdout
    assert [p.quality for p in read_points(tmp_path / "steps.csv")] == list(range(5, 101, 5))
    # On a flat picture nothing rises.
    Image.new("RGB", (64, 64), (10, 20, 30)).save(folder / "0.png")
    flat = run("quality", folder / "0.png", "--codec", "jpeg")
    assert flat.exit_code == 1
    assert "not a scale" in flat.stdout


def test_speed_prints_and_writes_its_figures(folder: Path, tmp_path: Path) -> None:
    csv = tmp_path / "speed.csv"
    done = run(
        "speed",
        folder / "1.png",
        "--codec",
        "jpeg",
        "--megapixels",
        0.02,
        "--runs",
        1,
        "--repeats",
        1,
        "--csv",
        csv,
    )
    assert done.exit_code == 0, done.output
    assert "163 x 122 pixels" in done.stdout
    assert [line.split(",")[:3] for line in csv.read_text().splitlines()[1:]] == [
        ["jpeg", "encode", "85"],
        ["jpeg", "decode", "85"],
    ]
    stages = run("speed", folder / "1.png", "--stages", "--codec", "jpeg")
    assert stages.exit_code == 2
    assert "pgic only" in stages.stderr


def test_roi_gains_inside_in_no_more_bytes(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(data.coffee()).save(tmp_path / "images" / "cup.png")
    Image.fromarray(data.coffee()[:64, :64]).save(tmp_path / "images" / "empty.png")
    coco = {
        "images": [{"id": 1, "file_name": "cup.png"}, {"id": 2, "file_name": "empty.png"}],
        "annotations": [{"image_id": 1, "bbox": [200, 100, 120, 100]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(coco))
    done = run("roi", tmp_path / "a.json", "--csv", tmp_path / "out.csv", "--background", "-1")
    assert done.exit_code == 0, done.output
    assert "5% to 10%" not in done.stdout
    with (tmp_path / "out.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert row["picture"] == "cup.png"
    assert float(row["share"]) == pytest.approx(120 * 100 / (400 * 600), abs=1e-6)
    assert int(row["roi_bytes"]) <= int(row["plain_bytes"])
    assert float(row["roi_inside"]) > float(row["plain_inside"])


def test_roi_says_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    done = run("roi", tmp_path / "a.json")
    assert done.exit_code == 1
    assert "cannot be read as COCO annotations" in done.output


def test_ratio_keeps_to_the_share(folder: Path, tmp_path: Path) -> None:
    done = run("ratio", folder, "--megapixels", 0.1, "--csv", tmp_path / "out.csv")
    assert done.exit_code == 0, done.output
    assert "JPEG 95" in done.stdout
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4
    shares = {"95": 0.1, "80": 0.2}
    for row in rows:
        assert int(row["file_bytes"]) <= shares[row["jpeg_quality"]] * int(row["jpeg_bytes"])
        assert (float(row["psnr"]) > 0) == (int(row["file_bytes"]) > 0)


def test_levels_in_turn(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "levels.csv"
    done = run("levels", folder / "1.png", "--megapixels", 0.05, "--runs", 1, "--threads", 1, "--csv", out)
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in csv.DictReader(out.open())}
    assert list(rows)[:4] == ["fast", "fast 1/2", "fast 1/4", "preview"]
    assert float(rows["fast"]["share"]) == 1
    assert math.isinf(float(rows["fast"]["against_fast"]))
    assert all(float(row["against_fast"]) > 30 for row in rows.values())
    assert "fast 1/4" in done.stdout
