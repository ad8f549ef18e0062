"""What the levels show of one file: crops side by side as one figure.

    python examples/levels.py -o examples/levels.png     the picture in the README
    python examples/levels.py photo.jpg --quality 20 --crop 800,400,200,200

Needs matplotlib. PSNR is that of all RGB samples of the whole picture.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import pgic_core

TOWER = Path(__file__).with_name("tower.jpg")
LEVELS = ("preview", "fast", "fine", "perceptual")


def shown(data: bytes, image: Image.Image) -> list[tuple[str, Image.Image]]:
    """What each level shows of a file, as large as ``image`` (RGB), with a title."""
    panels = []
    for level in LEVELS:
        picture = Image.fromarray(np.asarray(pgic_core.decode(data, level=level)))
        if picture.size == image.size:
            error = np.asarray(picture, np.float64) - np.asarray(image, np.float64)
            title = f"{level}, {10 * math.log10(255**2 / max(float(np.mean(error**2)), 1e-6)):.1f} dB"
        else:
            title = f"{level}, 1/{round(image.width / picture.width)} of each side"
            picture = picture.resize(image.size, Image.Resampling.BICUBIC)
        panels.append((title, picture))
    return panels


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and show or save the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("photo", nargs="?", default=str(TOWER), help="any photo")
    parser.add_argument("-o", "--output", help="write the figure there and show nothing")
    parser.add_argument("-q", "--quality", type=int, default=20, help="of the .pgi file, 1 to 100")
    parser.add_argument("--crop", default="880,780,300,300", help="x,y,width,height in pixels")
    options = parser.parse_args(arguments)
    try:
        x, y, width, height = map(int, options.crop.split(","))
    except ValueError:
        parser.error("--crop takes four whole numbers: x,y,width,height")
    with Image.open(options.photo) as photo:
        image = photo.convert("RGB")
    data = pgic_core.encode(image, quality=options.quality, codec="learned")
    print(f"{len(data):,} bytes")
    panels = [("Original", image), *shown(data, image)]
    count = len(panels)
    figure, axes = plt.subplots(1, count, figsize=(4 * count, 4 * height / width + 0.5), layout="constrained")
    for axis, (label, picture) in zip(axes, panels, strict=True):
        axis.imshow(picture.crop((x, y, x + width, y + height)), interpolation="nearest")
        axis.set_title(label, fontsize=14)
        axis.set_axis_off()
    if options.output:
        figure.savefig(options.output, dpi=80)
    else:
        plt.show()


if __name__ == "__main__":
    main()
