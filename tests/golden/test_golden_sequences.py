"""Sequences written once still decode: same symbols and maps, pixels within a distance."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

import pgic_core
from pgic_core.codec.change.change_image import ChangeImage

from .make_sequences import FACTS as STORED
from .make_sequences import SEQUENCES, symbols_of
from .test_golden import FARTHEST, MEAN

FACTS: dict[str, dict[str, Any]] = json.loads(STORED.read_text(encoding="utf-8"))


def test_every_sequence_is_listed() -> None:
    assert {path.stem for path in SEQUENCES.glob("*.pgi")} == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_the_sequence_is_as_it_was_written(name: str) -> None:
    data = (SEQUENCES / f"{name}.pgi").read_bytes()
    assert sha256(data).hexdigest() == FACTS[name]["sha256"]
    pgic_core.verify(data)


@pytest.mark.parametrize("name", FACTS)
def test_frames_are_the_same(name: str) -> None:
    facts = FACTS[name]
    with np.load(SEQUENCES / f"{name}.npz") as stored:
        (expected,) = stored.values()
    with pgic_core.open_file(SEQUENCES / f"{name}.pgi") as file:
        assert file.n_frames == len(expected)
        assert file.durations == [100] * len(expected)
        for number in (*range(1, file.n_frames), 0):
            frame = file.frame(number)
            assert symbols_of(frame.coded) == facts["symbols"][number]
            assert file.changes(number).blocks.tolist() == facts["changes"][number]
            assert frame.metadata.device_id == "camera"
            pixels = frame.decode()
            if facts["symbols"][number] is None:
                np.testing.assert_array_equal(pixels, expected[number])
            else:
                apart = np.abs(pixels.astype(int) - expected[number].astype(int))
                assert apart.max() <= FARTHEST
                assert apart.mean() <= MEAN


def test_they_show_what_a_sequence_can_be() -> None:
    kinds = {}
    for name in FACTS:
        with pgic_core.open_file(SEQUENCES / f"{name}.pgi") as file:
            kinds[name] = [file.is_key_frame(number) for number in range(file.n_frames)]
    assert kinds["still"] == [True, False, False, True]
    assert kinds["exact"] == [True, False]
    assert kinds["moving"] == [True, False]
    assert kinds["lossless"] == [True, True]
    assert kinds["passing"] == [True, False, False, False]
    assert kinds["light"] == [True, False, False, False, False]


def test_one_of_them_refers_to_earlier_states() -> None:
    with pgic_core.open_file(SEQUENCES / "passing.pgi") as file:
        coded = file.frame(3).coded
        assert isinstance(coded, ChangeImage)
        assert coded.change.ages.any()


def test_versions_of_the_change_payload_are_there() -> None:
    """What changed in them was coded as version 1 or 2 in some, and as version 3 in one."""
    found: dict[str, list[ChangeImage]] = {}
    for name in ("still", "passing", "light"):
        with pgic_core.open_file(SEQUENCES / f"{name}.pgi") as file:
            coded = [file.frame(number).coded for number in range(file.n_frames)]
        found[name] = [one for one in coded if isinstance(one, ChangeImage) and one.change.changed.any()]
    assert not any(frame.change.third for name in ("still", "passing") for frame in found[name])
    assert all(frame.change.third for frame in found["light"])
    differences = [frame.change.z_coded[frame.change.modes > 1] for frame in found["light"]]
    assert any(z_coded.any() for z_coded in differences)
    assert any(not z_coded.all() for z_coded in differences)
    assert any(frame.change.ages.any() for frame in found["light"])
