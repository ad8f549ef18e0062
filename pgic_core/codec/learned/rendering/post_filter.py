"""The post-filter: a last correction of decoded pixels, fitted to one picture and sent with it.

One synthesis network serves all pictures. Its errors in one picture have much in common: edges are a little
too soft, or colours follow each other less than they did. The encoder sees both sides. It sends the linear
filter that corrects most, as the adaptive loop filter of VVC does (H.266, 8.8.5).

The filter has 3 x 3 symmetric taps over all three colours (5 x 5 saved 0.2 % more bytes and took twice as
long). It may have two sets of weights, one for even and one for busy blocks. Corrections below 512 levels are
exact in float32, so engines agree on them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....errors import PgiFormatError
from ....models import ROWS, Network
from ...parallel import map_tiles
from ...rectangle import Rectangle, pixels_in
from ..symbols.entropy_coding import SegmentReader, encode_segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..symbols.entropy_coding import CdfTable

__all__ = [
    "ACTIVITY_STEP",
    "ACTIVITY_STEPS",
    "BLOCK",
    "FEATURES",
    "HALF",
    "PATH",
    "REACH",
    "SHIFTS",
    "Filter",
    "filtered",
]

BLOCK = 4
"""Side in pixels of the blocks that have an activity."""
REACH = 1
"""How many pixels around each pixel the filter reads."""
HALF = tuple((dy, dx) for dy in range(-REACH, REACH + 1) for dx in range(-REACH, REACH + 1))[:4]
"""Of each pair of opposite taps the upper or left one: row and column, counted from the centre."""
FEATURES = 3 * len(HALF)
"""Inputs that a set weighs: for each colour and tap, the sum of opposite taps less twice the centre. In even
areas all are zero, so a filter leaves them alone."""
ACTIVITY_STEP, ACTIVITY_STEPS = 2, 64
"""Mean difference, in grey levels, for each step of activity; and the number of steps."""
SHIFTS = range(5, 10)
"""Weights are whole multiples of ``2**-shift``."""
PATH = Path(__file__).with_name("post_filter.onnx")
"""The ONNX graph; the trainer's tools write it."""
_SETS = (0, 1, 2)
_HEAD = struct.Struct("<3B3b")
# Bayer's matrix of 8 x 8: which pixels are raised first.
_TURNS = np.zeros((1, 1), np.int16)
for _quarter in range(3):
    _TURNS = np.block([[4 * _TURNS, 4 * _TURNS + 2], [4 * _TURNS + 3, 4 * _TURNS + 1]])
_NETWORK = Network(PATH)
_TILE = 128, 512  # What stays in a core's cache: a third faster than in one piece.


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """The weights of a post-filter.

    Attributes:
        weights: int16 ``(sets, FEATURES, 3)``: by set, feature and corrected colour. Of two sets, the first
            is for even blocks and the second for busy ones; the activity of a block mixes them.
        shift: one of :data:`SHIFTS`.
        offsets: by how many 64ths of a level red, green and blue are raised on average, -128 to 127.
    """

    weights: NDArray[np.int16]
    shift: int
    offsets: tuple[int, int, int] = (0, 0, 0)

    def pack(self, cdfs: CdfTable) -> bytes:
        """The bytes of the stream: number of sets, shift, CDF index of the symbols, and the symbols."""
        symbols = self.weights.reshape(-1)
        row = int(_bits_by_row(cdfs, symbols).argmin()) + 1
        coded = encode_segments(cdfs, [(_counts(row, symbols.size), symbols)])
        return _HEAD.pack(len(self.weights), self.shift, row, *self.offsets) + coded

    def bits(self, cdfs: CdfTable) -> float:
        """About how many bits :meth:`pack` takes."""
        return 8.0 * _HEAD.size + float(_bits_by_row(cdfs, self.weights.reshape(-1)).min())

    @staticmethod
    def unpack(data: bytes, cdfs: CdfTable) -> Filter:
        """The inverse of :meth:`pack`.

        Raises:
            PgiFormatError: the data is no such filter.
        """
        if len(data) < _HEAD.size:
            raise PgiFormatError("The picture's filter ends too soon.")
        sets, shift, row, *offsets = _HEAD.unpack_from(data)
        if sets not in _SETS or shift not in SHIFTS or not 1 <= row < ROWS:
            raise PgiFormatError("The picture's filter holds a value out of range.")
        reader = SegmentReader(cdfs, data[_HEAD.size :])
        symbols = reader.read(_counts(row, sets * FEATURES * 3))
        reader.finish()
        weights = symbols.astype(np.int16).reshape(sets, FEATURES, 3)
        return Filter(weights, shift, (offsets[0], offsets[1], offsets[2]))

    def raises(self) -> NDArray[np.int8] | None:
        """By how many levels each pixel is raised in the end, ``(8, 8, 3)``; ``None`` for none.

        The pattern is repeated from the upper left corner of the picture.
        """
        if not any(self.offsets):
            return None
        return ((np.array(self.offsets, np.int16) + _TURNS[:, :, None]) >> 6).astype(np.int8)

    def kernels(self) -> NDArray[np.float32]:
        """The input ``kernels`` of the graph, float32 ``(7, 3, 3, 3)``.

        Their seven results are the three filtered colours, the three additions that the activity weighs, and
        the differences from which the activity comes.
        """
        side = 2 * REACH + 1
        kernels = np.zeros((2, 3, 3, side, side), np.float32)  # set, to colour, from colour, row, column
        for number, weights in enumerate(self.weights * np.float32(2.0**-self.shift)):
            taps = weights.reshape(3, len(HALF), 3)
            for tap, (dy, dx) in enumerate(HALF):
                for y, x in ((dy, dx), (-dy, -dx)):
                    kernels[number, :, :, REACH + y, REACH + x] = taps[:, tap].T
            kernels[number, :, :, REACH, REACH] = -2 * taps.sum(1).T
        kernels[1] = kernels[1] - kernels[0] if len(self.weights) > 1 else 0
        kernels[0, :, :, REACH, REACH] += np.eye(3, dtype=np.float32)
        busy = np.full((1, 3, side, side), -1, np.float32)
        busy[..., REACH, REACH] = side * side - 1
        return np.concatenate([*kernels, busy])


def _counts(row: int, count: int) -> NDArray[np.int64]:
    counts = np.zeros(ROWS, np.int64)
    counts[row] = count
    return counts


def _bits_by_row(cdfs: CdfTable, symbols: NDArray[np.int16]) -> NDArray[np.float32]:
    values, times = np.unique(symbols, return_counts=True)
    counts = np.full(ROWS, values.size)
    counts[0] = 0
    bits = cdfs.cost(counts, np.tile(values, ROWS - 1)).reshape(ROWS - 1, -1)
    total: NDArray[np.float32] = (bits * times).sum(1)
    return total


def filtered(
    post_filter: Filter,
    picture: NDArray[np.uint8],
    shown: Rectangle,
    block: Rectangle,
    whole: Rectangle,
    threads: int,
) -> NDArray[np.uint8]:
    """The filtered pixels of ``block``, uint8 ``(H, W, 3)``.

    Args:
        post_filter: the filter.
        picture: decoded pixels of ``shown``, ``(H, W, 3)``.
        shown: the block with at least 4 pixels around it, or up to the edges of ``whole``.
        block: what is wanted.
        whole: the coded area; beyond it its outermost pixels are repeated.
        threads: how many tiles to filter at a time.
    """
    covered = block.grown(0, BLOCK, whole)
    out = np.empty((covered.height, covered.width, 3), np.uint8)
    dither = _Dither.of(post_filter, covered)
    if not len(post_filter.weights):
        dither.put(pixels_in(picture, shown, covered), out, 0, 0)
        return out[block.inside(covered)]
    kernels = post_filter.kernels()
    down, across = _steps(covered.height, _TILE[0]), _steps(covered.width, _TILE[1])

    def work(corner: tuple[int, int]) -> None:
        y, x = corner
        part = out[y : y + down.step, x : x + across.step]
        height, width = part.shape[:2]
        tile = Rectangle(0, 0, width, height).shifted(covered.left + x, covered.top + y)
        around = np.ascontiguousarray(pixels_in(picture, shown, tile.around(REACH)))
        inputs: dict[str, NDArray[Any]] = {"picture": around[None], "kernels": kernels}
        dither.put(_NETWORK(inputs, threads=1)[0], part, y, x)  # while it is in the cache

    map_tiles(work, list(product(down, across)), threads)
    return out[block.inside(covered)]


@dataclass(frozen=True, slots=True, eq=False)
class _Dither:
    """Raises pixels as :meth:`Filter.raises` says, in eight bits: several times as fast as in sixteen.

    Attributes:
        least, most: uint8 ``(16, W, 3)``, what pixels are first kept within, so that none runs over; ``None``
            where no pixel is lowered, or raised.
        change: uint8 ``(16, W, 3)``, what is then added, modulo 256; ``None`` for nothing.
    """

    least: NDArray[np.uint8] | None = None
    most: NDArray[np.uint8] | None = None
    change: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, post_filter: Filter, area: Rectangle) -> _Dither:
        """That of a filter, for the pixels of an area."""
        raises = post_filter.raises()
        if raises is None:
            return cls()
        rows, columns = (area.top + np.arange(16)) % 8, (area.left + np.arange(area.width)) % 8
        pattern = raises[rows[:, None], columns]
        least = np.maximum(-pattern, 0).astype(np.uint8) if (raises < 0).any() else None
        most = 255 - np.maximum(pattern, 0).astype(np.uint8) if (raises > 0).any() else None
        return cls(least, most, pattern.view(np.uint8))

    def put(self, pixels: NDArray[np.uint8], out: NDArray[np.uint8], top: int, left: int) -> None:
        """Put raised pixels into ``out``, whose upper left corner is at ``top`` and ``left`` of the area."""
        if self.change is None:
            out[:] = pixels
            return
        whole = len(out) // 8 * 8
        for rows, height in ((slice(whole), 8), (slice(whole, None), len(out) - whole)):
            if height:
                there = slice(top % 8, top % 8 + height), slice(left, left + out.shape[1])
                shape = -1, height, *out.shape[1:]
                self._put(pixels[rows].reshape(shape), out[rows].reshape(shape), there)

    def _put(self, pixels: NDArray[np.uint8], out: NDArray[np.uint8], there: tuple[slice, slice]) -> None:
        """Likewise for ``(n, h, w, 3)``, all of whose parts have one pattern, and of one is ``there``."""
        assert self.change is not None
        if self.least is not None:
            pixels = np.maximum(pixels, self.least[there], out=out)
        if self.most is not None:
            pixels = np.minimum(pixels, self.most[there], out=out)
        np.add(pixels, self.change[there], out=out)


def _steps(length: int, about: int) -> range:
    """Where to cut a side into equal parts of about a given length, each of whole blocks."""
    parts = max(1, round(length / about))
    return range(0, length, -(-length // (parts * BLOCK)) * BLOCK)
