"""Decoding pictures without loss (``compression_type`` 2) and plain (0): independent tiles behind an index.

STREAM.md has the bytes. Each tile has a CRC32 of its own, so that a window is checked by reading the tiles it
touches and damage stays in its tile.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiChecksumError, PgiFormatError, PgiUnsupportedError
from ...limits import DEFAULT_LIMITS
from ...options import DecodeOptions
from ..average_downscaling import mean_reduce
from ..base import CodedFacts, no_latent
from ..damage_concealment import fill_damaged
from ..parallel import map_tiles
from ..rectangle import Rectangle
from ..sample_format import Channels, SampleFormat
from ..tiles_and_windows import Grid
from .memory_budget import MemoryBudget
from .stream_layout import CRC_AT, ENTRY, HEADER, UNIT, VERSION
from .tile_coders import MAX_CODED_SIDE, TileCoder, decode_tile, decoding_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ...limits import Limits
    from ...options import Level, Progress, Window
    from ..base import CodedImage, Payload

__all__ = ["LosslessImage", "open_lossless", "open_raw"]

_MAX_PLAIN_BYTES = 64 << 20
_MIN_PLAIN_PIXELS = 4096
_MIN_SIDE = 64
_under_way = MemoryBudget()


def open_raw(payload: Payload) -> CodedImage:
    """Open an image of ``compression_type`` 0; errors are those of :class:`LosslessImage`."""
    return _opened(payload, plain=True)


def open_lossless(payload: Payload) -> CodedImage:
    """Open an image of ``compression_type`` 2; errors are those of :class:`LosslessImage`."""
    return _opened(payload, plain=False)


def _opened(payload: Payload, *, plain: bool) -> LosslessImage:
    size = payload.width, payload.height
    return LosslessImage(payload.read, payload.length, *size, plain=plain, limits=payload.limits)


class LosslessImage:
    """A picture coded by :func:`.encoder.encode_lossless`; opening reads its header and index only.

    Args:
        read: returns bytes of the payload, by offset and length; safe to call from several threads.
        length: bytes of the payload.
        width: pixels, as A.2 says.
        height: likewise.
        plain: whether ``compression_type`` is 0.
        limits: ``tiles`` is checked, and ``tile_memory`` kept.

    Attributes:
        codec: "raw" or "lossless".
        channels: meaning of the channels.
        sample_format: type of the samples.
        grid: where the tiles lie.
        preview_bytes: of the payload; a preview needs all of it.
        facts: nothing.

    Raises:
        PgiFormatError: header or index break a rule.
        PgiChecksumError: header or index are damaged.
        PgiLimitError: there are too many tiles.
        PgiUnsupportedError: the stream is of another version.
    """

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        length: int,
        width: int,
        height: int,
        *,
        plain: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.codec = "raw" if plain else "lossless"
        self.preview_bytes = length
        self.facts = CodedFacts()
        self._read = read
        self._limits = limits
        if length < HEADER.size:
            raise PgiFormatError(f"The lossless picture has {length} bytes, fewer than its header.")
        header = read(0, HEADER.size)
        version, channels, sample_format, zero, across, down, count, checksum = HEADER.unpack(header)
        if version != VERSION:
            raise PgiUnsupportedError(
                f"The lossless picture has stream version {version}; this software reads {VERSION}."
            )
        if zero:
            raise PgiFormatError("The lossless picture has a reserved byte that is not 0.")
        if not 1 <= channels <= 4 or sample_format not in list(SampleFormat):
            raise PgiFormatError(f"The lossless picture has {channels} channels of format {sample_format}.")
        self.channels = Channels(channels)
        self.sample_format = SampleFormat(sample_format)
        bytes_per_pixel = self.channels * self.sample_format.dtype.itemsize
        self.grid = _checked_grid(width, height, across * UNIT, down * UNIT, bytes_per_pixel, plain)
        if count != self.grid.count:
            raise PgiFormatError(f"The lossless picture has {count} tiles where {self.grid.count} cover it.")
        limits.check("tiles", count, "The lossless picture")
        index_end = HEADER.size + count * ENTRY.itemsize
        if length < index_end:
            raise PgiFormatError("The lossless picture ends inside its index.")
        index = read(HEADER.size, index_end - HEADER.size)
        if zlib.crc32(index, zlib.crc32(header[:CRC_AT])) != checksum:
            raise PgiChecksumError("The index of the lossless picture is damaged: its CRC32 does not match.")
        self._index = np.frombuffer(index, ENTRY)
        ends = index_end + np.cumsum(self._index["length"], dtype=np.int64)
        if ends[-1] != length:
            raise PgiFormatError(f"The tiles of the lossless picture end at {ends[-1]}, not at {length}.")
        self._starts = ends - self._index["length"]
        if self._index["coder"].max() > (TileCoder.PLAIN if plain else max(TileCoder)):
            raise PgiFormatError("The lossless picture has a tile of a coder that it cannot have.")

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile in pixels."""
        return self.grid.tile_width, self.grid.tile_height

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.grid.count

    def renderer(self, level: Level, scale: int) -> None:
        """None: it shows its pixels as they are."""

    @property
    def tile_lengths(self) -> list[int]:
        """Bytes of each tile, in order; they stand at the end of the payload."""
        return [int(length) for length in self._index["length"]]

    def decode(
        self, options: DecodeOptions = DecodeOptions()
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Decode the picture or a part of it; only the tiles that it touches are read and checked.

        Args:
            options: a smaller picture shows means of squares (of fewer pixels at the right and lower edge);
                damaged tiles are filled from what is around them; progress is told after each tile.

        Returns:
            (h, w, C) pixels, and with "conceal" an (h, w) mask that is True where they are made up.

        Raises:
            PgiChecksumError: a tile is damaged.
            PgiFormatError: a tile is not what the header says.
            PgiTruncatedError: the file ends before a tile.
            PgiOptionError: the window is not inside the picture.
        """
        factor = options.scale
        grid = self.grid.reduced(factor)
        window = options.window_in(self.grid.width, self.grid.height)
        area = Rectangle.of_window(window).reduced(factor)
        out = np.empty((area.height, area.width, self.channels), self.sample_format.dtype)
        damaged: list[Rectangle] = []

        def work(index: int) -> None:
            box = grid.box(index)
            part = box.overlap(area)
            try:
                tile = mean_reduce(self._decode_tile(index), factor)
            except PgiFormatError:
                if not options.conceals:
                    raise
                damaged.append(part)
                return
            out[part.inside(area)] = tile[part.inside(box)]

        map_tiles(work, grid.touching(area), options.threads, options.progress)
        if not options.conceals:
            return out, None
        moved = [
            Rectangle(b.left - area.left, b.top - area.top, b.right - area.left, b.bottom - area.top)
            for b in damaged
        ]
        return out, fill_damaged(out, sorted(moved, key=lambda box: (box.top, box.left)), self.channels)

    def strips(self, options: DecodeOptions = DecodeOptions()) -> Iterator[NDArray[Any]]:
        """The whole picture, a row of tiles at a time, from top to bottom.

        Args:
            options: scale and threads count.

        Yields:
            (rows, W, C) pixels.

        Raises:
            PgiFormatError: as :meth:`decode`.
        """
        grid = self.grid
        for top in range(0, grid.height, grid.tile_height):
            rows = min(grid.tile_height, grid.height - top)
            window = 0, top, grid.width, rows
            yield self.decode(DecodeOptions(window=window, threads=options.threads, scale=options.scale))[0]

    def latent(self, window: Window | None, threads: int | None) -> NDArray[np.float32]:
        """There is none.

        Raises:
            PgiUnsupportedError: always.
        """
        raise no_latent(self.codec)

    def verify(self, threads: int | None = None, progress: Progress | None = None) -> None:
        """Decode every tile.

        Raises:
            PgiFormatError: as :meth:`decode`.
        """

        def check(index: int) -> None:
            self._decode_tile(index)

        map_tiles(check, range(self.grid.count), threads, progress)

    def _decode_tile(self, index: int) -> NDArray[Any]:
        box = self.grid.box(index)
        entry = self._index[index]
        data = self._read(int(self._starts[index]), int(entry["length"]))
        if zlib.crc32(data) != entry["crc32"]:
            raise PgiChecksumError(
                f"The tile at ({box.left}, {box.top}) of the picture is damaged: its CRC32 does not match."
            )
        shape = (box.height, box.width, int(self.channels))
        coder, dtype = TileCoder(entry["coder"]), self.sample_format.dtype
        with _under_way.of(decoding_memory(len(data), coder, shape, dtype), self._limits.tile_memory):
            return decode_tile(data, coder, shape, dtype)


def _checked_grid(
    width: int, height: int, tile_width: int, tile_height: int, bytes_per_pixel: int, plain: bool
) -> Grid:
    """The tiles of a stream, whose sizes follow the rules of "Lossless" or "Raw"."""
    if not tile_width or not tile_height:
        raise PgiFormatError("The lossless picture has tiles without pixels.")
    grid = Grid(width, height, tile_width, tile_height)
    if not plain:
        if not all(_MIN_SIDE <= side <= MAX_CODED_SIDE for side in (tile_width, tile_height)):
            raise PgiFormatError(
                f"The lossless picture has tiles of {tile_width} x {tile_height} pixels; "
                f"each side must be from {_MIN_SIDE} to {MAX_CODED_SIDE}."
            )
        return grid
    if tile_width < width:
        raise PgiFormatError("The plain picture has tiles that are narrower than it is.")
    pixels = width * min(tile_height, height)
    if pixels * bytes_per_pixel > _MAX_PLAIN_BYTES:
        raise PgiFormatError(f"The plain picture has tiles of more than {_MAX_PLAIN_BYTES >> 20} MiB.")
    if pixels < _MIN_PLAIN_PIXELS and tile_height < height:
        raise PgiFormatError(f"The plain picture has tiles of fewer than {_MIN_PLAIN_PIXELS:,} pixels.")
    return grid
