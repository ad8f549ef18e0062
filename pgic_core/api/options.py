"""Options of encoding: what each may be, and which exclude each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..container import ImageType
from ..errors import PgiOptionError

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["DEFAULT_QUALITY", "ImageTypeLike", "Rate", "image_type_number"]

DEFAULT_QUALITY = 50

if TYPE_CHECKING:
    ImageTypeLike: TypeAlias = str | int | ImageType


@dataclass(frozen=True, slots=True)
class Rate:
    """What is asked of size and loss; at most one of the first six.

    Attributes:
        quality: 1 to 100.
        lossless: every pixel comes back as it was.
        max_bytes: of the whole file.
        ratio: bytes of the source file for each byte of this one.
        bpp: bits of the whole file for each pixel.
        min_psnr: dB over all three channels.
        source_bytes: size of the file that the picture came from, for ``ratio``.

    Raises:
        PgiOptionError: one is out of range, or there are several.
    """

    quality: int | None = None
    lossless: bool = False
    max_bytes: int | None = None
    ratio: float | None = None
    bpp: float | None = None
    min_psnr: float | None = None
    source_bytes: int | None = None

    def __post_init__(self) -> None:
        names = ("quality", "max_bytes", "ratio", "bpp", "min_psnr")
        given = [name for name in names if getattr(self, name) is not None] + ["lossless"] * bool(
            self.lossless
        )
        if len(given) > 1:
            raise PgiOptionError(f"{given[0]} and {given[1]} contradict each other: give one of them.")
        if self.quality is not None and not (_is_whole(self.quality) and 1 <= self.quality <= 100):
            raise PgiOptionError(f"quality must be a whole number from 1 to 100, not {self.quality!r}.")
        if self.max_bytes is not None and not (_is_whole(self.max_bytes) and self.max_bytes > 0):
            raise PgiOptionError(f"max_bytes must be a whole number above 0, not {self.max_bytes!r}.")
        if self.source_bytes is not None and not (_is_whole(self.source_bytes) and self.source_bytes > 0):
            raise PgiOptionError(f"source_bytes must be a whole number above 0, not {self.source_bytes!r}.")
        for name in ("ratio", "bpp", "min_psnr"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise PgiOptionError(f"{name} must be a number above 0, not {value!r}.")

    def byte_budget(self, pixels: int) -> int | None:
        """Bytes that the whole file may have, or None if that was not asked for.

        Args:
            pixels: width x height.

        Raises:
            PgiOptionError: ``ratio`` is given and the size of the source is not known.
        """
        if self.max_bytes is not None:
            return self.max_bytes
        if self.bpp is not None:
            return int(self.bpp * pixels / 8)
        if self.ratio is None:
            return None
        if self.source_bytes is None:
            raise PgiOptionError("ratio needs source_bytes, the size of the file that the picture came from.")
        return int(self.source_bytes / self.ratio)


def image_type_number(image_type: ImageTypeLike) -> int:
    """The number that A.2 stores.

    Args:
        image_type: a name of :class:`ImageType` in any case, or a number from 0 to 255.

    Raises:
        PgiOptionError: it is neither.
    """
    if isinstance(image_type, str):
        try:
            return ImageType[image_type.upper()]
        except KeyError:
            names = ", ".join(kind.name.lower() for kind in ImageType)
            raise PgiOptionError(
                f"image_type must be one of {names}, or a number, not {image_type!r}."
            ) from None
    if not _is_whole(image_type) or not 0 <= image_type <= 255:
        raise PgiOptionError(f"image_type must be a name or a number from 0 to 255, not {image_type!r}.")
    return int(image_type)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
