"""Environments that an example package is installed into, and the programs that run there."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

__all__ = ["install_example", "run"]


def install_example(example: Path, folder: Path) -> Path:
    """The interpreter of a fresh environment that sees what is installed here, and the example beside it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (Path(own) / "outer.pth").write_text("\n".join(lines) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps"]
    # pip builds beside the sources: a copy keeps the repository clean.
    sources = folder / example.name
    shutil.copytree(example, sources)
    subprocess.run([*pip, "--no-build-isolation", sources], check=True)
    return python


def run(python: Path, folder: Path, *arguments: object) -> str:
    """What a program prints."""
    return subprocess.run(
        [python, *map(str, arguments)], check=True, cwd=folder, capture_output=True, text=True
    ).stdout
