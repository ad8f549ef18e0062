"""Generated pictures of what photographs rarely hold: stripes, rings, text, drawings, lamps, flat fields.

A codec learned from photographs alone fails on them, and inspection pictures do hold them: name plates,
meters, diagrams on a wall, signal lamps, louvres. The trainer mixes a few per cent of them into its crops.
``pgic bench worst`` looks for the worst block in them, with other seeds.
"""

from __future__ import annotations

import functools
import math
import shutil
import string
import subprocess
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    _Random = np.random.Generator
    _Colour = tuple[int, int, int]

__all__ = ["PATTERNS", "generate"]

_CHINESE = (
    "变电站绝缘子避雷器断路器隔离开关母线电压电流互感器压力表油位温度合闸分闸运行备用编号相高低有危险禁止"
)
_WORDS = (
    "SF6",
    "110kV",
    "220 kV",
    "MPa",
    "No.",
    "OPEN",
    "CLOSED",
    "TRIP",
    "ALARM",
    "PT",
    "CT",
    "A",
    "B",
    "C",
    "N",
)
_SATURATED: tuple[_Colour, ...] = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (255, 160, 0),
    (255, 255, 255),
    (0, 255, 255),
    (255, 0, 255),
)


def stripes(side: int, random: _Random) -> NDArray[np.uint8]:
    """A grating of any period from 2 to 32 pixels, at any angle, hard or soft, grey or coloured."""
    period = float(2 ** random.uniform(1, 5)) if random.random() < 0.6 else float(random.integers(2, 9))
    angle = 0.0 if random.random() < 0.3 else random.uniform(0, math.pi)
    if random.random() < 0.2:
        angle = math.pi / 2
    y, x = _coordinates(side)
    phase = (np.cos(angle) * x + np.sin(angle) * y) / period + random.random() * (random.random() < 0.5)
    return _two_colours(_wave(phase, random), random)


def checks(side: int, random: _Random) -> NDArray[np.uint8]:
    """Squares or lozenges of two colours, 1 to 16 pixels wide."""
    width = int(2 ** random.uniform(0, 4))
    y, x = _coordinates(side)
    angle = 0.0 if random.random() < 0.6 else random.uniform(0, math.pi / 2)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    odd = (np.floor(u / width) + np.floor(v / width)) % 2
    return _two_colours(odd.astype(np.float32), random)


def rings(side: int, random: _Random) -> NDArray[np.uint8]:
    """A zone plate: rings about a point that get finer outwards, down to 2 to 6 pixels."""
    cy, cx = random.uniform(-0.2, 1.2, 2) * side
    y, x = _coordinates(side)
    squared = (x - cx) ** 2 + (y - cy) ** 2
    finest = random.uniform(2, 6)
    return _two_colours(_wave(squared / (2 * finest * math.sqrt(float(squared.max()))), random), random)


def text(side: int, random: _Random) -> NDArray[np.uint8]:
    """Lines of Latin text and figures, and of Chinese where a font is installed, 7 to 48 pixels high."""
    ground, ink = _contrast(random)
    image = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(image)
    top = int(random.integers(-8, 8))
    while top < side:
        size = int(2 ** random.uniform(2.8, 5.6))
        chinese = chinese_font() is not None and random.random() < 0.4
        line = _line(random, chinese)
        draw.text((int(random.integers(-10, 30)), top), line, ink, font=_font(size, chinese))
        top += int(size * random.uniform(1.05, 1.6))
    return np.asarray(image)


def drawing(side: int, random: _Random) -> NDArray[np.uint8]:
    """Line art: polylines, circles, arcs, boxes and hatching, 1 to 3 pixels wide, on an even ground."""
    ground, ink = _contrast(random)
    image = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(image)
    for _ in range(int(side * side / 2 ** random.uniform(8.5, 12))):
        colour = ink if random.random() < 0.7 else _colour(random)
        width = int(random.choice([1, 1, 1, 2, 3]))
        x, y = (int(v) for v in random.integers(-20, side, 2))
        reach = int(2 ** random.uniform(2, math.log2(side)))
        box = (x, y, x + reach, y + max(1, int(reach * random.uniform(0.3, 1.5))))
        kind = int(random.integers(5))
        if kind == 0:
            draw.rectangle(box, outline=colour, width=width)
        elif kind == 1:
            draw.ellipse(box, outline=colour, width=width)
        elif kind == 2:
            draw.arc(box, int(random.integers(360)), int(random.integers(360)), fill=colour, width=width)
        elif kind == 3:
            ends = [
                tuple(int(v) for v in random.integers(0, side, 2)) for _ in range(int(random.integers(2, 6)))
            ]
            draw.line(ends, fill=colour, width=width)
        else:
            for at in range(box[0], box[2], int(random.integers(2, 7))):
                draw.line((at, box[1], at + int(random.integers(0, 9)), box[3]), fill=colour, width=1)
    return np.asarray(image)


def lamps(side: int, random: _Random) -> NDArray[np.uint8]:
    """Saturated lamps and marks of 1 to 8 pixels, square or round, on a dull and slightly noisy ground."""
    pixels = np.asarray(flat(side, random)).copy()
    for _ in range(int(side * side / 2 ** random.uniform(8, 12))):
        size = int(random.integers(1, 9))
        y, x = (int(v) for v in random.integers(0, side - size + 1, 2))
        colour = np.array(_SATURATED[int(random.integers(len(_SATURATED)))], np.uint8)
        v, u = np.indices((size, size)) - (size - 1) / 2
        shape = np.hypot(u, v) <= size / 2 if random.random() < 0.5 else np.ones((size, size), bool)
        pixels[y : y + size, x : x + size][shape] = colour
    return pixels


def flat(side: int, random: _Random) -> NDArray[np.uint8]:
    """An even field or a slow gradient of any colour, with up to 3 levels of noise."""
    y, x = _coordinates(side) / np.float32(side)
    ends = random.integers(0, 256, (2, 3)).astype(np.float32)
    if random.random() < 0.5:
        ends[1] = ends[0]
    angle = random.uniform(0, 2 * math.pi)
    ramp = (0.5 + 0.5 * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)))[..., None]
    noise = random.choice([0, 0, 1, 3]) * random.standard_normal((side, side, 1), np.float32)
    return _levels(ends[0] * (1 - ramp) + ends[1] * ramp + noise)


def noise(side: int, random: _Random) -> NDArray[np.uint8]:
    """White noise, grey or in colour, of 4 to 60 levels about any grey."""
    channels = int(random.choice([1, 3]))
    spread = 2 ** random.uniform(2, 6)
    field = random.uniform(40, 215) + spread * random.standard_normal((side, side, channels), np.float32)
    return np.broadcast_to(_levels(field), (side, side, 3)).copy()


PATTERNS: dict[str, Callable[[int, _Random], NDArray[np.uint8]]] = {
    "stripes": stripes,
    "checks": checks,
    "rings": rings,
    "text": text,
    "drawing": drawing,
    "lamps": lamps,
    "flat": flat,
    "noise": noise,
}
"""What can be generated, by name; each takes the side in pixels and a random generator."""

_SHARES = np.array([3, 1, 2, 5, 4, 3, 1, 1], float)


def generate(side: int, random: _Random) -> NDArray[np.uint8]:
    """One picture of a kind chosen at random, text and drawings more often than noise.

    Args:
        side: width and height in pixels, 16 or more.
        random: of all choices.

    Returns:
        ``(side, side, 3)`` sRGB grey levels.
    """
    kind = random.choice(list(PATTERNS), p=_SHARES / _SHARES.sum())
    return PATTERNS[kind](side, random)


def _coordinates(side: int) -> NDArray[np.float32]:
    """Rows and columns, ``(2, side, side)``."""
    grid: NDArray[np.float32] = np.indices((side, side)).astype(np.float32)
    return grid


def _wave(phase: NDArray[np.float32], random: _Random) -> NDArray[np.float32]:
    """0 to 1 over each period: a square wave of any duty, or a sine."""
    if random.random() < 0.6:
        duty = 0.5 if random.random() < 0.7 else random.uniform(0.2, 0.8)
        hard: NDArray[np.float32] = (phase % 1 < duty).astype(np.float32)
        return hard
    soft: NDArray[np.float32] = (0.5 + 0.5 * np.sin(2 * np.pi * phase)).astype(np.float32)
    return soft


def _two_colours(share: NDArray[np.float32], random: _Random) -> NDArray[np.uint8]:
    ground, ink = _contrast(random)
    mixed = np.array(ground, np.float32) + share[..., None] * (np.array(ink, np.float32) - np.array(ground))
    return _levels(mixed)


def _levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _colour(random: _Random) -> _Colour:
    red, green, blue = (int(v) for v in random.integers(0, 256, 3))
    return red, green, blue


def _contrast(random: _Random) -> tuple[_Colour, _Colour]:
    """A ground and an ink: black on white or the reverse half of the time, else any grey or any colour."""
    pick = random.random()
    if pick < 0.35:
        return (255, 255, 255), (0, 0, 0)
    if pick < 0.5:
        return (0, 0, 0), (255, 255, 255)
    if pick < 0.7:
        dark, light = int(random.integers(0, 110)), int(random.integers(130, 256))
        pair = (dark,) * 3, (light,) * 3
        return pair if random.random() < 0.5 else pair[::-1]
    return _colour(random), _colour(random)


def _line(random: _Random, chinese: bool) -> str:
    if chinese:
        return "".join(random.choice(list(_CHINESE), int(random.integers(4, 40))))
    letters = string.ascii_letters + string.digits * 3 + " .-/:"
    words = [
        str(random.choice(_WORDS)) if random.random() < 0.3 else "".join(random.choice(list(letters), 7))
        for _ in range(12)
    ]
    return " ".join(words)


@functools.lru_cache(64)
def _font(size: int, chinese: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    path = chinese_font() if chinese else None
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


@functools.cache
def chinese_font() -> str | None:
    """Path of an installed font that has Chinese characters, as fontconfig says; None where there is none."""
    if shutil.which("fc-list") is None:
        return None
    found = subprocess.run(
        ["fc-list", ":lang=zh", "--format", "%{file}\n"], capture_output=True, text=True, check=False
    )
    return min(found.stdout.split("\n")[:-1], default=None)
