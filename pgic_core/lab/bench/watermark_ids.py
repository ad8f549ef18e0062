"""How often the id of a watermark is found after what happens to pictures, and edits of them (A-6.5.3c)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ...api import decode, encode
from ...security.watermark import Watermark, detect, embed, find_edits
from .bench_pictures import fit_megapixels, load_rgb
from .metrics import psnr
from .watermark_edits import paste_blocks
from .watermark_false import numbered_key
from .watermark_rows import WatermarkRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["load_within", "measure_ids"]

_QUALITY = 50
_CODED_QUALITIES = (40, 60, 80)
_CHAIN_QUALITY = 60
_JPEG_QUALITY = 70
_EDITED_QUALITY = 80
_SCALES = (0.75, 1.5)


def measure_ids(paths: Sequence[Path], megapixels: float | None) -> Iterator[list[WatermarkRow]]:
    """Mark each picture, change it in every way, and look for the id; then edit it, and look for the edits.

    Args:
        paths: of pictures.
        megapixels: to which larger ones are scaled down; None leaves them.

    Yields:
        The rows of a picture.
    """
    other = load_within(paths[-1], megapixels)
    for number, path in enumerate(paths):
        picture = load_within(path, megapixels)
        yield [*_rows(f"{path.parent.name}/{path.name}", picture, other, number)]
        other = picture


def load_within(path: Path, megapixels: float | None) -> NDArray[np.uint8]:
    """A picture, scaled down to so many megapixels if it is larger."""
    picture = load_rgb(path)
    if megapixels is None or picture.shape[0] * picture.shape[1] <= megapixels * 1e6:
        return picture
    return fit_megapixels(picture, megapixels)


def marked_picture(
    picture: NDArray[np.uint8], number: int, quality: int
) -> tuple[NDArray[np.uint8], Watermark]:
    """A picture with a watermark whose key and id follow from its number."""
    mark = Watermark(numbered_key("key", number), numbered_key("id", number)[:8])
    return embed(picture, mark, quality=quality), mark


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What a JPEG of a picture shows, 4:2:0."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    with Image.open(file, formats=["JPEG"]) as image:
        return np.asarray(image)


def scaled(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """A picture scaled by Pillow's bicubic filter."""
    height, width = picture.shape[:2]
    size = round(width * scale), round(height * scale)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _rows(
    name: str, picture: NDArray[np.uint8], other: NDArray[np.uint8], number: int
) -> Iterator[WatermarkRow]:
    size = picture.shape[0] * picture.shape[1] / 1e6
    for quality in (_QUALITY, *_CODED_QUALITIES):
        marked, mark = marked_picture(picture, number, quality)
        level = psnr(picture, marked)
        decoded: Any = decode(encode(marked, quality=quality))
        for case, changed in _changed(marked, decoded, quality, number):
            found = detect(changed, mark.key)
            hits = int(found is not None and found.identity == mark.identity)
            yield WatermarkRow("id found", name, case, 1, hits, level, size)
        if quality == _QUALITY:
            pasted = paste_blocks(decoded, other, number)
            edits = find_edits(jpeg(pasted.picture, _EDITED_QUALITY), mark.key)
            case = f".pgi {quality}, 64 x 64 pasted, JPEG {_EDITED_QUALITY}"
            for measure, (trials, hits) in pasted.counts(edits).items():
                yield WatermarkRow(measure, name, case, trials, hits, level, size)


def _changed(
    marked: NDArray[np.uint8], decoded: NDArray[np.uint8], quality: int, number: int
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """What a picture that was marked for a quality, and coded at it, is changed into, with names."""
    yield f".pgi {quality}", decoded
    if quality == _QUALITY:
        yield from _copies("", marked, number)
        yield from _copies(f".pgi {quality}, ", decoded, number)
    if quality == _CHAIN_QUALITY:
        case = f".pgi {quality}, scale {_SCALES[0]}, JPEG {_JPEG_QUALITY}"
        yield case, jpeg(scaled(decoded, _SCALES[0]), _JPEG_QUALITY)


def _copies(before: str, picture: NDArray[np.uint8], number: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    yield f"{before}JPEG {_JPEG_QUALITY}", jpeg(picture, _JPEG_QUALITY)
    for scale in _SCALES:
        yield f"{before}scale {scale}", scaled(picture, scale)
    sides = [side // 2 for side in picture.shape[:2]]
    top, left = np.random.default_rng(number).integers(sides)
    yield f"{before}crop to a quarter", picture[top : top + sides[0], left : left + sides[1]]
