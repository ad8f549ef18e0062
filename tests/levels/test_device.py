"""Levels, scales and key regions through torch: near what ONNX Runtime shows."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pgic_core
from pgic_core.options import DecodeOptions

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from pgic_plugins.torchvision import PgiLoader, decode_pgi  # noqa: E402
from pgic_plugins.torchvision.device import pixels_on, read_symbols  # noqa: E402
from pgic_plugins.torchvision.device.torch_network import TorchNetwork  # noqa: E402

if TYPE_CHECKING:
    from pgic_core.models import Model

REGIONS = [(32, 48, 40, 56)]
WINDOW = (33, 17, 101, 64)


def check_close(ours: Any, other: Any) -> None:
    """Where the right place and renderer is shown. Random weights make much of a latent that was rounded the
    other way, so single pixels say nothing here; :func:`test_a_fine_graph_is_that_of_onnx_runtime` does."""
    assert (ours.dtype, ours.shape) == (other.dtype, other.shape)
    error = (ours.to(torch.int16) - other.to(torch.int16)).abs().float()
    assert float(error.mean()) <= 0.25
    assert float((error > 4).float().mean()) <= 1e-3


@pytest.mark.parametrize("level", ["fine", "perceptual"])
def test_a_fine_graph_is_that_of_onnx_runtime(larger: Model, level: str) -> None:
    rng = np.random.default_rng(5)
    inputs = {
        "latent": rng.normal(size=(1, 13, 17, larger.latent)).astype(np.float32),
        "inside": np.array([2, 3, 11, 15]),
        "origin": np.array([5, 7]),
        "rate": np.full((1, 1, 1, 1), 0.25, np.float32),
    }
    network = larger.network(larger.renderer(level).network)
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    ours = TorchNetwork(network.read(), torch.device("cpu"), torch.float32)(tensors)[0]
    error = np.abs(ours.numpy().astype(int) - network(inputs))
    assert error.max() <= 1
    assert (error > 0).mean() < 0.001


@pytest.mark.parametrize("window", [None, WINDOW])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("level", ["fast", "fine", "perceptual", "adaptive"])
def test_levels_and_scales(larger: Model, data: bytes, level: str, scale: int, window: Any) -> None:
    regions = REGIONS if level == "adaptive" else None
    options: dict[str, Any] = {"level": level, "scale": scale, "window": window, "regions": regions}
    check_close(decode_pgi(data, engine="torch", **options), decode_pgi(data, **options))


def test_windows_together(larger: Model, data: bytes) -> None:
    windows = [WINDOW, (50, 20, 64, 64), (0, 0, 9, 9)]
    for level, scale in (("fine", 1), ("adaptive", 2), ("fast", 4)):
        regions = REGIONS if level == "adaptive" else None
        options: dict[str, Any] = {"level": level, "scale": scale, "regions": regions}
        alone = [pgic_core.decode(data, window=window, **options) for window in windows]
        together = pgic_core.decode(data, windows=windows, **options)
        shown = decode_pgi(data, windows=windows, engine="torch", **options)
        for one, other, tensor in zip(alone, together, shown, strict=True):
            assert one.shape == other.shape
            assert np.abs(one.astype(int) - other).max() <= 1
            check_close(tensor, torch.from_numpy(other).permute(2, 0, 1))


def test_a_loader_takes_level_and_scale(larger: Model, data: bytes) -> None:
    shown = PgiLoader("fine", WINDOW, scale=2, half=True).load(data)
    assert (shown.left, shown.top, shown.factor) == (32, 16, 2)
    other = PgiLoader("fine", WINDOW, scale=2).load(data)
    error = (shown.image.to(torch.int16) - other.image.to(torch.int16)).abs()
    assert shown.image.shape == other.image.shape == (3, 33, 51)
    assert int(error.max()) <= 8


def test_symbols_of_key_regions_cross_processes(larger: Model, data: bytes) -> None:
    mask = np.zeros((501, 811), bool)
    mask[40:90, 60:130] = True
    options = DecodeOptions("adaptive", regions=mask)
    symbols = read_symbols(data, options)
    assert any(len(block.drawings) > 1 for block in symbols.blocks)
    copy = pickle.loads(pickle.dumps(symbols))
    device = torch.device("cpu")
    shown = pixels_on(copy, device, torch.float32)
    check_close(
        shown, torch.from_numpy(pgic_core.decode(data, level="adaptive", regions=mask)).permute(2, 0, 1)
    )


@pytest.mark.parametrize("half", [False, True])
def test_all_stays_on_the_device(
    larger: Model, data: bytes, half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On this device there are shapes alone: whatever came from the CPU, or went there, would fail.
    monkeypatch.setattr(torch, "fake_quantize_per_tensor_affine", lambda x, *_: x.clone())
    for level, scale in (("fine", 1), ("adaptive", 2), ("perceptual", 8), ("fast", 2), ("fast", 4)):
        regions = REGIONS if level == "adaptive" else None
        shown = decode_pgi(data, device="meta", half=half, level=level, scale=scale, regions=regions)
        assert shown.device.type == "meta"
        assert shown.shape == (3, -(-501 // scale), -(-811 // scale))
