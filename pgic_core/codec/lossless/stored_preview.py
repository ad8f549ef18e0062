"""The preview of a lossless picture, stored for those who may see no more (FORMAT.md, section 9.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import PgiUnsupportedError
from ...options import FAST, PREVIEW, PREVIEW_FACTOR, DecodeOptions
from ..base import CodedFacts, no_latent
from ..rectangle import Rectangle
from .decoder import LosslessImage
from .encoder import encode_lossless

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ...limits import Limits
    from ...options import Level, Window
    from ..sample_format import Channels, SampleFormat

__all__ = ["StoredPreview", "store_preview"]


def store_preview(image: LosslessImage) -> bytes:
    """The preview of an image, coded without loss.

    Raises:
        PgiFormatError: the image is damaged.
    """
    pixels, _ = image.decode(DecodeOptions(PREVIEW))
    return b"".join(encode_lossless(pixels))


class StoredPreview:
    """A lossless image of which only the preview is at hand.

    Args:
        data: of :func:`store_preview`.
        width: of the whole picture, in pixels.
        height: likewise.
        limits: what it may ask for.

    Attributes:
        codec: "lossless".
        preview_bytes: 0; the preview is no part of the payload.
        facts: nothing.

    Raises:
        PgiFormatError, PgiLimitError, PgiUnsupportedError: as :class:`LosslessImage`.
    """

    codec = "lossless"
    preview_bytes = 0
    facts = CodedFacts()

    def __init__(self, data: bytes, width: int, height: int, limits: Limits) -> None:
        self._picture = Rectangle(0, 0, width, height)
        small = self._picture.reduced(PREVIEW_FACTOR)
        self._image = LosslessImage(
            lambda offset, length: data[offset : offset + length],
            len(data),
            small.width,
            small.height,
            limits=limits,
        )

    @property
    def channels(self) -> Channels:
        """Meaning of the channels."""
        return self._image.channels

    @property
    def sample_format(self) -> SampleFormat:
        """Type of the samples."""
        return self._image.sample_format

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile of the preview, in its own pixels."""
        return self._image.tile_size

    @property
    def tiles(self) -> int:
        """Number of tiles of the preview."""
        return self._image.tiles

    def renderer(self, level: Level, scale: int) -> None:
        """None: it shows its pixels as they are."""

    def decode(self, options: DecodeOptions) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Decode the preview or a part of it; see :meth:`~pgic_core.codec.base.CodedImage.decode`.

        Raises:
            PgiUnsupportedError: pixels in full size are asked for.
        """
        self._require_preview(options)
        window = options.window_in(self._picture.width, self._picture.height)
        area = Rectangle.of_window(window).reduced(PREVIEW_FACTOR)
        here = (area.left, area.top, area.width, area.height)
        return self._image.decode(replace(options, level=FAST, scale=1, window=here))

    def strips(self, options: DecodeOptions) -> Iterator[NDArray[Any]]:
        """Decode the preview, (rows, W, C) at a time.

        Raises:
            PgiUnsupportedError: as :meth:`decode`.
        """
        self._require_preview(options)
        return self._image.strips(replace(options, level=FAST, scale=1))

    def latent(self, window: Window | None, threads: int | None) -> NDArray[np.float32]:
        """There is none.

        Raises:
            PgiUnsupportedError: always.
        """
        raise no_latent(self.codec)

    def verify(self) -> None:
        """Decode every tile.

        Raises:
            PgiFormatError: as :meth:`decode`.
        """
        self._image.verify()

    @staticmethod
    def _require_preview(options: DecodeOptions) -> None:
        if (options.level, options.scale) != (PREVIEW, PREVIEW_FACTOR):
            raise PgiUnsupportedError("Of this picture only the preview can be decoded.")
