"""Filling what is damaged from what is around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .rectangle import Rectangle
    from .sample_format import Channels


__all__ = ["fill_damaged"]


def fill_damaged(pixels: NDArray[Any], damaged: Sequence[Rectangle], channels: Channels) -> NDArray[np.bool_]:
    """Fill damaged areas, in place, with the mean of the sound pixels at their edges.

    Where there are none: mid-grey (0 for int32 and float32) and opaque.

    Args:
        pixels: (H, W, C).
        damaged: areas inside it.
        channels: what C means.

    Returns:
        (H, W) mask, True where pixels were filled.
    """
    mask = np.zeros(pixels.shape[:2], np.bool_)
    for box in damaged:
        mask[box.top : box.bottom, box.left : box.right] = True
    for box in damaged:
        left, top, right, bottom = box.left, box.top, box.right, box.bottom
        strips = (
            np.s_[max(top - 1, 0) : top, left:right],
            np.s_[bottom : bottom + 1, left:right],
            np.s_[top:bottom, max(left - 1, 0) : left],
            np.s_[top:bottom, right : right + 1],
        )
        edge = np.concatenate([pixels[strip][~mask[strip]] for strip in strips])
        if len(edge):
            fill = edge.mean(axis=0, dtype=np.float64)
        else:
            unsigned = pixels.dtype.kind == "u"
            fill = np.full(channels, np.iinfo(pixels.dtype).max // 2 + 1 if unsigned else 0.0)
            if channels.has_alpha and unsigned:
                fill[-1] = np.iinfo(pixels.dtype).max
        pixels[top:bottom, left:right] = fill if pixels.dtype.kind == "f" else np.rint(fill)
    return mask
