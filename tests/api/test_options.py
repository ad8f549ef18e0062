"""Options: what each may be, and the one sentence that refuses it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from pgic_core.errors import PgiOptionError
from pgic_core.options import (
    LEVELS,
    DecodeOptions,
    RateRequest,
    check_effort,
    check_level,
    check_quality,
    known_levels,
    set_level_source,
)


def test_defaults_decode_every_pixel() -> None:
    options = DecodeOptions()
    assert (options.level, options.scale, options.conceals) == ("fast", 1, False)
    assert options.window_in(30, 20) == (0, 0, 30, 20)
    assert options.thread_count >= 1


def test_every_level_has_a_scale() -> None:
    assert LEVELS == ("preview", "fast", "fine", "adaptive", "perceptual", "recognition")
    own = {level: DecodeOptions(level).scale for level in LEVELS}
    assert own == {**dict.fromkeys(LEVELS, 1), "preview": 8}
    for level in LEVELS[1:]:
        assert [DecodeOptions(level, scale=scale).scale for scale in (1, 2, 4, 8)] == [1, 2, 4, 8]
    assert DecodeOptions("preview", scale=8).scale == 8


def test_models_may_bring_further_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgic_core.options._further_levels", None)  # to be restored
    set_level_source(lambda: {"sharp", "fast", "No level"})
    assert known_levels() == (*LEVELS, "sharp")
    check_level("sharp")
    assert DecodeOptions("sharp").scale == 1
    with pytest.raises(PgiOptionError, match="recognition, sharp, not 'No level'"):
        check_level("No level")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"level": "full"},
            "level must be one of preview, fast, fine, adaptive, perceptual, recognition, not 'full'",
        ),
        ({"scale": 3}, "scale must be one of 1, 2, 4, 8, not 3"),
        ({"scale": True}, "scale must be one of 1, 2, 4, 8, not True"),
        ({"level": "preview", "scale": 2}, "A preview has the scale 4 or 8, not 2"),
        ({"regions": [(0, 0, 8, 8)]}, "regions needs level='adaptive', not 'fast'"),
        ({"on_damage": "ignore"}, "on_damage must be 'raise' or 'conceal', not 'ignore'"),
        ({"window": (1, 2, 3)}, "window must be four whole numbers"),
        ({"window": (0, 0, 1.5, 2)}, "window must be four whole numbers"),
        ({"threads": 0}, "threads must be a whole number from 1"),
        ({"threads": True}, "threads must be a whole number from 1"),
    ],
)
def test_decode_options_are_checked_when_they_are_made(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(PgiOptionError, match=reason):
        DecodeOptions(**given)


def test_integers_of_numpy_make_a_window() -> None:
    window = DecodeOptions(window=tuple(np.array([1, 2, 3, 4]))).window  # type: ignore[arg-type]
    assert window == (1, 2, 3, 4)
    assert {type(side) for side in window} == {int}


@pytest.mark.parametrize(
    "window",
    [(-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 0, 5), (0, 0, 5, 0), (26, 0, 5, 5), (0, 16, 5, 5), (3, 3, -1, 2)],
)
def test_a_window_must_lie_inside_the_picture(window: tuple[int, int, int, int]) -> None:
    with pytest.raises(PgiOptionError, match="is not inside the picture of 30x20"):
        DecodeOptions(window=window).window_in(30, 20)


def test_options_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DecodeOptions().level = "preview"  # type: ignore[misc]


@pytest.mark.parametrize("value", [0, 101, 5.0, True, "50"])
def test_quality_is_a_whole_number_from_1_to_100(value: Any) -> None:
    for refuse in (check_quality, lambda quality: RateRequest(quality=quality)):
        with pytest.raises(PgiOptionError, match="quality must be a whole number from 1 to 100"):
            refuse(value)


def test_effort_is_from_1_to_3() -> None:
    for effort in (1, 2, 3):
        check_effort(effort)
    with pytest.raises(PgiOptionError, match="effort must be from 1 to 3, not 4"):
        check_effort(4)


def test_a_rate_is_asked_for_in_one_way() -> None:
    assert RateRequest(bpp=2.0).byte_budget(400) == 100
    assert RateRequest(ratio=10, source_bytes=1000).byte_budget(400) == 100
    assert RateRequest(quality=50).byte_budget(400) is None
    with pytest.raises(PgiOptionError, match="quality and bpp contradict each other"):
        RateRequest(quality=50, bpp=1)
