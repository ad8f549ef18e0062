"""How well blocks that were changed in a marked picture are found, after JPEG (A-6.5.3c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...api import decode, encode
from ...security.watermark import find_edits
from ...security.watermark.tamper import SIDE
from .metrics import psnr
from .watermark_ids import jpeg, load_within, marked_picture
from .watermark_rows import WatermarkRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["measure_edits"]

_QUALITY = 50
_JPEG_QUALITY = 80
_CASE = f".pgi {_QUALITY}, 64 x 64 pasted, JPEG {_JPEG_QUALITY}"
# One block is pasted for so many of the picture, anywhere and not on the grid.
_BLOCKS_PER_PASTE = 32


def measure_edits(paths: Sequence[Path], megapixels: float | None) -> Iterator[list[WatermarkRow]]:
    """Mark and code each picture, paste blocks of the one before into it, save it as JPEG, and look for them.

    A paste is found if a block that it touches is called changed. Every other block that is called changed is
    a false edit.

    Args:
        paths: of pictures.
        megapixels: to which larger ones are scaled down; None leaves them.

    Yields:
        The rows of a picture.
    """
    source = load_within(paths[-1], megapixels)
    for number, path in enumerate(paths):
        picture = load_within(path, megapixels)
        yield [*_rows(f"{path.parent.name}/{path.name}", picture, source, number)]
        source = picture


def _rows(
    name: str, picture: NDArray[np.uint8], source: NDArray[np.uint8], number: int
) -> Iterator[WatermarkRow]:
    marked, mark = marked_picture(picture, number, _QUALITY)
    level, size = psnr(picture, marked), picture.shape[0] * picture.shape[1] / 1e6
    edited = np.array(decode(encode(marked, quality=_QUALITY)))
    numbers = np.random.default_rng(number)
    rows, columns = (side // SIDE for side in picture.shape[:2])
    touched = np.zeros((rows, columns), bool)
    places = []
    for _ in range(max(rows * columns // _BLOCKS_PER_PASTE, 1)):
        top, left = numbers.integers((rows - 1) * SIDE), numbers.integers((columns - 1) * SIDE)
        around = np.s_[top // SIDE : -(-(top + SIDE) // SIDE), left // SIDE : -(-(left + SIDE) // SIDE)]
        if touched[around].any():
            continue
        touched[around] = True
        places.append(around)
        y, x = (numbers.integers(side - SIDE + 1) for side in source.shape[:2])
        edited[top : top + SIDE, left : left + SIDE] = source[y : y + SIDE, x : x + SIDE]
    found = find_edits(jpeg(edited, _JPEG_QUALITY), mark.key)
    changed = np.zeros_like(touched) if found is None else found.changed
    hits = sum(bool(changed[around].any()) for around in places)
    yield WatermarkRow("edit found", name, _CASE, len(places), hits, level, size)
    yield WatermarkRow(
        "false edit", name, _CASE, int((~touched).sum()), int(changed[~touched].sum()), level, size
    )
