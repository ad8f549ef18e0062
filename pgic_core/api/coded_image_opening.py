"""Opening the coded image inside a file with the codec that ``compression_type`` names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..codec.base import Payload
from ..codec.codec_registry import open_image
from ..container import IMAGE_FIELDS_SIZE, ExtensionKey, strategy_from_map
from ..errors import PgiFormatError
from ..security.reader_unlocking import tier_of
from ..security.tier_keys import Tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..codec.base import CodedImage
    from ..container import ImageFields, PgiReader, Strategy
    from ..limits import Limits

__all__ = ["FrameReference", "open_coded", "payload_of", "strategy_of"]


def _checked(reader: PgiReader) -> bytes:
    if reader.sealed is not None:  # each message is authenticated
        return reader.read_payload(0, reader.payload_length)
    return reader.read_block(reader.header.image)[IMAGE_FIELDS_SIZE:]


def _stored_preview(reader: PgiReader, limits: Limits) -> CodedImage | None:
    """The preview of a lossless picture, where the keys open no more than that."""
    if tier_of(reader) is not Tier.PREVIEW or ExtensionKey.PREVIEW not in reader.extension:
        return None
    # Not imported for others.
    from ..codec.lossless.stored_preview import StoredPreview

    data = reader.extension[ExtensionKey.PREVIEW]
    assert isinstance(data, bytes)
    return StoredPreview(data, reader.fields.width, reader.fields.height, limits)


def strategy_of(reader: PgiReader) -> Strategy:
    """What a file itself says of how the coding of its picture was adapted.

    Raises:
        PgiError: as :attr:`PgiReader.extension`, or the field breaks a rule.
    """
    return strategy_from_map(reader.extension.get(ExtensionKey.STRATEGY, {}))


def payload_of(reader: PgiReader, limits: Limits) -> Payload:
    """The image data of a file, as a codec takes it.

    Args:
        reader: of the file.
        limits: what it may ask for.
    """
    return Payload(
        read=reader.read_payload,
        checked=lambda: _checked(reader),
        length=reader.payload_length,
        width=reader.fields.width,
        height=reader.fields.height,
        limits=limits,
    )


@dataclass(frozen=True, slots=True)
class FrameReference:
    """What a change frame needs of frames before.

    Attributes:
        picture: gives the picture that it changes.
        stored_bytes: gives the bytes of the frame and of all that it is decoded from.
        strategy: gives how the coding of its key frame was adapted, whose ROI map holds for it too.
    """

    picture: Callable[[], CodedImage]
    stored_bytes: Callable[[], int]
    strategy: Callable[[], Strategy]


def open_coded(reader: PgiReader, limits: Limits, reference: FrameReference | None = None) -> CodedImage:
    """Read the stream headers of a file's picture.

    Args:
        reader: of the file.
        limits: what it may ask for.
        reference: of a change frame, what it needs of frames before.

    Raises:
        PgiFormatError: they are damaged, break a rule or contradict the A.2 fields.
        PgiUnsupportedError: the codec is unknown here, or the picture is encrypted.
        PgiLimitError: the picture has too many tiles, or a change frame lets it grow beyond what its bytes
            may stand for.
    """
    fields = reader.fields
    stored = _stored_preview(reader, limits)
    if stored is not None:
        return stored
    before = None if reference is None else reference.picture
    image = open_image(fields.compression_type, payload_of(reader, limits), before)
    if reference is not None:
        _check_canvas(image, fields, reference, limits)
    if image.sample_format.bits != fields.color_depth:
        found = image.sample_format.name.lower()
        raise PgiFormatError(f"color_depth is {fields.color_depth}, but the samples are {found}.")
    return image


def _check_canvas(image: CodedImage, fields: ImageFields, reference: FrameReference, limits: Limits) -> None:
    """Count the pixels of a canvas that grew for each byte of the frames that it is made of.

    Raises:
        PgiLimitError: there are too many.
    """
    width, height = image.tile_size
    if image.tiles > -(-fields.width // width) * -(-fields.height // height):
        per_byte = -(-image.tiles * width * height // reference.stored_bytes())
        limits.check(
            "pixels_per_byte", per_byte, "The canvas of a change frame, for each byte of its frames,"
        )
