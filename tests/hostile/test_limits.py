"""Limits: what they are, how they are changed, and that no writer makes what a reader refuses."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

import pgic_core
from pgic_core.cli import app
from pgic_core.errors import PgiLimitError, PgiOptionError
from pgic_core.limits import DEFAULT_LIMITS, Limits, limit_names, limit_variable

if TYPE_CHECKING:
    from pathlib import Path

GREY = skimage.data.camera()[:96, :128]
FILE = pgic_core.encode(GREY)


def test_limits_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT_LIMITS.pixels = 5  # type: ignore[misc]


@pytest.mark.parametrize("value", [-1, 1.5, True, "5", None])
def test_a_limit_is_a_whole_number(value: Any) -> None:
    with pytest.raises(PgiOptionError, match="'tiles' must be a whole number"):
        Limits(tiles=value)


@pytest.mark.parametrize("name", limit_names())
def test_each_limit_has_a_variable_and_a_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limit_variable(name), "7")
    assert Limits.from_environment() == dataclasses.replace(DEFAULT_LIMITS, **{name: 7})
    monkeypatch.setenv(limit_variable(name), "None")
    assert getattr(Limits.from_environment(), name) == getattr(Limits.unlimited(), name) > 2**62
    monkeypatch.setenv(limit_variable(name), "-7")
    with pytest.raises(PgiOptionError, match=limit_variable(name)):
        Limits.from_environment()
    assert f"        {name}: " in (Limits.__doc__ or "")


def test_a_limit_holds_for_a_call_and_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PgiLimitError, match="PGIC_LIMIT_PIXELS"):
        pgic_core.decode(FILE, limits=Limits(pixels=1000))
    monkeypatch.setenv("PGIC_LIMIT_PIXELS", "1000")
    for call in (pgic_core.decode, pgic_core.inspect, pgic_core.verify):
        with pytest.raises(PgiLimitError, match="--limit pixels="):
            call(FILE)  # type: ignore[operator]
    with pytest.raises(PgiLimitError):
        pgic_core.encode(GREY)
    np.testing.assert_array_equal(pgic_core.decode(FILE, limits=Limits.unlimited()), GREY)


def test_the_command_takes_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(FILE)
    before = dict(os.environ)
    run = CliRunner().invoke
    assert run(app, ["verify", str(path)]).exit_code == 0
    refused = run(app, ["--limit", "pixels=1000", "verify", str(path)])
    assert refused.exit_code == 1
    assert "'pixels' allows 1,000" in refused.output
    assert run(app, ["--unlimited", "--limit", "pixels=1000", "verify", str(path)]).exit_code == 1
    assert run(app, ["--limit", "pixels=none", "verify", str(path)]).exit_code == 0
    assert run(app, ["--unlimited", "verify", str(path)]).exit_code == 0
    assert dict(os.environ) == before


@pytest.mark.parametrize("text", ["pixels", "pixel=5", "pixels=many", "pixels=", "pixels=-1", "pixels=9" * 9])
def test_the_command_names_a_wrong_limit(text: str) -> None:
    result = CliRunner().invoke(app, ["--limit", text, "info", "x.pgi"])
    assert result.exit_code == 2
    assert "pixels" in result.output.lower()


def test_pillow_guards_what_goes_in_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    photo, coded = str(tmp_path / "a.png"), str(tmp_path / "a.pgi")
    Image.fromarray(GREY).save(photo)
    refused = CliRunner().invoke(app, ["encode", photo, coded])
    assert refused.exit_code == 1
    assert "too large for Pillow" in refused.output
    assert CliRunner().invoke(app, ["--limit", "pixels=20000", "encode", photo, coded]).exit_code == 0
    assert Image.MAX_IMAGE_PIXELS == 5000


def test_eighty_megapixels_pass_the_default_limits() -> None:
    pgic_core.Limits().check("pixels", 80_000_000, "the picture")
    with pytest.raises(pgic_core.PgiLimitError):
        pgic_core.Limits().check("pixels", 160_000_000, "the picture")


@pytest.mark.parametrize("options", [{"quality": 1}, {"quality": 75}, {"lossless": True, "effort": 1}])
def test_an_empty_picture_passes_the_default_limits(options: dict[str, Any]) -> None:
    data = pgic_core.encode(np.full((768, 1024, 3), 128, np.uint8), **options)
    assert pgic_core.decode(data, window=(0, 0, 8, 8)).shape == (8, 8, 3)
