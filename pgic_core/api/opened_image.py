"""Opening the coded image inside a file with the codec that ``compression_type`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codec.base import Payload, open_image
from ..container import IMAGE_FIELDS_SIZE
from ..errors import PgiFormatError

if TYPE_CHECKING:
    from ..codec.base import CodedImage
    from ..container import PgiReader
    from ..limits import Limits

__all__ = ["open_coded"]


def open_coded(reader: PgiReader, limits: Limits) -> CodedImage:
    """Read the stream headers of a file's picture.

    Raises:
        PgiFormatError: they are damaged, break a rule or contradict the A.2 fields.
        PgiUnsupportedError: the codec is unknown here, or the picture is encrypted.
        PgiLimitError: the picture has too many tiles.
    """
    fields = reader.fields
    payload = Payload(
        read=reader.read_payload,
        checked=lambda: reader.read_block(reader.header.image)[IMAGE_FIELDS_SIZE:],
        length=reader.payload_length,
        width=fields.width,
        height=fields.height,
        limits=limits,
    )
    image = open_image(fields.compression_type, payload)
    if image.sample_format.bits != fields.color_depth:
        found = image.sample_format.name.lower()
        raise PgiFormatError(f"color_depth is {fields.color_depth}, but the samples are {found}.")
    return image
