"""The image fields of table A.2 that stand before the coded picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from ..errors import PgiFormatError, PgiOptionError

__all__ = ["IMAGE_FIELDS_SIZE", "Compression", "ImageFields", "ImageType"]

_LAYOUT = struct.Struct("<BHHBB")
IMAGE_FIELDS_SIZE = _LAYOUT.size
"""Bytes that the A.2 fields take: 7."""


class ImageType(IntEnum):
    """Known values of ``image_type`` 图像类型标识 (A.2). Others are allowed in a file."""

    VISIBLE = 0
    INFRARED = 1
    ULTRAVIOLET = 2
    DEPTH = 3
    OTHER = 255


class Compression(IntEnum):
    """Known values of ``compression_type`` 压缩类型 (A.2). Others are given out by registry (A-6.0)."""

    RAW = 0
    LEARNED = 1
    LOSSLESS = 2
    SEQUENCE = 3
    CHANGE = 4


@dataclass(frozen=True, slots=True)
class ImageFields:
    """The A.2 fields. All are plain numbers, so that values of later registries pass through.

    Attributes:
        image_type: 0-255, see :class:`ImageType`.
        width: pixels, 1-65535, as stored, that is before any EXIF orientation is applied.
        height: pixels, 1-65535, likewise.
        color_depth: bits per sample, 1-255.
        compression_type: 0-255, see :class:`Compression`.
    """

    image_type: int
    width: int
    height: int
    color_depth: int
    compression_type: int

    def to_bytes(self) -> bytes:
        """The 7 bytes of A.2.

        Raises:
            PgiOptionError: a value is out of its range.
        """
        for name, low, high in (
            ("image_type", 0, 255),
            ("width", 1, 65535),
            ("height", 1, 65535),
            ("color_depth", 1, 255),
            ("compression_type", 0, 255),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise PgiOptionError(f"{name} must be from {low} to {high}, not {value}.")
        return _LAYOUT.pack(self.image_type, self.width, self.height, self.color_depth, self.compression_type)

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageFields:
        """Read the 7 bytes of A.2.

        Raises:
            PgiFormatError: width, height or color_depth is 0.
        """
        fields = cls(*_LAYOUT.unpack(data))
        if fields.width == 0 or fields.height == 0:
            raise PgiFormatError(f"The picture has no pixels: {fields.width} x {fields.height}.")
        if fields.color_depth == 0:
            raise PgiFormatError("The picture has a color_depth of 0 bits.")
        return fields
