"""Pictures of one scene, drawn: a camera that stands still, its noise, and an object that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 200
OBJECT = 40
"""Side of the object in pixels."""


def scene() -> NDArray[np.uint8]:
    """The scene without noise, which is smooth and coloured."""
    coarse = np.random.default_rng(7).integers(0, 255, (6, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def frame(number: int, *, moving: bool = True, noise: float = 1.5) -> NDArray[np.uint8]:
    """The picture that the camera takes as its n-th.

    Args:
        number: from 0.
        moving: whether the object is there; it moves to the right by its own width with each frame.
        noise: standard deviation in grey levels.
    """
    pixels = scene().astype(np.float32)
    if moving:
        left = 10 + number * OBJECT % (WIDTH - OBJECT - 10)
        pixels[80 : 80 + OBJECT, left : left + OBJECT] = (200, 60, 30)
    pixels += np.random.default_rng(number).normal(0, noise, pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def psnr(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Over all samples, in dB."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
