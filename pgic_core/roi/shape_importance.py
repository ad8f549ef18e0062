"""Boxes, annotations and masks to importance on the block grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from ..container import Annotation, Box, Polygon, upright_size
from ..errors import PgiFormatError, PgiOptionError
from .roi_grid import box_cover, fit, grid_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Point = tuple[float, float]

__all__ = [
    "counted_shapes",
    "importance_of_mask",
    "importance_of_shapes",
    "shape_of",
    "stored_mask",
    "stored_point",
]

_MOST_SHAPES = 4096
"""Each is drawn by itself; a mask says as much of any number of them."""

_REDUCTION = 8
"""Pixels along one side of the cells that polygons are drawn on."""


def importance_of_shapes(
    shapes: Iterable[object], height: int, width: int, orientation: int = 1
) -> NDArray[np.float32]:
    """Importance of blocks that boxes and polygons touch.

    Args:
        shapes: each a box (x, y, w, h) or (x, y, w, h, importance from 0 to 1), an :class:`Annotation` or its
            map, a :class:`Box`, a :class:`Polygon`, or a map with a COCO ``bbox``; in pixels of the upright
            picture. Parts beyond the picture are cut off.
        height: of the stored picture, in pixels.
        width: likewise.
        orientation: EXIF orientation, 1 to 8, that turns the stored picture upright.

    Returns:
        float32 of :func:`.roi_grid.grid_shape`, 0 to 1: a block counts as soon as a shape touches it.

    Raises:
        PgiOptionError: an item is none of these, or lies outside the picture; or there are too many.
    """
    importance = np.zeros(grid_shape(height, width), np.float32)
    for item in counted_shapes(shapes):
        shape, weight = shape_of(item)
        points = [stored_point(point, orientation, height, width) for point in shape.points]
        if isinstance(shape, Box):
            (x0, y0), (x1, y1) = points
            corners = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            touched = box_cover([corners], height, width) > 0
        else:
            touched = fit(_drawn(points, height, width), height, width) > 0
        if not touched.any():
            raise PgiOptionError(f"The region of interest {item!r} lies outside the picture.")
        np.maximum(importance, np.float32(weight) * touched, out=importance)
    return importance


def importance_of_mask(
    mask: NDArray[Any], height: int, width: int, orientation: int = 1
) -> NDArray[np.float32]:
    """Importance of blocks under a mask: the largest value in each.

    Args:
        mask: of the upright picture, bool, float from 0 to 1, or uint8 from 0 to 255.
        height: of the stored picture, in pixels.
        width: likewise.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        float32 of :func:`.roi_grid.grid_shape`, 0 to 1.

    Raises:
        PgiOptionError: shape, type or range are others.
    """
    stored = stored_mask(mask, height, width, orientation, "roi")
    if mask.dtype == np.uint8:
        values = np.divide(stored, 255, dtype=np.float32)
    elif mask.dtype == bool or mask.dtype.kind == "f":
        values = np.asarray(stored, np.float32)
    else:
        raise PgiOptionError(f"A ROI mask must be of bool, float or uint8, not {mask.dtype}.")
    if not (values.min() >= 0 and values.max() <= 1):  # false for NaN, too
        raise PgiOptionError("A ROI mask must lie between 0 and 1.")
    return fit(values, height, width)


def stored_mask(mask: NDArray[Any], height: int, width: int, orientation: int, name: str) -> NDArray[Any]:
    """A mask of the upright picture, turned as the picture is stored.

    Args:
        mask: of the upright picture.
        height: of the stored picture, in pixels.
        width: likewise.
        orientation: EXIF orientation, 1 to 8.
        name: of the argument, for the message.

    Returns:
        A view of shape (height, width).

    Raises:
        PgiOptionError: it has another shape.
    """
    columns, rows = upright_size(width, height, orientation)
    if mask.shape != (rows, columns):
        raise PgiOptionError(
            f"A mask for {name} must have the upright picture's shape {(rows, columns)}, not {mask.shape}."
        )
    mask = mask.T if orientation >= 5 else mask
    mask = mask[::-1] if orientation in (3, 4, 6, 7) else mask
    return mask[:, ::-1] if orientation in (2, 3, 7, 8) else mask


def stored_point(point: Point, orientation: int, height: int, width: int) -> Point:
    """Where a point of the upright picture lies in the stored one.

    Args:
        point: x and y in pixels.
        orientation: EXIF orientation, 1 to 8.
        height: of the stored picture, in pixels.
        width: likewise.
    """
    x, y = point
    if orientation >= 5:
        x, y = y, x
    # The orientations whose stored columns, and rows, run against those of the upright picture.
    return (width - x if orientation in (2, 3, 7, 8) else x, height - y if orientation in (3, 4, 6, 7) else y)


def counted_shapes(shapes: Iterable[object]) -> Iterator[object]:
    """The same shapes.

    Raises:
        PgiOptionError: there are too many.
    """
    for number, item in enumerate(shapes):
        if number == _MOST_SHAPES:
            raise PgiOptionError(
                f"There are more than {_MOST_SHAPES:,} regions; give a mask of them instead."
            )
        yield item


def shape_of(item: object) -> tuple[Box | Polygon, float]:
    """A shape in pixels of the upright picture, and its importance from 0 to 1.

    Args:
        item: as for :func:`importance_of_shapes`.

    Raises:
        PgiOptionError: it is none of these.
    """
    if isinstance(item, Annotation):
        return item.shape, 1.0
    if isinstance(item, (Box, Polygon)):
        return item, 1.0
    if isinstance(item, Mapping) and "bbox" not in item:
        try:
            return Annotation.from_map({"label": "region", **item}).shape, 1.0
        except PgiFormatError as error:
            raise PgiOptionError(f"A region of interest is wrong: {error}") from error
    numbers = item["bbox"] if isinstance(item, Mapping) else item
    if (
        not isinstance(numbers, (Sequence, np.ndarray))
        or isinstance(numbers, (str, bytes))
        or len(numbers) not in (4, 5)
        or not all(isinstance(n, (int, float, np.number)) and math.isfinite(n) for n in numbers)
    ):
        raise PgiOptionError(
            "A box of interest must be (x, y, width, height) or (x, y, width, height, importance), "
            f"all numbers, not {item!r}."
        )
    x, y, w, h, weight = (*map(float, numbers), 1.0)[:5]
    if w <= 0 or h <= 0 or not 0 <= weight <= 1:
        raise PgiOptionError(
            f"The box {item!r} must have a width and height above 0, and an importance from 0 to 1 if any."
        )
    return Box(x, y, x + w, y + h), weight


def _drawn(points: Sequence[Point], height: int, width: int) -> NDArray[np.float32]:
    rows, columns = grid_shape(height, width, _REDUCTION)
    canvas = Image.new("1", (columns, rows))
    scaled = [(x * columns / width, y * rows / height) for x, y in points]
    ImageDraw.Draw(canvas).polygon(scaled, fill=1, outline=1)
    return np.asarray(canvas, np.float32)
