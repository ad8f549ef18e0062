"""What the levels show of one file: crops side by side as one figure.

    python examples/levels.py -o examples/levels.png     the picture in the README
    python examples/levels.py photo.jpg --quality 20 --crop 800,400,200,200
    python examples/levels.py photo.jpg --worst 4        where perceptual errs most beyond fast

Needs matplotlib. PSNR is that of all RGB samples of the whole picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from figures import box, command_line, crops, psnr, save_or_show
from PIL import Image

import pgic_core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Box = tuple[int, int, int, int]

LEVELS = ("preview", "fast", "fine", "perceptual")
SIDE = 128


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


def worst(image: Image.Image, fast: Image.Image, perceptual: Image.Image, count: int) -> list[Box]:
    """The squares in which the squared error of ``perceptual`` exceeds that of ``fast`` by most."""
    more = error(perceptual, image) - error(fast, image)
    rows, columns = more.shape[0] // SIDE, more.shape[1] // SIDE
    means = more[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).mean((1, 3))
    order = np.argsort(means, axis=None)[::-1][:count]
    places = zip(*np.unravel_index(order, means.shape), strict=True)
    return [(int(column) * SIDE, int(row) * SIDE, SIDE, SIDE) for row, column in places]


def error(picture: Image.Image, original: Image.Image) -> NDArray[np.float64]:
    """Squared error of each pixel, averaged over colours."""
    difference = np.asarray(picture, np.float64) - np.asarray(original, np.float64)
    mean: NDArray[np.float64] = np.square(difference).mean(2)
    return mean


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and show or save the picture."""
    parser = command_line(__doc__, quality=20)
    parser.add_argument("--crop", type=box, default="880,780,300,300", help="x,y,width,height in pixels")
    parser.add_argument("--worst", type=int, default=0, help=f"so many squares of {SIDE} pixels, found")
    options = parser.parse_args(arguments)
    with Image.open(options.photo) as photo:
        image = photo.convert("RGB")
    data = pgic_core.encode(image, quality=options.quality, codec="learned")
    print(f"{len(data):,} bytes")
    panels = [("Original", image), *shown(data, image)]
    boxes = [options.crop]
    if options.worst:
        fast, perceptual = (panels[1 + LEVELS.index(level)][1] for level in ("fast", "perceptual"))
        boxes = worst(image, fast, perceptual, options.worst)
    save_or_show(crops(panels, *boxes), options.output)


if __name__ == "__main__":
    main()
