"""``examples/vendor-thermal``, installed by pip into an environment of its own, and then gone again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pgic_core

from .environment import install_example, run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "vendor-thermal"
WRITE = """
import numpy as np, pgic_core
from vendor_thermal import overlay_fields
celsius = np.full((30, 40), 20.0)
celsius[20:22, 30:32] = 85.0
photo = np.random.default_rng(0).integers(0, 255, (192, 256, 3), np.uint8)
pgic_core.encode_to("hot.pgi", photo, quality=30, extension=overlay_fields(celsius, 0.9), roi="acme-hot")
"""
READ = """
import pgic_core
from vendor_thermal import temperatures
with pgic_core.open_file("hot.pgi") as file:
    print(temperatures(file.extension).max(), file.decode().shape, file.roi.tolist(), sep=chr(10))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(EXAMPLE, tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def folder(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``hot.pgi``."""
    folder = tmp_path_factory.mktemp("photos")
    subprocess.run([python, "-W", "error::UserWarning", "-c", WRITE], check=True, cwd=folder)
    return folder


def test_fields_are_shown_where_the_package_is(python: Path, folder: Path) -> None:
    text = run(python, folder, "-m", "pgic_core", "info", "hot.pgi")
    assert "Emissivity: 0.9" in text
    assert "Thermal overlay: 40 x 30, 20.0 °C to 85.0 °C" in text
    assert "Hottest point: 85.0 °C at (195, 131)" in text
    record = json.loads(run(python, folder, "-m", "pgic_core", "info", "--json", "hot.pgi"))
    assert record["fields"]["acme-thermal.emissivity"]["package"] == "pgic-vendor-thermal 0.1.0"


def test_overlay_and_region_come_back(python: Path, folder: Path) -> None:
    hottest, shape, roi = run(python, folder, "-c", READ).splitlines()
    assert hottest == "85.0"
    assert shape == "(192, 256, 3)"
    assert json.loads(roi) == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 8]]


def test_fields_survive_where_the_package_is_not(folder: Path) -> None:
    info = pgic_core.inspect(folder / "hot.pgi")
    assert info.extension["acme-thermal.emissivity"] == 0.9
    text = run(Path(sys.executable), folder, "-m", "pgic_core", "info", "hot.pgi")
    assert "acme-thermal.emissivity = 0.9" in text
    assert "acme-thermal.hottest = [85.0, " in text
    assert "acme-thermal.overlay = {" in text
    before = dict(info.extension)
    pgic_core.set_metadata(folder / "hot.pgi", metadata={"device_id": "drone 7"})
    assert pgic_core.inspect(folder / "hot.pgi").extension == before
    assert pgic_core.decode(folder / "hot.pgi").dtype == np.uint8


def test_the_example_passes_its_own_tests(python: Path, tmp_path: Path) -> None:
    pytest_run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests", "--rootdir", tmp_path]
    assert " passed" in run(python, tmp_path, *pytest_run)
