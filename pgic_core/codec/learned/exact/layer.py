"""Exact blocks: parts of a picture that are carried without loss, over what the model shows (STREAM.md)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ....errors import PgiFormatError, PgiKeyError, PgiTruncatedError
from ...average_downscaling import mean_reduce
from ...lossless.tile_coders import TileCoder, decode_tile, encode_tile
from ...rectangle import Rectangle
from ..payload.header import EXACT_SIDE
from ..payload.tile_index import EXACT, FULL_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ..payload.header import StreamHeader
    from ..payload.tile_index import Part

__all__ = [
    "ExactBlocks",
    "ExactLayer",
    "ExactPiece",
    "lay_over",
    "lowered",
    "pack_exact",
    "raised",
    "unpack_exact",
]

_CODERS = (TileCoder.PLAIN, TileCoder.WEBP)


def lowered(pixels: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """Samples in so many bits: the nearest value that stands for each."""
    most = (1 << depth) - 1
    table = (np.arange(256) * most + 127) // 255
    return table.astype(np.uint8)[pixels]


def raised(values: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """What samples of so many bits stand for.

    Raises:
        PgiFormatError: one has more bits.
    """
    most = (1 << depth) - 1
    if values.size and values.max() > most:
        raise PgiFormatError(f"Exact blocks of {depth} bits hold a sample that has more.")
    table = (255 * np.arange(most + 1) + most // 2) // most
    return table.astype(np.uint8)[values]


def pack_exact(
    pixels: NDArray[np.uint8], blocks: NDArray[np.bool_], effort: int, depth: int = FULL_DEPTH
) -> bytes:
    """A part of the exact layer.

    Args:
        pixels: ``(H, W, 3)`` of a tile, as far as it lies in the picture.
        blocks: ``(H / 8, W / 8)`` rounded up, which of them are exact; not all false.
        effort: as for :func:`.tile_coders.encode_tile`.
        depth: bits of a sample.
    """
    side = EXACT_SIDE
    height, width = (side * count for count in blocks.shape)
    whole = np.pad(pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)), mode="edge")
    counts = blocks.sum(1)
    rows = np.flatnonzero(counts)
    picture = np.empty((side * len(rows), side * int(counts.max()), 3), np.uint8)
    for at, row in enumerate(rows):
        strip = picture[side * at : side * (at + 1)]
        end = side * int(counts[row])
        taken = whole[side * row : side * (row + 1)].reshape(side, -1, side, 3)[:, blocks[row]]
        strip[:, :end] = taken.reshape(side, end, 3)
        strip[:, end:] = strip[:, end - 1 : end]
    if depth < FULL_DEPTH:
        picture = lowered(picture, depth)
    coder, data = encode_tile(picture, TileCoder.WEBP, effort)
    return bytes([coder]) + data


def unpack_exact(
    data: bytes, blocks: NDArray[np.bool_], height: int, width: int, depth: int = FULL_DEPTH
) -> NDArray[np.uint8]:
    """The inverse of :func:`pack_exact`.

    Args:
        data: the part.
        blocks: as there.
        height, width: of the tile in pixels, as far as it lies in the picture.
        depth: as there.

    Returns:
        ``(H, W, 3)``; zeros outside exact blocks.

    Raises:
        PgiFormatError: the part does not hold the pixels of these blocks.
        PgiUnsupportedError: Pillow was built without WebP.
    """
    if not data or data[0] not in _CODERS:
        raise PgiFormatError("The exact blocks of a tile are of a coder that they cannot have.")
    side = EXACT_SIDE
    counts = blocks.sum(1)
    rows = np.flatnonzero(counts)
    shape = (side * len(rows), side * int(counts.max()), 3)
    picture = decode_tile(data[1:], TileCoder(data[0]), shape, np.dtype(np.uint8))
    if depth < FULL_DEPTH:
        picture = raised(picture, depth)
    whole = np.zeros((blocks.shape[0], side, blocks.shape[1], side, 3), np.uint8)
    for at, row in enumerate(rows):
        end = side * int(counts[row])
        taken = picture[side * at : side * (at + 1), :end]
        whole[row][:, blocks[row]] = taken.reshape(side, -1, side, 3)
    return whole.reshape(side * blocks.shape[0], side * blocks.shape[1], 3)[:height, :width]


ExactPiece = tuple[tuple[slice, slice], "NDArray[np.bool_]", "Callable[[], NDArray[np.uint8]]"]
"""Rows and columns of an area; which of their pixels are exact, ``(h, w)``; and what decodes them,
``(h, w, 3)``, or raises PgiFormatError."""


class ExactBlocks(Protocol):
    """The exact blocks of a picture."""

    def over(self, area: Rectangle, scale: int) -> Iterator[ExactPiece]:
        """The parts that lie over an area.

        Args:
            area: in pixels of the whole picture.
            scale: pixels of it along one side of a pixel of what is shown.
        """

    def kept(self) -> tuple[NDArray[np.bool_] | None, int]:
        """Which blocks are exact, and not only nearly, as a map of blocks; and bytes of their parts."""

    def verify(self) -> None:
        """Decode all of them that keys open.

        Raises:
            PgiFormatError: one is damaged or holds something else.
        """


def lay_over(
    exact: ExactBlocks,
    picture: NDArray[np.uint8],
    area: Rectangle,
    scale: int,
    touched: NDArray[np.bool_] | None,
    *,
    raise_damage: bool,
) -> NDArray[np.bool_] | None:
    """Put exact blocks into a decoded picture.

    Args:
        exact: the blocks.
        picture: ``(H, W, 3)``, what model and filter show in ``area``; changed.
        area: in pixels of the whole picture.
        scale: 1, 2, 4 or 8.
        touched: ``(H, W)``, what damage may have changed, or ``None`` for nothing; changed.
        raise_damage: rather than leave what is damaged as it is.

    Returns:
        What damage may have changed then.

    Raises:
        PgiFormatError: as :meth:`pixels`, with ``raise_damage``.
    """
    for here, blocks, read in exact.over(area, scale):
        try:
            pixels = read()
        except (PgiFormatError, PgiTruncatedError, PgiKeyError) as error:
            # What no key opens is shown as the model has it, like what is damaged.
            if raise_damage and not isinstance(error, PgiKeyError):
                raise
            touched = np.zeros(picture.shape[:2], np.bool_) if touched is None else touched
            touched[here] |= blocks
            continue
        np.copyto(picture[here], pixels, where=blocks[:, :, None])
        if touched is not None:
            touched[here] &= ~blocks
    return touched


class ExactParts(Protocol):
    """Where the parts of an exact layer are: the index of a picture, or of a change frame."""

    @property
    def exact(self) -> Mapping[int, Part]:
        """Tile to its part."""

    def read_tile(self, layer: str, tile: int, read: Callable[[int, int], bytes]) -> bytes:
        """The bytes of a part, checked; see :meth:`.tile_index.StreamIndex.read_tile`."""


@dataclass(frozen=True, slots=True)
class ExactLayer:
    """The exact blocks of a coded picture.

    Attributes:
        header, index: of the payload.
        read: gives ``(offset, length)`` of it.
    """

    header: StreamHeader
    index: ExactParts
    read: Callable[[int, int], bytes]

    def pixels(self, tile: int) -> NDArray[np.uint8]:
        """A tile that has exact blocks, ``(H, W, 3)``; zeros outside them.

        Raises:
            PgiFormatError: its part is damaged (PgiChecksumError, PgiTruncatedError) or holds something else.
        """
        data = self.index.read_tile(EXACT, tile, self.read)
        inside = self._box(tile)
        depth = self.index.exact[tile].depth
        return unpack_exact(data, self.header.exact_in(tile), inside.height, inside.width, depth)

    def kept(self) -> tuple[NDArray[np.bool_] | None, int]:
        """See :meth:`ExactBlocks.kept`."""
        if self.header.exact is None:
            return None, 0
        blocks, size = self.header.exact.copy(), 0
        whole = Rectangle(0, 0, blocks.shape[1], blocks.shape[0])
        for tile, part in self.index.exact.items():
            if part.depth == FULL_DEPTH:
                size += part.length
            else:
                blocks[self._box(tile).reduced(EXACT_SIDE).inside(whole)] = False
        return (blocks if blocks.any() else None), size

    def verify(self) -> None:
        """See :meth:`ExactBlocks.verify`."""
        for tile in self.index.exact:
            with contextlib.suppress(PgiKeyError):
                self.pixels(tile)

    def over(self, area: Rectangle, scale: int) -> Iterator[ExactPiece]:
        """See :meth:`ExactBlocks.over`."""
        for tile in self.header.grid.touching(area) if self.index.exact else ():
            if tile not in self.index.exact:
                continue
            box = self._box(tile)
            common = box.overlap(area)
            here, there = (common.reduced(scale).inside(of.reduced(scale)) for of in (area, box))
            side = EXACT_SIDE // scale
            blocks = self.header.exact_in(tile).repeat(side, 0).repeat(side, 1)[there]
            if blocks.any():
                yield here, blocks, partial(self._reduced, tile, scale, there)

    def _reduced(self, tile: int, scale: int, there: tuple[slice, slice]) -> NDArray[np.uint8]:
        return mean_reduce(self.pixels(tile), scale)[there]

    def _box(self, tile: int) -> Rectangle:
        grid = self.header.grid
        return grid.box(tile).overlap(grid.picture)
