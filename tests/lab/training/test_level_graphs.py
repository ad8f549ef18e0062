"""Graphs of reduced sizes and of the fine decoder compute what the trained networks compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from skimage import data

from pgic_core.errors import PgiInputError
from pgic_core.lab.training.config import FineArchitecture, TrainingConfig
from pgic_core.lab.training.export import export
from pgic_core.lab.training.export_levels import load_fine
from pgic_core.lab.training.fine_decoder import FineSynthesis, grid, halo, halo_steps
from pgic_core.lab.training.klt_start import start_from_klt
from pgic_core.lab.training.layers import enlarge
from pgic_core.lab.training.level_graphs import fine_graph, half_graph, quarter_graph
from pgic_core.lab.training.networks import Codec
from pgic_core.lab.training.preview_fit import LOW_RATE, fit_quarter
from pgic_core.models import Model

from .architectures import SMALL, SMALL_FINE

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

ONE = FineArchitecture(width=16, blocks=3, attention=(2,), window=4, heads=2, middle=12, last=8)
MANY = FineArchitecture(width=16, blocks=3, attention=(1, 2, 3), window=2, heads=2, middle=12, last=8)
NONE = FineArchitecture(width=16, blocks=2, attention=(), heads=2, middle=12, last=8)


def loud(net: torch.nn.Module, std: float) -> Any:
    """Random weights that halves hold exactly."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn_like(parameter).mul(std).half().float())
    return net.eval()


def run(graph: onnx.ModelProto, **feeds: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = {value.name for value in session.get_inputs()}
    picture: np.ndarray = session.run(None, {name: feeds[name] for name in names})[0]
    return picture


def grey(picture: torch.Tensor) -> np.ndarray:
    return (picture * 256 + 128).round().clamp(0, 255).numpy().astype(int)


def corners(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("a", [ONE, MANY, NONE, SMALL_FINE])
@torch.no_grad()
def test_fine(a: FineArchitecture) -> None:
    net = loud(FineSynthesis(a, SMALL), 0.2)
    latent = torch.randn(1, 9, 13, SMALL.latent)
    offsets = torch.linspace(-0.5, 0.5, 12).reshape(1, 3, 4, 1)
    for origin in ((0, 0), (3, 5)):
        whole = grey(net(latent, torch.tensor([1.3]), offsets, origin))
        assert whole.std() > 10
        place = 2 * 1.3 / (SMALL.rates - 1) - 1 + 2 * enlarge(offsets, 4)[:, :9, :13] / net.octaves
        feeds = {
            "latent": latent.numpy(),
            "rate": place.permute(0, 3, 1, 2).contiguous().numpy(),
            "origin": corners(*origin),
        }
        shown = run(fine_graph(net), **feeds, inside=corners(0, 0, 9, 13)).astype(int)
        assert np.abs(shown - whole).max() <= 1
        assert np.abs(shown - whole).mean() < 0.01
        # A part is rendered from there on alone: its outermost pixels lack what lies beside it.
        part = run(fine_graph(net), **feeds, inside=corners(2, 1, 9, 12)).astype(int)
        margin = 4 * a.last_blocks
        inner = whole[:, 32:, 16:192]
        assert part.shape == inner.shape
        assert np.abs(part - inner)[:, margin:, margin:-margin].max() <= 1


def test_halo_steps_hold_what_a_window_on_the_grid_needs() -> None:
    for a in (ONE, MANY, NONE, SMALL_FINE, FineArchitecture()):
        first = far = 64 * grid(a)
        for pixels, step in halo_steps(a):
            far = (far - pixels) // step * step
        assert 0 <= first - far - halo(a) <= grid(a) + 16  # parts of positions add up to whole ones
    assert sum(pixels for pixels, _ in halo_steps(FineArchitecture())) == 16 * (6 + 3)
    assert halo_steps(FineArchitecture(blocks=10, attention=(5,))) == [[128, 128], [80, 16]]
    assert halo_steps(NONE) == [[8 * 4 + 4 * 4 + 32, 16]]


@torch.no_grad()
def test_half_is_the_synthesis_averaged() -> None:
    codec = loud(Codec(SMALL), 0.15)
    codec.synthesis.deviation.fill_(1.5)
    latent = torch.randn(1, 6, 8, SMALL.latent) / 4
    embedding = torch.randn(1, 6, 8, SMALL.decoder)
    picture = codec.synthesis(latent, embedding).permute(0, 3, 1, 2)
    expected = grey(F.avg_pool2d(picture, 2).permute(0, 2, 3, 1))
    feeds = {"latent": latent.numpy(), "embedding": embedding.permute(0, 3, 1, 2).numpy()}
    shown = run(half_graph(codec, {}), **feeds, inside=corners(0, 0, 6, 8))
    assert expected.std() > 10
    assert np.abs(shown - expected).max() <= 1
    part = run(half_graph(codec, {}), **feeds, inside=corners(1, 2, 6, 7))
    assert np.abs(part - expected[:, 8:, 16:56])[:, 2:-2, 2:-2].max() <= 1


@torch.no_grad()
def test_a_quarter_is_what_a_linear_map_can_say_of_the_picture() -> None:
    photo = data.astronaut()
    crops = np.stack([photo[i : i + 128, j : j + 192] for i, j in ((0, 100), (200, 50), (60, 300))])
    codec = loud(Codec(SMALL), 0.02)
    start_from_klt(codec, torch.from_numpy(crops).float() / 256 - 0.5)
    seen: list[tuple[torch.Tensor, ...]] = []
    codec.watch([codec.synthesis], crops, lambda _, inputs: seen.append(inputs))
    usual, low = fit_quarter(codec, crops)
    graph = quarter_graph(codec, usual, low)
    places = np.linspace(-1, 1, len(seen), dtype=np.float32)
    for inputs, place in zip(seen, places, strict=True):
        picture = codec.synthesis(*inputs).permute(0, 3, 1, 2)
        expected = grey(F.avg_pool2d(picture, 4).permute(0, 2, 3, 1))
        latent = inputs[0].numpy()
        rate = np.full((1, 1, 1, 1), place)
        shown = run(graph, latent=latent, rate=rate, inside=corners(0, 0, 8, 12))
        assert shown.shape == (1, 32, 48, 3)
        assert np.square(shown - expected).mean() < 9
        part = run(graph, latent=latent, rate=rate, inside=corners(2, 1, 7, 12))
        assert np.array_equal(part, shown[:, 8:28, 4:])


@torch.no_grad()
def test_the_map_of_low_rates_fades_in() -> None:
    """The lowest rate has both maps, half-way there is half of the second, and from LOW_RATE on none."""
    codec, random = Codec(SMALL), np.random.default_rng(4)
    channels = SMALL.latent
    usual, low = (
        (
            random.normal(0, 0.1, (48, channels)).astype(np.float32),
            random.normal(0, 0.1, 48).astype(np.float32),
        )
        for _ in range(2)
    )
    latent = random.normal(0, 0.3, (1, 2, 3, channels)).astype(np.float32)
    half = (LOW_RATE - 1) / 2
    graph = quarter_graph(codec, usual, low)
    for place, share in ((-1.0, 1.0), (half, 0.5), (LOW_RATE, 0.0), (0.9, 0.0)):
        rate = np.full((1, 1, 1, 1), place, np.float32)
        shown = run(graph, latent=latent, rate=rate, inside=corners(0, 0, 2, 3))
        cells = latent @ (usual[0] + share * low[0]).T + usual[1] + share * low[1]
        expected = np.clip(np.rint(128 + 256 * cells), 0, 255).reshape(2, 3, 4, 4, 3)
        expected = expected.transpose(0, 2, 1, 3, 4).reshape(1, 8, 12, 3)
        assert np.abs(shown - expected).max() <= 1
    each = np.full((1, 1, 2, 3), -1, np.float32)
    each[..., 2] = 1  # a finer region
    mixed = run(graph, latent=latent, rate=each, inside=corners(0, 0, 2, 3))
    lowest, usual_one = (
        run(graph, latent=latent, rate=np.full((1, 1, 1, 1), p, np.float32), inside=corners(0, 0, 2, 3))
        for p in (-1, 1)
    )
    assert np.array_equal(mixed[:, :, :8], lowest[:, :, :8])
    assert np.array_equal(mixed[:, :, 8:], usual_one[:, :, 8:])


def checkpoint(folder: Path, name: str, fine: FineArchitecture | None) -> Path:
    """A codec, and a fine decoder if wanted, as the trainer writes them."""
    config = TrainingConfig("tiny", SMALL, fine=fine or FineArchitecture())
    state: dict[str, Any] = {"config": config.to_dict(), "step": 1, "seconds": 2.0}
    state["average"] = loud(Codec(SMALL), 0.05).state_dict()
    if fine is not None:
        state["fine"] = {"average": loud(FineSynthesis(fine, SMALL), 0.05).state_dict()}
    torch.save(state, folder / name)
    return folder / name


def test_export_takes_fine_decoders_from_other_files(tmp_path: Path) -> None:
    codec = checkpoint(tmp_path, "codec.pt", None)
    larger = checkpoint(tmp_path, "fine.pt", ONE)
    plain = export(codec, tmp_path / "plain")
    digest = export(codec, tmp_path / "model", larger={"fine": larger, "perceptual": larger})
    assert digest == plain  # files of both are read by both
    model = Model(tmp_path / "model")
    assert model.levels == ("fast", "preview", "fine", "perceptual", "adaptive")
    assert Model(tmp_path / "plain").levels == ("fast", "preview")
    fine = model.renderer("fine")
    assert fine.halo == tuple(map(tuple, halo_steps(ONE)))
    assert (fine.inside_halo, fine.post_filter, fine.synthesised) == (16, False, False)
    assert model.renderer("perceptual").synthesised
    # Without crops to fit on, a quarter is made of the whole picture.
    assert model.renderer("fast", 2).scale == 2
    assert model.renderer("fast", 4).scale == 1


def test_a_file_without_a_fine_decoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PgiInputError, match="holds no fine decoder"):
        load_fine(checkpoint(tmp_path, "codec.pt", None), SMALL)
    state = torch.load(checkpoint(tmp_path, "fine.pt", ONE), weights_only=True)
    alone = tmp_path / "alone.pt"
    torch.save({"average": state["fine"]["average"]}, alone)
    with pytest.raises(PgiInputError, match="holds no fine decoder"):
        load_fine(alone, SMALL)  # whose architecture is not the default one
