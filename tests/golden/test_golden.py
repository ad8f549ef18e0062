"""Files of the released model decode for ever: symbols and lossless pixels are the same, others close."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pgic_core
from pgic_core.features import decode_features, inspect_features
from pgic_core.features.features_in_file import read_features

from .make import FACTS, FOLDER, decodings, renderers, symbols_of

if TYPE_CHECKING:
    from pathlib import Path

RELEASED = "bdc430b058d9c04e42a00d87c29edb8f104b17c94215575f929e03d72150ac79"
"""The digest of grid-1. It is never edited: a model that is trained anew has another name beside this one."""
KEPT: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
FILES: dict[str, dict[str, str | None]] = KEPT["files"]
# STREAM.md: engines differ by a level in some samples, seldom by a few. That holds at every level.
FARTHEST, MEAN = 8, 0.5


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.pgi"


def test_the_released_model_is_here_and_unchanged() -> None:
    model = pgic_core.find_model(RELEASED)
    assert (model.id, model.digest, model.provisional) == ("grid-1", RELEASED, False)
    model.check()


def test_pixels_are_those_of_the_renderers_that_are_here() -> None:
    assert renderers() == KEPT["renderers"], "run python -m tests.golden.make after replacing a renderer"


def test_every_file_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("*.pgi")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_as_it_was_written(name: str) -> None:
    data = path_of(name).read_bytes()
    assert sha256(data).hexdigest() == FILES[name]["sha256"]
    pgic_core.verify(data)


@pytest.mark.parametrize("name", [name for name, facts in FILES.items() if facts["symbols"]])
def test_symbols_are_the_same(name: str) -> None:
    assert symbols_of(path_of(name).read_bytes()) == FILES[name]["symbols"]


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in FILES for way in decodings(name)])
def test_pixels_are_the_same(name: str, way: str) -> None:
    with np.load(FOLDER / f"{name}.npz") as stored:
        wanted = stored[way]
    pixels = pgic_core.decode(path_of(name), **decodings(name)[way])
    assert pixels.dtype == wanted.dtype
    if FILES[name]["symbols"] is None:
        np.testing.assert_array_equal(pixels, wanted)
    else:
        apart = np.abs(pixels.astype(int) - wanted.astype(int))
        assert apart.max() <= FARTHEST
        assert apart.mean() <= MEAN


def test_what_stands_beside_the_pixels() -> None:
    facts = pgic_core.inspect(path_of("annotated"))
    assert facts.metadata.device_id == "UAV-7"
    assert facts.metadata.timestamp_ms == 1_700_000_000_000
    assert [(a.label, a.score) for a in facts.annotations] == [("crack", 0.5)]
    assert facts.metadata.location is not None
    assert facts.metadata.location.lon == 116.5


def test_exact_blocks_are_bit_for_bit() -> None:
    import skimage.data

    with pgic_core.open_file(path_of("learned-exact")) as file:
        kept = file.exact
        assert kept is not None
        photo = skimage.data.astronaut()[60:188, 150:310]
        np.testing.assert_array_equal(file.decode()[30:50, 20:70], photo[30:50, 20:70])


def test_feature_maps_decode() -> None:
    stream = read_features(path_of("features"))
    assert stream is not None
    assert len(inspect_features(stream).records) == 1
    maps = decode_features(stream)
    expected = np.maximum(np.random.default_rng(1).standard_normal((8, 14, 14)).astype(np.float32), 0)
    assert np.abs(np.asarray(maps) - expected).max() < 0.2
