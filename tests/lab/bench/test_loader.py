from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from skimage import data

import pgic_core
from pgic_core.cli.bench import bench
from pgic_core.errors import PgiUnsupportedError
from pgic_core.lab.bench import loader
from pgic_core.lab.bench.loader import READERS, find_pictures, loader_table, measure_loader, readers
from pgic_plugins.torchvision import decode_pgi, decode_pgi_latent
from pgic_plugins.torchvision.loader_worker import _Files, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, photo in (("1.png", data.chelsea()), ("2.png", data.coffee())):
        Image.fromarray(photo[:120, :160]).save(tmp_path / name)
    return tmp_path


def test_rows_are_of_fresh_processes_in_turn(folder: Path) -> None:
    chosen = [reader for reader in READERS if reader.name in ("pgic preview", "jpeg")]
    pictures = find_pictures([folder], 5)
    done: list[None] = []
    rows = measure_loader(
        pictures,
        chosen,
        count=3,
        workers=1,
        megapixels=0.01,
        quality=30,
        runs=1,
        on_step=lambda: done.append(None),
    )
    assert len(done) == 4
    assert [(row.reader, row.quality, row.pictures, row.workers) for row in rows] == [
        ("pgic preview", 30, 3, 1),
        ("jpeg", 90, 3, 1),
    ]
    for row in rows:
        assert 0 < row.slowest == row.images_per_second == row.fastest
        assert row.megapixels_per_second == pytest.approx(0.01 * row.images_per_second, rel=0.02)
        assert row.file_bytes > 100
    assert rows[1].ratio == 1
    assert rows[0].ratio == pytest.approx(rows[0].images_per_second / rows[1].images_per_second)
    assert loader_table(rows).row_count == 2
    assert len(find_pictures([folder], 1)) == 1


def test_the_worker_reads_what_it_says(tmp_path: Path) -> None:
    photo = data.astronaut()[:, :200]
    path = tmp_path / "0"
    pgic_core.encode_to(path, photo, quality=30)
    expected = {
        "fast": decode_pgi(path),
        "preview": decode_pgi(path, level="preview"),
        "window": decode_pgi(path, window=(0, 0, 200, 512)),
        "latent": decode_pgi_latent(path),
    }
    for read, tensor in expected.items():
        assert torch.equal(_Files([path], read)[4], tensor)
    assert run({"folder": str(tmp_path), "read": "preview", "count": 2, "workers": 0})["seconds"] > 0
    Image.fromarray(photo).save(path, "PNG")
    pixels = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    assert torch.equal(_Files([path], "pillow")[0], pixels)
    assert torch.equal(_Files([path], "crop")[0], pixels[:, :512])
    Image.fromarray(photo).save(path, "JPEG", quality=95)
    assert (_Files([path], "decode_jpeg")[0].float() - pixels).abs().mean() < 4
    assert _Files([path], "draft")[0].shape == (3, 64, 25)


def test_without_torch_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert readers() == (list(READERS), {})
    monkeypatch.setattr(loader.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PgiUnsupportedError, match="torch is not installed"):
        readers()
    done = CliRunner().invoke(bench, ["loader", str(folder)])
    assert done.exit_code == 1
    assert "torch is not installed" in done.stderr
