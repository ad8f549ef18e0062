"""Where ``image_data`` can be cut so that each piece can be read by itself: headers, tiles, layers.

Encryption seals these pieces one by one (FORMAT.md, section 9.7), and so previews and windows stay possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from .alpha import LENGTH_SIZE, read_alpha_length
from .tiles_and_windows import Z_STRIDE

if TYPE_CHECKING:
    from .base import Payload
    from .tiles_and_windows import Grid

__all__ = ["Layer", "PayloadPart", "PayloadPlan", "payload_plan"]

_RAW, _LEARNED, _LOSSLESS = 0, 1, 2
_PIECE = 1 << 20


class Layer(IntEnum):
    """What a part is. The numbers are those of FORMAT.md."""

    HEADER = 1
    OPACITY = 2
    PREVIEW = 3
    EXACT = 4
    DETAIL = 5
    TILE = 6
    OTHER = 7


@dataclass(frozen=True, slots=True)
class PayloadPart:
    """A part of ``image_data``.

    Attributes:
        length: bytes, 1 or more.
        layer: what it is.
        region: whether it is a tile that the ROI map touches with a value above 0.
        tile: number of the tile, or of the piece of another codec's picture; 0 of a header.
    """

    length: int
    layer: Layer
    region: bool = False
    tile: int = 0


@dataclass(frozen=True, slots=True)
class PayloadPlan:
    """How ``image_data`` is cut.

    Attributes:
        parts: all of it, in its order.
        context: of a learned picture, model (16 bytes) and quality (1 byte); else empty.
        layered: whether there is a preview layer.
        grid: of the tiles of all layers but opacity; None of another codec's picture.
    """

    parts: tuple[PayloadPart, ...]
    context: bytes = b""
    layered: bool = False
    grid: Grid | None = None

    @property
    def regional(self) -> bool:
        """Whether a tile lies in a region."""
        return any(part.region for part in self.parts)


def payload_plan(compression_type: int, payload: Payload) -> PayloadPlan:
    """Find the parts of an image.

    Args:
        compression_type: of A.2.
        payload: the image data.

    Raises:
        PgiFormatError: headers are damaged or break a rule.
        PgiUnsupportedError, PgiLimitError: they ask for what is not here, or for too much.
    """
    if compression_type == _LEARNED:
        return _learned(payload)
    if compression_type in (_RAW, _LOSSLESS):
        parts, grid = _lossless(payload, Layer.TILE, plain=compression_type == _RAW)
        return PayloadPlan(tuple(parts), grid=grid)
    pieces = range(0, payload.length, _PIECE)
    return PayloadPlan(
        tuple(
            PayloadPart(min(_PIECE, payload.length - at), Layer.OTHER, tile=number)
            for number, at in enumerate(pieces)
        )
    )


def _lossless(
    payload: Payload, layer: Layer, *, plain: bool, before: int = 0
) -> tuple[list[PayloadPart], Grid]:
    """Parts of a lossless stream, and its grid; ``before`` bytes stand before it and go with its header."""
    from .lossless.decoder import LosslessImage

    size = payload.width, payload.height
    image = LosslessImage(payload.read, payload.length, *size, plain=plain, limits=payload.limits)
    lengths = image.tile_lengths
    parts = [PayloadPart(before + payload.length - sum(lengths), Layer.HEADER)]
    parts += (PayloadPart(length, layer, tile=number) for number, length in enumerate(lengths) if length)
    return parts, image.grid


def _learned(payload: Payload) -> PayloadPlan:
    from dataclasses import replace

    from .learned.payload.header import parse
    from .learned.payload.tile_index import LAYERS

    alpha = read_alpha_length(payload.read, payload.length)
    start = LENGTH_SIZE + alpha
    parts: list[PayloadPart] = []
    if alpha:
        plane = replace(payload, read=payload.part(LENGTH_SIZE), length=alpha)
        parts += _lossless(plane, Layer.OPACITY, plain=False, before=LENGTH_SIZE)[0]
    header, index = parse(
        payload.part(start), payload.length - start, payload.width, payload.height, payload.limits
    )
    parts.append(PayloadPart(index.header_bytes + (0 if alpha else LENGTH_SIZE), Layer.HEADER))
    grid, roi_map = header.grid, header.roi_map
    inside = [
        roi_map is not None and bool((roi_map[grid.box(tile).inside(grid.padded, Z_STRIDE)] > 0).any())
        for tile in range(grid.count)
    ]
    coarse, fine = (index.parts[layer] for layer in LAYERS)
    parts += (
        PayloadPart(part.length, Layer.PREVIEW, tile=tile) for tile, part in enumerate(coarse) if part.length
    )
    parts += (
        PayloadPart(part.length, Layer.EXACT, inside[tile], tile)
        for tile, part in sorted(index.exact.items())
        if part.length
    )
    parts += (
        PayloadPart(part.length, Layer.DETAIL, inside[tile], tile)
        for tile, part in enumerate(fine)
        if part.length
    )
    context = bytes.fromhex(header.model_digest) + bytes([header.quality])
    return PayloadPlan(tuple(parts), context, layered=True, grid=grid)
