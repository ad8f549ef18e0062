"""``exact=`` of the encoder: turning what a caller gives into the blocks to carry without loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from ..codec.cells_to_rectangles import rectangles
from ..codec.learned.payload.header import EXACT_SIDE
from ..container import ExtensionKey, Polygon, upright_size
from ..errors import PgiOptionError
from ..hooks import find_roi
from .roi_argument import ANNOTATIONS
from .roi_grid import box_cover, fit, grid_shape
from .shape_importance import counted_shapes, shape_of, stored_mask, stored_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ExactLike", "blocks_of", "exact_boxes", "resolve_exact"]

ExactLike: TypeAlias = "NDArray[Any] | Image.Image | Iterable[object] | str"
"""What ``exact=`` takes."""
_IMPORTANT = 0.5
"""How important a model must find what is then kept exactly."""


def resolve_exact(
    exact: ExactLike | None,
    image: NDArray[np.uint8],
    *,
    orientation: int = 1,
    fields: Mapping[str, object] | None = None,
) -> NDArray[np.bool_] | None:
    """The exact blocks of a picture: all that a region touches.

    Args:
        exact: a mask (H, W) of the upright picture, of which all that is not zero counts; or boxes
            (x, y, w, h), annotations, polygons or their maps, in pixels of the upright picture; or
            "annotations" for those of this picture; or the name of a region-of-interest model, of
            whose map all from 0.5 on counts.
        image: (H, W, 3) uint8, RGB, the stored picture.
        orientation: EXIF orientation, 1 to 8.
        fields: extension fields that are stored with the picture.

    Returns:
        bool (ceil(H / 8), ceil(W / 8)) of the stored picture, or None if there are none.

    Raises:
        PgiOptionError: it is none of these, names no model, has another shape, or lies outside the picture.
    """
    if exact is None:
        return None
    height, width = image.shape[:2]
    if isinstance(exact, str) and exact == ANNOTATIONS:
        exact = (fields or {}).get(ExtensionKey.ANNOTATIONS) or ()  # type: ignore[assignment]
    if isinstance(exact, str):
        importance = find_roi(exact, image, fields)
        if importance is None:
            return None
        blocks = fit(importance, height, width, EXACT_SIDE) >= _IMPORTANT
        return blocks if blocks.any() else None
    blocks = blocks_of(exact, height, width, orientation, name="exact")
    return blocks if blocks.any() else None


def blocks_of(
    regions: NDArray[Any] | Image.Image | Iterable[object],
    height: int,
    width: int,
    orientation: int,
    *,
    name: str,
) -> NDArray[np.bool_]:
    """All blocks of 8 x 8 pixels that regions touch.

    Args:
        regions: a mask, boxes, annotations, polygons or their maps, as for :func:`resolve_exact`.
        height, width: of the stored picture in pixels.
        orientation: EXIF orientation, 1 to 8.
        name: of the argument, for messages.

    Returns:
        bool (ceil(H / 8), ceil(W / 8)) of the stored picture.

    Raises:
        PgiOptionError: regions are none of these, have another shape, or lie outside the picture; or there
            are too many.
    """
    if isinstance(regions, Image.Image):
        if regions.mode not in ("1", "L"):
            raise PgiOptionError(f"A mask for {name} must be of mode 1 or L, not {regions.mode}.")
        regions = np.asarray(regions)
    columns, rows = upright_size(width, height, orientation)
    is_boxes = isinstance(regions, np.ndarray) and regions.ndim == 2 and regions.shape[1] == 4
    if isinstance(regions, np.ndarray) and (regions.shape == (rows, columns) or not is_boxes):
        return _blocks_of_mask(regions, height, width, orientation, name)
    if isinstance(regions, (str, bytes, Mapping)) or not isinstance(regions, Iterable):
        raise PgiOptionError(
            f"{name} must be a mask, or a list of boxes or annotations"
            f"{', or the name of a model' if name == 'exact' else ''}, not {type(regions).__name__}."
        )
    blocks = np.zeros(grid_shape(height, width, EXACT_SIDE), np.bool_)
    for item in counted_shapes(regions):
        blocks |= _blocks_of_shape(item, height, width, orientation, name)
    return blocks


def _blocks_of_mask(
    mask: NDArray[Any], height: int, width: int, orientation: int, name: str
) -> NDArray[np.bool_]:
    stored = stored_mask(mask, height, width, orientation, name)
    if mask.dtype.kind not in "bfiu":
        raise PgiOptionError(f"A mask for {name} must be of bool or numbers, not {mask.dtype}.")
    return fit(stored != 0, height, width, EXACT_SIDE)


def _blocks_of_shape(item: object, height: int, width: int, orientation: int, name: str) -> NDArray[np.bool_]:
    shape, _ = shape_of(item)
    points = [stored_point(point, orientation, height, width) for point in shape.points]
    if isinstance(shape, Polygon):
        blocks = _touched_by_polygon(points, height, width)
    else:
        (x0, y0), (x1, y1) = points
        corners = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        blocks = box_cover([corners], height, width, EXACT_SIDE) > 0
    if not blocks.any():
        kind = "exact region" if name == "exact" else "region"
        raise PgiOptionError(f"The {kind} {item!r} lies outside the picture.")
    return blocks


def _touched_by_polygon(points: list[tuple[float, float]], height: int, width: int) -> NDArray[np.bool_]:
    """All blocks that share a point with a polygon."""
    rows, columns = grid_shape(height, width, EXACT_SIDE)
    corners = np.array(points) / EXACT_SIDE
    starts, ends = corners, np.roll(corners, -1, 0)
    # Inside are the middles that an odd number of edges has to their left.
    middles = np.arange(rows) + 0.5
    crossings = np.zeros((rows, columns + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(starts, ends, strict=True):
        crossed = np.flatnonzero((y0 <= middles) != (y1 <= middles))
        x = x0 + (x1 - x0) * (middles[crossed] - y0) / (y1 - y0 or 1)
        np.add.at(crossings, (crossed, np.clip(np.ceil(x - 0.5), 0, columns).astype(np.intp)), 1)
    touched: NDArray[np.bool_] = np.cumsum(crossings[:, :columns], axis=1) % 2 == 1
    # Edges touch the blocks that lie between two of their crossings of the grid.
    for start, end in zip(starts, ends, strict=True):
        cuts = [np.array([0.0, 1.0])]
        for a, b, count in zip(start, end, (columns, rows), strict=True):
            if a != b:
                cuts.append((np.arange(count + 1) - a) / (b - a))
        shares = np.unique(np.clip(np.concatenate(cuts), 0, 1))
        between = start + (end - start) * ((shares[1:] + shares[:-1]) / 2)[:, None]
        inside = ((between >= 0) & (between < (columns, rows))).all(1)
        x, y = np.floor(between[inside]).astype(np.intp).T
        touched[y, x] = True
    return touched


def exact_boxes(
    blocks: NDArray[np.bool_], width: int, height: int, orientation: int = 1
) -> list[tuple[int, int, int, int]]:
    """Rectangles that cover exact blocks, and nothing else.

    Args:
        blocks: as :func:`resolve_exact` gives them.
        width, height: of the stored picture in pixels.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        x, y, width and height in pixels of the upright picture.
    """
    boxes = []
    for box in rectangles(blocks):
        x0, y0, x1, y1 = (
            min(EXACT_SIDE * edge, side) for edge, side in zip(box, (width, height) * 2, strict=True)
        )
        if orientation in (2, 3, 7, 8):
            x0, x1 = width - x1, width - x0
        if orientation in (3, 4, 6, 7):
            y0, y1 = height - y1, height - y0
        if orientation >= 5:
            x0, y0, x1, y1 = y0, x0, y1, x1
        boxes.append((x0, y0, x1 - x0, y1 - y0))
    return boxes
