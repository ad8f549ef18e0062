"""The start-up hook as a user has it: in a fresh environment, from a wheel and from an editable install."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from PIL import Image

import pgic_plugins.pillow

pytestmark = pytest.mark.slow

ROOT = Path(pgic_plugins.__file__).parents[1]
OPEN = "from PIL import Image; im = Image.open('x.pgi'); im.load(); print(im.format, im.size)"
SPAWN = """
import multiprocessing
from PIL import Image

def size(name):
    with Image.open(name) as image:
        image.load()
        return image.size

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(size, ["x.pgi"] * 4) == [(40, 30)] * 4)
"""


class Environment:
    """A virtual environment that sees the dependencies of the running one, and pgic only if installed."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        self.site = Path(sysconfig.get_path("purelib", "venv", paths))
        self.python = Path(sysconfig.get_path("scripts", "venv", paths)) / Path(sys.executable).name
        self.folder = folder
        shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (self.site / "dependencies.pth").write_text("\n".join(shared) + "\n")
        Image.new("RGB", (40, 30), "red").save(folder / "x.pgi", lossless=True)
        (folder / "spawn.py").write_text(SPAWN)

    def pip(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "pip", "--python", self.python, "-q", *arguments]
        subprocess.run(command, check=True, cwd=self.folder)

    def run(self, *arguments: str, **environment: str) -> tuple[str, str]:
        settings = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PGIC", "COV"))
        }
        result = subprocess.run(
            [self.python, *arguments],
            env={**settings, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.stdout.strip(), result.stderr.strip()


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp(request.param))
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    if request.param == "editable":
        environment.pip("install", *options, "-e", ROOT)
    else:
        command = [sys.executable, "-m", "pip", "-q", "wheel", *options, "-w", environment.folder, ROOT]
        subprocess.run(command, check=True)
        (wheel,) = environment.folder.glob("pgic-*.whl")
        environment.pip("install", *options, wheel)
    return environment


def test_pillow_needs_no_import(installed: Environment):
    assert installed.run("-c", OPEN) == ("PGI (40, 30)", "")


def test_it_works_in_isolated_mode(installed: Environment):
    assert installed.run("-I", "-c", OPEN.replace("x.pgi", str(installed.folder / "x.pgi"))) == (
        "PGI (40, 30)",
        "",
    )


@pytest.mark.parametrize("module", ["imageio.v3", "imageio.v2"])
def test_imageio_needs_no_import(installed: Environment, module: str):
    code = f"import {module} as iio; data = open('x.pgi', 'rb').read(); "
    code += "print(iio.imread('x.pgi').shape, iio.imread(data).shape)"
    assert installed.run("-c", code) == ("(30, 40, 3) (30, 40, 3)", "")


def test_spawned_workers_need_no_import(installed: Environment):
    assert installed.run("spawn.py") == ("True", "")


def test_off_switch(installed: Environment):
    output, errors = installed.run("-c", OPEN, PGIC_AUTOLOAD="0")
    assert output == ""
    assert "UnidentifiedImageError" in errors


def test_starting_imports_neither_pillow_nor_numpy(installed: Environment):
    code = "import sys; print({'PIL', 'numpy', 'imageio', 'pgic_core', 'logging'} & set(sys.modules))"
    assert installed.run("-c", code) == ("set()", "")


def test_without_site_nothing_happens(installed: Environment):
    code = "import sys; print('pgic_plugins' in sys.modules)"
    assert installed.run("-S", "-c", code) == ("False", "")


def test_start_file_lies_beside_the_path_file(installed: Environment):
    """Python 3.15 ignores the import line of a ``.pth`` beside a ``.start`` of the same name (PEP 829)."""
    assert {file.name for file in installed.site.glob("pgic_autoload.*")} == {
        "pgic_autoload.pth",
        "pgic_autoload.start",
    }


def test_removal_leaves_nothing(installed: Environment):
    installed.pip("uninstall", "-y", "pgic")
    assert list(installed.site.glob("*pgic*")) == []
    assert installed.run("-c", "print('on')") == ("on", "")
