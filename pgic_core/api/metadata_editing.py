"""Editing metadata, annotations and profiles of a file without coding its pixels again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from ..audit import audited
from ..audit.logged_facts import path_of
from ..camera import DEVICE_PARAMETERS, LOCATION_PARAMETERS, orientation_of, orientation_only
from ..container import KEEP, ExtensionKey, Keep, Metadata
from ..errors import PgiOptionError
from ..photos.metadata_from_exif import follow, metadata_from_photo
from ..photos.photo_cropping import side_without_pictures
from ..photos.photo_privacy import hides_place, without_maker, without_place, without_thumbnails
from ..photos.side_data import SideData
from ..security.reader_unlocking import rewritten
from .edit_rules import Signatures
from .file_editing import edit_file
from .metadata_arguments import annotations_to_value, exif_to_bytes, merge_metadata, vendor_fields
from .pgi_file import PgiFile

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from ..container import Annotation, PgiReader
    from ..limits import Limits
    from ..options import Progress
    from ..security.keyring import KeysLike
    from .edit_rules import FrameToEdit
    from .frame_choice import FramesLike
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
    frames: FramesLike = None,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
    progress: Progress | None = None,
) -> None:
    """Change metadata of a file. The coded picture is checked and copied byte for byte.

    What is not given stays, and None removes it. When EXIF or XMP change, A.3 fields that came from them
    follow, unless they are given here. The file is replaced in one step.

    Args:
        path: the file. Of a sequence, no frame can be appended meanwhile.
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
        frames: those of a sequence that change: a number, which counts from the end if it is negative, or a
            slice; None for all.
        limits: what the file may ask for.
        keys: for an encrypted file, as of :class:`.PgiFile`; they must open all that its metadata may hold.
        progress: called with the share of the frames that are done, 0 to 1.

    Warns:
        PgiWarning: the file is signed, and the change breaks its signatures. In a sequence, it breaks those
            of later frames, too.

    Raises:
        PgiOptionError: a value is out of range or of the wrong type, or there are no such frames.
        PgiFormatError: the file is damaged.
        PgiKeyError: the file is encrypted, and the keys do not open all that its metadata may hold.
        PgiUnsupportedError: a later version wrote the file; or EXIF or XMP are
            too broken to remove the position from them.
        PgiInputError: it cannot be read or written.
    """
    change = _Change(
        metadata,
        exif,
        icc_profile,
        xmp,
        dpi,
        segments,
        side_data,
        annotations,
        vendor_fields(extension or {}),
    )
    _edit(path, lambda frame: change.of(frame.reader), frames, keys, limits, progress)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to become of metadata; the attributes are the arguments of :func:`set_metadata`."""

    metadata: MetadataLike | Literal[Keep.KEEP] | None = KEEP
    exif: ExifLike | Literal[Keep.KEEP] | None = KEEP
    icc_profile: bytes | Literal[Keep.KEEP] | None = KEEP
    xmp: bytes | str | Literal[Keep.KEEP] | None = KEEP
    dpi: tuple[float, float] | Literal[Keep.KEEP] | None = KEEP
    segments: bytes | Literal[Keep.KEEP] | None = KEEP
    side_data: SideData | Literal[Keep.KEEP] | None = KEEP
    annotations: AnnotationsLike | Literal[Keep.KEEP] | None = KEEP
    extension: Mapping[str, object] = field(default_factory=dict)

    def of(self, reader: PgiReader) -> Iterator[bytes | memoryview]:
        """The file of a picture or frame with this change, in pieces.

        Raises:
            PgiError: as :func:`set_metadata`.
        """
        fields = dict(reader.extension)
        old = _profiles(fields)
        new = self._profiles_after(*old)
        segments, side_data = self.segments, self.side_data
        if hides_place(self.metadata):
            # These can name the place in ways that cannot be taken out of them.
            segments = None if segments is KEEP else segments
            side_data = None if side_data is KEEP else side_data
        exif, xmp = new
        for key, value in (
            (ExtensionKey.EXIF, exif or None),
            (ExtensionKey.ICC, self.icc_profile),
            (ExtensionKey.XMP, xmp or None),
            (ExtensionKey.DPI, self.dpi),
            (ExtensionKey.SEGMENTS, segments),
            *self.extension.items(),
        ):
            if value is None:
                fields.pop(key, None)
            elif value is not KEEP:
                fields[key] = value
        if side_data is not KEEP:
            for key in SideData.KEYS:
                fields.pop(key, None)
            fields |= {} if side_data is None else side_data.to_fields()
        if self.annotations is None:
            fields.pop(ExtensionKey.ANNOTATIONS, None)
        elif self.annotations is not KEEP:
            size = (reader.fields.width, reader.fields.height)
            value = annotations_to_value(self.annotations, size, orientation_of(exif))
            fields[ExtensionKey.ANNOTATIONS] = value
        a3 = reader.metadata
        if new != old:
            a3 = follow(a3, metadata_from_photo(*old), metadata_from_photo(*new))
        if self.metadata is not KEEP:
            a3 = Metadata() if self.metadata is None else merge_metadata(self.metadata, a3)
        return rewritten(reader, a3, fields)

    def _profiles_after(self, old_exif: bytes, old_xmp: bytes) -> tuple[bytes, bytes]:
        """EXIF and XMP with the change."""
        exif = old_exif if self.exif is KEEP else exif_to_bytes(self.exif) if self.exif else b""
        xmp = old_xmp if self.xmp is KEEP else self.xmp.encode() if isinstance(self.xmp, str) else self.xmp
        if hides_place(self.metadata):
            exif, xmp = (profile or b"" for profile in without_place(exif, xmp or b""))
        # The pixels stay, and with them the way in which they have to be turned.
        return exif or orientation_only(orientation_of(old_exif)), xmp or b""


def _edit(
    path: str | os.PathLike[str],
    change: Callable[[FrameToEdit], Iterator[bytes | memoryview] | None],
    frames: FramesLike,
    keys: KeysLike | None,
    limits: Limits | None,
    progress: Progress | None,
) -> None:
    with audited("edit", file=path_of(path), what="metadata"):
        edit_file(
            path,
            change,
            signatures=Signatures.BROKEN,
            frames=frames,
            keys=keys,
            limits=limits,
            progress=progress,
        )


def strip_metadata(
    path: str | os.PathLike[str],
    *,
    location: bool = False,
    device: bool = False,
    thumbnail: bool = False,
    everything: bool = False,
    frames: FramesLike = None,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
    progress: Progress | None = None,
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
        frames, limits, keys, progress: as for :func:`set_metadata`.

    Raises:
        PgiOptionError: no argument says what to remove.
        PgiUnsupportedError: EXIF or XMP are too broken to remove a part of them; the file stays as it is.
            ``everything`` works on them too.
        PgiError: otherwise as :func:`set_metadata`.
    """
    if not (location or device or thumbnail or everything):
        raise PgiOptionError("Say what is to be taken out: location, device, thumbnail or everything.")
    wanted = _Private(location, device, thumbnail, everything)
    _edit(path, lambda frame: wanted.change(frame.reader).of(frame.reader), frames, keys, limits, progress)


@dataclass(frozen=True, slots=True)
class _Private:
    """What is to be removed; the attributes are the arguments of :func:`strip_metadata`."""

    location: bool
    device: bool
    thumbnail: bool
    everything: bool

    def change(self, reader: PgiReader) -> _Change:
        """What that means for a picture or frame."""
        fields = reader.extension
        if self.everything:
            anomaly = Metadata(anomaly=reader.metadata.anomaly)
            return _Change(anomaly, exif=None, xmp=None, segments=None, side_data=None)
        exif: bytes | None
        xmp: bytes | None
        exif, xmp = _profiles(fields)
        changes: dict[str, object] = {}
        if self.location:
            changes["location"] = None
            exif, xmp = without_place(exif, xmp)
        if self.device:
            changes["device_id"] = ""
            exif, xmp = without_maker(exif, xmp)
        if self.thumbnail:
            exif, xmp = without_thumbnails(exif, xmp)
        told = LOCATION_PARAMETERS * self.location + DEVICE_PARAMETERS * self.device
        changes["sensor_params"] = dict.fromkeys(told)
        beside: dict[str, Any] = {}
        if self.location or self.device:
            beside = {"segments": None, "side_data": None}
        elif self.thumbnail:
            beside = {"side_data": side_without_pictures(SideData.from_fields(fields))}
        return _Change(changes, exif=exif or None, xmp=xmp or None, **beside)


def _profiles(fields: Mapping[str, object]) -> tuple[bytes, bytes]:
    """EXIF and XMP; empty where there is none."""
    exif, xmp = fields.get(ExtensionKey.EXIF, b""), fields.get(ExtensionKey.XMP, b"")
    return cast("bytes", exif), cast("bytes", xmp)


def annotate(
    path: str | os.PathLike[str],
    annotations: AnnotationsLike | str,
    *,
    replace: bool = False,
    frames: FramesLike = None,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
    progress: Progress | None = None,
) -> None:
    """Add fault annotations to a file (A-6.3.1c).

    Args:
        path: the file.
        annotations: faults, in pixels of the upright picture, or the name of a recogniser that finds them in
            the decoded picture; where it finds nothing, or fails, nothing changes.
        replace: remove existing annotations first.
        frames, limits, keys, progress: as for :func:`set_metadata`. A recogniser looks at each of the frames.

    Raises:
        PgiOptionError: also where no plugin offers the recogniser.
        PgiError: otherwise as :func:`set_metadata` and, for a recogniser, :meth:`PgiFile.decode`.
    """
    with PgiFile(path, limits=limits, keys=keys) as file:

        def change(frame: FrameToEdit) -> Iterator[bytes | memoryview] | None:
            there = file.frame(frame.number)
            items = _found(there, annotations) if isinstance(annotations, str) else [*annotations]
            if not items and isinstance(annotations, str):
                return None
            if not replace:
                items = [*there.annotations, *items]
            return _Change(annotations=items or None).of(frame.reader)

        _edit(path, change, frames, keys, limits, progress)


def _found(picture: PgiFile, recogniser: str) -> list[Annotation | Mapping[str, object]]:
    """What a recogniser finds in a picture."""
    # Not imported for those who bring annotations.
    from .plugin_steps import recognised

    return [*recognised(recogniser, picture.decode_picture()[0], picture.orientation)]
