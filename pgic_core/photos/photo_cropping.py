"""What a photo may carry once its pixels were cut or scaled: nothing that shows what was cut away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..camera import (
    orientation_of,
    orientation_only,
    with_size,
    without_thumbnail,
    xmp_without_size,
    xmp_without_thumbnail,
)
from ..errors import PgiUnsupportedError
from .photoshop_resources import resources_without_pictures

if TYPE_CHECKING:
    from .side_data import SideData

__all__ = ["exif_of_part", "side_of_part", "side_without_pictures", "xmp_of_part"]


def exif_of_part(exif: bytes, size: tuple[int, int]) -> tuple[bytes | None, str | None]:
    """EXIF without its thumbnail, which states another size.

    Args:
        exif: of the picture as it was.
        size: width and height of the part.

    Returns:
        The EXIF; and a sentence about what is wrong with it, if no more than its orientation is kept.
    """
    try:
        return with_size(without_thumbnail(exif), *size), None
    except PgiUnsupportedError as error:
        return orientation_only(orientation_of(exif)), f"{error} Only its orientation is kept."


def xmp_of_part(xmp: bytes) -> tuple[bytes | None, str | None]:
    """An XMP packet without pictures and sizes; and a sentence, if it cannot be kept."""
    try:
        return xmp_without_size(xmp_without_thumbnail(xmp)), None
    except PgiUnsupportedError as error:
        return None, f"{error} It is left out."


def side_without_pictures(side: SideData) -> SideData:
    """Side data without the pictures in them.

    Raises:
        PgiUnsupportedError: the extended XMP is too broken for that.
    """
    extended = side.xmp_extended
    return replace(
        side,
        xmp_extended=xmp_without_thumbnail(extended) if extended else b"",
        photoshop=resources_without_pictures(side.photoshop),
    )


def side_of_part(side: SideData) -> tuple[SideData, str | None]:
    """Likewise; and a sentence, if the extended XMP cannot be kept."""
    try:
        return side_without_pictures(side), None
    except PgiUnsupportedError as error:
        return side_without_pictures(replace(side, xmp_extended=b"")), f"{error} Its extension is left out."
