"""Pictures that are stored without loss: infrared, grey, more than 8 bits (A-6.1a, A-8.1b)."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .call_cost import costing
from .point_task import RAW

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...codec.picture import Picture
    from .evaluated_pictures import Subject

__all__ = ["ExactTask"]

_PILLOW: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {"optimize": True}),
    "tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "webp": ("WEBP", {"lossless": True, "method": 4}),
    "jp2": ("JPEG2000", {"irreversible": False}),
}
"""Formats that hold samples exactly, and how they are written. Not each holds every kind of samples."""


@dataclass(frozen=True, slots=True)
class ExactTask:
    """A picture through pgic and the formats that hold it exactly.

    Attributes:
        subject: the picture.
    """

    subject: Subject

    @property
    def label(self) -> str:
        """For the progress bar."""
        return f"{self.subject.name} without loss"

    def identity(self) -> dict[str, Any]:
        """What the result depends on."""
        return {"exact": [self.subject.digest, self.subject.name, self.subject.file_bytes]}

    def run(self) -> list[dict[str, Any]]:
        """One mapping for each format that gave the samples back."""
        picture = self.subject.load()
        rows = [self._row(RAW, picture.pixels.nbytes, {}, exact=True)]
        rows.append(self._coded("pgic", picture, _pgic(picture), _pgic_back))
        for name, (pillow_name, options) in _PILLOW.items():
            write = _written(picture, pillow_name, options)
            try:
                row = self._coded(name, picture, write, _read)
            except (OSError, ValueError, TypeError):
                continue  # it has no such samples
            if row["exact"]:
                rows.append(row)
        return rows

    def _coded(
        self,
        name: str,
        picture: Picture,
        write: Callable[[], bytes],
        read: Callable[[bytes], NDArray[Any]],
    ) -> dict[str, Any]:
        with costing() as encoding:
            data = write()
        with costing() as decoding:
            decoded = read(data)
        want = picture.pixels if picture.pixels.shape[2] > 1 else picture.pixels[..., 0]
        exact = decoded.dtype.kind == want.dtype.kind and np.array_equal(decoded, want)
        times = {"encode_seconds": encoding.seconds, "decode_seconds": decoding.seconds}
        return self._row(name, len(data), times, exact=exact)

    def _row(self, codec: str, size: int, times: dict[str, float], *, exact: bool) -> dict[str, Any]:
        subject = self.subject
        return {
            "picture": subject.name,
            "kind": subject.kind,
            "codec": codec,
            "width": subject.width,
            "height": subject.height,
            "bytes": size,
            "bpp": 8 * size / (subject.width * subject.height),
            "ratio": subject.file_bytes / size,
            "exact": exact,
            "encode_seconds": math.nan,
            "decode_seconds": math.nan,
            **times,
        }


def _pgic(picture: Picture) -> Callable[[], bytes]:
    from ...api import encode

    return lambda: encode(picture.to_array(), lossless=True, image_type=picture.image_type)


def _pgic_back(data: bytes) -> NDArray[Any]:
    from ...api import decode

    return decode(data)


def _written(picture: Picture, pillow_name: str, options: dict[str, Any]) -> Callable[[], bytes]:
    def write() -> bytes:
        buffer = io.BytesIO()
        picture.to_pil().save(buffer, pillow_name, **options)
        return buffer.getvalue()

    return write


def _read(data: bytes) -> NDArray[Any]:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=[name for name, _ in _PILLOW.values()]) as image:
        return np.asarray(image)
