import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from skimage import data

import pgic_core
from pgic_core.cli.bench import bench
from pgic_core.errors import PgiOptionError, PgiUnsupportedError
from pgic_core.lab.bench import loader_speed
from pgic_core.lab.bench.loader_speed import READERS, find_pictures, loader_table, measure_loader, readers
from pgic_plugins.torchvision import PgiSymbols, decode_pgi, decode_pgi_latent
from pgic_plugins.torchvision.loader_worker import _Files, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, photo in (("1.png", data.chelsea()), ("2.png", data.coffee())):
        Image.fromarray(photo[:120, :160]).save(tmp_path / name)
    return tmp_path


def test_rows_are_of_fresh_processes_in_turn(folder: Path) -> None:
    chosen = [reader for reader in READERS if reader.name in ("pgic preview", "jpeg whole")]
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
        ("jpeg whole", 90, 3, 1),
    ]
    for row in rows:
        assert 0 < row.slowest == row.images_per_second == row.fastest
        assert row.megapixels_per_second == pytest.approx(0.01 * row.images_per_second, rel=0.02)
        assert row.file_bytes > 100
        assert 0 < row.cpu_seconds < 10
    assert rows[1].ratio == rows[1].cpu_ratio == 1
    assert rows[0].cpu_ratio == pytest.approx(rows[0].cpu_seconds / rows[1].cpu_seconds)
    assert rows[0].ratio == pytest.approx(rows[0].images_per_second / rows[1].images_per_second)
    assert loader_table(rows).row_count == 2
    assert len(find_pictures([folder], 1)) == 1


def test_an_epoch_ends_when_its_time_is_up(folder: Path) -> None:
    chosen, _ = readers(["jpeg window 256"])
    rows = measure_loader(find_pictures([folder], 2), chosen, count=10**6, seconds=0.05, workers=0, runs=2)
    assert 12 <= rows[0].pictures < 10**5
    assert math.isnan(rows[0].ratio)
    assert "-" in [cell for column in loader_table(rows).columns for cell in column.cells]


def test_the_worker_reads_what_it_says(tmp_path: Path) -> None:
    photo = data.astronaut()[:, :300]
    path = tmp_path / "0"
    pgic_core.encode_to(path, photo, quality=30)
    expected = {
        "fast": decode_pgi(path),
        "scale-2": decode_pgi(path, scale=2),
        "scale-4": decode_pgi(path, scale=4),
        "preview": decode_pgi(path, level="preview"),
        "window-512": decode_pgi(path, window=(0, 0, 300, 512)),
        "window-256": decode_pgi(path, window=(22, 128, 256, 256)),
        "latent": decode_pgi_latent(path),
    }
    for read, tensor in expected.items():
        assert torch.equal(_Files([path], read)[4][0], tensor)
    symbols = _Files([path], "symbols")[0][0]
    assert isinstance(symbols, PgiSymbols)
    assert symbols.shape == (3, 512, 300)
    Image.fromarray(photo).save(path, "PNG")
    pixels = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    assert torch.equal(_Files([path], "pillow")[0][0], pixels)
    assert torch.equal(_Files([path], "crop-256")[0][0], pixels[:, 128:384, 22:278])
    Image.fromarray(photo).save(path, "JPEG", quality=95)
    assert (_Files([path], "decode_jpeg")[0][0].float() - pixels).abs().mean() < 4
    for factor, shape in ((2, (3, 256, 150)), (4, (3, 128, 75)), (8, (3, 64, 38))):
        assert _Files([path], f"draft-{factor}")[0][0].shape == shape


@pytest.mark.parametrize("read", ["preview", "device"])
def test_processor_time_is_that_of_workers_too(tmp_path: Path, read: str) -> None:
    pgic_core.encode_to(tmp_path / "0", data.astronaut(), quality=30)
    job = {"folder": str(tmp_path), "read": read, "seconds": None, "device": "cpu"}
    alone, fed = (run({**job, "count": 4, "workers": workers}) for workers in (0, 1))
    for figures in (alone, fed):
        assert figures["images"] == 4
        assert 0 < figures["cpu_seconds"] < 16 * figures["seconds"]
    assert 0.2 < fed["cpu_seconds"] / alone["cpu_seconds"] < 5


def test_without_torch_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert readers(device="cpu") == (list(READERS), {})
    with pytest.raises(PgiOptionError, match="'gif' is no reader; there are pgic whole"):
        readers(["gif"])
    monkeypatch.setattr(loader_speed.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PgiUnsupportedError, match="torch is not installed"):
        readers()
    done = CliRunner().invoke(bench, ["loader", str(folder)])
    assert done.exit_code == 1
    assert "torch is not installed" in done.stderr
