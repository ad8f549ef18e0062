"""Everything that ``roi=`` takes, as the map of the stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pgic_core.container import Annotation, Box
from pgic_core.errors import PgiOptionError
from pgic_core.hooks import PgiPluginWarning, PluginSet, hookimpl
from pgic_core.roi import Roi, draw_roi, resolve_roi

Photo = NDArray[np.uint8]


def test_nothing_is_nothing(photo: Photo) -> None:
    assert resolve_roi(None, photo) is None


def test_ready_maps_are_taken_as_they_are(photo: Photo) -> None:
    ready = np.arange(-31, 33, dtype=np.int8).reshape(8, 8)
    assert resolve_roi(ready, photo) is ready
    with pytest.raises(PgiOptionError, match="shape"):
        resolve_roi(ready[:7], photo)


@pytest.mark.parametrize("value", [-128, -33, 33, 127])
def test_maps_of_more_than_four_octaves_are_refused(photo: Photo, value: int) -> None:
    extreme = np.zeros((8, 8), np.int8)
    extreme[3, 4] = value
    with pytest.raises(PgiOptionError, match=f"from -32 to 32.*{value}"):
        resolve_roi(extreme, photo)


@pytest.mark.parametrize(
    "source",
    [
        [(70, 10, 20, 20)],
        np.array([[70, 10, 20, 20]]),
        np.array([[70, 10, 20, 20, 1.0]]),
        (Annotation("crack", Box(70, 10, 90, 30)),),
        iter([{"box": [70, 10, 90, 30]}]),
    ],
    ids=type,
)
def test_shapes(photo: Photo, source: Any) -> None:
    expected = np.zeros((8, 8), np.int8)
    expected[0, 1] = 8
    assert np.array_equal(resolve_roi(source, photo), expected)


@pytest.mark.parametrize("kind", ["bool", "float", "1", "L"])
def test_masks(photo: Photo, kind: str) -> None:
    mask = np.zeros((512, 512), bool)
    mask[10:30, 70:90] = True
    source = mask.astype(kind) if kind in ("bool", "float") else Image.fromarray(mask).convert(kind)
    expected = np.zeros((8, 8), np.int8)
    expected[0, 1] = 8
    assert np.array_equal(resolve_roi(source, photo), expected)


def test_a_grey_mask_has_shares(photo: Photo) -> None:
    mask = np.zeros((512, 512), np.uint8)
    mask[10:30, 70:90], mask[200, 200] = 64, 255
    values = resolve_roi(mask, photo)
    assert values is not None
    assert (values[0, 1], values[3, 3], values.sum()) == (2, 8, 10)


def test_a_mask_of_four_columns_is_a_mask() -> None:
    mask = np.ones((9, 4))
    assert resolve_roi(mask, np.zeros((9, 4, 3), np.uint8)).tolist() == [[8]]


def test_strength_and_background(photo: Photo) -> None:
    values = resolve_roi(Roi([(0, 0, 64, 64), (64, 0, 64, 64, 0.5)], strength=2, background=-0.5), photo)
    assert values is not None
    assert values.dtype == np.int8
    assert values[0, :3].tolist() == [16, 6, -4]


@pytest.mark.parametrize(
    "options",
    [{"strength": -1}, {"strength": 4.1}, {"strength": float("nan")}, {"strength": "2"}, {"background": 5}],
)
def test_numbers_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(PgiOptionError, match=next(iter(options))):
        Roi("saliency", **options)


@pytest.mark.parametrize("source", [7, b"xx", {"box": [1, 2, 3, 4]}, Image.new("RGB", (512, 512)), "no such"])
def test_what_is_no_region(photo: Photo, source: Any) -> None:
    with pytest.raises(PgiOptionError):
        resolve_roi(source, photo)


@pytest.mark.parametrize("name", ["saliency", "insulator"])
def test_built_in_models_by_name(photo: Photo, name: str) -> None:
    values = resolve_roi(name, photo)
    assert values is not None
    assert values.shape == (8, 8)
    assert values.min() >= 0
    assert values.max() <= 8


def test_a_model_that_fails_is_named_and_the_picture_stays(builtin: PluginSet, photo: Photo) -> None:
    class Broken:
        @hookimpl
        def offers(self) -> object:
            return {"roi": {"mine": "Mine."}}

        @hookimpl
        def roi_map(self) -> object:
            raise MemoryError("no room")

    builtin.register(Broken(), "acme")
    failed = pytest.warns(PgiPluginWarning, match="roi_map of the plugin acme .*no room")
    with pytest.warns(PgiPluginWarning, match="'mine' gave no map"), failed:
        assert resolve_roi("mine", photo) is None


def test_models_see_the_fields_of_the_picture(builtin: PluginSet, photo: Photo) -> None:
    class Heat:
        @hookimpl
        def offers(self) -> object:
            return {"roi": {"heat": "Heat."}}

        @hookimpl
        def roi_map(self, fields: dict[str, Any]) -> object:
            return np.array(fields["acme.heat"])

    builtin.register(Heat(), "acme")
    values = resolve_roi("heat", photo, fields={"acme.heat": [[0, 1], [0, 0.5]]})
    assert values is not None
    assert values[::4, ::4].tolist() == [[0, 8], [0, 4]]


def test_drawing_keeps_light_where_quality_is(photo: Photo) -> None:
    values = resolve_roi([(128, 128, 128, 128)], photo)
    assert values is not None
    shown = np.asarray(draw_roi(photo, values))
    assert shown.shape == photo.shape
    assert np.array_equal(shown[140:240, 140:240], photo[140:240, 140:240])
    assert np.abs(shown[300:, 300:] - 0.35 * photo[300:, 300:]).max() < 2
    assert shown[128, 180].tolist() == [255, 200, 0]
    assert np.array_equal(np.asarray(draw_roi(Image.fromarray(photo), values)), shown)


def test_drawing_an_even_map_and_a_wrong_one(photo: Photo) -> None:
    shown = np.asarray(draw_roi(photo[:100, :130], np.zeros((2, 3), np.int8)))
    assert shown.shape == (100, 130, 3)
    assert (255, 200, 0) not in {tuple(pixel) for pixel in shown.reshape(-1, 3).tolist()}
    with pytest.raises(PgiOptionError):
        draw_roi(photo, np.zeros((2, 3), np.int8))
