"""The plugin through pgic itself. Needs the package installed: ``pip install ./examples/vendor-thermal``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from vendor_thermal import overlay_fields, temperatures
from vendor_thermal.overlay import EMISSIVITY, HOTTEST, OVERLAY

import pgic_core
from pgic_core.hooks import plugin_set, read_extension_fields

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def celsius() -> NDArray[np.float64]:
    """20 degrees, and a clamp of 85 in the lower right quarter."""
    celsius = np.full((60, 80), 20.0)
    celsius[40:44, 60:64] = 85.0
    return celsius


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """Waves with a little noise: every block costs about as much."""
    y, x = np.arange(300)[:, None, None], np.arange(400)[:, None]
    waves = 128 + 60 * np.sin(x / np.array([2.0, 3.0, 5.0])) * np.cos(y / np.array([5.0, 4.0, 3.0]))
    noise = np.random.default_rng(0).normal(0, 5, (300, 400, 3))
    return np.clip(waves + noise, 0, 255).astype(np.uint8)


def test_the_plugin_is_found() -> None:
    """Pgic knows package and entry point."""
    (plugin,) = (p for p in plugin_set().plugins() if p.name == "thermal")
    assert (plugin.package, plugin.error) == ("pgic-vendor-thermal", "")


def test_temperatures_come_back(photo: NDArray[np.uint8], celsius: NDArray[np.float64]) -> None:
    """Stored, read, and explained to people."""
    data = pgic_core.encode(photo, lossless=True, extension=overlay_fields(celsius, 0.9))
    with pgic_core.open_file(data) as file:
        assert np.abs(temperatures(file.extension) - celsius).max() < 0.006
        shown = read_extension_fields(file.extension)
    assert shown[EMISSIVITY].text == "0.9"
    assert shown[OVERLAY].text == "80 x 60, 20.0 °C to 85.0 °C"
    assert shown[HOTTEST].text == "85.0 °C at (302, 202)"
    assert {field.package for field in shown.values()} == {"pgic-vendor-thermal 0.1.0"}


def test_hot_parts_are_kept_better(photo: NDArray[np.uint8], celsius: NDArray[np.float64]) -> None:
    """The model turns temperature into quality."""
    fields = overlay_fields(celsius)
    flat = pgic_core.decode(pgic_core.encode(photo, quality=30, extension=fields))
    kept = pgic_core.decode(pgic_core.encode(photo, quality=30, extension=fields, roi="acme-hot"))
    hot = np.s_[200:220, 300:320]
    assert (
        np.square(kept[hot] - photo[hot].astype(float)).mean()
        < 0.8 * np.square(flat[hot] - photo[hot].astype(float)).mean()
    )


@pytest.mark.parametrize("emissivity", [0.0, 1.5])
def test_a_wrong_field_is_refused(
    photo: NDArray[np.uint8], celsius: NDArray[np.float64], emissivity: float
) -> None:
    """What no surface has is refused when the picture is coded."""
    with pytest.raises(pgic_core.PgiOptionError, match="emissivity lies above 0"):
        pgic_core.encode(photo, lossless=True, extension=overlay_fields(celsius, emissivity))


@pytest.mark.parametrize(
    "change",
    [{"rows": 61}, {"rows": 10**9}, {"data": b"xx"}, {"low": float("inf")}, {"columns": "80"}],
    ids=repr,
)
def test_damaged_overlays_are_told_apart(celsius: NDArray[np.float64], change: dict[str, object]) -> None:
    """Fields of a file may come from anywhere."""
    fields = overlay_fields(celsius)
    fields[OVERLAY] = {**fields[OVERLAY], **change}  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="overlay"):
        temperatures(fields)
    assert read_extension_fields(fields)[OVERLAY].problems


@pytest.mark.parametrize("celsius", [np.zeros((0, 3)), np.array([[np.nan]]), np.array([[0.0, 700.0]])])
def test_grids_that_cannot_be_stored(celsius: NDArray[np.float64]) -> None:
    """Empty, not finite, too wide."""
    with pytest.raises(ValueError, match="temperatures"):
        overlay_fields(celsius)
