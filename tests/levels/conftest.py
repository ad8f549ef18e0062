"""A model with every level: the shipped one, and small fine decoders of random weights beside it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core.models import Model, default_model
from pgic_core.models.manifest import read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """The model, which files of the shipped one find by its digest."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from pgic_core.lab.training.config import FineArchitecture
    from pgic_core.lab.training.export import load_codec
    from pgic_core.lab.training.export_levels import larger_entry
    from pgic_core.lab.training.fine_decoder import FineSynthesis
    from pgic_core.lab.training.level_graphs import fine_graph

    shipped = default_model().folder
    root = tmp_path_factory.mktemp("models")
    folder = root / "with-levels"
    shutil.copytree(shipped, folder, ignore=shutil.ignore_patterns("*.pt", "*.md", "*.png", "*.csv"))
    codec, config, _ = load_codec(shipped / "weights_fp16.pt")
    # Attention twice, at two distances from the end, so that both steps of the halo are tried.
    a = FineArchitecture(
        width=24,
        blocks=4,
        attention=(1, 3),
        window=4,
        heads=2,
        middle=12,
        middle_blocks=1,
        last=8,
        last_blocks=1,
    )
    manifest = {k: v for k, v in read_manifest(shipped).items() if k not in ("digest", "files")}
    entries = [e for e in manifest["renderers"] if e["level"] in ("fast", "preview")]
    for seed, level in enumerate(("fine", "perceptual")):
        torch.manual_seed(seed)
        net = FineSynthesis(a, config.architecture)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.normal_(std=0.15)
            net.start_from(codec)
            net.leave.weight.mul_(0.2)
        (folder / f"{level}.onnx").write_bytes(fine_graph(net.eval()).SerializeToString())
        entries.append(larger_entry(level, a))
    write_manifest(folder, {**manifest, "id": "with-levels", "renderers": entries})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGIC_MODEL_PATH", str(root))
        patch.setenv("PGIC_MODEL_UNSIGNED", "1")
        yield Model(folder)


@pytest.fixture(scope="package")
def photo() -> np.ndarray:
    """Several tiles, with sides that are no multiples of anything."""
    astronaut = skimage.data.astronaut()
    return np.ascontiguousarray(np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)[:501, :811])


@pytest.fixture(scope="package")
def data(photo: np.ndarray) -> bytes:
    return pgic_core.encode(photo, quality=40)


@pytest.fixture
def models(larger: Model) -> Path:
    """The folder of the model's folder."""
    return larger.folder.parent
