"""Taking the place, the device or thumbnails out of the EXIF and XMP of a photo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..camera import (
    without_device,
    without_location,
    without_thumbnail,
    xmp_without_device,
    xmp_without_location,
    xmp_without_thumbnail,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hides_place", "without_maker", "without_place", "without_thumbnails"]


def hides_place(metadata: object) -> bool:
    """Whether metadata that a caller gives takes the place away: a mapping whose ``location`` is None."""
    return isinstance(metadata, Mapping) and metadata.get("location", False) is None


def without_place(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """EXIF and XMP without what they say of the place.

    Raises:
        PgiUnsupportedError: they are too broken for that.
    """
    return _edited(exif, xmp, without_location, xmp_without_location)


def without_maker(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """EXIF and XMP without maker, model, owner and serial numbers; errors as :func:`without_place`."""
    return _edited(exif, xmp, without_device, xmp_without_device)


def without_thumbnails(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """EXIF and XMP without the small pictures in them; errors as :func:`without_place`."""
    return _edited(exif, xmp, without_thumbnail, xmp_without_thumbnail)


def _edited(
    exif: bytes | None,
    xmp: bytes | None,
    edit_exif: Callable[[bytes], bytes],
    edit_xmp: Callable[[bytes], bytes],
) -> tuple[bytes | None, bytes | None]:
    return edit_exif(exif) if exif else exif, edit_xmp(xmp) if xmp else xmp
