"""A packed training runs from its folder alone, on a machine that has NumPy, torch and Pillow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from pgic_core.errors import PgiOptionError
from pgic_core.lab.training import training_package
from pgic_core.lab.training.checkpoint import load_weights

from .test_train import RECIPE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "photos"
    folder.mkdir(parents=True)
    for number in range(4):
        pixels = np.roll(data.astronaut(), 40 * number, 1)
        Image.fromarray(pixels).resize((512 + 8 * number, 512)).save(folder / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "small.toml"
    file.write_text(RECIPE)
    return file


def test_a_packed_training_runs_on_its_own(root: Path, recipe: Path, tmp_path: Path) -> None:
    out, work, results = tmp_path / "packed", tmp_path / "work", tmp_path / "results"
    command = [str(recipe), "--data", str(root), "--out", str(out), "--budget", "0.15", "0.2"]
    training_package.main([*command, "--", "--stage", "1", "--set", "batch=1"])
    parts = [sorted((out / f"part-{n}" / "photos").iterdir()) for n in (1, 2)]
    for files, limit in zip(parts, (0.15, 0.2), strict=True):
        assert 1 <= len(files) <= 3
        assert sum(file.stat().st_size for file in files) <= limit * 2**20
    for file in parts[0] + parts[1]:
        with (
            Image.open(file) as shown,
            Image.open(root / "photos" / file.name.removesuffix(".avif")) as wanted,
        ):
            difference = np.asarray(shown.convert("RGB"), float) - np.asarray(wanted)
        assert np.sqrt(np.square(difference).mean()) < 6
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PGIC_TRAINING": str(work),
        "OUT": str(results),
    }
    # The second part comes later.
    late = (out / "part-2").rename(tmp_path / "late")
    for what in ("smoke", "train"):
        done = subprocess.run(
            ["bash", str(out / "run.sh"), what], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        late = late.rename(out / "part-2") if what == "smoke" else late
    assert "ms a step" in (results / "smoke.log").read_text()
    assert load_weights(results / "stage-1.pt").step == 2
    assert len(list((work / "data" / "photos").iterdir())) == 4
    assert "pgic-training" not in (results / "train.log").read_text()


def test_the_trainer_needs_no_more_than_numpy_torch_and_pillow() -> None:
    others = ("constriction", "cbor2", "click", "onnx", "onnxruntime", "pluggy", "rich", "scipy", "skimage")
    code = f"import sys\nfor name in {others}: sys.modules[name] = None\nimport pgic_core.lab.training.train"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_does_not_fit_is_not_packed(
    root: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(recipe), "--data", str(root), "--out", str(tmp_path / "packed")]
    with pytest.raises(SystemExit):
        training_package.main([*command, "--budget", "0.01"])
    assert "MiB of all parts" in capsys.readouterr().err
    assert not (tmp_path / "packed").exists()
    with pytest.raises(SystemExit):
        training_package.main([str(recipe), "--data", str(root), "--out", str(root)])
    assert "exists already" in capsys.readouterr().err


def test_weights_and_wheels_come_along(root: Path, recipe: Path, tmp_path: Path) -> None:
    weights, wheel, out = tmp_path / "w.pt", tmp_path / "x-1-py3-none-any.whl", tmp_path / "packed"
    weights.write_bytes(b"weights")
    wheel.write_bytes(b"wheel")
    command = [str(recipe), "--data", str(root), "--out", str(out), "--start", str(weights)]
    training_package.main(
        [*command, "--start-fine", str(weights), "--wheel", str(wheel), "--", "--set", "fine=joint"]
    )
    assert (
        (out / "code" / "start.pt").read_bytes()
        == (out / "code" / "start-fine.pt").read_bytes()
        == b"weights"
    )
    assert (out / "wheels" / wheel.name).read_bytes() == b"wheel"
    assert "--set fine=joint --start start.pt --start-fine start-fine.pt" in (out / "run.sh").read_text()
    # There is room, so pictures are carried as they are.
    carried = sorted(out.glob("part-*/photos/*"), key=lambda file: file.name)
    originals = sorted((root / "photos").iterdir())
    assert [file.read_bytes() for file in carried] == [file.read_bytes() for file in originals]


def test_parts_have_their_share_of_each_folder() -> None:
    pictures = [
        training_package.PackedPicture(f, Path(f"{f}{n}.png"), bytes(100), f"{f}{n}.png")
        for f in "abc"
        for n in range(10)
    ]
    parts = training_package.split(pictures, [1000, 2100])
    for part, share in zip(parts, (3, 7), strict=True):
        assert all(abs(sum(p.folder == f for p in part) - share) <= 1 for f in "abc")
    with pytest.raises(PgiOptionError, match="fits in no part"):
        training_package.split(pictures, [1500, 1450])
