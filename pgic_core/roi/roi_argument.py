"""``roi=`` of the encoder: turning what a caller gives into the stream's ROI map (A-6.4.1b, A-6.4.2b)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from ..container import ExtensionKey, upright_size
from ..errors import PgiOptionError
from ..hooks import find_roi
from ..models import ROWS_PER_OCTAVE
from .roi_grid import fit, grid_shape
from .shape_importance import importance_of_mask, importance_of_shapes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ANNOTATIONS",
    "DEFAULT_STRENGTH",
    "Roi",
    "RoiLike",
    "RoiSource",
    "name_of_regions",
    "resolve_roi",
]

ANNOTATIONS = "annotations"
"""Name of the model that keeps the picture's own annotations."""
DEFAULT_STRENGTH = 1.0
_MOST_OCTAVES = 4.0

RoiSource: TypeAlias = "NDArray[Any] | Image.Image | Iterable[object] | str"
"""A mask, shapes (:func:`.shape_importance.importance_of_shapes`), or the name of a model."""

RoiLike: TypeAlias = "Roi | RoiSource"
"""What ``roi=`` takes."""


@dataclass(frozen=True, slots=True)
class Roi:
    """Regions of interest, and how much better they are kept than the rest.

    One octave halves the quantisation steps: 4 to 6 dB better, for about one bit more per coefficient. At a
    given quality the file grows; ask for ``max_bytes`` or lower the background to pay for it elsewhere.

    Attributes:
        source: a mask (H, W), boxes or annotations, all in pixels of the upright picture, or the name of a
            model; the name "annotations" stands for those that the picture is given.
        strength: octaves by which steps are finer where the importance is 1, 0 to 4; in proportion below.
        background: octaves by which steps are finer where it is 0, -4 to 4; negative is coarser.

    Raises:
        PgiOptionError: a number is out of range.
    """

    source: RoiSource
    strength: float = DEFAULT_STRENGTH
    background: float = 0.0

    def __post_init__(self) -> None:
        for name, low in (("strength", 0.0), ("background", -_MOST_OCTAVES)):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and low <= value <= _MOST_OCTAVES):  # false for NaN, too
                raise PgiOptionError(f"{name} must be from {low:g} to {_MOST_OCTAVES:g}, not {value!r}.")


def name_of_regions(source: object) -> str:
    """Where regions come from, as a file records it: the name of a model, or of what was given."""
    if isinstance(source, str):
        return source
    if isinstance(source, np.ndarray) and source.dtype == np.int8:
        return "map"
    is_boxes = isinstance(source, np.ndarray) and source.ndim == 2 and source.shape[1] in (4, 5)
    return "mask" if isinstance(source, (np.ndarray, Image.Image)) and not is_boxes else "boxes"


def resolve_roi(
    roi: RoiLike | None,
    image: NDArray[np.uint8],
    *,
    orientation: int = 1,
    fields: Mapping[str, object] | None = None,
) -> NDArray[np.int8] | None:
    """The map of a picture.

    Args:
        roi: a :class:`Roi`, or its source alone; an int8 array of the map's shape, of values from -32 to
            32, is taken as it is: it lies on the stored picture.
        image: (H, W, 3) uint8, RGB, the stored picture.
        orientation: EXIF orientation, 1 to 8. Masks, boxes and annotations are those of the upright picture.
        fields: extension fields that are stored with the picture, for models that use them; its annotations
            are what the name "annotations" stands for.

    Returns:
        int8 (ceil(H / 64), ceil(W / 64)): eighths of an octave by which a block's steps are finer. None if
        there is nothing to do, or the model failed (a :class:`~pgic_core.hooks.PgiPluginWarning` says so).

    Raises:
        PgiOptionError: the source is none of these, or names no model; a region lies outside the picture; a
            map has another shape or range.
    """
    if roi is None:
        return None
    height, width = image.shape[:2]
    if isinstance(roi, np.ndarray) and roi.dtype == np.int8:
        if roi.shape != grid_shape(height, width):
            raise PgiOptionError(
                f"The ROI map of this picture must be of shape {grid_shape(height, width)}, not {roi.shape}."
            )
        # Finer steps would drive symbols to the format's bound, and the picture would get worse.
        most = int(_MOST_OCTAVES * ROWS_PER_OCTAVE)
        if roi.min() < -most or roi.max() > most:
            raise PgiOptionError(
                f"The values of an ROI map must be from {-most} to {most} (eighths of an octave), not"
                f" {roi.min()} to {roi.max()}."
            )
        return roi
    wanted = roi if isinstance(roi, Roi) else Roi(roi)
    importance = _importance(wanted.source, image, orientation, fields)
    if importance is None:
        return None
    octaves = wanted.background + (wanted.strength - wanted.background) * importance
    return np.asarray(np.rint(octaves * ROWS_PER_OCTAVE), np.int8)


def _importance(
    source: RoiSource, image: NDArray[np.uint8], orientation: int, fields: Mapping[str, object] | None
) -> NDArray[np.float32] | None:
    height, width = image.shape[:2]
    if isinstance(source, str) and source == ANNOTATIONS:
        source = (fields or {}).get(ExtensionKey.ANNOTATIONS) or ()  # type: ignore[assignment]
    if isinstance(source, str):
        values = find_roi(source, image, fields)
        return None if values is None else fit(values, height, width)
    if isinstance(source, Image.Image):
        if source.mode not in ("1", "L"):
            raise PgiOptionError(f"A ROI mask must be a picture of mode 1 or L, not {source.mode}.")
        source = np.asarray(source)
    is_boxes = isinstance(source, np.ndarray) and source.ndim == 2 and source.shape[1] in (4, 5)
    columns, rows = upright_size(width, height, orientation)
    if isinstance(source, np.ndarray) and (source.shape == (rows, columns) or not is_boxes):
        return importance_of_mask(source, height, width, orientation)
    if isinstance(source, (bytes, Mapping)) or not isinstance(source, Iterable):
        raise PgiOptionError(
            "roi must be a mask, a list of boxes or annotations, the name of a model or a Roi, "
            f"not {type(source).__name__}."
        )
    return importance_of_shapes(source, height, width, orientation)
