"""Changing what stands beside the pixels of a file, without coding them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..container import KEEP, ExtensionKey, Keep, Metadata, PgiReader, atomic_write, rewrite
from ..limits import Limits
from .fields import annotations_to_value, exif_to_bytes, merge_metadata, orientation_of, vendor_fields
from .file import PgiFile
from .side_data import SideData

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ..container import Annotation
    from .fields import AnnotationsLike, ExifLike, MetadataLike

__all__ = ["annotate", "set_metadata"]


def set_metadata(
    path: str | os.PathLike[str],
    *,
    metadata: MetadataLike | Literal[Keep.KEEP] | None = KEEP,
    exif: ExifLike | Literal[Keep.KEEP] | None = KEEP,
    icc_profile: bytes | Literal[Keep.KEEP] | None = KEEP,
    xmp: bytes | str | Literal[Keep.KEEP] | None = KEEP,
    dpi: tuple[float, float] | Literal[Keep.KEEP] | None = KEEP,
    side_data: SideData | Literal[Keep.KEEP] | None = KEEP,
    annotations: AnnotationsLike | Literal[Keep.KEEP] | None = KEEP,
    extension: Mapping[str, object] | None = None,
    limits: Limits | None = None,
) -> None:
    """Change metadata of a file in one step; the coded picture is copied byte for byte and checked.

    What is not given stays; None removes it.

    Args:
        path: the file.
        metadata: A.3 fields; a mapping changes those that it names (``sensor_params`` one by one).
        exif: EXIF.
        icc_profile: ICC profile.
        xmp: XMP packet.
        dpi: pixels per inch, horizontal and vertical.
        side_data: IPTC, comments and the like, all of them.
        annotations: all faults, in pixels of the upright picture.
        extension: vendor fields to put in; a value None removes the field.
        limits: what the file may ask for.

    Raises:
        PgiOptionError: a value is out of range or of the wrong type.
        PgiFormatError: the file is damaged.
        PgiUnsupportedError: a later version wrote the file, or it has a security block.
        PgiInputError: it cannot be read or written.
    """
    limits = limits or Limits.from_environment()
    with PgiReader(path, limits) as reader:
        fields = dict(reader.extension)
        for key, value in (
            (ExtensionKey.EXIF, exif if exif is KEEP or exif is None else exif_to_bytes(exif)),
            (ExtensionKey.ICC, icc_profile),
            (ExtensionKey.XMP, xmp.encode() if isinstance(xmp, str) else xmp),
            (ExtensionKey.DPI, dpi),
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
            orientation = orientation_of(fields.get(ExtensionKey.EXIF))  # type: ignore[arg-type]
            fields[ExtensionKey.ANNOTATIONS] = annotations_to_value(annotations, size, orientation)
        a3 = reader.metadata
        if metadata is not KEEP:
            a3 = Metadata() if metadata is None else merge_metadata(metadata, a3)
        atomic_write(path, rewrite(reader, metadata=a3, extension=fields))


def annotate(
    path: str | os.PathLike[str],
    annotations: AnnotationsLike | str,
    *,
    replace: bool = False,
    limits: Limits | None = None,
) -> None:
    """Add fault annotations to a file (A-6.3.1c).

    Args:
        path: the file.
        annotations: faults, in pixels of the upright picture, or the name of a recogniser that finds them in
            the decoded picture; if it finds nothing, or fails, the file stays as it is.
        replace: remove those that are there first.
        limits: what the file may ask for.

    Raises:
        PgiOptionError: also where no plugin offers the recogniser.
        PgiError: otherwise as :func:`set_metadata` and, for a recogniser, :meth:`PgiFile.decode`.
    """
    with PgiFile(path, limits=limits) as file:
        if isinstance(annotations, str):
            # Not imported for those who bring annotations.
            from .hooked import recognised

            items: list[Annotation | Mapping[str, object]] = [
                *recognised(annotations, file.decode_picture()[0], file.orientation)
            ]
            if not items:
                return
        else:
            items = list(annotations)
        if not replace:
            items = [*file.annotations, *items]
    set_metadata(path, annotations=items or None, limits=limits)
