"""Where ``image_data`` can be cut so that each piece can be read by itself: headers, tiles, layers.

Encryption seals these pieces one by one (FORMAT.md, section 9.7), and so previews and windows stay possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from .alpha import LENGTH_SIZE, read_alpha_length
from .tiling import Z_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Payload

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
    """

    length: int
    layer: Layer
    region: bool = False


@dataclass(frozen=True, slots=True)
class PayloadPlan:
    """How ``image_data`` is cut.

    Attributes:
        parts: all of it, in its order.
        context: of a learned picture, model (16 bytes) and quality (1 byte); else empty.
        layered: whether there is a preview layer.
    """

    parts: tuple[PayloadPart, ...]
    context: bytes = b""
    layered: bool = False

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
        return PayloadPlan(tuple(_lossless(payload, Layer.TILE, plain=compression_type == _RAW)))
    pieces = range(0, payload.length, _PIECE)
    return PayloadPlan(tuple(PayloadPart(min(_PIECE, payload.length - at), Layer.OTHER) for at in pieces))


def _lossless(payload: Payload, layer: Layer, *, plain: bool, before: int = 0) -> Iterator[PayloadPart]:
    """Parts of a lossless stream; ``before`` bytes stand before it and go with its header."""
    from .lossless.image import LosslessImage

    size = payload.width, payload.height
    image = LosslessImage(payload.read, payload.length, *size, plain=plain, limits=payload.limits)
    lengths = image.tile_lengths
    yield PayloadPart(before + payload.length - sum(lengths), Layer.HEADER)
    yield from (PayloadPart(length, layer) for length in lengths if length)


def _learned(payload: Payload) -> PayloadPlan:
    from dataclasses import replace

    from .learned.stream import LAYERS, parse

    alpha = read_alpha_length(payload.read, payload.length)
    start = LENGTH_SIZE + alpha
    parts: list[PayloadPart] = []
    if alpha:
        plane = replace(payload, read=payload.part(LENGTH_SIZE), length=alpha)
        parts += _lossless(plane, Layer.OPACITY, plain=False, before=LENGTH_SIZE)
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
    parts += (PayloadPart(part.length, Layer.PREVIEW) for part in coarse if part.length)
    parts += (
        PayloadPart(part.length, Layer.EXACT, inside[tile])
        for tile, part in sorted(index.exact.items())
        if part.length
    )
    parts += (
        PayloadPart(part.length, Layer.DETAIL, inside[tile]) for tile, part in enumerate(fine) if part.length
    )
    context = bytes.fromhex(header.model_digest) + bytes([header.quality])
    return PayloadPlan(tuple(parts), context, layered=True)
