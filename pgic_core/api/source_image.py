"""What a picture brings with it when it is encoded: EXIF, ICC, XMP, resolution and more of a Pillow image.

A Pillow image whose pixels were cropped or turned still carries the profiles of the picture that it comes
from; what of them no longer fits, and may show what was cut away, is taken out.
"""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera import (
    orientation_of,
    orientation_only,
    raw_profiles,
    stated_size,
    with_size,
    without_thumbnail,
    xmp_without_size,
    xmp_without_thumbnail,
)
from ..container import ExtensionKey, other_segments, pack_segments
from ..errors import PgiUnsupportedError, PgiWarning
from .derived import without_place

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["Extras", "changed_since_opening", "extras_of", "merge_extras", "source_bytes_of"]

# What of a TIFF's own tags is about the photo and not about the TIFF: description, make, model,
# orientation, software, time, artist, copyright, Exif IFD, GPS IFD.
_IFDS = {0x8769, 0x8825}
_TIFF_TAGS = {0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0x0132, 0x013B, 0x8298} | _IFDS


@dataclass(frozen=True, slots=True)
class Extras:
    """Profiles of a picture; None where there is none.

    Attributes:
        exif: EXIF bytes.
        icc_profile: ICC profile.
        xmp: XMP packet.
        dpi: pixels per inch, horizontal and vertical.
        segments: other APPn segments of a JPEG (:mod:`pgic_core.container.segments`).
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    segments: bytes | None = None

    def to_fields(self) -> dict[str, object]:
        """The extension fields that hold them."""
        values = {
            ExtensionKey.EXIF: self.exif,
            ExtensionKey.ICC: self.icc_profile,
            ExtensionKey.XMP: self.xmp,
            ExtensionKey.DPI: self.dpi,
            ExtensionKey.SEGMENTS: self.segments,
        }
        return {key.value: value for key, value in values.items() if value}


def changed_since_opening(image: NDArray[Any] | Image.Image) -> bool:
    """Whether the pixels of a Pillow image may be others than those of the file that it was opened from.

    Every operation that returns an image gives one without a format. What changes an opened image where it is
    cannot be seen; ``thumbnail()`` shows by the size that EXIF states.

    Args:
        image: the picture, before it is loaded for coding.
    """
    if isinstance(image, np.ndarray) or getattr(image, "tile", None):
        return False
    return image.format is None or not _has_size(image.info.get("exif"), image.size)


def extras_of(image: NDArray[Any] | Image.Image, *, changed: bool = False) -> Extras:
    """What a Pillow image brings with it; nothing for an array. Nothing here fails on odd values.

    Args:
        image: the picture, already loaded (a TIFF turns itself upright while it loads).
        changed: whether :func:`changed_since_opening` said so before it was loaded: thumbnails go then, and
            EXIF states the size of the picture.
    """
    if isinstance(image, np.ndarray):
        return Extras()
    from ..codec.pillow_modes import keeps_profile

    info = image.info
    xmp = info.get("xmp")
    older_exif, older_xmp = raw_profiles(info)  # type: ignore[arg-type]
    extras = Extras(
        exif=_bytes_or_none(info.get("exif")) or older_exif or _tiff_exif(image),
        icc_profile=_bytes_or_none(info.get("icc_profile")) if keeps_profile(image) else None,
        xmp=_bytes_or_none(xmp.encode() if isinstance(xmp, str) else xmp) or older_xmp,
        dpi=_dpi_or_none(info.get("dpi")),
        segments=pack_segments(other_segments(getattr(image, "applist", ()))) or None,
    )
    return _fitting(extras, image.size) if changed else extras


def merge_extras(brought: Extras, given: Extras, *, opened: bool, place: bool) -> Extras:
    """What is stored, of what a picture brings and what is given for it.

    Args:
        brought: what :func:`extras_of` found.
        given: what the caller says; None takes what the picture brings, empty bytes nothing.
        opened: whether the pixels stand as they did in the file of ``brought``. If its EXIF is not stored,
            they keep the orientation that it told.
        place: whether EXIF and XMP may say where the picture was taken.

    Raises:
        PgiUnsupportedError: they may not, and are too broken for that to be taken out.
    """
    exif = brought.exif if given.exif is None else given.exif
    if not exif and opened and brought.exif:
        exif = orientation_only(orientation_of(brought.exif))
    xmp = brought.xmp if given.xmp is None else given.xmp
    if not place:
        exif, xmp = without_place(exif, xmp)
    return Extras(
        exif=exif,
        icc_profile=brought.icc_profile if given.icc_profile is None else given.icc_profile,
        xmp=xmp,
        dpi=given.dpi or brought.dpi,
        segments=brought.segments if given.segments is None else given.segments,
    )


def source_bytes_of(image: NDArray[Any] | Image.Image) -> int | None:
    """Bytes of the file that a Pillow image was opened from; None if that is not known."""
    name = getattr(image, "filename", None)
    try:
        # Nothing is known of an empty file: Pillow empties the one that it is about to save over.
        return os.path.getsize(name) or None if name else None
    except OSError:
        return None


def _fitting(extras: Extras, size: tuple[int, int]) -> Extras:
    """The extras of a picture whose pixels were changed."""
    exif, xmp = extras.exif, extras.xmp
    if exif:
        try:
            exif = with_size(without_thumbnail(exif), *size)
        except PgiUnsupportedError as error:
            warnings.warn(f"{error} Only its orientation is kept.", PgiWarning, stacklevel=4)
            exif = orientation_only(orientation_of(exif))
    if xmp:
        try:
            xmp = xmp_without_size(xmp_without_thumbnail(xmp))
        except PgiUnsupportedError as error:
            warnings.warn(f"{error} It is left out.", PgiWarning, stacklevel=4)
            xmp = None
    return replace(extras, exif=exif, xmp=xmp)


def _has_size(exif: object, size: tuple[int, int]) -> bool:
    """Whether EXIF states this size, or none."""
    data = _bytes_or_none(exif)
    return data is None or stated_size(data) in (None, size)


def _tiff_exif(image: Image.Image) -> bytes | None:
    if image.format != "TIFF":
        return None
    from PIL import Image

    try:
        tags = image.getexif()
        exif = Image.Exif()
        for tag in _TIFF_TAGS & set(tags):
            exif[tag] = dict(tags.get_ifd(tag)) if tag in _IFDS else tags[tag]
        return exif.tobytes() if len(exif) else None
    except Exception:  # a foreign parser on hostile bytes; the photo is worth more than its tags
        return None


def _bytes_or_none(value: object) -> bytes | None:
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) and value else None


def _dpi_or_none(value: object) -> tuple[float, float] | None:
    try:
        across, down = (float(item) for item in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ArithmeticError):
        return None
    sound = all(math.isfinite(item) and item > 0 for item in (across, down))
    return (across, down) if sound else None
