"""A picture as the codecs take it, made from a numpy array or a Pillow image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PgiOptionError, PgiUnsupportedError
from .sample_format import Channels, SampleFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["MAX_SIDE", "VISIBLE", "Picture"]

MAX_SIDE = 65535
"""Greatest width or height in pixels: A.2 stores them as uint16."""

VISIBLE = 0
"""``image_type`` of a visible-light picture (A.2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels and what they mean.

    Attributes:
        pixels: (H, W, C), C from 1 to 4 as :class:`Channels` says, sides 1 to 65535; of a type of
            :class:`SampleFormat` in native byte order, C-contiguous. Not copied: do not change it while it is
            in use.
        image_type: 0 visible, 1 infrared, others by A.2.

    Raises:
        PgiOptionError: the array is none of these.
    """

    pixels: NDArray[Any]
    image_type: int = VISIBLE

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or not 1 <= self.pixels.shape[2] <= 4:
            raise PgiOptionError(
                f"An array must be (height, width) or (height, width, 1 to 4), not {self.pixels.shape}."
            )
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise PgiOptionError(
                f"The picture is {self.width} x {self.height}; each side must be from 1 to {MAX_SIDE} pixels."
            )
        SampleFormat.of(self.pixels.dtype)

    @classmethod
    def from_image(
        cls,
        image: NDArray[Any] | Image.Image,
        image_type: int = VISIBLE,
        losses: list[str] | None = None,
    ) -> Picture:
        """Make a picture from an array or a Pillow image.

        Args:
            image: (H, W) or (H, W, 1-4) array of a type of :class:`SampleFormat` or of bool (False is 0,
                True 255), of any byte order; or a Pillow image, whose present frame is taken as
                :func:`pgic_core.codec.pillow_modes.samples_of_image` says.
            image_type: as in A.2.
            losses: gets a predicate for each way in which what is taken is not what the image holds.

        Raises:
            PgiOptionError: it is neither, or has no pixels, too many, or a type that cannot be coded.
            PgiInputError: the Pillow image cannot be read to its end.
        """
        if isinstance(image, np.ndarray):
            return cls(_tidy(image), image_type)
        # Not imported for arrays: they should not need Pillow in memory.
        from .pillow_modes import samples_of_image

        return cls(_tidy(samples_of_image(image, [] if losses is None else losses)), image_type)

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[0])

    @property
    def channels(self) -> Channels:
        """Meaning of the channels."""
        return Channels(self.pixels.shape[2])

    @property
    def sample_format(self) -> SampleFormat:
        """Type of the samples."""
        return SampleFormat.of(self.pixels.dtype)

    @property
    def learnable(self) -> bool:
        """Whether the learned codec codes its colours: 8-bit RGB of visible light (A-6.1a, A-6.1c)."""
        return (
            self.image_type == VISIBLE
            and self.sample_format is SampleFormat.UINT8
            and self.channels in (Channels.RGB, Channels.RGB_ALPHA)
        )

    def to_array(self) -> NDArray[Any]:
        """(H, W) if there is one channel, else (H, W, C). The memory is shared."""
        return self.pixels[:, :, 0] if self.channels is Channels.GREY else self.pixels

    def to_pil(self) -> Image.Image:
        """A Pillow image: L, LA, RGB, RGBA, I;16, I (also of int16) or F (also of float16).

        Pillow has no mode for more than one 16-bit channel: such pictures are rounded to 8 bits.

        Raises:
            PgiUnsupportedError: no mode holds every value (uint32, float64, several channels of int16 or of
                more than 16 bits).
        """
        from PIL import Image

        pixels = self.pixels
        if self.channels is Channels.GREY:
            wider = {SampleFormat.INT16: np.int32, SampleFormat.FLOAT16: np.float32}.get(self.sample_format)
            if wider is not None:
                pixels = pixels.astype(wider)
            elif self.sample_format in (SampleFormat.UINT32, SampleFormat.FLOAT64):
                raise PgiUnsupportedError(f"Pillow has no mode that holds {self.sample_format.name.lower()}.")
        else:
            if self.sample_format is SampleFormat.UINT16:
                pixels = ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
            elif self.sample_format is not SampleFormat.UINT8:
                raise PgiUnsupportedError(
                    f"Pillow has no mode for {self.channels.label} of {self.sample_format.name.lower()}."
                )
        return Image.fromarray(pixels[:, :, 0] if self.channels is Channels.GREY else pixels)


def _tidy(array: NDArray[Any]) -> NDArray[Any]:
    """(H, W, C), native byte order, contiguous; bool as 0 and 255."""
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "uif":
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(array)
