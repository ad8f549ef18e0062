"""Which codec opens an image: the registry by ``compression_type`` of A.2.

A codec is loaded when it is first needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import PgiUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import CodedImage, Payload

__all__ = ["open_image"]

_SEQUENCE, _CHANGE = 3, 4
_CHANGE_OPENER = ".change.opening"
_OPENERS = {
    0: (".lossless.decoder", "open_raw"),
    1: (".learned.image_with_opacity", "open_learned"),
    2: (".lossless.decoder", "open_lossless"),
}
"""``compression_type`` -> module of this package and function, which takes a :class:`Payload`."""


def open_image(
    compression_type: int, payload: Payload, reference: Callable[[], CodedImage] | None = None
) -> CodedImage:
    """Read the stream headers of an image.

    Args:
        compression_type: of A.2.
        payload: the image data.
        reference: of a frame in a sequence, what gives the image that it changes.

    Raises:
        PgiFormatError: the headers are damaged or break a rule.
        PgiUnsupportedError: no codec here has this number, or the picture is encrypted.
        PgiLimitError: the image has too many tiles.
    """
    if compression_type in _OPENERS:
        module, name = _OPENERS[compression_type]
        image: CodedImage = getattr(import_module(module, __package__), name)(payload)
        return image
    if compression_type == _SEQUENCE:
        raise PgiUnsupportedError("The image data is a sequence of pictures, and no picture.")
    if compression_type == _CHANGE:
        if reference is None:
            raise PgiUnsupportedError("The picture is a change frame, which only its sequence can show.")
        changed: CodedImage = import_module(_CHANGE_OPENER, __package__).open_change(payload, reference())
        return changed
    # Not imported for pictures that need no plugin.
    from .vendor_codecs import open_vendor

    return open_vendor(compression_type, payload)
