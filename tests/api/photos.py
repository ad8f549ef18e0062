"""Real photos for the tests, small enough to code in a moment."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

PHOTO = np.ascontiguousarray(skimage.data.astronaut()[:120, 150:310])
"""(120, 160, 3) uint8."""

ALPHA = (np.add.outer(np.arange(120), np.arange(160)) % 256).astype(np.uint8)
RGBA = np.dstack([PHOTO, ALPHA])
GREY = np.ascontiguousarray(skimage.data.camera()[100:220, 100:260])

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'


def psnr(first: Any, second: Any) -> float:
    """In dB, over all samples of 8 bits."""
    error = np.square(first.astype(np.float64) - second).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def exif_bytes(orientation: int = 1) -> bytes:
    """EXIF with maker, time with offset, place and orientation."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "DJI", "FC3582", orientation
    exif[0x8769] = {0x9003: "2026:05:01 08:30:00", 0x9011: "+08:00"}
    exif[0x8825] = {1: "N", 2: (39.0, 54.0, 15.5), 3: "E", 4: (116.0, 23.0, 29.25), 5: b"\0", 6: 51.5}
    return exif.tobytes()


def photo_file(kind: str = "JPEG", image: Any = PHOTO, **options: Any) -> bytes:
    """A photo file as Pillow writes it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def opened(kind: str = "JPEG", image: Any = PHOTO, **options: Any) -> Image.Image:
    """The same, opened by Pillow."""
    return Image.open(io.BytesIO(photo_file(kind, image, **options)))
