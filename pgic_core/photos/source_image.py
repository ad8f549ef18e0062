"""What a picture brings with it when it is encoded: EXIF, ICC, XMP, resolution and more of a Pillow image.

A Pillow image whose pixels were cropped or turned still carries the profiles of the picture that it comes
from; what of them no longer fits, and may show what was cut away, is taken out.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera import (
    exif_with_orientation,
    orientation_of,
    orientation_only,
    stated_size,
)
from ..container import ExtensionKey, other_segments, pack_segments
from ..container.extension_block import LEAST_DPI, MOST_DPI
from ..errors import PgiLimitError, PgiWarning
from .photo_cropping import exif_of_part, side_of_part, xmp_of_part
from .photo_frame_count import count_frames
from .photo_privacy import without_place

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from ..limits import Limits
    from .side_data import SideData
    from .side_data_reading import Brought

__all__ = [
    "Extras",
    "changed_since_opening",
    "extras_of",
    "losses_of",
    "merge_extras",
    "name_of",
    "source_bytes_of",
]

# What of a TIFF's own tags is about the photo and not about the TIFF: description, make, model,
# orientation, software, time, artist, copyright, Exif IFD, GPS IFD.
_IFDS = {0x8769, 0x8825}
_ORIENTATION, _X_RESOLUTION = 0x0112, 0x011A
_TIFF_TAGS = {0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0x0132, 0x013B, 0x8298} | _IFDS


@dataclass(frozen=True, slots=True)
class Extras:
    """Profiles of a picture; None where there is none.

    Attributes:
        exif: EXIF bytes.
        icc_profile: ICC profile.
        xmp: XMP packet.
        dpi: pixels per inch, horizontal and vertical.
        segments: other APPn segments of a JPEG (:mod:`pgic_core.container.jpeg_segments`).
        side: IPTC, comments and the like.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    segments: bytes | None = None
    side: SideData | None = None

    def to_fields(self) -> dict[str, object]:
        """The extension fields that hold them."""
        values = {
            ExtensionKey.EXIF: self.exif,
            ExtensionKey.ICC: self.icc_profile,
            ExtensionKey.XMP: self.xmp,
            ExtensionKey.DPI: self.dpi,
            ExtensionKey.SEGMENTS: self.segments,
        }
        fields = {key.value: value for key, value in values.items() if value}
        return fields | (self.side.to_fields() if self.side else {})


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


def extras_of(image: NDArray[Any] | Image.Image, brought: Brought | None, *, changed: bool = False) -> Extras:
    """What a Pillow image brings with it; nothing for an array. Nothing here fails on odd values.

    Args:
        image: the picture, already read (a TIFF turns itself upright while it loads).
        brought: what was read of it before; None for an array.
        changed: whether :func:`changed_since_opening` said so before it was loaded: thumbnails go then, and
            EXIF states the size of the picture.
    """
    if isinstance(image, np.ndarray) or brought is None:
        return Extras()
    from ..codec.pillow_modes import keeps_profile

    info = image.info
    stated = info.get("xmp")
    xmp = _bytes_or_none(stated.encode() if isinstance(stated, str) else stated) or brought.profiles.get(
        "xmp"
    )
    exif = _bytes_or_none(info.get("exif")) or brought.profiles.get("exif")
    if image.format == "TIFF":
        exif = _tiff_exif(image, brought)
    icc = _bytes_or_none(info.get("icc_profile")) or brought.profiles.get("icc")
    extras = Extras(
        exif=exif_with_orientation(exif, xmp),
        icc_profile=icc if keeps_profile(image) else None,
        xmp=xmp,
        dpi=None if _states_none(image) else _dpi_or_none(info.get("dpi")),
        segments=pack_segments(other_segments(getattr(image, "applist", ()))) or None,
        side=brought.side,
    )
    return _fitting(extras, image.size) if changed else extras


def merge_extras(brought: Extras, given: Extras, *, opened: bool, place: bool) -> Extras:
    """What is stored, of what a picture brings and what is given for it.

    Args:
        brought: what :func:`extras_of` found.
        given: what the caller says; None takes what the picture brings, empty values nothing.
        opened: whether the pixels stand as they did in the file of ``brought``. If its EXIF is not stored,
            they keep the orientation that it told.
        place: whether EXIF, XMP and side data may say where the picture was taken.

    Raises:
        PgiUnsupportedError: they may not, and are too broken for that to be taken out.
    """
    exif = brought.exif if given.exif is None else given.exif
    if not exif and opened and brought.exif:
        exif = orientation_only(orientation_of(brought.exif))
    xmp = brought.xmp if given.xmp is None else given.xmp
    segments = brought.segments if given.segments is None else given.segments
    side = brought.side if given.side is None else given.side
    if not place:
        exif, xmp = without_place(exif, xmp)
        # These can name the place in ways that cannot be taken out of them.
        segments, side = given.segments, given.side
    return Extras(
        exif=exif,
        icc_profile=brought.icc_profile if given.icc_profile is None else given.icc_profile,
        xmp=xmp,
        dpi=given.dpi or brought.dpi,
        segments=segments,
        side=side,
    )


def losses_of(image: Image.Image, brought: Brought, limits: Limits, *, of_many: bool = False) -> list[str]:
    """What an image has that a ``.pgi`` file has no place for, as predicates; asked before it is loaded.

    Args:
        image: the image.
        brought: what was read beside its pixels.
        limits: how many frames are counted.
        of_many: whether its other frames are coded too.
    """
    losses = []
    if of_many:
        return list(brought.losses)
    try:
        frames = count_frames(image, limits).count
    except PgiLimitError:
        frames = limits.frames + 1
    except Exception:  # a foreign parser on hostile bytes
        frames = 1
    if frames > 1:
        at = int(getattr(image, "tell", lambda: 0)())
        which = "the first" if at == 0 else f"frame {at + 1}"
        many = f"more than {limits.frames}" if frames > limits.frames else str(frames)
        losses.append(f"has {many} frames; {which} is coded")
    losses += brought.losses
    return losses


def name_of(image: NDArray[Any] | Image.Image) -> str:
    """What to call an image in a message: the name of its file, or "The picture"."""
    name = getattr(image, "filename", None)
    return os.path.basename(os.fsdecode(name)) if name else "The picture"


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
    exif, xmp, side = extras.exif, extras.xmp, extras.side
    problems = []
    if exif:
        exif, problem = exif_of_part(exif, size)
        problems.append(problem)
    if xmp:
        xmp, problem = xmp_of_part(xmp)
        problems.append(problem)
    if side:
        side, problem = side_of_part(side)
        problems.append(problem)
    for problem in filter(None, problems):
        warnings.warn(problem, PgiWarning, stacklevel=4)
    return replace(extras, exif=exif, xmp=xmp, side=side)


def _has_size(exif: object, size: tuple[int, int]) -> bool:
    """Whether EXIF states this size, or none."""
    data = _bytes_or_none(exif)
    return data is None or stated_size(data) in (None, size)


def _tiff_exif(image: Any, brought: Brought) -> bytes | None:
    try:
        if brought.tiff_exif is not None:
            # Once it was loaded, and so turned upright, its orientation is gone.
            return brought.tiff_exif[_ORIENTATION not in image.tag_v2]
        from PIL import Image

        tags = image.getexif()
        exif = Image.Exif()
        for tag in _TIFF_TAGS & set(tags):
            exif[tag] = dict(tags.get_ifd(tag)) if tag in _IFDS else tags[tag]
        return exif.tobytes() if len(exif) else None
    except Exception:  # a foreign parser on hostile bytes; the photo is worth more than its tags
        return None


def _states_none(image: Any) -> bool:
    """Whether this is a TIFF without a resolution, for which Pillow makes one up."""
    return hasattr(image, "tag_v2") and _X_RESOLUTION not in image.tag_v2


def _bytes_or_none(value: object) -> bytes | None:
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) and value else None


def _dpi_or_none(value: object) -> tuple[float, float] | None:
    try:
        across, down = (float(item) for item in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ArithmeticError):
        return None
    sound = all(LEAST_DPI <= item <= MOST_DPI for item in (across, down))  # false for NaN
    return (across, down) if sound else None
