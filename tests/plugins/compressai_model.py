"""Run by ``test_compressai.py`` where CompressAI is installed."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

import compressai.models
import numpy as np
import pytest
import skimage.data
import torch
from click.testing import CliRunner
from compressai.losses import RateDistortionLoss
from compressai.registry import MODELS
from PIL import Image

import pgic_core
from pgic_core.cli.bench import bench
from pgic_plugins.compressai import Pgi, PgiModel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model() -> PgiModel:
    return MODELS["pgic"](quality=50).eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    photo = skimage.data.astronaut()
    pair = np.stack([photo[:100, :130], photo[-100:, -130:]])
    return torch.from_numpy(pair).permute(0, 3, 1, 2).float() / 255


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a - b).pow(2).mean()))


def test_registered(model: PgiModel) -> None:
    assert isinstance(model, PgiModel)
    assert isinstance(model, compressai.models.CompressionModel)
    assert model.update() is False


@torch.no_grad()
def test_forward(model: PgiModel, x: torch.Tensor) -> None:
    out = model(x)
    assert out["x_hat"].shape == x.shape
    assert psnr(out["x_hat"], x) > 28
    assert out["likelihoods"]["y"].shape[2:] == (8, 12)
    assert out["likelihoods"]["z"].shape[2:] == (2, 3)
    bits = -sum(torch.log2(values).sum((1, 2, 3)) for values in out["likelihoods"].values())
    real = [8 * len(data) for data in model.compress(x)["strings"][0]]
    # The files hold headers, and what stands beyond the picture's edge costs them less.
    assert all(0.6 < estimate / size < 1.4 for estimate, size in zip(bits.tolist(), real, strict=True))


def test_likelihoods_add_up(model: PgiModel, x: torch.Tensor) -> None:
    with torch.no_grad():
        padded = torch.nn.functional.pad(x, (0, 62, 0, 28), "replicate").permute(0, 2, 3, 1)
        rate = torch.full((2,), 49 / 99 * (model.network.architecture.rates - 1))
        coded = model.network((padded * 255 - 128) / 256, rate, torch.zeros(2, 2, 3, 1), noise=False)
        likelihoods = model(x)["likelihoods"]
    for name, bits in (("y", coded.bits_y), ("z", coded.bits_z)):
        assert torch.allclose(-torch.log2(likelihoods[name]).sum((1, 2, 3)), bits, rtol=1e-3)


def test_strings_are_files(model: PgiModel, x: torch.Tensor) -> None:
    coded = model.compress(x)
    pixels = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert coded["strings"] == [[pgic_core.encode(np.ascontiguousarray(p), quality=50) for p in pixels]]
    x_hat = model.decompress(coded["strings"], coded["shape"])["x_hat"]
    assert x_hat.shape == x.shape
    first = pgic_core.decode(coded["strings"][0][0])
    assert np.array_equal((x_hat[0].permute(1, 2, 0).numpy() * 255).round(), first)
    assert psnr(x_hat, x) > 28


def test_quality(x: torch.Tensor) -> None:
    sizes = [sum(map(len, PgiModel(quality).compress(x)["strings"][0])) for quality in (1, 50, 100)]
    assert sizes == sorted(set(sizes))
    for wrong in (0, 101, 5.5, True, "5"):
        with pytest.raises(pgic_core.PgiOptionError, match="quality must be a whole number from 1 to 100"):
            PgiModel(wrong)  # type: ignore[arg-type]


def test_training_step(x: torch.Tensor) -> None:
    model = PgiModel().train()
    before = model.state_dict()["network.analysis.linear.weight"].clone()
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 1e-6)
    loss = RateDistortionLoss()(model(x), x)
    loss["loss"].backward()
    optimiser.step()
    state = model.state_dict()
    assert not torch.equal(state["network.analysis.linear.weight"], before)
    again = PgiModel.from_state_dict(state).eval()
    with torch.no_grad():
        assert torch.equal(again(x)["x_hat"], model.eval()(x)["x_hat"])


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(3, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 0, 8), torch.zeros(1, 3, 8, 8).byte()],
    ids=lambda t: str(tuple(t.shape)),
)
def test_tensors_that_are_no_pictures(model: PgiModel, wrong: torch.Tensor) -> None:
    for function in (model, model.compress):
        with pytest.raises(pgic_core.PgiOptionError, match="x must be float of shape"):
            function(wrong)


def test_strings_that_are_no_such_files(model: PgiModel, x: torch.Tensor) -> None:
    (files,) = model.compress(x)["strings"]
    with pytest.raises(pgic_core.PgiOptionError, match=r"holds uint8 \(100, 130, 3\), where the shape says"):
        model.decompress([files], (100, 131))
    for wrong in ([], [[]], [files, files]):
        with pytest.raises(pgic_core.PgiOptionError, match="one list of files"):
            model.decompress(wrong, (100, 130))
    with pytest.raises(pgic_core.PgiError):
        model.decompress([[files[0][:-9]]], (100, 130))


def test_without_the_trainers_weights(tmp_path: Path, x: torch.Tensor, monkeypatch: Any) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    for file in pgic_core.default_model().folder.iterdir():
        if file.suffix != ".pt":
            (folder / file.name).symlink_to(file)
    monkeypatch.setenv("PGIC_MODEL_PATH", str(tmp_path))
    monkeypatch.setenv("PGIC_MODEL_UNSIGNED", "1")
    light = next(model for model in pgic_core.available_models() if model.folder == folder)
    model = PgiModel(model=light).eval()
    assert next(model.parameters()).device.type == "cpu"
    assert model.decompress(**model.compress(x))["x_hat"].shape == x.shape
    with pytest.raises(pgic_core.PgiModelError, match=r"without weights_fp16\.pt"):
        model(x)
    with pytest.raises(pgic_core.PgiModelError, match=r"without weights_fp16\.pt"):
        PgiModel.from_state_dict({}, model=light)


def test_bench_codec(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(skimage.data.astronaut()[:170, :170]).save(path)
    info, picture = Pgi(None).run(path, 50, ["psnr-rgb"], return_rec=True)
    file = io.BytesIO()
    Image.open(path).save(file, "PGI", quality=50)
    assert math.isclose(info["bpp"], len(file.getvalue()) * 8 / 170**2)
    assert np.array_equal(np.asarray(picture), pgic_core.decode(file.getvalue()))


def test_command(tmp_path: Path) -> None:
    photo, table = tmp_path / "photo.png", tmp_path / "points.csv"
    Image.fromarray(skimage.data.astronaut()[:192, :192]).save(photo)
    done = CliRunner().invoke(bench, ["compressai", str(photo), "-q", "50", "--csv", str(table)])
    assert done.exit_code == 0, done.output
    with table.open() as file:
        rows = {(row["codec"], row["measured_by"]): row for row in csv.DictReader(file)}
    assert list(rows)[:4] == [("JPEG", "bench"), ("WebP", "bench"), ("pgic", "bench"), ("pgic", "eval_model")]
    bench_row, model_row = rows["pgic", "bench"], rows["pgic", "eval_model"]
    # 192 is a multiple of 64: nothing is padded, and both measure the same file.
    for name in ("bpp", "psnr", "ms_ssim"):
        assert math.isclose(float(bench_row[name]), float(model_row[name]), rel_tol=1e-4)
    Image.new("RGB", (500, 160)).save(photo)
    done = CliRunner().invoke(bench, ["compressai", str(photo)])
    assert done.exit_code == 2
    assert "too small" in done.output
