"""Invisible watermarks 数字水印: whose copy of a picture this is, and what was changed in it (A-6.5.3c).

A watermark carries an id of 64 bits. Whoever has the key finds the id in a decoded, re-coded, scaled or
cropped copy, without the original. WATERMARK.md beside this file specifies it. A watermark is a trace, not a
proof: a signature proves.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiOptionError, PgiUnsupportedError
from ...options import DEFAULT_QUALITY, check_quality
from .detect import FALSE_POSITIVES, Found, read
from .embed import spread
from .tamper import Edits, energy_of_period, period_of_quality, put_lattice, read_lattice
from .tile_evidence import Evidence
from .watermark_bits import ID_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FALSE_POSITIVES",
    "KEY_BYTES",
    "LEAST_SIDE",
    "STEP",
    "Edits",
    "Evidence",
    "Found",
    "Watermark",
    "detect",
    "embed",
    "find_edits",
    "look",
    "make_watermark_key",
]

KEY_BYTES = 32
"""Least bytes of a key."""

LEAST_SIDE = 256
"""Pixels of the shorter side of a picture that can be marked."""

STEP = "watermark"
"""How ``pgic.preprocess`` starts that records a watermark; the id follows in hex."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """What to put into a picture.

    Args:
        key: 32 bytes or more. ``repr`` does not show it.
        identity: 8 bytes; drawn at random if not given.

    Raises:
        PgiOptionError: one has another length.
    """

    key: bytes = field(repr=False)
    identity: bytes = field(default_factory=lambda: secrets.token_bytes(ID_BYTES))

    def __post_init__(self) -> None:
        _check_key(self.key)
        if not isinstance(self.identity, bytes) or len(self.identity) != ID_BYTES:
            raise PgiOptionError(f"The id of a watermark has {ID_BYTES} bytes.")

    @property
    def step(self) -> str:
        """What ``pgic.preprocess`` says of it."""
        return f"{STEP} {self.identity.hex()}"


def make_watermark_key() -> bytes:
    """A new key, at random."""
    return secrets.token_bytes(KEY_BYTES)


def embed(
    image: NDArray[np.uint8], watermark: Watermark, *, quality: int = DEFAULT_QUALITY
) -> NDArray[np.uint8]:
    """A picture with a watermark.

    Args:
        image: (H, W, 3) RGB, both sides 256 pixels or more. Only its luma is changed.
        watermark: key and id.
        quality: at which it will be coded, 1 to 100: the lower, the stronger the watermark. At 50 the PSNR of
            what comes out is about 42 dB.

    Returns:
        (H, W, 3) uint8.

    Raises:
        PgiUnsupportedError: the picture is no RGB of 8 bits, or too small.
    """
    check_quality(quality)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise PgiUnsupportedError("A watermark needs a picture in RGB of 8 bits.")
    if min(image.shape[:2]) < LEAST_SIDE:
        raise PgiUnsupportedError(f"A watermark needs {LEAST_SIDE} pixels or more on each side.")
    period = period_of_quality(quality)
    strength = np.sqrt(_energy_of_quality(quality) - energy_of_period(period, image.shape[:2]))
    marked = spread(image, watermark.key, watermark.identity, float(strength))
    return put_lattice(marked, watermark.key, period)


def look(image: NDArray[Any]) -> Evidence:
    """What a picture shows whatever the key, for :func:`detect` with several keys.

    Raises:
        PgiUnsupportedError: the picture has other samples than :func:`detect` takes.
    """
    _check_samples(image)
    return Evidence(image)


def detect(image: NDArray[Any] | Evidence, key: bytes) -> Found | None:
    """Look for a watermark in a picture of which nothing else is known.

    A picture without one of this key gives None but for :data:`FALSE_POSITIVES` of them, at most.

    Args:
        image: (H, W) or (H, W, 3) uint8, or what :func:`look` gave for it. Since it was marked, it may have
            been coded, scaled from 0.4 to 2.6, cropped, mirrored, and turned by 90 degrees.
        key: of the watermark.

    Raises:
        PgiOptionError: the key is too short.
        PgiUnsupportedError: the picture has other samples.
    """
    _check_key(key)
    return read(image if isinstance(image, Evidence) else look(image), key)


def find_edits(image: NDArray[Any], key: bytes) -> Edits | None:
    """Find out which blocks of a marked picture were changed since.

    Args:
        image: (H, W) or (H, W, 3) uint8, of the size in which it was marked; it may have been decoded and
            saved as a JPEG.
        key: of the watermark.

    Returns:
        None if the picture has no watermark of this key, or was scaled or cropped.

    Raises:
        PgiOptionError: the key is too short.
        PgiUnsupportedError: the picture has other samples.
    """
    _check_key(key)
    _check_samples(image)
    return read_lattice(image, key)


def _energy_of_quality(quality: int) -> float:
    """Mean squared change of a pixel by a watermark.

    At a low quality coding takes more of it away, and hides more of it. Rounding twice is taken off.
    """
    psnr = max(42.1 - 0.5 * (50 - quality), 35.0) if quality < 50 else 42.1 + 0.1 * max(quality - 60, 0)
    return float(255**2 * 10 ** (-psnr / 10) - 2 / 12)


def _check_key(key: bytes) -> None:
    if not isinstance(key, bytes) or len(key) < KEY_BYTES:
        raise PgiOptionError(f"The key of a watermark has {KEY_BYTES} bytes or more.")


def _check_samples(image: NDArray[Any]) -> None:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] < 3):
        raise PgiUnsupportedError("A watermark is looked for in RGB or grey of 8 bits.")
