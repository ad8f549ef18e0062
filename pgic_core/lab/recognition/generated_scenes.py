"""Generated devices as files with known text, alone or in front of photos.

    python -m pgic_core.lab.recognition.generated_scenes FOLDER --count 300
    python -m pgic_core.lab.recognition.generated_scenes FOLDER --count 100 --background photos

writes PNG files and ``truth.json``, which ``--truth`` of ``pgic bench recognition`` takes: for each file the
lines of text of its device, where they are, and where the device is.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from ...container import atomic_write
from ..bench.bench_pictures import find_samples
from .generated_plates import draw_gauge, draw_meter, draw_plate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .generated_plates import Drawn
    from .recognition_scores import Box

__all__ = ["Scene", "draw_scene", "main"]

_SIZE = (768, 512)
_FEWEST_PIXELS, _MOST_PIXELS = 170, 400


@dataclass(frozen=True, slots=True)
class Scene:
    """A device in front of a photo.

    Attributes:
        pixels: as large as the photo.
        texts: of each line of the device, without blanks.
        device: left, top, right, bottom in pixels.
        lines: the same of lines of text.
    """

    pixels: NDArray[np.uint8]
    texts: tuple[str, ...]
    device: Box
    lines: tuple[Box, ...]

    @property
    def truth(self) -> dict[str, Any]:
        """What is there, as JSON."""
        lines = zip(self.texts, self.lines, strict=True)
        return {
            "lines": [{"text": text, "box": [round(edge, 1) for edge in box]} for text, box in lines],
            "within": self.device,
        }


def draw_scene(
    generator: np.random.Generator, photo: NDArray[np.uint8], *, gauges: bool, most: int = _MOST_PIXELS
) -> Scene:
    """Put one device in front of a photo.

    Args:
        generator: of all choices.
        photo: ``(H, W, 3)`` uint8, at least 200 pixels on each side.
        gauges: whether dials are among the devices; their numbers stand in no order for a reader of text.
        most: pixels of the device's width at most.
    """
    draws = (draw_plate, draw_meter, draw_gauge) if gauges else (draw_plate, draw_meter)
    drawn: Drawn = draws[int(generator.integers(len(draws)))](generator)
    height, width = photo.shape[:2]
    wide = int(generator.integers(min(_FEWEST_PIXELS, width // 2), min(most, width * 3 // 4, height) + 1))
    scale = wide / drawn.pixels.shape[1]
    tall = round(drawn.pixels.shape[0] * scale)
    left, top = int(generator.integers(width - wide + 1)), int(generator.integers(height - tall + 1))
    device = Image.fromarray(drawn.pixels).resize((wide, tall), Image.Resampling.LANCZOS)
    mask = Image.new("L", (wide, tall), 0)
    mask.paste(255, (2, 2, wide - 2, tall - 2))
    scene = Image.fromarray(photo)
    scene.paste(device, (left, top), mask.filter(ImageFilter.GaussianBlur(1.2)))
    lines = tuple(
        (left + a * scale, top + b * scale, left + c * scale, top + d * scale) for a, b, c, d in drawn.lines
    )
    box = (float(left), float(top), float(left + wide), float(top + tall))
    return Scene(np.asarray(scene), drawn.texts, box, lines)


def _photos(folder: Path) -> list[NDArray[np.uint8]]:
    """The middle of each photo, 768 x 512."""
    photos = []
    for sample in find_samples([folder]):
        if sample.part == "whole":
            image = Image.fromarray(sample.load())
            scale = max(_SIZE[0] / image.width, _SIZE[1] / image.height)
            image = image.resize((round(image.width * scale), round(image.height * scale)))
            left, top = (image.width - _SIZE[0]) // 2, (image.height - _SIZE[1]) // 2
            photos.append(np.asarray(image.crop((left, top, left + _SIZE[0], top + _SIZE[1]))))
    return photos


def _named(
    number: int, generator: np.random.Generator, photos: Sequence[NDArray[np.uint8]]
) -> tuple[str, Scene]:
    if photos:
        return f"scene-{number:04}.png", draw_scene(generator, photos[number % len(photos)], gauges=False)
    kind, draw = ("meter", draw_meter) if number % 3 == 2 else ("plate", draw_plate)
    drawn = draw(generator)
    height, width = drawn.pixels.shape[:2]
    whole = (0.0, 0.0, float(width), float(height))
    return f"{kind}-{number:04}.png", Scene(drawn.pixels, drawn.texts, whole, drawn.lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pgic_core.lab.recognition.generated_scenes", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="is made where it is missing")
    parser.add_argument("--count", type=int, default=300, help="of pictures (300)")
    parser.add_argument("--seed", type=int, default=1, help="decides all of them (1)")
    parser.add_argument("--background", type=Path, help="folder of photos to put the devices in front of")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    photos = _photos(given.background) if given.background else []
    generator = np.random.default_rng(given.seed)
    truth = {}
    for number in range(given.count):
        name, scene = _named(number, generator, photos)
        Image.fromarray(scene.pixels).save(given.folder / name)
        truth[name] = scene.truth
    atomic_write(given.folder / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
