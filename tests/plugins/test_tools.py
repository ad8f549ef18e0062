"""``.pgi`` files in libraries that data go through on their way to training, with the real libraries."""

from __future__ import annotations

import io
import mimetypes
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import fsspec
import npe2
import numpy as np
import pytest
import torch
import webdataset
from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder
from datasets.table import embed_table_storage

import pgic_core
import pgic_plugins.huggingface
from pgic_core.errors import PgiError, PgiInputError, PgiOptionError
from pgic_plugins import napari
from pgic_plugins.fsspec import open_url
from pgic_plugins.webdataset import decoder, encoder

if TYPE_CHECKING:
    from PIL import Image

PLUGINS = Path(pgic_plugins.__file__).parent


@pytest.fixture(scope="module")
def data(photo: Image.Image) -> bytes:
    return pgic_core.encode(photo, quality=50)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def folder_of_classes(root: Path, data: bytes) -> Path:
    for name in ("lines/a.pgi", "lines/b.PGI", "towers/c.pgi"):
        path = root / "flight" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root / "flight"


def test_imagefolder_finds_pgi(tmp_path: Path, data: bytes) -> None:
    folder = folder_of_classes(tmp_path, data)
    pgic_plugins.huggingface.install()
    pgic_plugins.huggingface.install()
    try:
        found = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train")
        assert len(found) == 3
        assert found.features["label"].names == ["lines", "towers"]
        picture = found[0]["image"]
        assert np.array_equal(np.asarray(picture), pgic_core.decode(data))
    finally:
        pgic_plugins.huggingface.uninstall()
    assert not {".pgi", ".PGI"} & {*ImageFolder.EXTENSIONS, *datasets.packaged_modules._EXTENSION_TO_MODULE}


def test_a_column_of_paths_becomes_pictures_and_parquet_keeps_the_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(data)
    table = datasets.Dataset.from_dict({"image": [str(path)]}).cast_column("image", datasets.Image())
    assert table[0]["image"].format == "PGI"
    table = table.with_format("arrow").map(embed_table_storage, batched=True).with_format(None)
    table.to_parquet(tmp_path / "a.parquet")
    back = datasets.Dataset.from_parquet(str(tmp_path / "a.parquet"), cache_dir=str(tmp_path / "cache"))
    assert back.cast_column("image", datasets.Image(decode=False))[0]["image"]["bytes"] == data


def test_webdataset_reads_and_writes(tmp_path: Path, photo: Image.Image, data: bytes) -> None:
    path = str(tmp_path / "flight.tar")
    tensor = torch.from_numpy(np.array(photo)).permute(2, 0, 1)
    with webdataset.TarWriter(path, encoder=encoder(lossless=True)) as sink:
        sink.write({"__key__": "a", "pgi": photo, "json": {"label": 1}})
        sink.write({"__key__": "b", "pgi": tensor, "cls": 2})
        sink.write({"__key__": "c", "pgi": tensor.float() / 255})
        sink.write({"__key__": "d", "pgi": np.asarray(photo)})
        sink.write({"__key__": "e", "pgi": data})

    def samples(**options: Any) -> list[dict[str, Any]]:
        dataset = webdataset.WebDataset(path, shardshuffle=False).decode(decoder(**options))
        return list(dataset)

    found = samples()
    assert found[0]["json"] == {"label": 1}
    for sample in found[:4]:
        assert torch.equal(sample["pgi"], tensor)
    assert np.array_equal(found[4]["pgi"].permute(1, 2, 0).numpy(), pgic_core.decode(data))
    assert samples(kind="pil")[0]["pgi"].size == photo.size
    grey = np.asarray(photo.convert("L"))
    assert np.array_equal(samples(kind="l8")[0]["pgi"], grey)
    assert samples(kind="torchl8")[0]["pgi"].shape == (1, 203, 301)
    np.testing.assert_allclose(samples(kind="rgb", window=(3, 4, 50, 60))[0]["pgi"],
                               np.asarray(photo)[4:64, 3:53] / 255, atol=1e-6)  # fmt: skip
    assert samples(level="preview")[4]["pgi"].shape == (3, 26, 38)
    with pytest.raises(PgiOptionError, match="kind must be one of"):
        decoder("bgr")  # type: ignore[arg-type]
    with pytest.raises(PgiError, match=r"flight/a\.pgi: "):
        decoder()("flight/a.pgi", data[:80])
    assert decoder()("a.jpg", b"") is None


def test_a_window_of_a_remote_file_reads_little(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1100, 1100, 3), dtype=np.uint8)
    large = pgic_core.encode(noise, lossless=True)
    system = fsspec.filesystem("memory")
    system.pipe("/flight/a.pgi", large)
    read = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            got = super().read(size)
            read.append(len(got))
            return got

    monkeypatch.setattr(type(system), "open", lambda self, path, mode, **how: Counting(self.cat(path)))
    with open_url("memory://flight/a.pgi") as file:
        assert np.array_equal(file.decode(window=(10, 20, 30, 40)), noise[20:60, 10:40])
    assert sum(read) < len(large) / 2
    monkeypatch.undo()
    system.pipe("/flight/b.pgi", data)
    with open_url("memory://flight/b.pgi") as file:
        assert np.array_equal(file.decode(), pgic_core.decode(data))
    with pytest.raises(PgiInputError, match=r"absent\.pgi cannot be opened"), open_url("memory://absent.pgi"):
        pass
    with pytest.raises(PgiInputError), open_url("nothing://a.pgi"):
        pass


def test_napari_finds_the_reader(tmp_path: Path, photo: Image.Image) -> None:
    manifest = npe2.PluginManifest.from_file(PLUGINS / "napari.yaml")
    assert manifest.name == "pgic"
    reader = manifest.contributions.readers[0]
    assert reader.filename_patterns == ["*.pgi", "*.PGI"]
    command = next(one for one in manifest.contributions.commands if one.id == reader.command)
    assert command.python_name == "pgic_plugins.napari:get_reader"
    path = str(tmp_path / "a.pgi")
    boxes = [
        {"label": "insulator", "box": [10, 20, 40, 60]},
        {"label": "nest", "polygon": [[1, 2], [9, 2], [5, 8]]},
    ]
    pgic_core.encode_to(path, photo, annotations=boxes)
    manager = npe2.PluginManager.instance()
    if "pgic" not in manager:  # where pgic is installed, its entry point has told
        manager.register(manifest)
    layers = npe2.read([path], stack=False)
    assert [layer[2] for layer in layers] == ["image", "shapes"]
    assert np.array_equal(layers[0][0], pgic_core.decode(path))
    assert layers[0][1]["rgb"] is True
    assert layers[1][0][0] == [(20.0, 10.0), (20.0, 40.0), (60.0, 40.0), (60.0, 10.0)]
    assert layers[1][1]["properties"] == {"label": ["insulator", "nest"]}
    assert napari.get_reader("a.png") is None


def test_napari_is_told_by_an_entry_point() -> None:
    project = tomllib.loads((PLUGINS.parent / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["napari.manifest"] == {"pgic": "pgic_plugins:napari.yaml"}


@pytest.mark.parametrize("before", ["", "mimetypes.init(); ", "mimetypes.guess_type('a.png'); "])
def test_the_hook_tells_mimetypes(before: str) -> None:
    hook = "from pgic_plugins import _autoload; _autoload.install(); "
    for code in (hook + "import mimetypes; " + before, "import mimetypes; " + before + hook):
        code += "print(mimetypes.guess_type('a.PGI'), mimetypes.guess_extension('image/x-pgi'))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "('image/x-pgi', None) .pgi", done.stderr
    assert mimetypes.guess_type("a.png")[0] == "image/png"
