"""Browse a .pgi file: preview, region-of-interest map, window and full picture, side by side as one figure.

    python examples/browse.py photo.pgi -o figure.png
    python examples/browse.py photo.jpg --roi saliency --window 800,400,512,512
    python examples/browse.py --roi insulator -o examples/browse.jpg     the photo beside this script

Needs matplotlib. A photo that is no .pgi file is coded first.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from figures import box, command_line, save_or_show
from matplotlib.patches import Rectangle
from PIL import Image

import pgic_core
from pgic_core.roi import draw_roi

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def browse(file: pgic_core.PgiFile, window: tuple[int, int, int, int] | None = None) -> Figure:
    """The figure.

    Args:
        file: an opened file.
        window: x, y, width, height in pixels; the middle ninth of the picture if not given.
    """
    width, height = file.width, file.height
    x, y, w, h = window or (width // 3, height // 3, max(width // 3, 1), max(height // 3, 1))
    preview = file.decode(level="preview")
    part = file.decode(window=(x, y, w, h))
    full = file.decode()
    kept = full if file.roi is None else draw_roi(Image.fromarray(full), file.roi)
    total = file.info().file_bytes

    panels = [
        (
            f"Preview: {preview.shape[1]} x {preview.shape[0]} from the first {file.preview_bytes:,} bytes",
            preview,
        ),
        ("Kept in more detail" if file.roi is not None else "No region of interest", kept),
        (f"Window: {w} x {h} at ({x}, {y}), its tiles only", part),
        (f"Full picture: {width} x {height} from {total:,} bytes", full),
    ]
    figure, axes = plt.subplots(1, 4, figsize=(20, 1.2 + 5 * height / width), layout="constrained")
    for axis, (title, pixels) in zip(axes, panels, strict=True):
        axis.imshow(pixels, cmap="gray" if getattr(pixels, "ndim", 3) == 2 else None)
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
    axes[3].add_patch(Rectangle((x, y), w, h, fill=False, edgecolor="yellow", linewidth=1.5))
    return figure


def open_or_encode(name: str, quality: int, roi: str) -> pgic_core.PgiFile:
    """Open a .pgi file, or code a photo in memory."""
    if Path(name).suffix.lower() == ".pgi":
        return pgic_core.open_file(name)
    with Image.open(name) as image:
        return pgic_core.open_file(io.BytesIO(pgic_core.encode(image, quality=quality, roi=roi)))


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and show or save the figure."""
    parser = command_line(__doc__, quality=40, takes="a .pgi file or any photo")
    parser.add_argument("--roi", default="saliency", help="model for a photo; 'pgic plugins' lists them")
    parser.add_argument("--window", type=box, help="x,y,width,height in pixels")
    options = parser.parse_args(arguments)
    with open_or_encode(options.photo, options.quality, options.roi) as file:
        figure = browse(file, options.window)
    save_or_show(figure, options.output)


if __name__ == "__main__":
    main()
