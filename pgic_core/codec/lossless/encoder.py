"""Coding pictures without loss (``compression_type`` 2) or plain (0): independent tiles behind an index."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiTargetError
from ...options import DEFAULT_EFFORT, check_effort
from ..parallel import map_tiles
from ..sample_format import SampleFormat
from ..tiles_and_windows import Grid
from .stream_layout import CRC_AT, ENTRY, HEADER, UNIT, VERSION
from .tile_coders import TileCoder, encode_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...options import Progress

__all__ = ["encode_lossless"]

_MAX_SIDE_UNITS = 65535
_TILE_SIDE = 512
_STRIP_BYTES = 1 << 20


def encode_lossless(
    pixels: NDArray[Any],
    *,
    plain: bool = False,
    effort: int = DEFAULT_EFFORT,
    at_most: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[bytes]:
    """Code a picture without loss.

    Args:
        pixels: (H, W, C), as :class:`Picture` holds them.
        plain: keep the samples as they are (``compression_type`` 0); else uint8 goes to WebP and all others
            to the predictive coder.
        effort: 1 fast, 2 smaller; 3 is as 2. It does not change the pixels.
        at_most: bytes that the payload may have; coding stops when it has more.
        threads: as :func:`~pgic_core.options.thread_count`.
        progress: called after each tile.

    Returns:
        The payload, in pieces. The same for any number of threads.

    Raises:
        PgiOptionError: an argument is out of range.
        PgiTargetError: the payload has more than ``at_most`` bytes.
    """
    check_effort(effort)
    height, width, channels = pixels.shape
    sample_format = SampleFormat.of(pixels.dtype)
    coder = TileCoder.PREDICTIVE
    if plain:
        coder = TileCoder.PLAIN
    elif sample_format is SampleFormat.UINT8:
        coder = TileCoder.WEBP
    grid = _strips(width, height, channels * pixels.itemsize) if plain else _squares(width, height)

    lengths = [HEADER.size + grid.count * ENTRY.itemsize]

    def work(index: int) -> tuple[TileCoder, bytes]:
        box = grid.box(index)
        used, data = encode_tile(pixels[box.top : box.bottom, box.left : box.right], coder, effort)
        lengths.append(len(data))
        if at_most is not None and sum(lengths) > at_most:
            raise PgiTargetError(f"Without loss the picture takes more than {at_most:,} bytes.")
        return used, data

    tiles = map_tiles(work, range(grid.count), threads, progress)
    entries = [(len(data), zlib.crc32(data), used) for used, data in tiles]
    index = np.array(entries, ENTRY).tobytes()
    header = HEADER.pack(
        VERSION,
        channels,
        sample_format,
        0,
        grid.tile_width // UNIT,
        grid.tile_height // UNIT,
        grid.count,
        0,
    )[:CRC_AT]
    checksum = zlib.crc32(index, zlib.crc32(header)).to_bytes(4, "little")
    return [header + checksum + index, *(data for _, data in tiles)]


def _squares(width: int, height: int) -> Grid:
    return Grid(width, height, _TILE_SIDE, _TILE_SIDE)


def _strips(width: int, height: int, bytes_per_pixel: int) -> Grid:
    """Tiles as wide as the picture, so that its samples stand in the file row after row."""
    rows = _STRIP_BYTES // (width * bytes_per_pixel) // UNIT * UNIT
    rows = min(max(rows, UNIT), _MAX_SIDE_UNITS * UNIT)
    return Grid(width, height, -(-width // UNIT) * UNIT, rows)
