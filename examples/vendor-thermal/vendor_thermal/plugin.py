"""The hooks. pgic calls them; nothing here is called by users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pgic_core.hooks import Field, hookimpl

from .overlay import EMISSIVITY, HOTTEST, OVERLAY, temperatures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "extension_schema",
    "offers",
    "read_extension",
    "roi_map",
    "validate_extension",
    "write_extension",
]

# Importance rises from 0 to 1 over these degrees above the picture's median.
_WARM, _HOT = 5.0, 15.0


@hookimpl
def offers() -> dict[str, dict[str, str]]:
    """One region-of-interest model."""
    return {"roi": {"acme-hot": "What is hotter than the rest, by the thermal overlay."}}


@hookimpl
def extension_schema() -> dict[str, Field]:
    """The vendor's fields."""
    return {
        EMISSIVITY: Field("Emissivity", "float", "", "Of the surface, 0 to 1."),
        OVERLAY: Field("Thermal overlay", "map", "°C", "Temperatures that cover the picture."),
        HOTTEST: Field("Hottest point", "list", "", "Temperature, x and y in pixels of the stored picture."),
    }


@hookimpl
def write_extension(image: NDArray[Any], fields: Mapping[str, object]) -> dict[str, object] | None:
    """Add the hottest point, so that it can be read without unpacking the overlay."""
    if OVERLAY not in fields:
        return None
    celsius = temperatures(fields)
    row, column = np.unravel_index(celsius.argmax(), celsius.shape)
    height, width = image.shape[:2]
    x, y = (column + 0.5) * width / celsius.shape[1], (row + 0.5) * height / celsius.shape[0]
    return {HOTTEST: [float(celsius.max()), float(x), float(y)]}


@hookimpl
def read_extension(fields: Mapping[str, Any]) -> dict[str, str]:
    """The overlay and its hottest point in a few words; the emissivity speaks for itself."""
    texts = {}
    if OVERLAY in fields:
        celsius = temperatures(fields)
        rows, columns = celsius.shape
        texts[OVERLAY] = f"{columns} x {rows}, {celsius.min():.1f} °C to {celsius.max():.1f} °C"
    if HOTTEST in fields:
        degrees, x, y = fields[HOTTEST]
        texts[HOTTEST] = f"{degrees:.1f} °C at ({x:.0f}, {y:.0f})"
    return texts


@hookimpl
def validate_extension(fields: Mapping[str, Any]) -> dict[str, str]:
    """What the types alone do not say."""
    problems = {}
    if EMISSIVITY in fields and not 0 < fields[EMISSIVITY] <= 1:
        problems[EMISSIVITY] = "An emissivity lies above 0 and is at most 1."
    if OVERLAY in fields:
        try:
            temperatures(fields)
        except ValueError as error:
            problems[OVERLAY] = str(error)
    hottest = fields.get(HOTTEST)
    if hottest is not None and not (
        len(hottest) == 3 and all(isinstance(number, (int, float)) for number in hottest)
    ):
        problems[HOTTEST] = "It must be three numbers: temperature, x and y."
    return problems


@hookimpl
def roi_map(image: NDArray[np.uint8], fields: Mapping[str, object]) -> NDArray[np.float64] | None:
    """Importance by temperature; without an overlay there is none to tell."""
    if OVERLAY not in fields:
        return None
    celsius = temperatures(fields)
    # A map may not be finer than the picture.
    down, across = (max(1, -(-a // b)) for a, b in zip(celsius.shape, image.shape[:2], strict=True))
    celsius = celsius[::down, ::across]
    return np.clip((celsius - np.median(celsius) - _WARM) / (_HOT - _WARM), 0, 1)
