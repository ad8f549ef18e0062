"""``pgic encode --roi`` and ``--show-roi``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core.cli.encode import encode

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result
    from numpy.typing import NDArray


@pytest.fixture
def jpeg(tmp_path: Path, photo: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo[:200, :300]).save(path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(encode, [str(argument) for argument in arguments])


def test_boxes_of_a_file_and_what_was_kept(tmp_path: Path, jpeg: Path) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps([[70, 10, 20, 20], {"label": "face", "box": [130, 70, 140, 80]}]))
    out, shown = tmp_path / "out.pgi", tmp_path / "shown.png"
    done = run("--roi", boxes, "--roi-strength", 2, "--show-roi", shown, jpeg, out)
    assert done.exit_code == 0, done.output
    with pgic_core.open_file(out) as file:
        assert file.roi is not None
        assert file.roi.tolist() == [[0, 16, 0, 0, 0], [0, 0, 16, 0, 0], [0] * 5, [0] * 5]
    drawn, original = np.asarray(Image.open(shown)), np.asarray(Image.open(jpeg))
    assert drawn.shape == original.shape
    assert np.array_equal(drawn[20:50, 80:110], original[20:50, 80:110])
    assert drawn[150:].mean() < 0.4 * original[150:].mean()


def test_a_model_by_name(tmp_path: Path, jpeg: Path) -> None:
    done = run("--roi", "saliency", "--roi-background", "-0.5", jpeg, tmp_path / "out.pgi")
    assert done.exit_code == 0, done.output
    with pgic_core.open_file(tmp_path / "out.pgi") as file:
        assert file.roi is not None
        assert file.roi.min() == -4
        assert file.roi.max() == 8


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--roi", "no-such-model"], "no region-of-interest model"),
        (["--roi", "missing.json"], "cannot be read as JSON"),
        (["--roi-strength", "1"], "need --roi"),
        (["--show-roi", "x.png"], "needs --roi"),
        (["--roi", "saliency", "--lossless"], "contradict"),
        (["--roi", "saliency", "--show-roi", "x.nothing"], "cannot be drawn"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, jpeg: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments, jpeg, "out.pgi")
    assert done.exit_code != 0
    assert reason in done.output
    assert not (tmp_path / "out.pgi").exists()


@pytest.mark.parametrize("text", ["{}", "7", "[[1, 2]]", "[", '{"annotations": 3}'])
def test_files_without_boxes(tmp_path: Path, jpeg: Path, text: str) -> None:
    (tmp_path / "boxes.json").write_text(text)
    done = run("--roi", tmp_path / "boxes.json", jpeg, tmp_path / "out.pgi")
    assert done.exit_code != 0
    assert "Traceback" not in done.output
