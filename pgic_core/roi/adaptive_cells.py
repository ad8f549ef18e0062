"""Key regions of a picture that is decoded with "adaptive": what a caller gives, or what the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..codec.learned.payload.header import EXACT_SIDE
from .exact_regions import blocks_of
from .roi_grid import BLOCK, grid_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from PIL import Image

    from ..container import Annotation

__all__ = ["RegionsLike", "key_cells"]

RegionsLike: TypeAlias = "NDArray[Any] | Image.Image | Iterable[object]"
"""What ``regions=`` takes: a mask (H, W), boxes (x, y, w, h), polygons or annotations."""


def key_cells(
    regions: RegionsLike | None,
    roi: NDArray[np.int8] | None,
    annotations: Sequence[Annotation],
    width: int,
    height: int,
    orientation: int,
) -> NDArray[np.bool_]:
    """Cells of 8 x 8 pixels that key regions touch.

    Args:
        regions: in pixels of the upright picture; a mask counts where it is not zero. None for those of the
            file: where its ROI map lies in the upper half of its range, and its annotations.
        roi: the file's map, eighths of an octave for each 64 x 64 pixels, or None.
        annotations: of the file.
        width, height: of the stored picture in pixels.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        bool (ceil(H / 8), ceil(W / 8)) of the stored picture; all False where there are none.

    Raises:
        PgiOptionError: regions are none of these, or lie outside the picture.
    """
    if regions is not None:
        return blocks_of(regions, height, width, orientation, name="regions")
    cells = np.zeros(grid_shape(height, width, EXACT_SIDE), np.bool_)
    if roi is not None and roi.min() < roi.max():
        finest = 2 * roi.astype(np.int16) > int(roi.min()) + int(roi.max())
        side = BLOCK // EXACT_SIDE
        cells |= finest.repeat(side, 0).repeat(side, 1)[: cells.shape[0], : cells.shape[1]]
    if annotations:
        cells |= blocks_of(annotations, height, width, orientation, name="regions")
    return cells
