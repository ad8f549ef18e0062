"""``examples/vendor-klt``, installed by pip into an environment of its own: a codec of another kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pgic_core

from .environment import install_example, run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "vendor-klt"
WRITE = """
import numpy as np
from skimage import data
from pgic_core import Metadata
from vendor_klt import encode_file
metadata = Metadata(device_id="drone 7")
open("klt.pgi", "wb").write(encode_file(data.coffee()[100:221, 150:300], step=10, metadata=metadata))
"""
READ = """
import numpy as np, pgic_core
from skimage import data
photo = data.coffee()[100:221, 150:300].astype(float)
shown = pgic_core.decode("klt.pgi")
print(shown.shape, 10 * np.log10(255 ** 2 / np.square(photo - shown).mean()))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(EXAMPLE, tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def folder(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``klt.pgi``."""
    folder = tmp_path_factory.mktemp("photos")
    run(python, folder, "-c", WRITE)
    return folder


def test_another_codec_writes_and_reads_through_the_entry_point(python: Path, folder: Path) -> None:
    shape, psnr = run(python, folder, "-c", READ).rsplit(maxsplit=1)
    assert shape == "(121, 150, 3)"
    assert float(psnr) > 33
    record = json.loads(run(python, folder, "-m", "pgic_core", "info", "--json", "klt.pgi"))
    assert record["codec"] == "pgic-vendor-klt 0.1.0"
    run(python, folder, "-m", "pgic_core", "verify", "klt.pgi")
    run(python, folder, "-m", "pgic_core", "decode", "klt.pgi", "klt.png")
    assert (folder / "klt.png").exists()


def test_without_the_package_the_rest_is_read(folder: Path) -> None:
    with pgic_core.open_file(folder / "klt.pgi") as file:
        assert (file.width, file.height) == (150, 121)
        assert file.metadata.device_id == "drone 7"
        with pytest.raises(pgic_core.PgiUnsupportedError, match="compression_type 201, which is unknown"):
            file.decode()


def test_the_example_passes_its_own_tests(python: Path, tmp_path: Path) -> None:
    pytest_run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests", "--rootdir", tmp_path]
    assert " passed" in run(python, tmp_path, *pytest_run)
