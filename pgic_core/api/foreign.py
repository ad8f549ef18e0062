"""Codecs of other packages (group ``pgic.codecs``): further values of ``compression_type`` (A-6.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..codec.lossless.image import LosslessImage, encode_lossless
from ..codec.picture import Picture
from ..container import IMAGE_FIELDS_SIZE
from ..errors import PgiError, PgiFormatError, PgiUnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..container import PgiReader
    from ..limits import Limits

__all__ = ["open_foreign"]

_GROUP = "pgic.codecs"


def open_foreign(reader: PgiReader, limits: Limits) -> tuple[str, LosslessImage]:
    """Decode a picture by the installed codec whose name is the number of its ``compression_type``.

    Returns:
        The package that decoded it, and the pixels as a picture that lies in memory without compression, so
        that windows, previews and strips are those of every other picture.

    Raises:
        PgiUnsupportedError: there is no such codec, or its package cannot be loaded.
        PgiFormatError: it cannot decode the picture, or gives something else than its A.2 fields say.
        PgiChecksumError: the picture is damaged.
    """
    # Not imported for pictures that need no plugin.
    from ..hooks import installed, load_entry

    fields = reader.fields
    name = str(fields.compression_type)
    found = [codec for codec in installed(_GROUP) if codec.name == name]
    if not found:
        raise PgiUnsupportedError(f"The picture has compression_type {name}, which is unknown here.")
    source = found[0].source
    decode = load_entry(_GROUP, name)
    reader.read_payload(0, 0)  # refuses what is encrypted
    # Only pgic's own codecs check their parts themselves.
    data = reader.read_block(reader.header.image)[IMAGE_FIELDS_SIZE:]
    try:
        pixels = _picture(decode(data, fields.width, fields.height))
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        reason = str(error) if isinstance(error, PgiError) else f"{type(error).__name__}: {error}"
        raise PgiFormatError(f"The codec {name} of the package {source} failed: {reason}") from error
    if pixels.shape[:2] != (fields.height, fields.width):
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise PgiFormatError(f"The codec {name} of the package {source} gave a picture of {size} pixels.")
    plain = b"".join(encode_lossless(pixels, plain=True))
    image = LosslessImage(
        lambda offset, length: plain[offset : offset + length],
        len(plain),
        fields.width,
        fields.height,
        plain=True,
        limits=limits,
    )
    return source, image


def _picture(pixels: object) -> NDArray[Any]:
    """(H, W, C), of samples that pgic knows."""
    if not isinstance(pixels, np.ndarray):
        raise TypeError(f"it must return an array, not {type(pixels).__name__}")
    return Picture.from_image(pixels).pixels
