"""First step of encoding: turn the arguments into the picture to code and the fields beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera import orientation_of
from ..codec.picture import Picture
from ..container import (
    Compression,
    ExtensionKey,
    ImageFields,
    ImageType,
    build_file,
    serialize_extension,
)
from ..container.parity import bare_budget, protected
from ..errors import PgiOptionError, PgiUnsupportedError
from ..photos.conversion_losses import report
from ..photos.metadata_from_exif import metadata_from_photo
from ..photos.photo_privacy import hides_place
from ..photos.source_image import Extras, changed_since_opening, extras_of, losses_of, merge_extras, name_of
from ..photos.thermal_detection import shows_temperatures
from .image_type import image_type_number
from .metadata_arguments import (
    annotations_to_value,
    exif_to_bytes,
    merge_metadata,
    segments_to_bytes,
    vendor_fields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray
    from PIL import Image

    from ..container import Metadata, Strategy
    from ..limits import Limits
    from ..photos.side_data import SideData
    from ..security.watermark import Watermark
    from .image_type import ImageTypeLike
    from .metadata_arguments import AnnotationsLike, ExifLike, MetadataLike

    ImageLike: TypeAlias = NDArray[Any] | Image.Image

_TILE = 512
_LEAST_SURE = 500_000
"""Pixels from which on most pictures keep a watermark when they are coded."""

__all__ = ["Description", "ImageLike", "Prepared", "Profiles", "prepare"]


@dataclass(frozen=True, slots=True)
class Profiles:
    """What is given in place of what the image brings; None for that. See :func:`.encoding.encode`."""

    exif: ExifLike | None
    icc_profile: bytes | None
    xmp: bytes | str | None
    dpi: tuple[float, float] | None
    segments: bytes | None
    side_data: SideData | None

    def to_extras(self, image: ImageLike) -> Extras:
        """The same in bytes; EXIF that the image brings anyway counts as not given."""
        return Extras(
            exif=None if self.exif is None or _is_own(self.exif, image) else exif_to_bytes(self.exif),
            icc_profile=self.icc_profile,
            xmp=self.xmp.encode() if isinstance(self.xmp, str) else self.xmp,
            dpi=self.dpi,
            segments=None if self.segments is None else segments_to_bytes(self.segments),
            side=self.side_data,
        )


@dataclass(frozen=True, slots=True)
class Description:
    """What is said of a picture. See :func:`.encoding.encode`."""

    metadata: MetadataLike | None
    annotations: AnnotationsLike | str | None
    extension: Mapping[str, object] | None
    image_type: ImageTypeLike | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture that is ready to be coded.

    Attributes:
        picture: its samples, after preprocessing.
        orientation: EXIF orientation, 1 to 8, which is not applied to them.
        metadata: A.3 fields.
        fields: the extension block (A.4).
        share: parity in 1/10,000 of the file, or None.
        reserve: further bytes that the file takes, at most, which :meth:`wrapped` does not put in.
    """

    picture: Picture
    orientation: int
    metadata: Metadata
    fields: Mapping[str, object]
    share: int | None = None
    reserve: int = 0

    @property
    def pixels(self) -> int:
        """Width x height."""
        return self.picture.width * self.picture.height

    def with_strategy(self, strategy: Strategy) -> Prepared:
        """With the field that records how coding was adapted, where it was."""
        value = strategy.to_map()
        return replace(self, fields={**self.fields, ExtensionKey.STRATEGY: value}) if value else self

    def a2(self, compression: Compression) -> ImageFields:
        """The A.2 fields of the file."""
        picture = self.picture
        depth = picture.sample_format.bits
        return ImageFields(picture.image_type, picture.width, picture.height, depth, compression)

    def wrapped(self, compression: Compression, payload: Sequence[bytes]) -> bytes:
        """The file with this payload."""
        data = build_file(self.a2(compression), payload, metadata=self.metadata, extension=self.fields)
        return data if self.share is None else b"".join(protected(lambda: [data], self.share))

    def room(self, budget: int) -> int:
        """Bytes that a payload may take.

        Args:
            budget: bytes of the whole file.
        """
        if self.share is not None:
            budget = bare_budget(budget, self.share)
        bare = replace(self, share=None)
        return budget - len(bare.wrapped(Compression.LOSSLESS, [b"\0"])) + 1 - self.reserve

    @property
    def tiles(self) -> int:
        """Tiles of the picture in any codec of this software, at most; those of opacity included."""
        return 2 * -(-self.picture.width // _TILE) * -(-self.picture.height // _TILE)


def prepare(
    image: ImageLike,
    profiles: Profiles,
    description: Description,
    preprocess: Sequence[str] | str | None,
    limits: Limits,
    watermark: tuple[Watermark, int] | None = None,
    *,
    of_many: bool = False,
) -> Prepared:
    """Read an image, and merge what it brings with what is given.

    Args:
        image: as for :func:`.encoding.encode`, like all that follow.
        profiles: those given.
        description: likewise.
        preprocess: names of steps.
        limits: what the picture may take.
        watermark: what to put into the pixels after the steps, and the quality that they are coded at.
        of_many: whether the other frames of the image are coded too.

    Warns:
        PgiWarning: the image has more than a file holds, or is small for a watermark.

    Raises:
        PgiOptionError: what is given is out of range, or no picture.
        PgiInputError: the Pillow image cannot be read to its end.
        PgiLimitError: the picture is larger than the limits allow.
    """
    picture, extras = _read(image, profiles, description, limits, of_many)
    # Not imported for those who only decode.
    from ..hooks import collect_extension_fields
    from .plugin_steps import preprocessed, recognised

    picture, steps = preprocessed(picture, preprocess or ())
    if watermark is not None:
        picture = _marked(picture, *watermark)
        if picture.width * picture.height < _LEAST_SURE:
            said = "has less than half a megapixel; the watermark may not be found again after coding"
            report(name_of(image), [said])
        steps = [*steps, watermark[0].step]
    given = vendor_fields(description.extension or {})
    fields = collect_extension_fields(picture.to_array(), given, serialize_extension) | extras.to_fields()
    if steps:
        fields[ExtensionKey.PREPROCESS] = steps
    orientation = orientation_of(extras.exif)
    annotations = description.annotations
    if isinstance(annotations, str):
        annotations = recognised(annotations, picture, orientation) or None
    if annotations is not None:
        size = (picture.width, picture.height)
        fields[ExtensionKey.ANNOTATIONS] = annotations_to_value(annotations, size, orientation)
    metadata = merge_metadata(description.metadata, metadata_from_photo(extras.exif, extras.xmp))
    return Prepared(picture, orientation, metadata, fields)


def _read(
    image: ImageLike, profiles: Profiles, description: Description, limits: Limits, of_many: bool
) -> tuple[Picture, Extras]:
    """The picture, and the profiles that the file gets."""
    if not isinstance(image, np.ndarray) and not hasattr(image, "getbands"):
        opened = "; open it with PIL.Image.open first" if isinstance(image, (str, bytes, os.PathLike)) else ""
        kind = type(image).__name__
        raise PgiOptionError(f"A picture is a numpy array or a Pillow image, not {kind}{opened}.")
    changed = changed_since_opening(image)
    losses: list[str] = []
    side = None
    if not isinstance(image, np.ndarray) and hasattr(image, "info"):
        # Not imported for arrays: they should not need Pillow in memory.
        from ..photos.side_data_reading import read_side_data

        side = read_side_data(image)
        losses += losses_of(image, side, limits, of_many=of_many)
    picture = Picture.from_image(image, losses=losses)
    limits.check("pixels", picture.width * picture.height, "The picture")
    brought = extras_of(image, side, changed=changed)
    place = not hides_place(description.metadata)
    extras = merge_extras(brought, profiles.to_extras(image), opened=not changed, place=place)
    picture = replace(picture, image_type=_image_type(description.image_type, picture, brought, extras))
    if not isinstance(image, np.ndarray):
        report(name_of(image), losses)
    return picture, extras


def _marked(picture: Picture, watermark: Watermark, quality: int) -> Picture:
    """The picture with a watermark in its colours.

    Raises:
        PgiOptionError: the learned codec does not take the picture, or it is too small.
    """
    from ..security.watermark import embed

    if not picture.learnable:
        raise PgiOptionError(
            "A watermark goes only into pictures that are coded with loss: 8-bit RGB of visible light."
        )
    pixels = picture.pixels.copy()
    try:
        pixels[:, :, :3] = embed(np.ascontiguousarray(pixels[:, :, :3]), watermark, quality=quality)
    except PgiUnsupportedError as error:
        raise PgiOptionError(str(error)) from error
    return replace(picture, pixels=pixels)


def _is_own(exif: ExifLike, image: ImageLike) -> bool:
    """Whether EXIF that is given is what the picture brings anyway, as scripts hand it on."""
    return not isinstance(image, np.ndarray) and bool(exif) and exif == image.info.get("exif")


def _image_type(given: ImageTypeLike | None, picture: Picture, *sources: Extras) -> int:
    """What was asked for, else what a source says: also one that is not kept."""
    if given is not None:
        return image_type_number(given)
    size = picture.width, picture.height
    thermal = any(shows_temperatures(each.exif, each.xmp, each.segments, size) for each in sources)
    return ImageType.INFRARED if thermal else ImageType.VISIBLE
