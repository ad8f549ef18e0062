"""What an open ``.pgi`` file says beside its pixels: size, metadata, annotations, maps."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from ..audit import denials
from ..audit.logged_facts import facts_of
from ..camera import orientation_of
from ..container import (
    IMAGE_FIELDS_SIZE,
    ExtensionKey,
    annotations_from_maps,
    upright_size,
)
from ..photos.side_data import SideData
from ..security.reader_unlocking import tier_of
from .coded_image_opening import FrameReference, open_coded, strategy_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ..codec.base import CodedImage
    from ..codec.sample_format import Channels, SampleFormat
    from ..container import Annotation, Metadata, PgiReader, Strategy
    from ..limits import Limits

__all__ = ["StoredFields"]


class StoredFields:
    """What a file says; each field is read when it is first asked for.

    Args:
        reader: of the container.
        limits: what the file may ask for.
        reference: of a change frame, what it needs of frames before.
    """

    def __init__(self, reader: PgiReader, limits: Limits, reference: FrameReference | None = None) -> None:
        self._reader = reader
        self._limits = limits
        self._reference = reference

    @property
    def reader(self) -> PgiReader:
        """Reader of the container: blocks and their raw bytes."""
        return self._reader

    @property
    def encrypted(self) -> bool:
        """Whether the picture is encrypted in the file."""
        return self._reader.header.image.encrypted

    @property
    def tier(self) -> str | None:
        """What the keys open of an encrypted file: "metadata", "preview", "regions" or "full".

        None if the file is not encrypted, or no key opens it.
        """
        tier = tier_of(self._reader)
        return None if tier is None else tier.label

    @property
    def width(self) -> int:
        """Width in pixels as stored, before EXIF orientation."""
        return self._reader.fields.width

    @property
    def height(self) -> int:
        """Height in pixels as stored, before EXIF orientation."""
        return self._reader.fields.height

    @property
    def image_type(self) -> int:
        """``image_type`` of A.2."""
        return self._reader.fields.image_type

    @property
    def channels(self) -> Channels:
        """Meaning of the channels."""
        return self.coded.channels

    @property
    def sample_format(self) -> SampleFormat:
        """Type of the samples."""
        return self.coded.sample_format

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix of the file that is enough for a preview.

        Of an encrypted file that is all of it, since its security block stands last.
        """
        if self.encrypted:
            return self._reader.size
        return self._reader.header.image.offset + IMAGE_FIELDS_SIZE + self.coded.preview_bytes

    @property
    def roi(self) -> NDArray[np.int8] | None:
        """By how many eighths of an octave the steps of each 64 x 64 block are finer; None if none are."""
        return self.coded.facts.roi

    @property
    def exact(self) -> NDArray[np.bool_] | None:
        """Which blocks of 8 x 8 pixels of a learned picture are kept bit for bit; None if none are.

        (ceil(H / 8), ceil(W / 8)) of the stored picture, before EXIF orientation.
        """
        return self.coded.facts.exact

    @property
    def exact_boxes(self) -> list[tuple[int, int, int, int]]:
        """The same as boxes (x, y, width, height) in pixels of the upright picture, which do not overlap."""
        if self.exact is None:
            return []
        from ..roi import exact_boxes

        return exact_boxes(self.exact, self.width, self.height, self.orientation)

    @property
    def metadata(self) -> Metadata:
        """A.3; all unknown if the file has none."""
        with denials("metadata", lambda: facts_of(self._reader)):
            return self._reader.metadata

    @property
    def exif(self) -> bytes | None:
        """EXIF as it came, or None."""
        return cast("bytes | None", self._stored_extension.get(ExtensionKey.EXIF))

    @property
    def icc_profile(self) -> bytes | None:
        """ICC profile as it came, or None."""
        return cast("bytes | None", self._stored_extension.get(ExtensionKey.ICC))

    @property
    def xmp(self) -> bytes | None:
        """XMP packet as it came, or None."""
        return cast("bytes | None", self._stored_extension.get(ExtensionKey.XMP))

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Pixels per inch, horizontal and vertical, or None."""
        dpi = cast("list[float] | None", self._stored_extension.get(ExtensionKey.DPI))
        return None if dpi is None else (float(dpi[0]), float(dpi[1]))

    @property
    def segments(self) -> bytes | None:
        """Further APPn segments of the JPEG that it came from (:mod:`pgic_core.container.jpeg_segments`).

        Raw temperatures of a thermal camera are among them; EXIF, ICC and XMP are not. Of an encrypted file,
        None also where the keys do not open the tier "full".
        """
        return cast("bytes | None", self._stored_extension.get(ExtensionKey.SEGMENTS))

    @property
    def side_data(self) -> SideData:
        """IPTC, Photoshop resources, comments and texts, as they came."""
        return SideData.from_fields(self._stored_extension)

    @cached_property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8; the pixels are stored without it applied."""
        return orientation_of(self.exif)

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """Faults, in pixels of the upright picture.

        Raises:
            PgiFormatError: one reaches beyond the picture.
        """
        value = self._stored_extension.get(ExtensionKey.ANNOTATIONS, [])
        size = upright_size(self.width, self.height, self.orientation)
        return tuple(annotations_from_maps(value, size))

    @property
    def preprocess(self) -> tuple[str, ...]:
        """Names of the steps that changed the picture before it was coded, in their order (A-6.2.1)."""
        return tuple(cast("list[str]", self._stored_extension.get(ExtensionKey.PREPROCESS, [])))

    @property
    def strategy(self) -> Strategy:
        """How quantisation and rate were adapted to the picture (A-6.3.1d); empty where they were not.

        A change frame has the regions of its key frame.
        """
        own = strategy_of(self._reader)
        if own.roi is not None or self._reference is None:
            return own
        key = self._reference.strategy()
        return replace(own, roi=key.roi, steps=key.steps)

    @property
    def extension(self) -> dict[str, object]:
        """The fields of A.4 that have no property of their own here: those of vendors."""
        return {key: value for key, value in self._stored_extension.items() if key not in list(ExtensionKey)}

    @property
    def coded(self) -> CodedImage:
        """The picture in its codec.

        Raises:
            PgiError: as :meth:`decode`.
        """
        with denials("picture", lambda: facts_of(self._reader)):
            return self._coded

    @cached_property
    def _coded(self) -> CodedImage:
        """The same for our own use: what is denied is logged with what it was wanted for."""
        return open_coded(self._reader, self._limits, self._reference)

    @property
    def _stored_extension(self) -> Mapping[str, object]:
        with denials("extension", lambda: facts_of(self._reader)):
            return self._reader.extension
