"""The four ways to lay channels out as video frames, and back (B-2a … B-2d, B-3).

Stacking makes every channel a frame; tiling sets channels side by side, row by row, in large frames.
Either in the original order, or in the *specified* order: the first channel stays first and each next
one is the channel not yet used that is nearest (L2) to the one before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pgic_core.errors import PgiFormatError

__all__ = [
    "PACKINGS",
    "FrameLayout",
    "Packing",
    "order_channels",
    "order_from_bytes",
    "order_to_bytes",
    "plan_layout",
]

Packing = Literal["stack", "stack-ordered", "tile", "tile-ordered"]
PACKINGS: tuple[Packing, ...] = get_args(Packing)

_UNIT = 8  # HEVC codes whole 8x8 units,
_SMALLEST = 16  # and x265 no picture smaller than one coding tree unit
_TILED_SIDE = 2048  # tiles fill a frame to about this size, then the next frame starts

Samples = npt.NDArray[np.uint16]
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FrameLayout:
    """Where the channels of one (C, H, W) map lie in its frames.

    Attributes:
        channels, height, width: of the map.
        columns, rows: tiles across and down one frame; 1 and 1 when stacking.
    """

    channels: int
    height: int
    width: int
    columns: int
    rows: int

    @property
    def frame_height(self) -> int:
        """Padded to what the codec takes."""
        return _padded(self.rows * self.height)

    @property
    def frame_width(self) -> int:
        """Padded to what the codec takes."""
        return _padded(self.columns * self.width)

    @property
    def frames(self) -> int:
        """Frames of one map."""
        return -(-self.channels // (self.columns * self.rows))

    @property
    def samples(self) -> int:
        """Samples of all frames of one map, padding included."""
        return self.frames * self.frame_height * self.frame_width

    def pack(self, channels: Samples) -> Samples:
        """(C, H, W) samples to (frames, frame_height, frame_width); borders repeat the last sample."""
        tiles = self.frames * self.columns * self.rows
        spare = np.repeat(channels[-1:], tiles - self.channels, axis=0)  # cheaper to code than a hole
        grid = np.concatenate([channels, spare]).reshape(
            self.frames, self.rows, self.columns, self.height, self.width
        )
        frames = grid.transpose(0, 1, 3, 2, 4).reshape(self.frames, self.rows * self.height, -1)
        below = self.frame_height - frames.shape[1]
        right = self.frame_width - frames.shape[2]
        return np.pad(frames, ((0, 0), (0, below), (0, right)), mode="edge")

    def unpack(self, frames: Samples) -> Samples:
        """The exact inverse of :meth:`pack`."""
        inside = frames[:, : self.rows * self.height, : self.columns * self.width]
        grid = inside.reshape(self.frames, self.rows, self.height, self.columns, self.width)
        return grid.transpose(0, 1, 3, 2, 4).reshape(-1, self.height, self.width)[: self.channels]


def plan_layout(packing: Packing, channels: int, height: int, width: int) -> FrameLayout:
    """Frames for a (C, H, W) map: a pure function of its arguments, so that the stream need not say it."""
    if packing.startswith("stack"):
        return FrameLayout(channels, height, width, 1, 1)
    square = math.isqrt(channels * height * width - 1) + 1
    columns = max(1, min(channels, -(-min(square, _TILED_SIDE) // width)))
    rows = max(1, min(-(-channels // columns), _TILED_SIDE // height))
    return FrameLayout(channels, height, width, columns, rows)


def order_channels(channels: npt.NDArray[np.generic]) -> Order:
    """Greedy nearest neighbours in L2 from channel 0.

    Args:
        channels: (C, H, W), any real type.

    Returns:
        int64 (C,): ``channels[order]`` is the map in the specified order.
    """
    count = len(channels)
    flat = channels.reshape(count, -1).astype(np.float32)
    norms = np.einsum("ij,ij->i", flat, flat)
    distance = norms[None] - 2 * (flat @ flat.T)  # |a - b|^2 less |a|^2, which does not change the choice
    order = np.zeros(count, np.int64)
    distance[:, 0] = np.inf
    for i in range(1, count):
        nearest = int(distance[order[i - 1]].argmin())
        order[i] = nearest
        distance[:, nearest] = np.inf
    return order


def order_to_bytes(order: Order) -> bytes:
    """The number of the permutation among all that leave channel 0 first: log2((C-1)!) bits, none wasted."""
    left = list(range(1, len(order)))
    number = 0
    for place in order[1:].tolist():
        digit = left.index(place)
        number = number * len(left) + digit
        left.pop(digit)
    return number.to_bytes(order_size(len(order)), "little")


def order_from_bytes(data: bytes, channels: int) -> Order:
    """The exact inverse of :func:`order_to_bytes`.

    Raises:
        PgiFormatError: the number is beyond the last permutation.
    """
    number = int.from_bytes(data, "little")
    if len(data) != order_size(channels) or number >= math.factorial(channels - 1):
        raise PgiFormatError("The channel order of a feature map is not a permutation.")
    digits = []
    for base in range(1, channels):
        number, digit = divmod(number, base)
        digits.append(digit)
    left = list(range(1, channels))
    return np.array([0, *(left.pop(digit) for digit in reversed(digits))], np.int64)


def order_size(channels: int) -> int:
    """Bytes of a stored channel order."""
    return ((math.factorial(channels - 1) - 1).bit_length() + 7) // 8


def _padded(side: int) -> int:
    return max(_SMALLEST, -(-side // _UNIT) * _UNIT)
