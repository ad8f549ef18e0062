"""The command as a process: exit status, pipes, interrupts and kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core

from ..api.photos import GREY, photo_file

COMMAND = [sys.executable, "-m", "pgic_core"]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, check=False, **options)


def test_module_and_exit_status() -> None:
    Path("grey.png").write_bytes(photo_file("PNG", GREY))
    done = run("encode", "grey.png", "grey.pgi")
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"\x1b" not in done.stderr  # no bar without a terminal
    assert run("verify", "grey.pgi").returncode == 0
    assert run("verify", "missing.pgi").returncode == 1
    assert run("verify").returncode == 2


def test_a_pipe_of_two() -> None:
    coded = run("encode", "-", "-", input=photo_file("PNG", GREY))
    assert coded.returncode == 0, coded.stderr
    shown = run("decode", "-", "-", input=coded.stdout)
    assert shown.stdout.startswith(b"\x89PNG")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(unbuffered: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (700, 700), dtype=np.uint8)
    pgic_core.encode_to("noise.pgi", noise)
    process = subprocess.Popen(
        [*COMMAND, "decode", "noise.pgi", "-", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(100)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() != 0


def test_warnings_of_pillow_are_not_shown() -> None:
    exif = Image.Exif()
    exif[0x010F] = "DJI"
    Path("photo.jpg").write_bytes(photo_file(exif=exif.tobytes()[:-7]))
    done = run("encode", "photo.jpg", "photo.pgi")
    assert done.returncode == 0
    assert b"Warning" not in done.stderr


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_whole_files(kill: signal.Signals) -> None:
    photo = skimage.data.retina()[400:1050, 400:1050]
    Path("in").mkdir()
    for index in range(8):
        Image.fromarray(np.roll(photo, 40 * index, axis=1)).save(f"in/{index:02}.png", compress_level=1)
    process = subprocess.Popen(
        [*COMMAND, "encode", "in", "-o", "out", "-j", "2", "-v", "-e", "1", "--lossless"],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first file is done, others are under way
    process.send_signal(kill)
    rest = process.stderr.read()
    process.stderr.close()
    status = process.wait()
    made = sorted(Path("out").glob("*.pgi"))
    assert 1 <= len(made) < 8
    for path in made:
        pgic_core.verify(path)
    if kill == signal.SIGINT:
        assert status == 130
        assert b"interrupted" in rest
        assert b"Traceback" not in rest
        assert sorted(Path("out").iterdir()) == made  # no temporary file either
    assert run("encode", "in", "-o", "out", "--skip-existing", "--lossless", "-e", "1").returncode == 0
    assert len(list(Path("out").glob("*.pgi"))) == 8
