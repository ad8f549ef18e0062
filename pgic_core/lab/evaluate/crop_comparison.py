"""Crops side by side at equal bytes, taken where the codec is worst (A-8.2c)."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..bench.metrics import psnr
from ..bench.peer_codecs import find_codec
from ..bench.region_quality import WORST_TILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ..bench.peer_codecs import Codec
    from .evaluated_pictures import Subject

__all__ = ["CROP_SIDE", "CropTask", "file_of_size"]

CROP_SIDE = 256
_USUAL_GROWTH = 0.05
"""By which share files grow with one step of quality."""


@dataclass(frozen=True, slots=True)
class CropTask:
    """The worst place of a picture, as every codec shows it in about as many bytes.

    Attributes:
        subject: the picture.
        quality: of pgic, whose bytes the others may use.
        place: left and top of the worst tile in pixels.
        peers: names of the other codecs.
        model: digest of the model.
    """

    subject: Subject
    quality: int
    place: tuple[int, int]
    peers: tuple[str, ...]
    model: str

    @property
    def label(self) -> str:
        """For the progress bar."""
        return f"{self.subject.name} crops"

    def identity(self) -> dict[str, Any]:
        """What the result depends on."""
        names = [self.subject.digest, self.subject.name]
        return {"crop": names, "at": [self.quality, *self.place], "peers": self.peers, "model": self.model}

    def run(self) -> list[dict[str, Any]]:
        """One mapping: the crop's place and the original, and what each codec makes of it."""
        original = self.subject.rgb()
        left, top, width, height = self._window()
        window = (slice(top, top + height), slice(left, left + width))
        pgic = find_codec("pgic")
        data = pgic.encode(original, self.quality)
        views = [_view("pgic", self.quality, data, pgic.decode(data), original, window)]
        for name in self.peers:
            codec = find_codec(name)
            quality, coded = file_of_size(codec, original, len(data))
            views.append(_view(name, quality, coded, codec.decode(coded), original, window))
        return [
            {
                "picture": self.subject.name,
                "window": [left, top, width, height],
                "original": _embedded(original[window]),
                "views": views,
            }
        ]

    def _window(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of a crop around the worst tile, inside the picture."""
        sides = (self.subject.width, self.subject.height)
        sizes = [min(CROP_SIDE, side) for side in sides]
        starts = [
            min(max(0, at + WORST_TILE // 2 - size // 2), side - size)
            for at, side, size in zip(self.place, sides, sizes, strict=True)
        ]
        return starts[0], starts[1], sizes[0], sizes[1]


def file_of_size(codec: Codec, picture: NDArray[np.uint8], size: int) -> tuple[int, bytes]:
    """The smallest file of a codec that has at least ``size`` bytes, and its quality; else its largest.

    Args:
        codec: whose files grow with the quality.
        picture: ``(H, W, 3)``.
        size: bytes.
    """
    low, high = codec.qualities[0], codec.qualities[-1]
    files: dict[int, bytes] = {}
    while low < high:
        middle = _likely_quality({q: len(data) for q, data in files.items()}, size, low, high)
        files[middle] = codec.encode(picture, middle)
        if len(files[middle]) >= size:
            high = middle
        else:
            low = middle + 1
    return low, files[low] if low in files else codec.encode(picture, low)


def _likely_quality(sizes: Mapping[int, int], size: int, low: int, high: int) -> int:
    """Where to look next between ``low`` and ``high - 1``.

    Bytes grow by about the same share with each step of quality. So two known files, or one and the usual
    growth, tell where the wanted size lies; every third look halves the range, should they mislead.
    """
    if not sizes or len(sizes) % 3 == 2:
        return (low + high) // 2
    below = max((q for q in sizes if q < low), default=None)
    above = min((q for q in sizes if q >= high), default=None)
    known = above if below is None else below
    assert known is not None  # every file lies on one side
    growth = _USUAL_GROWTH
    if below is not None and above is not None and sizes[above] > sizes[below]:
        growth = math.log(sizes[above] / sizes[below]) / (above - below)
    steps = math.log(max(1, size) / sizes[known]) / growth
    return min(max(low, math.ceil(known + steps)), high - 1)


def _view(
    name: str,
    quality: int,
    data: bytes,
    decoded: NDArray[np.uint8],
    original: NDArray[np.uint8],
    window: tuple[slice, slice],
) -> dict[str, Any]:
    return {
        "codec": name,
        "quality": quality,
        "bytes": len(data),
        "psnr": psnr(original, decoded),
        "crop_psnr": psnr(original[window], decoded[window]),
        "image": _embedded(decoded[window]),
    }


def _embedded(pixels: NDArray[np.uint8]) -> str:
    """The pixels as they are, as a data URI: lossless WebP."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=100, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
