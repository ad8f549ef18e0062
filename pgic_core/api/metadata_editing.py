"""Editing metadata, annotations and profiles of a file without coding its pixels again."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Literal, cast

from ..audit import audited
from ..audit.logged_facts import path_of
from ..camera import DEVICE_PARAMETERS, LOCATION_PARAMETERS, orientation_of, orientation_only
from ..container import KEEP, ExtensionKey, Keep, Metadata, atomic_write
from ..errors import PgiOptionError, PgiWarning
from ..limits import Limits
from ..security.reader_unlocking import has_signatures, open_reader, rewritten
from .metadata_arguments import annotations_to_value, exif_to_bytes, merge_metadata, vendor_fields
from .metadata_from_exif import follow, metadata_from_photo
from .pgi_file import PgiFile
from .photo_cropping import side_without_pictures
from .photo_privacy import hides_place, without_maker, without_place, without_thumbnails
from .side_data import SideData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..container import Annotation
    from ..security.keyring import KeysLike
    from .metadata_arguments import AnnotationsLike, ExifLike, MetadataLike

__all__ = ["annotate", "set_metadata", "strip_metadata"]


def set_metadata(
    path: str | os.PathLike[str],
    *,
    metadata: MetadataLike | Literal[Keep.KEEP] | None = KEEP,
    exif: ExifLike | Literal[Keep.KEEP] | None = KEEP,
    icc_profile: bytes | Literal[Keep.KEEP] | None = KEEP,
    xmp: bytes | str | Literal[Keep.KEEP] | None = KEEP,
    dpi: tuple[float, float] | Literal[Keep.KEEP] | None = KEEP,
    segments: bytes | Literal[Keep.KEEP] | None = KEEP,
    side_data: SideData | Literal[Keep.KEEP] | None = KEEP,
    annotations: AnnotationsLike | Literal[Keep.KEEP] | None = KEEP,
    extension: Mapping[str, object] | None = None,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
) -> None:
    """Change metadata of a file. The coded picture is checked and copied byte for byte.

    What is not given stays, and None removes it. When EXIF or XMP change, A.3 fields that came from them
    follow, unless they are given here. The file is replaced in one step.

    Args:
        path: the file.
        metadata: A.3 fields. A mapping changes those that it names (``sensor_params`` one by one).
            ``location`` None removes the position from EXIF and XMP too.
        exif: EXIF. If it is removed and held an orientation, EXIF with this orientation alone replaces it.
        icc_profile: ICC profile.
        xmp: XMP packet.
        dpi: pixels per inch, horizontal and vertical.
        segments: APPn segments of a JPEG, raw temperatures among them.
        side_data: IPTC, comments and the like, all of them.
        annotations: all faults, in pixels of the upright picture.
        extension: vendor fields to set; None as a value removes the field.
        limits: what the file may ask for.
        keys: for an encrypted file, as of :class:`.PgiFile`; they must open all that its metadata may hold.

    Warns:
        PgiWarning: the file is signed, and the change breaks its signatures.

    Raises:
        PgiOptionError: a value is out of range or of the wrong type.
        PgiFormatError: the file is damaged.
        PgiKeyError: the file is encrypted, and the keys do not open all that its metadata may hold.
        PgiUnsupportedError: a later version wrote the file; or EXIF or XMP are
            too broken to remove the position from them.
        PgiInputError: it cannot be read or written.
    """
    limits = limits or Limits.from_environment()
    with audited("edit", file=path_of(path), what="metadata"), open_reader(path, limits, keys) as reader:
        fields = dict(reader.extension)
        old_exif, old_xmp = _profiles(fields)
        new_exif = old_exif if exif is KEEP else exif_to_bytes(exif) if exif else b""
        new_xmp = old_xmp if xmp is KEEP else xmp.encode() if isinstance(xmp, str) else xmp or b""
        if hides_place(metadata):
            new_exif, new_xmp = (profile or b"" for profile in without_place(new_exif, new_xmp))
            # These can name the place in ways that cannot be taken out of them.
            segments = None if segments is KEEP else segments
            side_data = None if side_data is KEEP else side_data
        # The pixels stay, and with them the way in which they have to be turned.
        new_exif = new_exif or orientation_only(orientation_of(old_exif))
        for key, value in (
            (ExtensionKey.EXIF, new_exif or None),
            (ExtensionKey.ICC, icc_profile),
            (ExtensionKey.XMP, new_xmp or None),
            (ExtensionKey.DPI, dpi),
            (ExtensionKey.SEGMENTS, segments),
            *vendor_fields(extension or {}).items(),
        ):
            if value is None:
                fields.pop(key, None)
            elif value is not KEEP:
                fields[key] = value
        if side_data is not KEEP:
            for key in SideData.KEYS:
                fields.pop(key, None)
            fields |= {} if side_data is None else side_data.to_fields()
        if annotations is None:
            fields.pop(ExtensionKey.ANNOTATIONS, None)
        elif annotations is not KEEP:
            size = (reader.fields.width, reader.fields.height)
            value = annotations_to_value(annotations, size, orientation_of(new_exif))
            fields[ExtensionKey.ANNOTATIONS] = value
        a3 = reader.metadata
        if (new_exif, new_xmp) != (old_exif, old_xmp):
            a3 = follow(a3, metadata_from_photo(old_exif, old_xmp), metadata_from_photo(new_exif, new_xmp))
        if metadata is not KEEP:
            a3 = Metadata() if metadata is None else merge_metadata(metadata, a3)
        if has_signatures(reader):
            message = (
                f"{os.fspath(path)} is signed. The change breaks its signatures; 'pgic sign' adds a new one."
            )
            warnings.warn(PgiWarning(message), stacklevel=2)
        atomic_write(path, rewritten(reader, a3, fields))


def strip_metadata(
    path: str | os.PathLike[str],
    *,
    location: bool = False,
    device: bool = False,
    thumbnail: bool = False,
    everything: bool = False,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
) -> None:
    """Remove private metadata from a file: from A.3, EXIF and XMP. The coded picture stays as it is.

    Only its maker knows what a maker's note holds, so ``device`` removes it.

    Args:
        path: the file.
        location: remove position, height above the sea and names of places. IPTC, comments, texts, extended
            XMP and segments of thermal cameras are removed as a whole, since they can hold them anywhere.
        device: remove ``device_id``, and maker, model, owner and serial numbers of camera and drone; and as a
            whole what ``location`` removes as a whole.
        thumbnail: remove small pictures in EXIF, XMP and Photoshop resources. They may show more than the
            picture does now.
        everything: remove all of EXIF but the orientation, all of XMP, IPTC, comments, texts and segments,
            and time, device, location and sensor parameters of A.3.
        limits: what the file may ask for.
        keys: for an encrypted file, as of :class:`.PgiFile`; they must open all that its metadata may hold.

    Raises:
        PgiOptionError: no argument says what to remove.
        PgiUnsupportedError: EXIF or XMP are too broken to remove a part of them; the file stays as it is.
            ``everything`` works on them too.
        PgiError: otherwise as :func:`set_metadata`.
    """
    if not (location or device or thumbnail or everything):
        raise PgiOptionError("Say what is to be taken out: location, device, thumbnail or everything.")
    limits = limits or Limits.from_environment()
    with open_reader(path, limits, keys) as reader:
        fields = reader.extension
        exif: bytes | None
        xmp: bytes | None
        exif, xmp = _profiles(fields)
        a3 = reader.metadata
    if everything:
        nothing: dict[str, Any] = dict.fromkeys(("exif", "xmp", "segments", "side_data"))
        set_metadata(path, metadata=Metadata(anomaly=a3.anomaly), **nothing, limits=limits, keys=keys)
        return
    changes: dict[str, object] = {}
    if location:
        changes["location"] = None
        exif, xmp = without_place(exif, xmp)
    if device:
        changes["device_id"] = ""
        exif, xmp = without_maker(exif, xmp)
    if thumbnail:
        exif, xmp = without_thumbnails(exif, xmp)
    told = LOCATION_PARAMETERS * location + DEVICE_PARAMETERS * device
    changes["sensor_params"] = dict.fromkeys(told)
    beside: dict[str, Any] = {}
    if location or device:
        beside = {"segments": None, "side_data": None}
    elif thumbnail:
        beside = {"side_data": side_without_pictures(SideData.from_fields(fields))}
    set_metadata(
        path, metadata=changes, exif=exif or None, xmp=xmp or None, **beside, limits=limits, keys=keys
    )


def _profiles(fields: Mapping[str, object]) -> tuple[bytes, bytes]:
    """EXIF and XMP; empty where there is none."""
    exif, xmp = fields.get(ExtensionKey.EXIF, b""), fields.get(ExtensionKey.XMP, b"")
    return cast("bytes", exif), cast("bytes", xmp)


def annotate(
    path: str | os.PathLike[str],
    annotations: AnnotationsLike | str,
    *,
    replace: bool = False,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
) -> None:
    """Add fault annotations to a file (A-6.3.1c).

    Args:
        path: the file.
        annotations: faults, in pixels of the upright picture, or the name of a recogniser that finds them in
            the decoded picture; if it finds nothing, or fails, the file stays as it is.
        replace: remove existing annotations first.
        limits: what the file may ask for.
        keys: for an encrypted file, as of :class:`.PgiFile`; they must open all that its metadata may hold.

    Raises:
        PgiOptionError: also where no plugin offers the recogniser.
        PgiError: otherwise as :func:`set_metadata` and, for a recogniser, :meth:`PgiFile.decode`.
    """
    with PgiFile(path, limits=limits, keys=keys) as file:
        if isinstance(annotations, str):
            # Not imported for those who bring annotations.
            from .plugin_steps import recognised

            items: list[Annotation | Mapping[str, object]] = [
                *recognised(annotations, file.decode_picture()[0], file.orientation)
            ]
            if not items:
                return
        else:
            items = list(annotations)
        if not replace:
            items = [*file.annotations, *items]
    set_metadata(path, annotations=items or None, limits=limits, keys=keys)
