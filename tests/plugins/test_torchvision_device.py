"""Networks in torch beside ONNX Runtime, on the device that every machine has."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import tv_tensors

import pgic_core
from pgic_core.errors import PgiChecksumError, PgiModelError, PgiOptionError, PgiUnsupportedError
from pgic_core.options import DecodeOptions
from pgic_plugins.torchvision import (
    DeviceLoader,
    PgiFolder,
    PgiLoader,
    PgiSymbols,
    decode_pgi,
    decode_pgi_latent,
)
from pgic_plugins.torchvision.device import pixels_on, read_symbols
from pgic_plugins.torchvision.device.torch_network import TorchNetwork

from .torch_workers import as_list

if TYPE_CHECKING:
    from PIL import Image

GOLDEN = Path(__file__).parent.parent / "golden"
LEARNED = sorted(GOLDEN.glob("learned*.pgi"))
LOSSLESS = sorted(GOLDEN.glob("lossless-[!fi]*.pgi"))
CPU = torch.device("cpu")
# STREAM.md: results may differ by a grey level, seldom by a few. Half precision changes more of them.
MOST, SHARE, SHARE_HALF = 4, 0.25, 0.5


def check_close(ours: torch.Tensor, other: torch.Tensor, share: float = SHARE) -> None:
    assert (ours.dtype, ours.shape) == (other.dtype, other.shape)
    error = (ours.to(torch.int16) - other.to(torch.int16)).abs()
    assert int(error.max()) <= MOST
    assert float((error > 0).float().mean()) <= share
    assert float((error > 1).float().mean()) <= 0.01


@pytest.fixture(scope="module")
def data(photo: Image.Image) -> bytes:
    return pgic_core.encode(photo, quality=50)


@pytest.mark.parametrize("path", LEARNED, ids=lambda path: path.stem)
@pytest.mark.parametrize("level", ["fast", "preview"])
def test_pixels_are_near_those_of_onnx_runtime(path: Path, level: Any) -> None:
    options = {"level": level, "mode": "UNCHANGED"}
    check_close(decode_pgi(path, engine="torch", **options), decode_pgi(path, **options))


@pytest.mark.parametrize("path", LOSSLESS, ids=lambda path: path.stem)
def test_pictures_without_networks_are_the_same(path: Path) -> None:
    assert torch.equal(decode_pgi(path, engine="torch"), decode_pgi(path))


@pytest.mark.parametrize("window", [(0, 0, 301, 203), (33, 17, 101, 64), (290, 200, 11, 3), (64, 64, 1, 1)])
@pytest.mark.parametrize(("level", "scale"), [("fast", 1), ("preview", 8), ("preview", 4)])
def test_windows(data: bytes, window: Any, level: Any, scale: int) -> None:
    options = {"level": level, "scale": scale, "window": window}
    check_close(decode_pgi(data, engine="torch", **options), decode_pgi(data, **options))


def test_half_precision(data: bytes) -> None:
    check_close(decode_pgi(data, half=True), decode_pgi(data), SHARE_HALF)


def test_exact_blocks_are_exact(photo: Image.Image) -> None:
    box = (40, 32, 64, 48)
    source = pgic_core.encode(photo, quality=30, exact=[box])
    wanted = torch.from_numpy(np.array(photo)[32:80, 40:104]).permute(2, 0, 1)
    assert torch.equal(decode_pgi(source, engine="torch")[:, 32:80, 40:104], wanted)
    window = decode_pgi(source, engine="torch", window=(50, 40, 30, 30))
    assert torch.equal(window, wanted[:, 8:38, 10:40])


def test_latents_are_the_same_but_for_rounding(data: bytes) -> None:
    for window in (None, (33, 17, 101, 64)):
        ours = decode_pgi_latent(data, engine="torch", window=window)
        torch.testing.assert_close(ours, decode_pgi_latent(data, window=window), rtol=0, atol=0.25)
    with pytest.raises(PgiUnsupportedError, match="coded lossless"):
        decode_pgi_latent(LOSSLESS[-1], engine="torch")


def test_large_pictures_go_block_by_block(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgic_core.codec.learned.symbols_for_engines._BLOCK_PIXELS", 1 << 18)
    large = np.tile(np.asarray(photo), (5, 4, 1))[:900, :1100]
    source = pgic_core.encode(large, quality=40, effort=1)
    assert len(read_symbols(source, DecodeOptions()).blocks) > 2
    check_close(decode_pgi(source, engine="torch"), decode_pgi(source))


def test_several_files_at_once_and_turned(data: bytes, photo: Image.Image) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    turned = pgic_core.encode(photo.crop((0, 0, 100, 60)), exif=exif)
    sources = [data, LEARNED[0], turned, LOSSLESS[0], data]
    options: dict[str, Any] = {"apply_exif_orientation": True, "mode": "GRAY_ALPHA"}
    ours = decode_pgi(sources, engine="torch", threads=2, **options)
    assert ours[2].shape == (2, 100, 60)
    for one, source in zip(ours, sources, strict=True):
        check_close(one, decode_pgi(source, **options))
    assert [picture.shape for picture in decode_pgi([data, data])] == [(3, 203, 301)] * 2
    assert decode_pgi([]) == []


def test_results_can_be_trained_on(data: bytes) -> None:
    weight = torch.ones(3, 1, 1, requires_grad=True)
    (decode_pgi(data, engine="torch", window=(0, 0, 64, 64)) / 255 * weight).sum().backward()
    (decode_pgi_latent(data, engine="torch", window=(0, 0, 64, 64)) * weight.sum()).sum().backward()
    assert weight.grad is not None


def test_damage(data: bytes) -> None:
    broken = bytearray(data)
    broken[-40] ^= 1
    with pytest.raises(PgiChecksumError):
        decode_pgi(broken, engine="torch")
    filled = decode_pgi(broken, engine="torch", on_damage="conceal")
    check_close(filled, decode_pgi(broken, on_damage="conceal"))


def test_symbols_cross_processes(data: bytes) -> None:
    symbols = read_symbols(data, DecodeOptions())
    copy = pickle.loads(pickle.dumps(symbols))
    assert symbols.shape == copy.shape == (3, 203, 301)
    assert torch.equal(pixels_on(copy, CPU, torch.float32), pixels_on(symbols, CPU, torch.float32))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_and_the_main_process_decodes(data: bytes, tmp_path: Path, method: str) -> None:
    for number in range(3):
        path = tmp_path / "lines" / f"{number}.pgi"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    # No worker ever touches this device.
    loader = DataLoader(
        PgiFolder(tmp_path, device="cuda", window=(32, 16, 96, 80)),
        batch_size=2,
        num_workers=1,
        collate_fn=as_list,
        multiprocessing_context=method,
    )
    assert isinstance(next(iter(loader))[0][0], PgiSymbols)
    batches = list(DeviceLoader(loader, "cpu", transform=tuple))
    assert [len(batch) for batch in batches] == [2, 1]
    image, label = batches[0][0]
    assert type(image) is tv_tensors.Image
    assert label == 0
    check_close(image, decode_pgi(data, window=(32, 16, 96, 80)))
    assert len(DeviceLoader(loader, "cpu")) == 2


def test_loader_decodes_where_there_are_no_workers(data: bytes) -> None:
    check_close(PgiLoader(half=True)(data), decode_pgi(data), SHARE_HALF)


def test_options_are_checked(data: bytes) -> None:
    with pytest.raises(PgiOptionError, match="engine must be one of onnxruntime, torch"):
        decode_pgi(data, engine="tensorrt")  # type: ignore[arg-type]
    with pytest.raises(PgiOptionError, match="half needs the engine 'torch'"):
        decode_pgi(data, engine="onnxruntime", half=True)


def test_unknown_operators_are_refused() -> None:
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Celu", ["x"], ["y"])], "g", [value], [])
    with pytest.raises(PgiModelError, match="operator Celu"):
        TorchNetwork(helper.make_model(graph).SerializeToString(), CPU, torch.float32)


@pytest.mark.parametrize("path", LEARNED, ids=lambda path: path.stem)
@pytest.mark.parametrize("level", ["fast", "preview"])
def test_all_stays_on_the_device(path: Path, level: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # On this device there are shapes alone: whatever came from the CPU, or went there, would fail.
    monkeypatch.setattr(torch, "fake_quantize_per_tensor_affine", lambda x, *_: x.clone())
    options: dict[str, Any] = {"device": "meta", "level": level, "mode": "GRAY_ALPHA"}
    assert decode_pgi(path, **options).device.type == "meta"
    assert (
        decode_pgi(path, half=True, **options).shape == decode_pgi(path, level=level, mode="GRAY_ALPHA").shape
    )
    windows = decode_pgi(path, windows=[(0, 0, 20, 20), (9, 9, 20, 20)], **options)
    assert [window.device.type for window in windows] == ["meta"] * 2
    assert decode_pgi_latent(path, device="meta").device.type == "meta"


def test_windows_share_what_they_have_in_common(data: bytes) -> None:
    windows = [(0, 0, 100, 90), (50, 40, 100, 90), (290, 190, 11, 13)]
    ours = decode_pgi(data, windows=windows, engine="torch", mode="GRAY")
    for one, other in zip(ours, decode_pgi(data, windows=windows, mode="GRAY"), strict=True):
        check_close(one, other)
    assert decode_pgi(data, windows=[]) == []
    with pytest.raises(PgiOptionError, match="windows takes one file"):
        decode_pgi([data], windows=windows)
    with pytest.raises(PgiOptionError, match="not inside the picture"):
        decode_pgi(data, windows=[(0, 0, 999, 9)], engine="torch")
