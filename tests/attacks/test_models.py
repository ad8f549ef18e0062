"""Models that are not what their digest says, and folders that spoil the search for them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import pgic_core
from pgic_core.errors import PgiModelError
from pgic_core.models import Model, default_model, find_model
from pgic_core.models.manifest import IDENTITY_FILES
from pgic_core.roi import HeatModel
from tests.attacks.running import command, python

RGB = np.random.default_rng(3).integers(0, 255, (96, 128, 3), dtype=np.uint8)
FILE = pgic_core.encode(RGB, effort=1)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the model, which the environment of a child can put before the one that is shipped."""
    folder = tmp_path / "models" / "mine"
    shutil.copytree(default_model().folder, folder, ignore=shutil.ignore_patterns("*.pt", "*.md", "*.png"))
    return folder


def other_weights(path: Path) -> None:
    """Exchange two bytes of the weights: a network that loads and shows something else."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle] ^= 0x40
    path.write_bytes(data)


WITH_MODEL = """
    import sys
    from pathlib import Path
    import pgic_core
    from pgic_core.codec.learned import decoder
    from pgic_core.models import Model

    decoder.find_model = lambda digest: Model(Path(sys.argv[1]))
    try:
        getattr(pgic_core, sys.argv[3])(sys.argv[2])
    except pgic_core.errors.PgiError as error:
        sys.exit(f"pgic: {error}")
"""


@pytest.mark.parametrize("name", IDENTITY_FILES)
def test_an_altered_file_of_a_model_is_found(model: Path, name: str) -> None:
    Path("a.pgi").write_bytes(FILE)
    python(WITH_MODEL, model, "a.pgi", "verify").check(0)
    other_weights(model / name)
    for call in ("decode", "verify"):
        done = python(WITH_MODEL, model, "a.pgi", call).check(1)
        assert b"was changed or is damaged" in done.stderr
        assert name.encode() in done.stderr


@pytest.mark.parametrize("name", ["analysis.onnx", "preview.onnx", "descent.onnx"])
def test_other_networks_are_checked_too(model: Path, name: str) -> None:
    other_weights(model / name)
    with pytest.raises(PgiModelError, match=f"{name} was changed or is damaged"):
        Model(model).check()
    with pytest.raises(PgiModelError, match=f"{name} was changed or is damaged"):
        Model(model).network(name.removesuffix(".onnx"))({})


def test_a_manifest_cannot_vouch_for_other_files(model: Path) -> None:
    """Whoever alters a network may alter the manifest as well, but not the digest that files name."""
    import hashlib

    other_weights(model / "synthesis.onnx")
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["files"]["synthesis.onnx"] = hashlib.sha256((model / "synthesis.onnx").read_bytes()).hexdigest()
    (model / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PgiModelError, match="is not that of the files its manifest lists"):
        Model(model)


def test_an_altered_region_network_is_found() -> None:
    for name in ("sound", "altered"):
        shutil.copytree(default_model().folder.parent / "roi-insulator", name)
    HeatModel(Path("sound")).heat(RGB)
    other_weights(Path("altered/heat.onnx"))
    with pytest.raises(PgiModelError, match="was changed or is damaged"):
        HeatModel(Path("altered")).heat(RGB)


BROKEN = {
    "no JSON": b"{",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "infinite": b'{"octaves": Infinity}',
    "no entries": b"{}",
    "no text": b"\xff\xfe\x00",
    "a pipe": None,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_manifest_hides_no_other_model(kind: str) -> None:
    folder = Path("models/bad")
    folder.mkdir(parents=True)
    content = BROKEN[kind]
    if content is None:
        os.mkfifo(folder / "manifest.json")
    else:
        (folder / "manifest.json").write_bytes(content)
    Path("a.pgi").write_bytes(FILE)
    done = command("decode", "a.pgi", "a.npy", env={"PGIC_MODEL_PATH": "models"}).check(0)
    assert done.stderr.count(b"models/bad is left out") == 1


@pytest.mark.parametrize(
    "entry", ["id", "digest", "latent", "base", "hyper", "octaves", "halo", "files", "provisional"]
)
def test_each_entry_of_a_manifest_is_asked_for(model: Path, entry: str) -> None:
    manifest = json.loads((model / "manifest.json").read_text())
    for change in ({}, {entry: None}, {entry: [1]}):
        wrong = {key: value for key, value in manifest.items() if key != entry} | change
        (model / "manifest.json").write_text(json.dumps(wrong))
        with pytest.raises(PgiModelError, match=entry):
            Model(model)


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(PgiModelError, match="not installed"):
        find_model("0" * 32)


def test_threads_do_not_pile_up_over_thread_counts() -> None:
    Path("a.pgi").write_bytes(FILE)
    done = python(
        """
        import os, numpy as np, pgic_core
        grey = np.tile(np.arange(256, dtype=np.uint8), (2200, 9))
        coded = pgic_core.encode(grey, effort=1, threads=1)
        for threads in range(1, 15):
            pgic_core.decode("a.pgi", threads=threads)
            pgic_core.decode(coded, threads=threads)
        print(len(os.listdir("/proc/self/task")))
        """,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.status == 0, done.stderr
    assert int(done.stdout) < 350
