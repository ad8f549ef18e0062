"""Boxes, outlines and masks on the block grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pgic_core.container import Annotation, Box, Polygon
from pgic_core.errors import PgiOptionError
from pgic_core.roi.roi_grid import box_cover, fit, grid_shape
from pgic_core.roi.shape_importance import importance_of_mask, importance_of_shapes, stored_mask, stored_point

sides = st.integers(1, 300)


@given(sides, sides, st.integers(1, 70), st.data())
def test_cover_sums_to_the_area_of_one_box(height: int, width: int, cell: int, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    cover = box_cover([(left, top, right, bottom)], height, width, cell)
    assert cover.shape == grid_shape(height, width, cell)
    assert cover.sum() * cell**2 == pytest.approx((bottom - top) * (right - left), rel=1e-3)


@given(sides, sides, st.integers(1, 300), st.integers(1, 300), st.data())
def test_fit_loses_no_part_of_a_map(
    height: int, width: int, rows: int, columns: int, data: st.DataObject
) -> None:
    """A single hot cell makes exactly those blocks hot that it touches."""
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    values = np.zeros((rows, columns), np.float32)
    values[row, column] = 1
    fitted = fit(values, height, width)
    top, bottom = row * height / rows, (row + 1) * height / rows
    left, right = column * width / columns, (column + 1) * width / columns
    blocks = fitted.shape
    for (i, j), value in np.ndenumerate(fitted):
        apart = max(
            i * 64 - bottom, top - min(i * 64 + 64, height), j * 64 - right, left - min(j * 64 + 64, width)
        )
        assert value == 1 or apart > -1e-6
        assert value == 0 or apart < 1e-6
    assert blocks == grid_shape(height, width)
    assert fitted.max() == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_points_lie_where_pillow_puts_them(orientation: int) -> None:
    stored = np.zeros((5, 9), np.uint8)
    stored[1, 7] = 255
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    (y,), (x,) = np.nonzero(upright)
    assert stored_point((x + 0.5, y + 0.5), orientation, 5, 9) == (7.5, 1.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_masks_mark_the_pixels_that_pillow_shows(orientation: int) -> None:
    stored = np.random.default_rng(orientation).random((5, 9), np.float32)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(stored_mask(upright, 5, 9, orientation, "roi"), stored)
    assert importance_of_mask(upright, 5, 9, orientation) == stored.max()


def test_upright_mask_of_a_picture_on_its_side() -> None:
    mask = np.zeros((192, 128), bool)
    mask[:10, :10] = True
    assert importance_of_mask(mask, 128, 192, 6).tolist() == [[0, 0, 0], [1, 0, 0]]
    with pytest.raises(PgiOptionError, match=r"upright picture's shape \(192, 128\), not \(128, 192\)"):
        importance_of_mask(mask.T, 128, 192, 6)


def test_a_block_counts_when_a_box_touches_it() -> None:
    importance = importance_of_shapes([(63, 0, 2, 1)], 128, 192)
    assert importance.tolist() == [[1, 1, 0], [0, 0, 0]]
    assert importance_of_shapes([(64, 64, 64, 64)], 128, 192).tolist() == [[0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("shape", [(192, 0, 8, 8), (0, -64, 10, 64), Polygon(((200, 5), (210, 5), (205, 9)))])
def test_a_region_wholly_outside_is_an_error(shape: object) -> None:
    with pytest.raises(PgiOptionError, match="lies outside the picture"):
        importance_of_shapes([(0, 0, 8, 8), shape], 128, 192)


def test_boxes_are_upright_and_the_map_is_stored() -> None:
    # The picture is stored lying on its side: its upright form is 128 wide and 192 high.
    importance = importance_of_shapes([(0, 0, 10, 10)], 128, 192, orientation=6)
    assert importance.tolist() == [[0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "shape",
    [
        (70, 10, 20, 20),
        [70, 10, 20, 20, 1],
        np.array([70, 10, 20, 20]),
        Box(70, 10, 90, 30),
        Polygon(((70, 10), (90, 10), (90, 30), (70, 30))),
        Annotation("crack", Box(70, 10, 90, 30)),
        {"label": "crack", "box": [70, 10, 90, 30]},
        {"polygon": [[70, 10], [90, 10], [90, 30]]},
        {"bbox": [70, 10, 20, 20], "category_id": 3},
    ],
    ids=repr,
)
def test_all_kinds_of_shapes(shape: object) -> None:
    assert importance_of_shapes([shape], 64, 192).tolist() == [[0, 1, 0]]


def test_thin_polygons_are_not_lost() -> None:
    wire = Polygon(((0, 10), (640, 11), (640, 11.5), (0, 10.5)))
    assert importance_of_shapes([wire], 128, 640).tolist() == [[1] * 10, [0] * 10]


def test_importance_of_several_boxes_is_the_largest() -> None:
    boxes = [(0, 0, 64, 64, 0.25), (0, 0, 10, 10, 0.5), (-3, -3, 9, 9, 0.1)]
    assert importance_of_shapes(boxes, 64, 128).tolist() == [[0.5, 0]]


@pytest.mark.parametrize(
    "shape",
    [
        (1, 2, 3),
        (1, 2, 0, 4),
        (1, 2, 3, -4),
        (1, 2, 3, 4, 2),
        (1, 2, 3, float("nan")),
        ("1", 2, 3, 4),
        "four",
        7,
        {"label": "x"},
        {"box": [1, 2, 1, 2]},
        {"bbox": [1, 2]},
    ],
    ids=repr,
)
def test_what_is_no_shape(shape: object) -> None:
    with pytest.raises(PgiOptionError):
        importance_of_shapes([shape], 64, 64)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16, np.float64])
def test_masks(dtype: type) -> None:
    mask = np.zeros((100, 130), dtype)
    mask[99, 129] = 255 if dtype is np.uint8 else 1
    assert importance_of_mask(mask, 100, 130).tolist() == [[0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((9, 10)),
        np.zeros((10, 10), np.int32),
        np.full((10, 10), 2.0),
        np.full((10, 10), np.nan),
        np.zeros((10, 10), complex),
    ],
)
def test_what_is_no_mask(mask: np.ndarray) -> None:
    with pytest.raises(PgiOptionError):
        importance_of_mask(mask, 10, 10)
