"""Pictures, and the ways of coding them that every plugin test goes through."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_plugins.pillow

if TYPE_CHECKING:
    from pathlib import Path

# One entry for each codec inside the file; options of save(), and the greatest mean error in grey levels.
CODECS: dict[str, tuple[dict[str, Any], float]] = {
    "lossless": ({"lossless": True}, 0.0),
    "learned": ({"quality": 50}, 8.0),
}


class Codec:
    """One way of coding: how to save, and whether what comes back is what went in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.options, self._bound = CODECS[name]

    def encode(self, image: Image.Image, **options: Any) -> bytes:
        if not options:
            return _encode_once(self.name, image.mode, image.size, image.tobytes())
        file = io.BytesIO()
        image.save(file, "PGI", **self.options, **options)
        return file.getvalue()

    def check(self, decoded: Image.Image, original: Image.Image) -> None:
        assert (decoded.mode, decoded.size) == (original.mode, original.size)
        error = np.abs(np.asarray(decoded).astype(float) - np.asarray(original))
        assert error.mean() <= self._bound


@functools.cache
def _encode_once(name: str, mode: str, size: tuple[int, int], pixels: bytes) -> bytes:
    file = io.BytesIO()
    Image.frombytes(mode, size, pixels).save(file, "PGI", **CODECS[name][0])
    return file.getvalue()


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> Codec:
    return Codec(request.param)


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """An RGB photo of odd size, 301 x 203."""
    return Image.fromarray(skimage.data.astronaut()[:203, :301])


@pytest.fixture
def pgi(codec: Codec, photo: Image.Image, tmp_path: Path) -> Path:
    """The photo as a file."""
    path = tmp_path / "photo.pgi"
    path.write_bytes(codec.encode(photo))
    return path


@pytest.fixture(autouse=True)
def _default_options() -> None:
    pgic_plugins.pillow.register_pgi_opener()
