"""The pictures of a measurement: which files, and what is made of each.

Fixed, so that figures of different days compare: a picture above 1600 px on its long side is scaled down to
that (Lanczos), and beside it a crop of 1024 px from its centre is measured at native size.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...errors import PgiInputError, PgiOptionError
from ...limits import PHOTO_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

__all__ = [
    "CROP_SIDE",
    "LONG_SIDE",
    "Part",
    "Sample",
    "find_samples",
    "fit_megapixels",
    "load_rgb",
    "size_of",
    "synthetic_picture",
]

LONG_SIDE = 1600
CROP_SIDE = 1024
_SUFFIXES = {".avif", ".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}

Part = Literal["whole", "crop"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture to measure.

    Attributes:
        path: the file.
        part: ``"whole"`` for all of it, scaled down if large; ``"crop"`` for its centre at native size.
    """

    path: Path
    part: Part

    @property
    def folder(self) -> str:
        """Name of the folder that it stands in, by which results are grouped."""
        return self.path.absolute().parent.name

    @property
    def picture(self) -> tuple[str, str, str]:
        """What measured points name it by: folder, file and part."""
        return self.folder, self.path.name, self.part

    def load(self) -> NDArray[np.uint8]:
        """``(H, W, 3)``.

        Raises:
            PgiInputError: the file cannot be read.
        """
        from PIL import Image

        image = _open(self.path)
        if self.part == "crop":
            left, top = (max(0, (side - CROP_SIDE) // 2) for side in image.size)
            right, bottom = min(left + CROP_SIDE, image.width), min(top + CROP_SIDE, image.height)
            image = image.crop((left, top, right, bottom))
        elif max(image.size) > LONG_SIDE:
            scale = LONG_SIDE / max(image.size)
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.LANCZOS)
        return np.asarray(image)


def find_samples(paths: Iterable[Path], limit: int | None = None) -> list[Sample]:
    """Samples of all pictures.

    Args:
        paths: picture files, and folders whose picture files are taken in natural order.
        limit: of files per folder.

    Returns:
        One or, for large pictures, two per file.

    Raises:
        PgiInputError: a path does not exist or is no picture.
        PgiOptionError: there is no picture at all.
    """
    files: dict[Path, list[Path]] = {}
    for path in paths:
        if not path.exists():
            raise PgiInputError(f"{path} does not exist.")
        found = (
            [p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and p.is_file()]
            if path.is_dir()
            else [path]
        )
        for file in sorted(found, key=_natural_key):
            files.setdefault(file.parent, []).append(file)
    samples = []
    for group in files.values():
        for file in list(dict.fromkeys(group))[:limit]:
            samples.append(Sample(file, "whole"))
            if max(size_of(file)) > LONG_SIDE:
                samples.append(Sample(file, "crop"))
    if not samples:
        raise PgiOptionError("There is no picture in what was given.")
    return samples


def load_rgb(path: Path) -> NDArray[np.uint8]:
    """A picture file as ``(H, W, 3)``, upright.

    Raises:
        PgiInputError: it cannot be read.
    """
    return np.asarray(_open(path))


def fit_megapixels(picture: NDArray[np.uint8], megapixels: float) -> NDArray[np.uint8]:
    """The picture at a given size, same shape: scaled down (Lanczos) if larger, else continued by mirroring.

    Scaling up would give a picture without fine detail, which codes faster than photos do.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    scale = math.sqrt(megapixels * 1e6 / (height * width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale <= 1:
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    return np.pad(picture, ((0, size[1] - height), (0, size[0] - width), (0, 0)), "symmetric")


def synthetic_picture(megapixels: float) -> NDArray[np.uint8]:
    """A picture from a fixed seed, for where no photo is at hand: its spectrum falls as that of photos."""
    height = max(1, round(math.sqrt(megapixels * 1e6 * 3 / 4)))
    width = max(1, round(height * 4 / 3))
    generator = np.random.default_rng(5)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    planes = []
    for _ in range(3):
        spectrum = np.fft.rfft2(generator.standard_normal((height, width))) / frequency**1.2
        planes.append(np.fft.irfft2(spectrum, (height, width)))
    # Colours of photos move together: two thirds of each channel are common to all three.
    planes = [2 * planes[0] + plane for plane in planes]
    stacked = np.stack([plane / max(plane.std(), 1e-9) for plane in planes], axis=2)
    picture: NDArray[np.uint8] = np.clip(128 + 50 * stacked, 0, 255).astype(np.uint8)
    return picture


def _open(path: Path) -> Image.Image:
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=PHOTO_FORMATS) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PgiInputError(f"{path} cannot be read as a picture: {error}.") from error


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture file, as stored.

    Raises:
        PgiInputError: it cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=PHOTO_FORMATS) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PgiInputError(f"{path} cannot be read as a picture: {error}.") from error


def _natural_key(path: Path) -> list[tuple[int, str]]:
    """Orders 2.png before 10.png."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
