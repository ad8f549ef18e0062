"""CompressAI, in an environment of its own: it pins numpy < 2 and Python < 3.13."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from pgic_core.cli.bench import bench

CHECKS = Path(__file__).parent / "compressai_model.py"


def test_command_without_compressai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compressai", None)
    monkeypatch.setitem(sys.modules, "compressai.models", None)
    Image.new("RGB", (170, 170)).save(tmp_path / "photo.png")
    done = CliRunner().invoke(bench, ["compressai", str(tmp_path / "photo.png")])
    assert done.exit_code == 1
    assert "pip install 'pgic[compressai]'" in done.output


@pytest.mark.slow
def test_model_in_compressai(tmp_path: Path) -> None:
    """An environment that sees what is installed here, with CompressAI and what it pins in front."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    python = tmp_path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (Path(own) / "outer.pth").write_text("\n".join(lines) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q"]
    subprocess.run([*pip, "compressai>=1.2.8"], check=True)
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "-W", "ignore::FutureWarning"]
    done = subprocess.run(
        [python, "-m", "pytest", *options, CHECKS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
