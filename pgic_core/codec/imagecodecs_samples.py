"""Samples of AVIF, JPEG 2000 and JPEG XL of more than 8 bits, by imagecodecs where it is installed.

Pillow and its plugins reduce them to 8 bits.
"""

from __future__ import annotations

from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["samples_by_imagecodecs"]

_DECODERS = {"AVIF": "avif_decode", "JPEG2000": "jpeg2k_decode", "JXL": "jpegxl_decode"}
_MOST_BITS = 16
_ALIKE = 2.0
"""How many levels of 8 bits the samples may differ from Pillow's on average. Pillow converts some colours and
turns some pictures; what it shows is right."""


def samples_by_imagecodecs(image: Image.Image, file: IO[bytes], bits: int) -> NDArray[np.uint16] | None:
    """All samples of the first frame, stretched to 16 bits.

    Args:
        image: as Pillow opened it, one of AVIF, JPEG 2000 or JPEG XL.
        file: where it stands.
        bits: of a sample, 9 to 16.

    Returns:
        ``(H, W, C)``; None where imagecodecs is not installed, cannot decode the file, or shows something
        else than Pillow does.
    """
    decoder = _DECODERS.get(image.format or "")
    if decoder is None or not 8 < bits <= _MOST_BITS or image.tell():
        return None
    try:
        decode = getattr(import_module("imagecodecs"), decoder)
        file.seek(0)
        samples = decode(file.read())
    except (ImportError, AttributeError, RuntimeError, ValueError):  # its own errors are RuntimeError
        return None
    shown = np.atleast_3d(np.asarray(image))
    samples = np.atleast_3d(samples)
    if samples.dtype != np.uint16 or samples.shape != shown.shape or shown.dtype != np.uint8:
        return None
    stretched = _stretched(samples, bits)
    apart = np.abs((stretched >> 8).astype(np.int16) - shown).mean()
    return stretched if apart <= _ALIKE else None


def _stretched(samples: NDArray[Any], bits: int) -> NDArray[np.uint16]:
    """Samples of ``bits`` bits as the nearest of 16."""
    top = (1 << bits) - 1
    wide = np.minimum(samples, top).astype(np.uint32)
    stretched: NDArray[np.uint16] = ((wide * 65535 + top // 2) // top).astype(np.uint16)
    return stretched
