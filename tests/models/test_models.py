from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core.errors import PgiModelError, PgiOptionError
from pgic_core.models import (
    DIGEST_BYTES,
    Model,
    Network,
    available_models,
    default_model,
    default_providers,
    default_threads,
    engine_description,
    find_model,
)
from pgic_core.models.entropy_coder_tables import Tables
from pgic_core.models.manifest import IDENTITY_FILES, identity_digest, write_manifest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A model folder of one's own, without the training weights."""
    folder = tmp_path / "copy"
    shutil.copytree(default_model().folder, folder, ignore=shutil.ignore_patterns("*.pt", "*.md", "*.png"))
    return folder


def reseal(folder: Path) -> None:
    """Let the manifest say what the files are now."""
    manifest = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, {key: manifest[key] for key in manifest if key not in ("digest", "files")})


def latent() -> dict[str, np.ndarray]:
    return {"picture": np.random.default_rng(0).integers(0, 256, (1, 64, 128, 3), dtype=np.uint8)}


def test_a_model_is_found_by_id_and_by_digest() -> None:
    model = default_model()
    assert find_model(model.id) is model
    assert find_model(model.digest) is model
    assert find_model(model.digest[: 2 * DIGEST_BYTES].upper()) is model
    assert model in available_models()


def test_the_digest_is_that_of_the_files() -> None:
    whole = [model for model in available_models() if (model.folder / "means.onnx").exists()]
    assert default_model() in whole
    for model in whole:
        assert model.digest == identity_digest(model.folder)


def test_the_digest_covers_all_that_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    real = Network.run

    def spy(network: Network, *given: Any, **options: Any) -> list[np.ndarray]:
        used.add(network._path.name)
        return real(network, *given, **options)

    data = pgic_core.encode(latent()["picture"][0], quality=50, effort=1)
    monkeypatch.setattr(Network, "run", spy)
    pgic_core.decode(data)
    assert used == {name for name in IDENTITY_FILES if name.endswith(".onnx")}


def test_a_manifest_without_a_halo_is_named(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["halo"]["renderer"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PgiModelError, match="lacks the halo of renderer"):
        Model(copy).halo("renderer")


def test_an_unknown_digest_says_what_is_installed() -> None:
    with pytest.raises(PgiModelError, match=f"ffffffffffffffff is not installed.*{default_model().id}"):
        find_model("f" * 16)


def test_a_folder_of_ones_own_is_searched(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"id": "mine"}))
    monkeypatch.setenv("PGIC_MODEL_PATH", str(copy.parent))
    monkeypatch.setenv("PGIC_MODEL_UNSIGNED", "1")
    monkeypatch.setenv("PGIC_MODEL", "mine")
    assert default_model().folder == copy


def test_files_of_two_models_decode_side_by_side(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(copy / "tables.npz") as stored:
        tables = dict(stored)
    tables["step_exponent"] = tables["step_exponent"] - 4
    np.savez(copy / "tables.npz", **tables)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"id": "other"}))
    reseal(copy)
    photo = skimage.data.astronaut()[60:188, 150:310]
    own = pgic_core.encode(photo, quality=50, codec="learned")
    shown = pgic_core.decode(own)
    with monkeypatch.context() as patched:
        patched.setenv("PGIC_MODEL_PATH", str(copy.parent))
        patched.setenv("PGIC_MODEL_UNSIGNED", "1")
        others = pgic_core.encode(photo, quality=50, model="other")
        assert pgic_core.inspect(others).model_digest != pgic_core.inspect(own).model_digest
        finer = pgic_core.decode(others)
        errors = [np.square(np.float32(made) - photo).mean() for made in (shown, finer)]
        assert errors[1] < 0.9 * errors[0]
        for _ in range(2):
            assert np.array_equal(pgic_core.decode(own), shown)
            assert np.array_equal(pgic_core.decode(others), finer)
    with pytest.raises(PgiModelError, match="is not installed"):
        pgic_core.decode(others)
    assert np.array_equal(pgic_core.decode(own), shown)


def test_damaged_models_are_named(copy: Path) -> None:
    (copy / "tables.npz").write_bytes(b"PK nothing")
    (copy / "analysis.onnx").write_bytes(b"nothing")
    with pytest.raises(PgiModelError, match=r"tables\.npz was changed or is damaged"):
        _ = Model(copy).tables
    with pytest.raises(PgiModelError, match=r"analysis\.onnx was changed or is damaged"):
        Model(copy).network("analysis")(latent())
    reseal(copy)  # as one who made the model himself
    with pytest.raises(PgiModelError, match=r"tables\.npz are damaged"):
        _ = Model(copy).tables
    with pytest.raises(PgiModelError, match=r"analysis\.onnx cannot be loaded"):
        Model(copy).network("analysis")(latent())
    (copy / "means.onnx").unlink()
    with pytest.raises(PgiModelError, match=r"lacks its file means\.onnx"):
        Model(copy).network("means")
    (copy / "manifest.json").write_text("{")
    with pytest.raises(PgiModelError, match="no readable manifest"):
        Model(copy)


def test_tables_whose_sums_could_round_are_refused(copy: Path) -> None:
    tables = default_model().tables
    bias = tables.scale_bias.copy()
    bias[7] = 1 << 24
    fields = {name: getattr(tables, name) for name in Tables.__slots__}
    Tables(**fields | {"scale_bias": bias}).save(copy / "tables.npz")
    reseal(copy)
    with pytest.raises(PgiModelError, match="leaves the range in which its sums are exact"):
        _ = Model(copy).tables


def test_tables_are_the_same_file_each_time(copy: Path) -> None:
    default_model().tables.save(copy / "a.npz")
    default_model().tables.save(copy / "b.npz")
    assert (copy / "a.npz").read_bytes() == (copy / "b.npz").read_bytes()


def test_a_network_runs_in_many_threads_at_once() -> None:
    network = default_model().network("analysis")
    expected = network(latent(), threads=1)
    with ThreadPoolExecutor(8) as pool:
        for output in pool.map(lambda _: network(latent(), threads=1), range(24)):
            np.testing.assert_array_equal(output, expected)


def _in_child(queue: multiprocessing.Queue) -> None:
    queue.put(default_model().network("analysis")(latent(), threads=2))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_network_runs_in_a_child_process(method: str) -> None:
    expected = default_model().network("analysis")(latent(), threads=2)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=120), expected)
    child.join()
    assert child.exitcode == 0


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGIC_THREADS", "3")
    monkeypatch.setenv("PGIC_PROVIDERS", "CPUExecutionProvider, ")
    assert default_threads() == 3
    assert default_providers() == ("CPUExecutionProvider",)
    monkeypatch.setenv("PGIC_THREADS", "many")
    with pytest.raises(PgiOptionError, match="PGIC_THREADS"):
        default_threads()
    monkeypatch.setenv("PGIC_PROVIDERS", "NoSuchProvider")
    with pytest.raises(PgiOptionError, match="no provider NoSuchProvider"):
        default_model().network("analysis")(latent(), threads=1)
    monkeypatch.delenv("PGIC_THREADS")
    assert 1 <= default_threads() <= (os.cpu_count() or 1)


def test_the_engine_says_what_it_is() -> None:
    assert engine_description().startswith("ONNX Runtime ")
