"""Codecs of other packages (group ``pgic.codecs``): further values of ``compression_type`` (A-6.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PgiError, PgiFormatError, PgiUnsupportedError
from ..hooks import installed, load_entry
from .base import CodedFacts, no_latent
from .lossless.decoder import LosslessImage
from .lossless.encoder import encode_lossless
from .picture import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..options import DecodeOptions, Level, Window
    from .base import Payload
    from .sample_format import Channels, SampleFormat

__all__ = ["VendorImage", "has_vendor", "open_vendor", "unknown_codec"]

_GROUP = "pgic.codecs"


@dataclass(frozen=True, slots=True)
class VendorImage:
    """An image that another package's codec decoded, all at once.

    Attributes:
        codec: the package.
        pixels: the image in memory without compression, so that windows, previews and strips are those of
            every other image.
        preview_bytes: of the payload; a preview needs all of it.
    """

    codec: str
    pixels: LosslessImage
    preview_bytes: int

    @property
    def facts(self) -> CodedFacts:
        """Nothing more."""
        return CodedFacts()

    @property
    def channels(self) -> Channels:
        """Meaning of the channels."""
        return self.pixels.channels

    @property
    def sample_format(self) -> SampleFormat:
        """Type of the samples."""
        return self.pixels.sample_format

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile in memory, in pixels."""
        return self.pixels.tile_size

    @property
    def tiles(self) -> int:
        """Number of tiles in memory."""
        return self.pixels.tiles

    def renderer(self, level: Level, scale: int) -> None:
        """None: it shows its pixels as they are."""

    def decode(self, options: DecodeOptions) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """See :meth:`~pgic_core.codec.base.CodedImage.decode`."""
        return self.pixels.decode(options)

    def strips(self, options: DecodeOptions) -> Iterator[NDArray[Any]]:
        """See :meth:`~pgic_core.codec.base.CodedImage.strips`."""
        return self.pixels.strips(options)

    def latent(self, window: Window | None, threads: int | None) -> NDArray[np.float32]:
        """There is none.

        Raises:
            PgiUnsupportedError: always.
        """
        raise no_latent(self.codec)

    def verify(self) -> None:
        """Nothing is left to check: the payload was, and the codec decoded it."""


def has_vendor(compression_type: int) -> bool:
    """Whether an installed package has the codec of this ``compression_type``."""
    return any(codec.name == str(compression_type) for codec in installed(_GROUP))


def unknown_codec(compression_type: int) -> str:
    """What to call a codec that is not here."""
    return f"unknown (compression_type {compression_type})"


def open_vendor(compression_type: int, payload: Payload) -> VendorImage:
    """Decode an image by the installed codec whose name is the number of its ``compression_type``.

    Raises:
        PgiUnsupportedError: there is no such codec, or its package cannot be loaded.
        PgiFormatError: it cannot decode the image, or gives something else than its A.2 fields say.
        PgiChecksumError: the image is damaged.
    """
    name = str(compression_type)
    found = [codec for codec in installed(_GROUP) if codec.name == name]
    if not found:
        raise PgiUnsupportedError(f"The picture has compression_type {name}, which is unknown here.")
    source = found[0].source
    decode = load_entry(_GROUP, name)
    payload.read(0, 0)  # refuses what is encrypted
    data = payload.checked()  # only pgic's own codecs check their parts themselves
    try:
        pixels = _picture(decode(data, payload.width, payload.height))
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        reason = str(error) if isinstance(error, PgiError) else f"{type(error).__name__}: {error}"
        raise PgiFormatError(f"The codec {name} of the package {source} failed: {reason}") from error
    if pixels.shape[:2] != (payload.height, payload.width):
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise PgiFormatError(f"The codec {name} of the package {source} gave a picture of {size} pixels.")
    plain = b"".join(encode_lossless(pixels, plain=True))
    image = LosslessImage(
        lambda offset, length: plain[offset : offset + length],
        len(plain),
        payload.width,
        payload.height,
        plain=True,
        limits=payload.limits,
    )
    return VendorImage(source, image, payload.length)


def _picture(pixels: object) -> NDArray[Any]:
    """(H, W, C), of samples that pgic knows."""
    if not isinstance(pixels, np.ndarray):
        raise TypeError(f"it must return an array, not {type(pixels).__name__}")
    return Picture.from_image(pixels).pixels
