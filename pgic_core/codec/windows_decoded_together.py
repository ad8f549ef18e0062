"""Which windows of a picture to decode together.

Around a window more must be decoded than it shows: what networks see, and tiles as a whole. Windows that
overlap, or nearly do, cost less as one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .rectangle import Rectangle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..options import DecodeOptions, Window

__all__ = ["grouped", "grouped_options"]

_AROUND = 96
"""About how many pixels around a window cost as much as its own."""


def grouped(windows: Sequence[Rectangle]) -> list[tuple[Rectangle, list[int]]]:
    """Windows that cost less together than apart.

    Args:
        windows: in pixels.

    Returns:
        Groups from top to bottom: the box around their windows, and the windows' places in the list. Every
        window is in one of them.
    """
    boxes = np.array([(w.left, w.top, w.right, w.bottom) for w in windows], np.int64).reshape(-1, 4)
    around = np.empty_like(boxes)
    members: list[list[int]] = []
    for number, box in enumerate(boxes):
        own = [number]
        while members:
            others = around[: len(members)]
            both = np.concatenate([np.minimum(others[:, :2], box[:2]), np.maximum(others[:, 2:], box[2:])], 1)
            more = _costs(both) - _costs(others) - _costs(box[None])
            best = int(more.argmin())
            if more[best] > 0:
                break
            box, own = both[best], members.pop(best) + own
            around[best : len(members)] = around[best + 1 : len(members) + 1]
        around[len(members)] = box
        members.append(own)
    order = np.lexsort((around[: len(members), 0], around[: len(members), 1]))
    return [(Rectangle(*map(int, around[place])), members[place]) for place in order]


def grouped_options(
    options: DecodeOptions, windows: Sequence[Window], width: int, height: int
) -> list[tuple[DecodeOptions, list[tuple[int, tuple[slice, slice]]]]]:
    """Options that decode several windows of a picture, and what these have in common once.

    Args:
        options: of each window; their own window does not count.
        windows: x, y, width, height in pixels of the picture.
        width, height: of the picture in pixels.

    Returns:
        For each decoding its options, and the windows that it covers: place in the list, and the rows and
        columns of the window in the decoded pixels. Every window is in one of them.

    Raises:
        PgiOptionError: a window is not inside the picture.
    """
    boxes = [
        Rectangle.of_window(replace(options, window=window).window_in(width, height)) for window in windows
    ]
    found = []
    for around, members in grouped(boxes):
        area = around.reduced(options.scale)
        places = [(place, boxes[place].reduced(options.scale).inside(area)) for place in members]
        window = (around.left, around.top, around.width, around.height)
        found.append((replace(options, window=window), places))
    return found


def _costs(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    sides = boxes[:, 2:] - boxes[:, :2] + 2 * _AROUND
    costs: NDArray[np.int64] = sides[:, 0] * sides[:, 1]
    return costs
