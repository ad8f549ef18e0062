"""Networks that compute what is no number, and engines that fail, show no noise and leak no foreign error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core.codec.learned.symbols import entropy_coding
from pgic_core.errors import PgiFormatError, PgiModelError
from pgic_core.models import Model, Network, Tables, default_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MODEL = default_model()
PHOTO = np.ascontiguousarray(skimage.data.astronaut()[:160, :200])
FILE = pgic_core.encode(PHOTO, quality=60)
CLEAN = pgic_core.decode(FILE)
DECODING = ("state", "context", "means", "synthesis")


def decoded(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.uint8]:
    real = Network.__call__

    def changed(network: Network, inputs: Mapping[str, NDArray[Any]], **options: Any) -> NDArray[Any]:
        output = real(network, inputs, **options)
        return change(output.copy()) if network._path.name == "means.onnx" else output

    with monkeypatch.context() as patch:
        patch.setattr(Network, "__call__", changed)
        return pgic_core.decode(FILE)


@pytest.mark.parametrize(
    ("bad", "taken_as"),
    [(np.nan, 0.0), (np.inf, 65504.0), (-np.inf, -65504.0), (3e38, 65504.0), (-1e30, -65504.0)],
)
def test_what_is_no_number_is_taken_as_one_that_is(
    bad: float, taken_as: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_value(value: float) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        def change(latent: NDArray[np.float32]) -> NDArray[np.float32]:
            latent[:, 0, 0, ::7] = value
            return latent

        return change

    spoilt = decoded(monkeypatch, with_value(bad))
    np.testing.assert_array_equal(spoilt, decoded(monkeypatch, with_value(taken_as)))
    # It reaches as far as the network does, and no farther.
    reach = MODEL.halo("synthesis") + 16
    np.testing.assert_array_equal(spoilt[reach:, reach:], CLEAN[reach:, reach:])


def test_a_network_of_nothing_but_nan_shows_one_flat_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = decoded(monkeypatch, lambda latent: np.full_like(latent, np.nan))
    np.testing.assert_array_equal(flat, decoded(monkeypatch, np.zeros_like))
    # Inside, away from the border that the networks see, a latent of zeros is one colour in 16 x 16 patterns.
    assert np.abs(flat[64:80, 64:80].astype(int) - flat[64:80, 80:96]).max() <= 1


def test_bounded_latents_give_finite_pixels_all_through_the_graph() -> None:
    """The graph ends in a cast of floats to grey levels, which is undefined for what is no number."""
    from tests.codec import torch_engine

    random = np.random.default_rng(0)
    latent = np.where(random.random((1, 4, 4, MODEL.latent)) < 0.5, -65504, 65504).astype(np.float32)
    octaves = np.full((1, 1), -16.0, np.float32)
    inputs = {
        "latent": latent,
        "shown": latent,
        "inside": np.array([0, 0, 4, 4]),
        "embedding": MODEL.embedding("synthesis", 1, octaves),
    }
    assert torch_engine.all_finite(MODEL.folder / "synthesis.onnx", inputs)
    symbols = np.where(random.random((1, 2, 2, 4 * MODEL.latent)) < 0.5, -32767, 32767).astype(np.int16)
    steps = np.exp2(MODEL.tables.step_exponent.max(0) / 8 + 16).reshape(1, -1, 1, 1).astype(np.float32)
    base, detail = np.split(symbols, [4 * MODEL.base], axis=-1)

    def run(name: str, inputs: dict[str, NDArray[Any]], *outputs: str) -> list[NDArray[Any]]:
        assert torch_engine.all_finite(MODEL.folder / f"{name}.onnx", inputs)
        return torch_engine.run(MODEL.network(name), inputs, outputs)

    z = np.where(random.random((1, MODEL.hyper, 1, 1)) < 0.5, -127, 127).astype(np.float32)
    (state,) = run("state", {"z": z, "embedding": MODEL.embedding("means", 1, octaves)}, "state")
    inputs = {"state": state, "base": base, "step": steps[:, : MODEL.base]}
    run("preview", inputs, "picture")
    known, context = run("context", inputs | {"inside": np.array([0, 0, 2, 2])}, "known", "context")
    inputs = {"known": known, "context": context, "detail": detail, "step": steps[:, MODEL.base :]}
    run("means", inputs, "latent")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("network", DECODING)
def test_an_engine_that_fails_is_an_error_of_ours(
    network: str, threads: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("manifest.json", "tables.npz", *(f"{name}.onnx" for name in DECODING)):
        (tmp_path / name).write_bytes((MODEL.folder / name).read_bytes())
    broken = tmp_path / f"{network}.onnx"
    broken.write_bytes(broken.read_bytes()[:1000])
    monkeypatch.setattr("pgic_core.codec.learned.decoder.find_model", lambda name: Model(tmp_path))
    with pytest.raises(PgiModelError, match=broken.name):
        pgic_core.decode(FILE, threads=threads)
    broken.unlink()
    with pytest.raises(PgiModelError, match=broken.name):
        pgic_core.decode(FILE, threads=threads)


@pytest.mark.parametrize("name", ["z_row", "z_bias", "frequencies_values", "frequencies_bounds"])
def test_tables_that_the_coder_could_choke_on_are_refused(name: str, tmp_path: Path) -> None:
    with np.load(MODEL.folder / "tables.npz") as stored:
        arrays = dict(stored)
    arrays[name] = arrays[name].copy()
    arrays[name].reshape(-1)[-1] += 1 << 24 if name == "z_bias" else 200
    np.savez(tmp_path / "tables.npz", **arrays)
    with pytest.raises(PgiModelError, match=r"tables\.npz are damaged"):
        Tables.load(tmp_path / "tables.npz")


class PanicException(BaseException):
    """What a panic of Rust looks like from Python."""


@pytest.mark.parametrize("error", [PanicException("attempt to subtract"), ValueError("invalid")])
def test_a_panic_of_the_entropy_coder_is_a_damaged_tile(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Coder:
        def __init__(self, words: object) -> None:
            pass

        def decode(self, model: object, count: int) -> object:
            raise error

    monkeypatch.setattr(entropy_coding.constriction.stream.stack, "AnsCoder", Coder)
    with pytest.raises(PgiFormatError, match="cannot be decoded"):
        pgic_core.decode(FILE)
    _, damaged = pgic_core.decode_with_mask(FILE)
    assert damaged.all()
