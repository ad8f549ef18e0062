"""Rectangles of pixels: areas of a picture, and the pixels in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Rectangle", "hull", "pixels_in"]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle ``top <= y < bottom``, ``left <= x < right``."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of_window(cls, window: tuple[int, int, int, int]) -> Rectangle:
        """The rectangle of a window, which gives x, y, width and height."""
        x, y, width, height = window
        return cls(x, y, x + width, y + height)

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def shifted(self, right: int, down: int) -> Rectangle:
        """Moved by so many pixels."""
        return Rectangle(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def around(self, by: int) -> Rectangle:
        """Enlarged on all sides, whatever is there."""
        return Rectangle(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def grown(self, by: int, align: int, within: Rectangle) -> Rectangle:
        """Enlarged on all sides, then outwards to multiples of ``align``, cut at ``within``."""
        return Rectangle(
            max(within.left, (self.left - by) // align * align),
            max(within.top, (self.top - by) // align * align),
            min(within.right, -(-(self.right + by) // align) * align),
            min(within.bottom, -(-(self.bottom + by) // align) * align),
        )

    def inside(self, other: Rectangle, scale: int = 1) -> tuple[slice, slice]:
        """Row and column slices of this rectangle in an array that covers ``other`` at ``1 / scale``."""
        return (
            slice((self.top - other.top) // scale, (self.bottom - other.top) // scale),
            slice((self.left - other.left) // scale, (self.right - other.left) // scale),
        )

    def frame(self, outer: Rectangle) -> list[Rectangle]:
        """What ``outer``, which contains this rectangle, has around it: up to four rectangles."""
        around = (
            Rectangle(outer.left, outer.top, outer.right, self.top),
            Rectangle(outer.left, self.bottom, outer.right, outer.bottom),
            Rectangle(outer.left, self.top, self.left, self.bottom),
            Rectangle(self.right, self.top, outer.right, self.bottom),
        )
        return [box for box in around if box.width > 0 and box.height > 0]

    def reduced(self, scale: int) -> Rectangle:
        """What this rectangle touches of a picture reduced by ``scale``."""
        return Rectangle(
            self.left // scale, self.top // scale, -(-self.right // scale), -(-self.bottom // scale)
        )

    def times(self, scale: int) -> Rectangle:
        """This rectangle in a picture ``scale`` times as large."""
        return Rectangle(self.left * scale, self.top * scale, self.right * scale, self.bottom * scale)

    def overlap(self, other: Rectangle) -> Rectangle:
        """What both cover; may be empty (width or height not above zero)."""
        return Rectangle(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )


def hull(boxes: Iterable[Rectangle]) -> Rectangle:
    """The smallest rectangle that holds all of some."""
    lefts, tops, rights, bottoms = zip(*((b.left, b.top, b.right, b.bottom) for b in boxes), strict=True)
    return Rectangle(min(lefts), min(tops), max(rights), max(bottoms))


def pixels_in(picture: NDArray[np.uint8], covers: Rectangle, wanted: Rectangle) -> NDArray[np.uint8]:
    """Pixels of ``wanted``, ``(H, W, 3)``, of a picture of ``covers``; beyond it its edges are repeated."""
    there = wanted.overlap(covers)
    beyond = (
        (there.top - wanted.top, wanted.bottom - there.bottom),
        (there.left - wanted.left, wanted.right - there.right),
        (0, 0),
    )
    pixels = picture[there.inside(covers)]
    return np.pad(pixels, beyond, "edge") if any(map(any, beyond)) else pixels
