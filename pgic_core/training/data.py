"""Training pictures in memory, and random crops of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..errors import PgiInputError
from ..limits import PHOTO_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["CropSampler", "in_bad_light", "load_folders"]

_SUFFIXES = {".avif", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}


def load_folders(
    root: str | Path, folders: Iterable[str], exclude: Iterable[str] = ()
) -> dict[str, list[NDArray[np.uint8]]]:
    """Decode every picture of the named folders below ``root``.

    Args:
        root: folder of folders.
        folders: their names.
        exclude: leave out files whose name contains one of these.

    Returns:
        Folder name to ``(H, W, 3)`` uint8 arrays.

    Raises:
        PgiInputError: a folder is missing, or holds nothing that can be read.
    """
    banned = tuple(exclude)

    def read(path: Path) -> NDArray[np.uint8]:
        with Image.open(path, formats=PHOTO_FORMATS) as image:
            return np.asarray(image.convert("RGB"))

    pictures: dict[str, list[NDArray[np.uint8]]] = {}
    with ThreadPoolExecutor(4) as pool:
        for folder in folders:
            paths = sorted(
                p
                for p in (Path(root) / folder).glob("*")
                if p.suffix.lower() in _SUFFIXES and not any(word in p.name for word in banned)
            )
            if not paths:
                raise PgiInputError(f"There are no training pictures in {Path(root) / folder}.")
            pictures[folder] = list(pool.map(read, paths))
    return pictures


class CropSampler:
    """Square crops, flipped, turned and half of the time scaled down.

    Scaling down gives sharp detail even where the sources were compressed before.

    Args:
        pictures: as :func:`load_folders` returns them.
        weights: folder name to relative share of crops.
        seed: of all choices.
        harsh: share of crops that are shown in bad light (A-6.3.2.2e), see :func:`in_bad_light`.
    """

    def __init__(
        self,
        pictures: Mapping[str, list[NDArray[np.uint8]]],
        weights: Mapping[str, float],
        seed: int,
        harsh: float = 0.0,
    ) -> None:
        self._harsh = harsh
        self._random = np.random.default_rng(seed)
        self._pictures: list[NDArray[np.uint8]] = []
        shares: list[float] = []
        for folder, arrays in pictures.items():
            sizes = np.array([a.shape[0] * a.shape[1] for a in arrays], float)
            self._pictures += arrays
            shares += list(weights[folder] * sizes / sizes.sum())
        self._shares = np.array(shares) / np.sum(shares)

    def crop(self, side: int) -> NDArray[np.uint8]:
        """One crop, ``(side, side, 3)`` uint8."""
        random = self._random
        while True:
            picture = self._pictures[random.choice(len(self._pictures), p=self._shares)]
            scale = 1.0 if random.random() < 0.5 else random.uniform(0.4, 1.0)
            source = round(side / scale)
            height, width = picture.shape[:2]
            if min(height, width) >= source:
                break
        y, x = random.integers(height - source + 1), random.integers(width - source + 1)
        part = picture[y : y + source, x : x + source]
        if source != side:
            part = np.asarray(Image.fromarray(part).resize((side, side), Image.Resampling.LANCZOS))
        turn = random.integers(8)
        if turn & 1:
            part = part[:, ::-1]
        if turn & 2:
            part = part[::-1]
        if turn & 4:
            part = part.transpose(1, 0, 2)
        if self._harsh and random.random() < self._harsh:
            part = in_bad_light(part, random)
        return part

    def batch(self, count: int, side: int) -> NDArray[np.uint8]:
        """``count`` crops, ``(count, side, side, 3)`` uint8."""
        return np.stack([self.crop(side) for _ in range(count)])


def in_bad_light(picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """What a camera might have seen of a picture at dusk, or against the light.

    Light is dimmed by 1 to 5 stops, or changes by up to 6 along a random direction; the sensor then adds the
    noise of few photons and of its own, and what is too bright is clipped.

    Args:
        picture: ``(H, W, 3)`` sRGB grey levels.
        random: of all choices.
    """
    light = (picture / np.float32(255)) ** np.float32(2.2)
    if random.random() < 0.5:
        light = light * np.float32(2 ** random.uniform(-5, -1))
    else:
        height, width = picture.shape[:2]
        angle, stops = random.uniform(0, 2 * np.pi), random.uniform(2, 6)
        y, x = np.linspace(-0.5, 0.5, height)[:, None], np.linspace(-0.5, 0.5, width)
        light = light * np.exp2(stops * (np.sin(angle) * y + np.cos(angle) * x))[..., None].astype(np.float32)
    photons, dark = 2 ** random.uniform(8, 12), 2 ** random.uniform(-10, -7)
    spread = np.sqrt(light / photons + dark**2)
    light = light + spread * random.standard_normal(light.shape, np.float32)
    return np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)
