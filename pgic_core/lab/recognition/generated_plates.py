"""Generated rating plates, meters and gauges with known text: real ones are few, and theirs is not known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .recognition_scores import Box

__all__ = ["Drawn", "draw_gauge", "draw_meter", "draw_plate"]

_SIZE = (480, 320)
_UNITS = ("kV", "A", "MVA", "Hz", "MPa", "kPa", "V", "kW")
_WORDS = ("TYPE", "SERIAL", "RATED", "VOLTAGE", "CURRENT", "PHASE", "OIL", "DATE", "CLASS", "TRANSFORMER")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A device that was drawn.

    Attributes:
        pixels: ``(320, 480, 3)`` uint8.
        texts: of each line, without blanks.
        lines: boxes around lines of text: left, top, right, bottom in pixels.
    """

    pixels: NDArray[np.uint8]
    texts: tuple[str, ...]
    lines: tuple[Box, ...]


class _Sheet:
    """A picture that is drawn on, and the text that stands in it."""

    def __init__(self, ground: tuple[int, ...]) -> None:
        self._image = Image.new("RGB", _SIZE, ground)
        self.draw = ImageDraw.Draw(self._image)
        self._texts: list[str] = []
        self._lines: list[Box] = []

    def write(self, place: tuple[float, float], text: str, size: int, ink: tuple[int, ...]) -> None:
        """A line of text whose upper left lies at ``place``."""
        font = ImageFont.load_default(size)
        self.draw.text(place, text, fill=ink, font=font)
        left, top, right, bottom = self.draw.textbbox(place, text, font=font)
        self._texts.append("".join(text.split()))
        self._lines.append((float(left), float(top), float(right), float(bottom)))

    def join(self, count: int) -> None:
        """Make one line of the last ``count``."""
        texts, lines = self._texts[-count:], self._lines[-count:]
        lefts, tops, rights, bottoms = zip(*lines, strict=True)
        self._texts[-count:] = ["".join(texts)]
        self._lines[-count:] = [(min(lefts), min(tops), max(rights), max(bottoms))]

    def photographed(self, generator: np.random.Generator) -> Drawn:
        """Slightly turned, unevenly lit, a little out of focus, with noise."""
        turn = float(generator.uniform(-2, 2))
        turned = self._image.rotate(turn, Image.Resampling.BICUBIC, fillcolor=(90, 96, 92))
        blurred = turned.filter(ImageFilter.GaussianBlur(float(generator.uniform(0.3, 1.2))))
        pixels = np.asarray(blurred, np.float32)
        height, width = pixels.shape[:2]
        y, x = np.mgrid[:height, :width] / max(height, width)
        slope = generator.uniform(-0.35, 0.35, 2)
        pixels = pixels * (1 + slope[0] * (x - 0.5) + slope[1] * (y - 0.4))[..., None]
        pixels = pixels + generator.normal(0, generator.uniform(1, 5), pixels.shape)
        lines = tuple(_turned(line, turn) for line in self._lines)
        return Drawn(np.asarray(np.clip(pixels, 0, 255), np.uint8), tuple(self._texts), lines)


def draw_plate(generator: np.random.Generator) -> Drawn:
    """A rating plate: three to five lines of words and numbers."""
    dark = bool(generator.integers(0, 2))
    ground, ink = ((40, 46, 60), (225, 225, 215)) if dark else ((196, 198, 192), (28, 28, 34))
    sheet = _Sheet(tuple(int(v + generator.integers(-14, 15)) for v in ground))
    sheet.draw.rectangle((12, 12, _SIZE[0] - 13, _SIZE[1] - 13), outline=ink, width=3)
    for x in (24, _SIZE[0] - 25):
        for y in (24, _SIZE[1] - 25):
            sheet.draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(120, 120, 120), outline=ink)
    count = int(generator.integers(3, 6))
    lines = [_line(generator) for _ in range(count)]
    step = (_SIZE[1] - 90) / count
    size = min(int(step * 0.62), int(generator.integers(12, 30)))
    for number, line in enumerate(lines):
        sheet.write((52, 45 + step * number), line, size, ink)
    return sheet.photographed(generator)


def draw_meter(generator: np.random.Generator) -> Drawn:
    """A counter: large digits in windows above a unit."""
    sheet = _Sheet(tuple(int(v) for v in generator.integers(150, 225, 3)))
    digits = "".join(str(d) for d in generator.integers(0, 10, int(generator.integers(4, 7))))
    unit = str(generator.choice(_UNITS))
    sheet.draw.rectangle((40, 70, _SIZE[0] - 40, 185), fill=(22, 22, 24), outline=(90, 90, 90), width=4)
    pitch = (_SIZE[0] - 110) / len(digits)
    for place, digit in enumerate(digits):
        sheet.write((62 + pitch * place, 80), digit, 74, (235, 235, 225))
    sheet.join(len(digits))
    sheet.write((_SIZE[0] // 2 - 30, 220), unit, 40, (20, 20, 20))
    return sheet.photographed(generator)


def draw_gauge(generator: np.random.Generator) -> Drawn:
    """A round dial: a scale with numbers, a needle, a unit."""
    housing = int(generator.integers(30, 150))
    sheet = _Sheet((housing, housing, housing + int(generator.integers(0, 20))))
    middle, radius = (_SIZE[0] / 2, _SIZE[1] / 2), 145.0
    face = (235, 235, 228) if generator.random() < 0.7 else (25, 25, 28)
    ink = (20, 20, 22) if face[0] > 128 else (230, 230, 225)
    sheet.draw.ellipse(_around(middle, radius), fill=face, outline=(70, 70, 72), width=8)
    top, steps = int(generator.choice((1, 4, 10, 16, 25, 100))), int(generator.integers(4, 7))
    for number in range(steps * 5 + 1):
        turn = math.radians(135 + 270 * number / (steps * 5))
        outer, inner = (
            _on(middle, radius - 14, turn),
            _on(middle, radius - (32 if number % 5 == 0 else 24), turn),
        )
        sheet.draw.line((*outer, *inner), fill=ink, width=3 if number % 5 == 0 else 1)
        if number % 5 == 0:
            x, y = _on(middle, radius - 52, turn)
            sheet.write((x - 12, y - 10), f"{top * number / (steps * 5):g}"[:4], 18, ink)
    sheet.write((middle[0] - 22, middle[1] + 50), str(generator.choice(_UNITS)), 24, ink)
    turn = math.radians(135 + 270 * float(generator.random()))
    sheet.draw.line((*middle, *_on(middle, radius - 30, turn)), fill=(190, 30, 30), width=5)
    sheet.draw.ellipse(_around(middle, 9), fill=ink)
    return sheet.photographed(generator)


def _turned(box: Box, degrees: float) -> Box:
    """The box around a box that was turned with its sheet, anticlockwise about the middle."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across, down = _SIZE[0] / 2, _SIZE[1] / 2
    corners = [(x - across, y - down) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [across + x * cosine + y * sine for x, y in corners]
    ys = [down - x * sine + y * cosine for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _around(middle: tuple[float, float], radius: float) -> Box:
    return middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius


def _on(middle: tuple[float, float], radius: float, turn: float) -> tuple[float, float]:
    return middle[0] + radius * math.cos(turn), middle[1] + radius * math.sin(turn)


def _line(generator: np.random.Generator) -> str:
    value = f"{generator.integers(1, 1000)}" if generator.random() < 0.5 else f"{generator.random() * 99:.2f}"
    return f"{generator.choice(_WORDS)} {value} {generator.choice(_UNITS)}"
