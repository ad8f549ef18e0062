"""All commands fail alike: one line and status 1, or the usage and status 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from pgic_core.cli import app


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bad.pgi", "bad.png", "bad.npy", "bad.json"):
        Path(name).write_bytes(b"nothing")
    Path("empty").mkdir()
    np.save("maps.npy", np.zeros((1, 2, 2), np.float32))


@pytest.mark.parametrize(
    "command",
    [
        "encode bad.png",
        "decode bad.pgi",
        "info bad.pgi",
        "verify bad.pgi",
        "meta show bad.pgi",
        "meta strip --all bad.pgi",
        "features encode bad.npy x.pgi",
        "features encode maps.npy no/such/folder/x.pgi",
        "features decode bad.pgi x.npy",
        "features show bad.pgi",
        "bench roi bad.json",
        "bench rd --from bad.json",
        "bench ratio bad.png",
    ],
)
def test_what_fails_is_one_line_and_status_1(command: str) -> None:
    done = CliRunner().invoke(app, command.split(), prog_name="pgic")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("pgic: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("encode --quality 5 --lossless bad.png", "--quality and --lossless contradict"),
        ("encode --max-bytes 5 --min-psnr 3 bad.png", "--max-bytes and --min-psnr contradict"),
        ("encode --bpp 0 bad.png", "--bpp must be a number above 0"),
        ("decode --region 1 2 3 4 bad.pgi x.png", "--region needs --level adaptive, not 'fast'"),
        ("decode --format png bad.pgi x.jpg", "contradicts"),
        ("meta set bad.pgi", "nothing to change"),
        ("features encode --codec hevc --bits 12 --qp 3 --packing none maps.npy x.pgi", "--packing"),
        ("features bench empty", "no photos"),
        ("bench speed --codec nope", "not a known codec"),
        ("bench rd", "Give pictures to measure"),
        ("bench worst --patterns 0", "Give pictures to measure"),
        ("--limit pixels=x info bad.pgi", "whole number"),
    ],
)
def test_wrong_usage_is_status_2_and_names_the_command(command: str, reason: str) -> None:
    done = CliRunner().invoke(app, command.split(), prog_name="pgic")
    assert done.exit_code == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Usage: pgic ")
    assert lines[-1].startswith("Error: ")
    assert reason in lines[-1]


def test_a_wrong_environment_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGIC_THREADS", "many")
    for command in ("encode", "verify"):
        done = CliRunner().invoke(app, [command, "bad.png"])
        assert done.exit_code == 2
        assert "PGIC_THREADS" in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--lossless --codec learned", "--lossless and --codec learned contradict each other"),
        ("--min-psnr 90 --codec learned", "--lossless keeps every pixel"),
        ("--lossless --roi saliency", "--roi and --lossless contradict each other"),
    ],
)
def test_failures_of_files_name_options_as_they_are_typed(options: str, reason: str) -> None:
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (64, 64, 3), np.uint8)).save("noise.png")
    done = CliRunner().invoke(app, ["encode", "noise.png", *options.split()], prog_name="pgic")
    assert done.exit_code == 1
    assert reason in done.stderr
