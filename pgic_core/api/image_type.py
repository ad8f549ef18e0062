"""``image_type`` as callers give it, turned into the number that A.2 stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..container import ImageType
from ..errors import PgiOptionError

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["ImageTypeLike", "image_type_number"]

if TYPE_CHECKING:
    ImageTypeLike: TypeAlias = str | int | ImageType


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
    if isinstance(image_type, bool) or not isinstance(image_type, int) or not 0 <= image_type <= 255:
        raise PgiOptionError(f"image_type must be a name or a number from 0 to 255, not {image_type!r}.")
    return int(image_type)
