"""What worker processes run; a spawned one starts from this module alone."""

from __future__ import annotations

import hashlib

from PIL import Image

import pgic_plugins.pillow  # noqa: F401 - spawned workers inherit no registration


def pixels_of(path: str) -> str:
    """A digest of the pixels of a file."""
    with Image.open(path) as image:
        return hashlib.sha256(image.tobytes()).hexdigest()


def digest_of(image: Image.Image) -> str:
    """A digest of the pixels of an image that came through a pickle."""
    return hashlib.sha256(image.tobytes()).hexdigest()
