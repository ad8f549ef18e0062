"""The measurements on pgic itself, with the model that is installed."""

import math

import numpy as np
from skimage import data

from pgic_core.api import encode
from pgic_core.evaluation.metrics import psnr
from pgic_core.evaluation.peers import find_codec
from pgic_core.evaluation.speed import measure_speed, measure_stages
from pgic_core.evaluation.stages import STAGES

PICTURE = data.coffee()[:192, :256]


def test_pgic_is_measured_as_whole_files() -> None:
    for name, effort in (("pgic", None), ("pgic-e1", 1)):
        codec = find_codec(name)
        coded = codec.encode(PICTURE, 60)
        assert coded == encode(PICTURE, quality=60, effort=effort)
        decoded = codec.decode(coded)
        assert decoded.shape == PICTURE.shape
        assert decoded.dtype == np.uint8
        assert psnr(PICTURE, decoded) > 20


def test_preview_and_window_stand_beside_the_full_decode() -> None:
    rows = measure_speed(PICTURE, [find_codec("pgic")], runs=1, repeats=1)
    assert [row.operation for row in rows] == ["encode", "decode", "preview", "window"]
    assert [math.isnan(row.megapixels_per_second) for row in rows] == [False, False, True, True]
    assert all(math.isnan(row.ratio) for row in rows)


def test_every_stage_is_seen_both_ways() -> None:
    times = measure_stages(PICTURE, repeats=1)
    assert list(times) == ["encode", "decode"]
    for seconds in times.values():
        assert tuple(seconds) == STAGES
        assert all(value > 0 for value in seconds.values())
