"""A learned image as files hold it (``compression_type`` 1): an optional opacity plane, then the colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiFormatError
from ...options import DecodeOptions
from ..alpha import LENGTH_SIZE, read_alpha_length
from ..lossless.decoder import LosslessImage
from ..sample_format import Channels, SampleFormat
from .decoder import LearnedImage
from .symbols_for_engines import PictureSymbols, read_symbols

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...models import Renderer
    from ...options import Level, Window
    from ..base import CodedFacts, CodedImage, Payload

__all__ = ["LearnedWithOpacity", "open_learned", "symbols_of"]


def open_learned(payload: Payload) -> CodedImage:
    """Open a learned image with or without opacity.

    Raises:
        PgiFormatError: headers are damaged or break a rule.
        PgiUnsupportedError, PgiLimitError: they ask for what is not here, or for too much.
    """
    size = read_alpha_length(payload.read, payload.length)
    start = LENGTH_SIZE + size
    width, height, limits = payload.width, payload.height, payload.limits
    opacity = None
    if size:
        opacity = LosslessImage(payload.part(LENGTH_SIZE), size, width, height, limits=limits)
        if opacity.channels is not Channels.GREY or opacity.sample_format is not SampleFormat.UINT8:
            raise PgiFormatError("The opacity plane is not one channel of 8 bits.")
    rest = payload.length - start
    colours = LearnedImage(payload.part(start), rest, width, height, limits, start=start)
    return colours if opacity is None else LearnedWithOpacity(colours, opacity)


@dataclass(frozen=True, slots=True)
class LearnedWithOpacity:
    """Learned colours and lossless opacity.

    Attributes:
        colours: three channels of uint8.
        opacity: one channel of uint8, of the same size.
    """

    colours: LearnedImage
    opacity: LosslessImage

    @property
    def codec(self) -> str:
        """That of the colours, as all but the channels are."""
        return self.colours.codec

    @property
    def channels(self) -> Channels:
        """Colours and opacity."""
        return Channels.RGB_ALPHA

    @property
    def sample_format(self) -> SampleFormat:
        """Type of the samples."""
        return SampleFormat.UINT8

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile of the colours in pixels."""
        return self.colours.tile_size

    @property
    def tiles(self) -> int:
        """Tiles of the colours."""
        return self.colours.tiles

    @property
    def preview_bytes(self) -> int:
        """Length of the payload's prefix that is enough for the preview."""
        return self.colours.preview_bytes

    @property
    def facts(self) -> CodedFacts:
        """What the learned codec knows."""
        return self.colours.facts

    def renderer(self, level: Level, scale: int) -> Renderer:
        """What draws the colours."""
        return self.colours.renderer(level, scale)

    def decode(self, options: DecodeOptions) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Decode both; see :meth:`~pgic_core.codec.base.CodedImage.decode`."""
        opacity, opacity_mask = self.opacity.decode(replace(options, progress=None))
        pixels = np.empty((*opacity.shape[:2], 4), np.uint8)
        _, mask = self.colours.decode(options, out=pixels[:, :, :3])
        pixels[:, :, 3:] = opacity
        if mask is not None and opacity_mask is not None:
            mask |= opacity_mask
        return pixels, mask

    def strips(self, options: DecodeOptions) -> Iterator[NDArray[Any]]:
        """All of both, (rows, W, 4) at a time, from top to bottom."""
        grid, scale, top = self.opacity.grid, options.scale, 0
        for colours in self.colours.strips(options):
            rows = min(scale * len(colours), grid.height - top)
            window = 0, top, grid.width, rows
            of_strip = DecodeOptions(window=window, threads=options.threads, scale=scale)
            yield np.concatenate([colours, self.opacity.decode(of_strip)[0]], axis=2)
            top += rows

    def latent(self, window: Window | None, threads: int | None) -> NDArray[np.float32]:
        """The latent of the colours; opacity has no part in it."""
        return self.colours.latent(window, threads)

    def verify(self) -> None:
        """Check both.

        Raises:
            PgiFormatError: something is damaged.
        """
        self.colours.verify()
        self.opacity.verify()


def symbols_of(
    image: CodedImage, options: DecodeOptions, *, latent: bool = False
) -> tuple[PictureSymbols, NDArray[np.uint8] | None] | None:
    """What another engine needs to show a picture or a part of it.

    Args:
        image: as :func:`open_learned` gives it, or of another codec.
        options: as for :func:`.symbols_for_engines.read_symbols`.
        latent: likewise.

    Returns:
        Symbols of the colours, and opacity, uint8 ``(h, w, 1)``, where the picture has any; ``None`` for
        pictures that no network shows.

    Raises:
        PgiError: as :func:`.symbols_for_engines.read_symbols`.
    """
    if isinstance(image, LearnedImage):
        return read_symbols(image, options, latent=latent), None
    if isinstance(image, LearnedWithOpacity):
        opacity = None if latent else image.opacity.decode(replace(options, progress=None))[0]
        return read_symbols(image.colours, options, latent=latent), opacity
    return None
