"""Pictures with boxes for the region-of-interest network, split by scene."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...errors import PgiInputError
from ...limits import PHOTO_FORMATS
from ...roi.roi_grid import box_cover

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Boxes = list[tuple[float, float, float, float]]

__all__ = ["CELL", "BoxedPicture", "Sampler", "is_test_scene", "load_coco", "scene_of"]

CELL = 16
"""Pixels along one side of a cell of the heat map."""
EQUIPMENT, FAULT = 0, 1
_FAULTS = {"broken", "pollution-flashover"}


@dataclass(frozen=True, slots=True)
class BoxedPicture:
    """One annotated picture.

    Attributes:
        scene: what all flips and crops of one photo share.
        pixels: ``(H, W, 3)`` uint8.
        boxes: left, top, right, bottom in pixels: of equipment, of faults.
    """

    scene: str
    pixels: NDArray[np.uint8]
    boxes: tuple[Boxes, Boxes]

    def target(self) -> NDArray[np.float32]:
        """Cover of each cell by equipment and by faults, ``(2, H / 16, W / 16)`` rounded up."""
        height, width = self.pixels.shape[:2]
        return np.stack([box_cover(boxes, height, width, CELL) for boxes in self.boxes])


def scene_of(file_name: str) -> str:
    """The scene of an IDID file: the number its name starts with (letters after it name flips)."""
    match = re.match(r"\d+", Path(file_name).name)
    if match is None:
        raise PgiInputError(f"The file name {file_name} does not start with the number of its scene.")
    return match.group()


def is_test_scene(scene: str) -> bool:
    """Whether a scene belongs to the fixed test fifth: the CRC32 of its digits is a multiple of 5."""
    return zlib.crc32(scene.encode()) % 5 == 0


def load_coco(folder: Path, exclude: Iterable[str] = ()) -> list[BoxedPicture]:
    """Read ``annotations.json`` (COCO) and ``images/`` of a folder.

    Args:
        folder: of both.
        exclude: scenes to leave out.
    """
    coco = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes: dict[int, tuple[Boxes, Boxes]] = {image["id"]: ([], []) for image in coco["images"]}
    for item in coco["annotations"]:
        x, y, width, height = item["bbox"]
        kind = FAULT if names[item["category_id"]] in _FAULTS else EQUIPMENT
        boxes[item["image_id"]][kind].append((x, y, x + width, y + height))
    banned = set(exclude)
    pictures = []
    for entry in coco["images"]:
        scene = scene_of(entry["file_name"])
        if scene not in banned:
            with Image.open(folder / "images" / entry["file_name"], formats=PHOTO_FORMATS) as image:
                pixels = np.asarray(image.convert("RGB"))
            pictures.append(BoxedPicture(scene, pixels, boxes[entry["id"]]))
    return pictures


class Sampler:
    """Random square crops with targets: scaled 0.6 to 1.6 times, mirrored, lit differently.

    Args:
        pictures: annotated ones.
        background: pictures that show nothing of interest.
        share: of crops from ``background``.
        side: of a crop, in pixels, a multiple of 16.
        seed: of all choices.
    """

    def __init__(
        self,
        pictures: Sequence[BoxedPicture],
        background: Sequence[NDArray[np.uint8]],
        share: float,
        side: int,
        seed: int,
    ) -> None:
        self._pictures = pictures
        self._background = [BoxedPicture("", pixels, ([], [])) for pixels in background]
        self._share = share if background else 0.0
        self._side = side
        self._random = np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """``(count, side, side, 3)`` uint8 and ``(count, 2, side / 16, side / 16)`` float32."""
        pixels, targets = zip(*(self._crop() for _ in range(count)), strict=True)
        return np.stack(pixels), np.stack(targets)

    def _crop(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        random, side = self._random, self._side
        pool = self._background if random.random() < self._share else self._pictures
        picture = pool[int(random.integers(len(pool)))]
        height, width = picture.pixels.shape[:2]
        source = min(round(side / np.exp2(random.uniform(-0.74, 0.68))), height, width)
        x, y = random.integers(width - source + 1), random.integers(height - source + 1)
        part = Image.fromarray(picture.pixels[y : y + source, x : x + source])
        pixels = np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))
        scale = side / source
        boxes = tuple(
            [((a - x) * scale, (b - y) * scale, (c - x) * scale, (d - y) * scale) for a, b, c, d in group]
            for group in picture.boxes
        )
        target = np.stack([box_cover(group, side, side, CELL) for group in boxes])
        if random.random() < 0.5:
            pixels, target = pixels[:, ::-1], target[:, :, ::-1]
        if random.random() < 0.2:
            pixels, target = pixels[::-1], target[:, ::-1]
        return self._light(pixels), np.ascontiguousarray(target)

    def _light(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        random = self._random
        curve = (np.arange(256) / 255) ** np.exp2(random.uniform(-0.6, 0.6))
        gains = np.exp2(random.uniform(-0.3, 0.1) + random.uniform(-0.1, 0.1, 3))
        tables = np.clip(255 * curve[:, None] * gains, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.stack([tables[:, c][pixels[:, :, c]] for c in range(3)], 2))
