"""Outlines of annotations as masks, and their points, in the frame of the picture that is returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from pgic_core.errors import PgiInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .annotated_pictures import Labelled, Outline
    from .file_loader import Loaded

__all__ = ["keypoints_of", "masks_of"]


def masks_of(boxes: Sequence[Labelled], loaded: Loaded, height: int, width: int) -> torch.Tensor:
    """Masks of what boxes hold, uint8 (N, h, w), 1 inside; a box without an outline is filled.

    Args:
        boxes: with outlines in pixels of the whole picture.
        loaded: where the returned picture lies.
        height, width: of the returned picture.

    Raises:
        PgiInputError: an outline is of a picture of another size.
    """
    masks = torch.zeros((len(boxes), height, width), dtype=torch.uint8)
    for mask, box in zip(masks, boxes, strict=True):
        outline = box.outline
        if isinstance(outline, tuple) and outline:
            mask.copy_(torch.from_numpy(_drawn(outline, loaded, height, width)))
        elif isinstance(outline, dict):
            mask.copy_(torch.from_numpy(_cropped(_from_runs(outline), loaded, height, width)))
        else:
            left, top, right, bottom = box.corners
            corners = (left, top, right, top, right, bottom, left, bottom)
            mask.copy_(torch.from_numpy(_drawn((corners,), loaded, height, width)))
    return masks


def keypoints_of(boxes: Sequence[Labelled], loaded: Loaded) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of what boxes hold, float32 (N, K, 2), and int64 (N, K), COCO's 0, 1 or 2 for each.

    Args:
        boxes: with points in pixels of the whole picture. Where one has fewer than others, it gets more at 0,
            marked as not there.
        loaded: where the returned picture lies.
    """
    most = max((len(box.points) for box in boxes), default=0)
    points = torch.zeros((len(boxes), most, 3))
    for row, box in zip(points, boxes, strict=True):
        if box.points:
            row[: len(box.points)] = torch.tensor(box.points)
    places = (points[:, :, :2] - torch.tensor([loaded.left, loaded.top])) / loaded.factor
    seen = points[:, :, 2].to(torch.int64)
    return torch.where(seen[:, :, None] > 0, places, torch.zeros(())), seen


def _drawn(polygons: Sequence[Sequence[float]], loaded: Loaded, height: int, width: int) -> NDArray[np.uint8]:
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    origin, factor = np.array([loaded.left, loaded.top]), loaded.factor
    for polygon in polygons:
        # The middle of a pixel counts, as COCO's own tools have it; Pillow draws what lines touch.
        points = (np.asarray(polygon, np.float64).reshape(-1, 2) - origin) / factor - 0.5
        draw.polygon([(float(x), float(y)) for x, y in points], fill=1)
    return np.array(image)


def _cropped(mask: NDArray[np.uint8], loaded: Loaded, height: int, width: int) -> NDArray[np.uint8]:
    if mask.shape != (loaded.height, loaded.width):
        raise PgiInputError(
            f"A mask of {mask.shape[1]} x {mask.shape[0]} belongs to a picture of "
            f"{loaded.width} x {loaded.height}."
        )
    factor = loaded.factor
    rows, columns = (
        np.clip(np.arange(count) * factor + factor // 2 + start, 0, side - 1)
        for count, start, side in ((height, loaded.top, len(mask)), (width, loaded.left, mask.shape[1]))
    )
    return mask[np.ix_(rows, columns)]


def _from_runs(outline: Outline) -> NDArray[np.uint8]:
    """A mask of COCO's run lengths, which go down columns, in plain numbers or as text of six bits each."""
    assert isinstance(outline, dict)
    height, width = outline["size"]
    counts: Any = outline["counts"]
    runs = _runs(counts) if isinstance(counts, (str, bytes)) else list(counts)
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise PgiInputError(f"The runs of a mask do not cover its {width} x {height} pixels.")
    values = np.arange(len(runs), dtype=np.uint8) & 1
    return np.repeat(values, runs).reshape(width, height).T


def _runs(text: str | bytes) -> list[int]:
    """Run lengths of COCO's text: five bits and a mark for more to come in each letter, from 48 on.

    From the third on, a number is the difference to the one two before.
    """
    letters = text.encode() if isinstance(text, str) else text
    runs: list[int] = []
    value = shift = 0
    for letter in letters:
        bits = letter - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
