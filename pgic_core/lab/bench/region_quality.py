"""Quality of parts of a picture: region of interest, background, and the worst tile (A-8.2c)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .metrics import ssim_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WORST_TILE", "RegionQuality", "region_quality"]

WORST_TILE = 64
"""Side in pixels of the tiles of which the worst is reported."""
_BORDER = 5
_LEAST_SIDE = 11


@dataclass(frozen=True, slots=True)
class RegionQuality:
    """Figures of parts of a picture; NaN where a part has no pixels or the picture is too small.

    Attributes:
        psnr_roi: dB over RGB, inside the mask.
        psnr_background: likewise, outside.
        ssim_roi: mean of the SSIM map inside the mask.
        ssim_background: likewise, outside.
        worst_tile: lowest mean of the SSIM map over a tile of :data:`WORST_TILE` pixels.
        worst_x: left of that tile in pixels.
        worst_y: top of it.
    """

    psnr_roi: float = math.nan
    psnr_background: float = math.nan
    ssim_roi: float = math.nan
    ssim_background: float = math.nan
    worst_tile: float = math.nan
    worst_x: int = 0
    worst_y: int = 0


def region_quality(
    original: NDArray[np.uint8], decoded: NDArray[np.uint8], mask: NDArray[np.bool_] | None
) -> RegionQuality:
    """Measure the parts.

    Args:
        original: ``(H, W, 3)``.
        decoded: same shape.
        mask: ``(H, W)``, true inside the region of interest; None if there is none.
    """
    errors = np.square(original.astype(np.int32) - decoded).sum(axis=2)
    large = min(original.shape[:2]) >= _LEAST_SIDE
    similarity = ssim_map(original, decoded) if large else None
    figures: dict[str, Any] = {}
    for name, part in () if mask is None else (("roi", mask), ("background", ~mask)):
        figures[f"psnr_{name}"] = _psnr(errors[part])
        if similarity is not None:
            inside = part[_BORDER:-_BORDER, _BORDER:-_BORDER]
            figures[f"ssim_{name}"] = _mean(similarity[inside])
    if similarity is None:
        return RegionQuality(**figures)
    value, x, y = _worst(similarity)
    return RegionQuality(**figures, worst_tile=value, worst_x=x, worst_y=y)


def _psnr(errors: NDArray[np.int32]) -> float:
    if not errors.size:
        return math.nan
    total = int(errors.sum(dtype=np.int64))
    return 10 * math.log10(255.0**2 * 3 * errors.size / total) if total else math.inf


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else math.nan


def _worst(similarity: NDArray[np.float32]) -> tuple[float, int, int]:
    """Value, left and top; the last tile of a row or column is moved inwards so that it is whole."""
    places = [
        sorted({*range(0, max(side - WORST_TILE, 0), WORST_TILE), max(side - WORST_TILE, 0)})
        for side in similarity.shape
    ]
    found = min(
        (_mean(similarity[top : top + WORST_TILE, left : left + WORST_TILE].ravel()), left, top)
        for top in places[0]
        for left in places[1]
    )
    return found[0], found[1] + _BORDER, found[2] + _BORDER
