"""What a picture brings with it when it is encoded: EXIF, ICC, XMP and resolution of a Pillow image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..container import ExtensionKey
from ..container.extension import LEAST_DPI, MOST_DPI

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["Extras", "extras_of", "source_bytes_of"]

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
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def to_fields(self) -> dict[str, object]:
        """The extension fields that hold them."""
        values = {
            ExtensionKey.EXIF: self.exif,
            ExtensionKey.ICC: self.icc_profile,
            ExtensionKey.XMP: self.xmp,
            ExtensionKey.DPI: self.dpi,
        }
        return {key.value: value for key, value in values.items() if value}


def extras_of(image: NDArray[Any] | Image.Image) -> Extras:
    """What a Pillow image brings with it; nothing for an array. Nothing here fails on odd values.

    Args:
        image: the picture, already loaded (a TIFF turns itself upright while it loads).
    """
    if isinstance(image, np.ndarray):
        return Extras()
    from ..codec.pillow_modes import keeps_profile

    info = image.info
    xmp = info.get("xmp")
    return Extras(
        exif=_bytes_or_none(info.get("exif")) or _tiff_exif(image),
        icc_profile=_bytes_or_none(info.get("icc_profile")) if keeps_profile(image) else None,
        xmp=_bytes_or_none(xmp.encode() if isinstance(xmp, str) else xmp),
        dpi=_dpi_or_none(info.get("dpi")),
    )


def source_bytes_of(image: NDArray[Any] | Image.Image) -> int | None:
    """Bytes of the file that a Pillow image was opened from; None if that is not known."""
    name = getattr(image, "filename", None)
    try:
        # Nothing is known of an empty file: Pillow empties the one that it is about to save over.
        return os.path.getsize(name) or None if name else None
    except OSError:
        return None


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
    sound = all(LEAST_DPI <= item <= MOST_DPI for item in (across, down))  # false for NaN
    return (across, down) if sound else None
