"""Sizes of thumbnails, as Pillow has them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["size_within"]


def size_within(size: tuple[int, int], most: tuple[float, float]) -> tuple[int, int] | None:
    """Size of a thumbnail that keeps the aspect ratio, rounded as Pillow does; None if none is needed."""
    width, height = size
    across, down = map(math.floor, most)
    if across >= width and down >= height:
        return None
    aspect = width / height

    def rounded(number: float, error: Callable[[int], float]) -> int:
        return max(min(math.floor(number), math.ceil(number), key=error), 1)

    if across / down >= aspect:
        return rounded(down * aspect, lambda n: abs(aspect - n / down)), down
    return across, rounded(across / aspect, lambda n: 0 if n == 0 else abs(aspect - across / n))
