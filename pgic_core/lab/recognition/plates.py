"""Generated rating plates and meters with known text, for measuring what coding costs a reader of text.

    python -m pgic_core.lab.recognition.plates FOLDER --count 300

writes PNG files and ``truth.json``, which ``pgic evaluate FOLDER --recogniser rapidocr --truth`` takes. Real
panels are few; these are many, and their text is known.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ...container import atomic_write

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_meter", "draw_plate", "main"]

_SIZE = (480, 320)
_UNITS = ("kV", "A", "MVA", "Hz", "MPa", "kPa", "V", "kW")
_WORDS = ("TYPE", "SERIAL", "RATED", "VOLTAGE", "CURRENT", "PHASE", "OIL", "DATE", "CLASS", "TRANSFORMER")


def draw_plate(generator: np.random.Generator) -> tuple[NDArray[np.uint8], str]:
    """A rating plate: three to five lines of words and numbers.

    Returns:
        ``(320, 480, 3)`` uint8, and the text, line by line without blanks.
    """
    dark = bool(generator.integers(0, 2))
    ground, ink = ((40, 46, 60), (225, 225, 215)) if dark else ((196, 198, 192), (28, 28, 34))
    image = Image.new("RGB", _SIZE, tuple(int(v + generator.integers(-14, 15)) for v in ground))
    draw = ImageDraw.Draw(image)
    draw.rectangle((12, 12, _SIZE[0] - 13, _SIZE[1] - 13), outline=ink, width=3)
    for x in (24, _SIZE[0] - 25):
        for y in (24, _SIZE[1] - 25):
            draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(120, 120, 120), outline=ink)
    count = int(generator.integers(3, 6))
    lines = [_line(generator) for _ in range(count)]
    step = (_SIZE[1] - 90) / count
    font = ImageFont.load_default(min(int(step * 0.62), int(generator.integers(12, 30))))
    for number, line in enumerate(lines):
        draw.text((52, 45 + step * number), line, fill=ink, font=font)
    return _photographed(image, generator), "".join("".join(line.split()) for line in lines)


def draw_meter(generator: np.random.Generator) -> tuple[NDArray[np.uint8], str]:
    """A counter: large digits in windows above a unit.

    Returns:
        As :func:`draw_plate`.
    """
    image = Image.new("RGB", _SIZE, tuple(int(v) for v in generator.integers(150, 225, 3)))
    draw = ImageDraw.Draw(image)
    digits = "".join(str(d) for d in generator.integers(0, 10, int(generator.integers(4, 7))))
    unit = str(generator.choice(_UNITS))
    draw.rectangle((40, 70, _SIZE[0] - 40, 185), fill=(22, 22, 24), outline=(90, 90, 90), width=4)
    font = ImageFont.load_default(74)
    pitch = (_SIZE[0] - 110) / len(digits)
    for place, digit in enumerate(digits):
        draw.text((62 + pitch * place, 80), digit, fill=(235, 235, 225), font=font)
    draw.text((_SIZE[0] // 2 - 30, 220), unit, fill=(20, 20, 20), font=ImageFont.load_default(40))
    return _photographed(image, generator), digits + unit


def _line(generator: np.random.Generator) -> str:
    value = f"{generator.integers(1, 1000)}" if generator.random() < 0.5 else f"{generator.random() * 99:.2f}"
    return f"{generator.choice(_WORDS)} {value} {generator.choice(_UNITS)}"


def _photographed(image: Image.Image, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Slightly turned, unevenly lit, a little out of focus, with noise."""
    turned = image.rotate(float(generator.uniform(-2, 2)), Image.Resampling.BICUBIC, fillcolor=(90, 96, 92))
    blurred = turned.filter(ImageFilter.GaussianBlur(float(generator.uniform(0.3, 1.2))))
    pixels = np.asarray(blurred, np.float32)
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width] / max(height, width)
    slope = generator.uniform(-0.35, 0.35, 2)
    pixels = pixels * (1 + slope[0] * (x - 0.5) + slope[1] * (y - 0.4))[..., None]
    pixels = pixels + generator.normal(0, generator.uniform(1, 5), pixels.shape)
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pgic_core.lab.recognition.plates", description=__doc__)
    parser.add_argument("folder", type=Path, help="is made where it is missing")
    parser.add_argument("--count", type=int, default=300, help="plates and meters together (300)")
    parser.add_argument("--seed", type=int, default=1, help="decides all of them (1)")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(given.seed)
    truth = {}
    for number in range(given.count):
        kind, draw = ("meter", draw_meter) if number % 3 == 2 else ("plate", draw_plate)
        pixels, text = draw(generator)
        name = f"{kind}-{number:04}.png"
        Image.fromarray(pixels).save(given.folder / name)
        truth[name] = text
    atomic_write(given.folder / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
