"""What the example figures have in common: their photo, their command line, crops side by side."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from PIL import Image

TOWER = Path(__file__).with_name("tower.jpg")


def command_line(description: str, quality: int, takes: str = "any photo") -> argparse.ArgumentParser:
    """The options of every figure: a photo, where the figure goes, and the quality of the .pgi file."""
    parser = argparse.ArgumentParser(
        description=description.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("photo", nargs="?", default=str(TOWER), help=takes)
    parser.add_argument("-o", "--output", help="write the figure there and show nothing")
    parser.add_argument("-q", "--quality", type=int, default=quality, help="of the .pgi file, 1 to 100")
    return parser


def box(text: str) -> tuple[int, int, int, int]:
    """The box that an option gives as x,y,width,height."""
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("takes four whole numbers: x,y,width,height") from None
    return x, y, width, height


def psnr(a: Image.Image, b: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB over all samples of two RGB pictures of one size."""
    error = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    mean = float(np.mean(error**2))
    return 10 * math.log10(255**2 / mean) if mean else math.inf


def crops(panels: Sequence[tuple[str, Image.Image]], *boxes: tuple[int, int, int, int]) -> Figure:
    """One box of each picture, side by side under their titles; a row for each box."""
    _, _, width, height = boxes[0]
    size = 4 * len(panels), 4 * height / width * len(boxes) + 0.5
    figure, rows = plt.subplots(len(boxes), len(panels), figsize=size, layout="constrained", squeeze=False)
    for axis, (title, _) in zip(rows[0], panels, strict=True):
        axis.set_title(title, fontsize=12)
    for row, (x, y, width, height) in zip(rows, boxes, strict=True):
        for axis, (_, picture) in zip(row, panels, strict=True):
            axis.imshow(picture.crop((x, y, x + width, y + height)), interpolation="nearest")
            axis.set_axis_off()
    return figure


def save_or_show(figure: Figure, output: str | None) -> None:
    """Write a figure to a file, or open its window."""
    if output:
        figure.savefig(output, dpi=100)
    else:
        plt.show()
