"""A hundred changes on end: two engines, and one with noise, see the same symbols and close pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from skimage import data

import pgic_core
from pgic_core.models import Network
from pgic_plugins.torchvision import decode_pgi
from tests.golden.make_sequences import symbols_of
from tests.golden.test_golden import FARTHEST, MEAN

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHANGES = 100
LOOKED_AT = (0, 1, 50, CHANGES)
NOISE = 3e-4
"""Standard deviation of what is added to all that networks give."""


def pictures() -> list[NDArray[np.uint8]]:
    """A photo in light that comes and goes, with noise and a thing that moves about in it."""
    photo, random = data.astronaut()[40:168, 100:260].astype(np.float32), np.random.default_rng(5)
    taken = []
    for number in range(CHANGES + 1):
        pixels = photo * (1 + 0.15 * np.sin(number / 7))
        top, left = 20 + 7 * number % 80, 11 * number % 120
        pixels[top : top + 30, left : left + 30] = (200, 170, 60)
        taken.append((pixels + random.normal(0, 1.5, pixels.shape)).clip(0, 255).astype(np.uint8))
    return taken


@pytest.mark.slow
def test_engines_agree_after_a_hundred_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pgi"
    with pgic_core.SequenceWriter(path, quality=50, key_distance=CHANGES + 1, sync=False) as writer:
        monkeypatch.setattr("pgic_core.codec.sequence.scene._MOST_CHANGES", np.inf)
        assert [writer.append(picture).key for picture in pictures()] == [True] + CHANGES * [False]

    def seen(number: int) -> tuple[str | None, NDArray[np.int16]]:
        with pgic_core.open_file(path) as file:
            frame = file.frame(number)
            return symbols_of(frame.coded), frame.decode().astype(np.int16)

    expected = {number: seen(number) for number in LOOKED_AT}
    for number, (_, pixels) in expected.items():
        ours = decode_pgi(path, engine="torch", frame=number).permute(1, 2, 0).to(torch.int16).numpy()
        apart = np.abs(ours - pixels)
        assert apart.max() <= FARTHEST
        assert apart.mean() <= MEAN

    run = Network.run

    def with_noise(network: Network, inputs: Any, *outputs: Any, **options: Any) -> list[NDArray[Any]]:
        random = np.random.default_rng(len(inputs))
        return [
            out if out.dtype.kind != "f" else np.asarray(out + random.normal(0, NOISE, out.shape), out.dtype)
            for out in run(network, inputs, *outputs, **options)
        ]

    monkeypatch.setattr(Network, "run", with_noise)
    means = []
    for number, (symbols, pixels) in expected.items():
        again = seen(number)
        assert again[0] == symbols
        apart = np.abs(again[1] - pixels)
        assert apart.max() <= FARTHEST
        means.append(apart.mean())
    assert max(means) <= 1.3 * means[0]  # as far from each other as key frames are: nothing adds up
