"""What the levels show of one file: crops side by side as one figure.

    python examples/levels.py -o examples/levels.png     the picture in the README
    python examples/levels.py photo.jpg --quality 20 --crop 800,400,200,200

Needs matplotlib. PSNR is that of all RGB samples of the whole picture.
"""

from __future__ import annotations

import numpy as np
from figures import box, command_line, crops, psnr, save_or_show
from PIL import Image

import pgic_core

LEVELS = ("preview", "fast", "fine", "perceptual")


def shown(data: bytes, image: Image.Image) -> list[tuple[str, Image.Image]]:
    """What each level shows of a file, as large as ``image`` (RGB), with a title."""
    panels = []
    for level in LEVELS:
        picture = Image.fromarray(np.asarray(pgic_core.decode(data, level=level)))
        if picture.size == image.size:
            title = f"{level}, {psnr(picture, image):.1f} dB"
        else:
            title = f"{level}, 1/{round(image.width / picture.width)} of each side"
            picture = picture.resize(image.size, Image.Resampling.BICUBIC)
        panels.append((title, picture))
    return panels


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and show or save the picture."""
    parser = command_line(__doc__, quality=20)
    parser.add_argument("--crop", type=box, default="880,780,300,300", help="x,y,width,height in pixels")
    options = parser.parse_args(arguments)
    with Image.open(options.photo) as photo:
        image = photo.convert("RGB")
    data = pgic_core.encode(image, quality=options.quality, codec="learned")
    print(f"{len(data):,} bytes")
    save_or_show(crops([("Original", image), *shown(data, image)], options.crop), options.output)


if __name__ == "__main__":
    main()
