"""``pgic features bench``, on a network small enough to follow by hand."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from pgic_core.cli import app
from pgic_core.lab.bench import feature_rates
from pgic_core.lab.bench.feature_networks import Staged, load_network

if TYPE_CHECKING:
    from pathlib import Path


class Brightest(Staged):
    """Two stages of pooling, and the answer which quarter of the picture is brightest."""

    rows = ("halves", "quarters")  # type: ignore[assignment]
    classes = True
    size = 32

    def picture(self, path: Path) -> Any:
        pixels = np.asarray(Image.open(path).convert("RGB").resize((32, 32)), np.float32)
        return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255

    def taps(self, picture: Any) -> tuple[dict[str, Any], Any]:
        halves = torch.nn.functional.avg_pool2d(picture, 2)
        quarters = torch.nn.functional.avg_pool2d(halves, 2)
        return {"halves": halves, "quarters": quarters}, self.answer(quarters)

    def finish(self, row: str, features: Any, taps: dict[str, Any]) -> Any:
        return self.answer(torch.nn.functional.avg_pool2d(features, 2) if row == "halves" else features)

    def answer(self, quarters: Any) -> Any:
        return torch.nn.functional.avg_pool2d(quarters, 4).mean(1).reshape(1, 4)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 128, (32, 32, 3), np.uint8)
        pixels[16 * (number // 2) :, 16 * (number % 2) :][:16, :16] += 64
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_rate_and_fidelity_are_told_for_each_stage(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_rates, "load_network", lambda name: Brightest())
    arguments = ["features", "bench", str(photos), "--network", "lite0", "--codec", "pgic"]
    points = ["--qp", "0", "--qp", "30", "--output", str(tmp_path / "out.csv")]
    done = CliRunner().invoke(app, arguments + points)
    assert done.exit_code == 0, done.output
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["stage"], row["shape"], row["qp"]) for row in rows] == [
        ("halves", "3x16x16", "0"),
        ("halves", "3x16x16", "30"),
        ("quarters", "3x8x8", "0"),
        ("quarters", "3x8x8", "30"),
    ]
    for fine, coarse in (rows[:2], rows[2:]):
        assert fine["images"] == "4"
        assert fine["fidelity_percent"] == "100.00"  # features as good as new give the same answers
        assert float(fine["rate_percent"]) > float(coarse["rate_percent"]) > 0
        assert float(fine["feature_nmse"]) < float(coarse["feature_nmse"])


def test_what_is_missing_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, status, reason in (("empty", 2, "holds no photos"), ("photos", 1, "needs the package of")):
        done = CliRunner().invoke(app, ["features", "bench", str(tmp_path / folder), "--network", "lite0"])
        assert done.exit_code == status
        assert reason in done.stderr.splitlines()[-1]


def test_networks_have_names() -> None:
    with pytest.raises(feature_rates.PgiOptionError, match="lite0, lite2, vgg16-hed"):
        load_network("lite9")
