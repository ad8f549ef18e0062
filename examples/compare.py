"""Compare JPEG, AVIF and .pgi at the same number of bytes: crops of one photo side by side as one figure.

    python examples/compare.py -o examples/comparison.png     the picture in the README
    python examples/compare.py photo.jpg --quality 60 --crop 800,400,200,200

Needs matplotlib. The .pgi file sets the budget. JPEG and AVIF get the lowest quality whose file is at least
as large, so rounding is never in our favour. PSNR is that of all RGB samples of the whole picture.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from figures import box, command_line, crops, psnr, save_or_show
from PIL import Image

import pgic_core

# Both with the settings that the model card's figures use.
PEERS = {
    "JPEG": {"format": "JPEG", "optimize": True},
    "AVIF": {"format": "AVIF", "speed": 6, "subsampling": "4:4:4"},
}


class Coded(NamedTuple):
    """One panel: a name, the decoded picture and the bytes of its file."""

    name: str
    image: Image.Image
    size: int


def at_least(image: Image.Image, name: str, budget: int) -> Coded:
    """Save ``image`` with Pillow at the lowest quality whose file takes ``budget`` bytes or more."""
    low, high = 1, 100
    files: dict[int, bytes] = {}
    while low < high or low not in files:
        quality = (low + high) // 2
        buffer = io.BytesIO()
        image.save(buffer, quality=quality, **PEERS[name])
        files[quality] = buffer.getvalue()
        if len(files[quality]) < budget:
            low = min(quality + 1, 100)
        else:
            high = quality
    data = files[low]
    return Coded(name, Image.open(io.BytesIO(data)).convert("RGB"), len(data))


def compare(image: Image.Image, quality: int) -> list[Coded]:
    """Code ``image`` (RGB) as .pgi at ``quality`` and as each peer in no fewer bytes."""
    data = pgic_core.encode(image, quality=quality, codec="learned")
    pixels = Image.fromarray(np.asarray(pgic_core.decode(data)))
    return [*(at_least(image, name, len(data)) for name in PEERS), Coded(".pgi", pixels, len(data))]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, print the figures and show or save the picture."""
    parser = command_line(__doc__, quality=40)
    parser.add_argument("--crop", type=box, default="930,370,240,270", help="x,y,width,height in pixels")
    options = parser.parse_args(arguments)
    with Image.open(options.photo) as photo:
        image = photo.convert("RGB")
    bits = 8 / (image.width * image.height)
    panels = [("Original", image)]
    for coded in compare(image, options.quality):
        rate = f"{coded.size:,} bytes, {coded.size * bits:.3f} bpp"
        label = f"{coded.name}: {rate}, {psnr(image, coded.image):.1f} dB"
        print(label)
        panels.append((label, coded.image))
    save_or_show(crops(panels, options.crop), options.output)


if __name__ == "__main__":
    main()
