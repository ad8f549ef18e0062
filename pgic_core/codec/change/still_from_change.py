"""A change frame as a picture that needs no other: the same symbols, coded as a key frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiUnsupportedError
from ..learned.exact.layer import pack_exact
from ..learned.payload.header import EXACT_SIDE, serialise
from ..learned.payload.tile_index import FULL_DEPTH
from ..learned.symbols.cdf_index_from_z import RowMap, from_cells
from ..learned.symbols.entropy_coding import CdfTable, encode_segments
from ..learned.symbols.latent_quantisation import SYMBOL_LAYERS
from ..tiles_and_windows import Z_STRIDE

if TYPE_CHECKING:
    from ..base import CodedImage
    from ..learned.decoder import LearnedImage
    from ..learned.symbols.tile_symbol_reader import TileReader

__all__ = ["still_of"]

_EFFORT = 2


def still_of(frame: CodedImage) -> list[bytes]:
    """The payload of a learned picture that shows what a frame shows, pixel by pixel.

    Args:
        frame: a change frame that fills its canvas.

    Returns:
        The payload in pieces.

    Raises:
        PgiUnsupportedError: the frame lies askew in its canvas, so no symbols show its pixels.
        PgiFormatError: it is damaged.
    """
    # Not imported by the decoder.
    from ..learned.decoder import LearnedImage

    if not isinstance(frame, LearnedImage):
        raise PgiUnsupportedError("The frame is a part of a larger canvas, so no picture has its symbols.")
    tiles = frame.reader(raise_damage=True)
    coded = [_tile(frame, tiles, index) for index in range(frame.grid.count)]
    layers = [part[0] for part in coded], [part[1] for part in coded]
    exact = [(FULL_DEPTH, _exact(frame, index)) for index in frame.header.exact_tiles()]
    return serialise(frame.header, layers, exact)


def _tile(frame: LearnedImage, tiles: TileReader, index: int) -> tuple[bytes, bytes]:
    """Preview and detail part of a tile."""
    row_map, cdfs = RowMap.of(frame.model, frame.header.quality), CdfTable.of(frame.model)
    box, roi_map = frame.grid.box(index), frame.header.roi_map
    if roi_map is not None:
        roi_map = roi_map[box.inside(frame.grid.padded, Z_STRIDE)]
    z = tiles.tile_z(index)
    z_rows = row_map.rows_of_z(z[0].size)
    segments = [(z_rows.counts, row_map.prediction.residual(z).reshape(-1)[z_rows.index])]
    for layer in SYMBOL_LAYERS:
        rows = row_map.rows(layer, z, roi_map)
        segments.append((rows.counts, from_cells(rows.index, tiles.tile_symbols(layer, index))))
    tiles.drop(index)
    return encode_segments(cdfs, segments[:2]), encode_segments(cdfs, segments[2:])


def _exact(frame: LearnedImage, index: int) -> bytes:
    """Pixels of the exact blocks of a tile, all of them without loss from here on."""
    box = frame.grid.box(index).overlap(frame.grid.picture)
    pixels = np.zeros((box.height, box.width, 3), np.uint8)
    for here, mask, read in frame.exact.over(box, 1):
        np.copyto(pixels[here], read(), where=mask[:, :, None])
    assert frame.header.exact is not None
    blocks = frame.header.exact[frame.grid.box(index).inside(frame.grid.padded, EXACT_SIDE)]
    return pack_exact(pixels, blocks, _EFFORT)
