"""What a coded image can do, whichever codec it comes from.

Every codec gives a :class:`CodedImage`: the learned one, with or without opacity, the lossless and the raw
one, and those of other packages (entry-point group ``pgic.codecs``). :mod:`.codec_registry` says which one
opens a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import PgiUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ..limits import Limits
    from ..models import Renderer
    from ..options import DecodeOptions, Level, Window
    from .sample_format import Channels, SampleFormat

__all__ = ["CodedFacts", "CodedImage", "Payload", "no_latent"]


@dataclass(frozen=True, slots=True)
class Payload:
    """The image data of a file, from which a codec opens an image.

    Attributes:
        read: gives bytes by offset and length, unchecked; safe to call from several threads. It raises
            ``PgiTruncatedError`` where the file ends early.
        checked: gives all bytes after their digest was checked, for codecs without checks of their own.
        length: bytes.
        width, height: of the picture in pixels, as A.2 says.
        limits: what the file may ask for.
    """

    read: Callable[[int, int], bytes]
    checked: Callable[[], bytes]
    length: int
    width: int
    height: int
    limits: Limits

    def part(self, start: int) -> Callable[[int, int], bytes]:
        """``read`` with offsets from ``start``."""
        return lambda offset, length: self.read(start + offset, length)


@dataclass(frozen=True, slots=True)
class CodedFacts:
    """What only some codecs know of an image; the defaults are those of a codec that knows nothing more.

    Attributes:
        quality: 1 to 100 of the learned codec.
        model_digest: in hex, of the learned codec.
        roi: int8 (ceil(H / 64), ceil(W / 64)), eighths of an octave by which steps are finer.
        filter_bytes: length of the picture's post-filter.
        exact: bool (ceil(H / 8), ceil(W / 8)), blocks of the learned codec that are kept bit for bit.
        exact_bytes: length of their pixels.
        near_blocks: how many further blocks are kept nearly exact.
        changes: of a change frame, uint8 (ceil(H / 64), ceil(W / 64)): 0 for blocks in which the scene
            did not change, else by how much it did.
    """

    quality: int | None = None
    model_digest: str | None = None
    roi: NDArray[np.int8] | None = None
    filter_bytes: int = 0
    exact: NDArray[np.bool_] | None = None
    exact_bytes: int = 0
    near_blocks: int = 0
    changes: NDArray[np.uint8] | None = None


class CodedImage(Protocol):
    """A coded image whose stream headers were read and checked; pixels are decoded on demand."""

    @property
    def codec(self) -> str:
        """Its name, such as "learned", or the package that brings it."""

    @property
    def channels(self) -> Channels:
        """Meaning of the channels."""

    @property
    def sample_format(self) -> SampleFormat:
        """Type of the samples."""

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile in pixels."""

    @property
    def tiles(self) -> int:
        """Number of tiles."""

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix of the payload that is enough for a preview."""

    @property
    def facts(self) -> CodedFacts:
        """What only some codecs know."""

    def renderer(self, level: Level, scale: int) -> Renderer | None:
        """What draws the image at a level and scale; None where no model draws it.

        Raises:
            PgiModelError: the model is not here, or does not have the level.
        """

    def decode(self, options: DecodeOptions) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Decode the image or a part of it.

        Returns:
            (h, w, C) samples, and with ``on_damage="conceal"`` an (h, w) mask that is True where damage may
            have changed a pixel.

        Raises:
            PgiFormatError: the payload is damaged, or breaks a rule.
            PgiOptionError: the window is not inside the picture.
        """

    def strips(self, options: DecodeOptions) -> Iterator[NDArray[Any]]:
        """Decode all of the image, (rows, W, C) at a time, from top to bottom.

        Args:
            options: how; without a window, and damage raises.

        Raises:
            PgiFormatError: as :meth:`decode`.
        """

    def latent(self, window: Window | None, threads: int | None) -> NDArray[np.float32]:
        """The dequantised latent, (M, h, w), of the image or a part of it.

        Raises:
            PgiUnsupportedError: the codec has none.
            PgiFormatError, PgiOptionError: as :meth:`decode`.
        """

    def verify(self) -> None:
        """Decode every tile, and check whatever else decoding rests on.

        Raises:
            PgiFormatError: something is damaged.
            PgiUnsupportedError: the image cannot be decoded here.
        """


def no_latent(codec: str) -> PgiUnsupportedError:
    """What :meth:`CodedImage.latent` raises in a codec that has none."""
    return PgiUnsupportedError(f"The picture has no latent: it is coded {codec}.")
