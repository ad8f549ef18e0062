"""A small folder, and its report made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from skimage import data

from pgic_core.cli import app

CASES = Path(__file__).resolve().parents[2] / "cases"
FAST = ("--codec", "jpeg", "--codec", "webp", "--points", "3", "-q", "20", "-q", "50", "-q", "80", "-j", "2")


def run_evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, one of them below a folder of its own; a thermal picture; a grey one of 16 bits."""
    folder = tmp_path_factory.mktemp("evaluate") / "photos <1>"
    (folder / "below").mkdir(parents=True)
    Image.fromarray(data.coffee()[100:228, 200:360]).save(folder / "coffee.png")
    Image.fromarray(data.astronaut()[:120, 150:310]).save(folder / "below" / "face.jpg", quality=95)
    shutil.copy(CASES / "dji_thermal_source.jpg", folder / "thermal.jpg")
    shutil.copy(CASES / "grey16.png", folder / "grey16.png")
    return folder


@pytest.fixture(scope="session")
def report(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of it, speed included."""
    output = tmp_path_factory.mktemp("report") / "report"
    done = run_evaluate(folder, "-o", output, "--megapixels", "0.05", "--perceptual", *FAST)
    assert done.exit_code == 0, done.output
    assert f"{output / 'report.html'}: 4 pictures" in done.stderr
    return output
