"""Distances of levels, on a small picture."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

from pgic_core.cli.bench import bench
from pgic_core.lab.bench.level_perceptual_distances import SHARPENED, distances, has_distances

pytestmark = pytest.mark.skipif(not has_distances(), reason="piq or ST-LPIPS is not installed")
PHOTO = data.astronaut()[40:216, 130:306]


def test_equal_pictures_are_not_apart() -> None:
    found = distances(PHOTO, PHOTO)
    assert found.pop("PSNR") == float("inf")
    assert len(found) == 13
    assert all(abs(value) < 1e-4 for value in found.values()), found


def test_each_distance_grows_with_noise() -> None:
    random = np.random.default_rng(2)
    little, much = (
        np.clip(PHOTO + random.normal(0, amount, PHOTO.shape), 0, 255).astype(np.uint8) for amount in (4, 30)
    )
    near, far = distances(PHOTO, little), distances(PHOTO, much)
    assert near.pop("PSNR") > far.pop("PSNR")
    assert all(0 < near[name] < far[name] for name in near), (near, far)


def test_levels_stand_side_by_side(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    table = tmp_path / "distances.csv"
    arguments = ["perceptual", str(tmp_path), "-q", "30", "-q", "100", "--csv", str(table)]
    done = CliRunner().invoke(bench, arguments)
    assert done.exit_code == 0, done.output
    assert "1 files" in done.stdout  # quality 100 takes more than 0.4 bpp
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["level"] for row in rows} == {"fast", SHARPENED, "fine", "perceptual"}
    assert {float(row["change"]) for row in rows if row["level"] == "fast"} == {0}


def test_files_of_other_rates_are_left_out(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    done = CliRunner().invoke(bench, ["perceptual", str(tmp_path), "-q", "100"])
    assert done.exit_code == 0, done.output
    assert "No file has" in done.stdout
