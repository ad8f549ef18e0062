"""How much a region of interest gains at the same bytes (A-6.4.1b, A-6.4.2b)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...api import decode, encode
from ...errors import PgiInputError, PgiOptionError
from ...folders import file_inside
from ...roi import Roi
from ...small_files import read_json
from .bench_pictures import load_rgb
from .metrics import psnr
from .printed_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.table import Table

    Boxes = list[tuple[float, float, float, float]]

__all__ = ["BoxedFile", "RegionRow", "find_boxed", "measure_regions", "region_table"]

LARGEST_SHARE = 0.2
_BINS = (0.0, 0.01, 0.05, 0.1, LARGEST_SHARE)


@dataclass(frozen=True, slots=True)
class BoxedFile:
    """A picture file and its boxes: left, top, width, height in pixels."""

    path: Path
    boxes: Boxes


@dataclass(frozen=True, slots=True)
class RegionRow:
    """One picture, coded with and without its region of interest.

    Attributes:
        picture: its file name.
        share: of its pixels that lie in boxes, 0 to 0.2.
        plain_bytes, roi_bytes: of the two files; the second is never larger.
        plain_inside, roi_inside: PSNR over RGB inside the boxes, in dB.
        plain_all, roi_all: PSNR of the whole picture.
    """

    picture: str
    share: float
    plain_bytes: int
    roi_bytes: int
    plain_inside: float
    roi_inside: float
    plain_all: float
    roi_all: float


def find_boxed(annotations: Path, limit: int | None = None) -> list[BoxedFile]:
    """Pictures of a COCO file that have boxes; they lie beside it or in ``images/`` there.

    Raises:
        PgiInputError: the file cannot be read as COCO annotations.
    """
    try:
        coco = read_json(annotations, "COCO annotations", most_bytes=None)
        boxes: dict[int, Boxes] = {image["id"]: [] for image in coco["images"]}
        for item in coco["annotations"]:
            x, y, width, height = map(float, item["bbox"])
            boxes[item["image_id"]].append((x, y, width, height))
        names = [(str(image["file_name"]), boxes[image["id"]]) for image in coco["images"]]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise PgiInputError(f"{annotations} cannot be read as COCO annotations: {error}.") from error
    folder = annotations.parent / "images"
    folder = folder if folder.is_dir() else annotations.parent
    return [BoxedFile(file_inside(folder, name), found) for name, found in names if found][:limit]


def measure_regions(files: Sequence[BoxedFile], quality: int, roi: Roi) -> Iterator[RegionRow | None]:
    """Code every picture plainly at a quality, then with the region of interest in no more bytes.

    Args:
        files: what to code.
        quality: of the plain one, 1 to 100.
        roi: strength and background; its source is not looked at.

    Yields:
        A row, or ``None`` for a picture whose boxes cover more than a fifth, or nothing.
    """
    for file in files:
        picture = load_rgb(file.path)
        inside = _inside(picture, file.boxes)
        if not 0 < inside.mean() <= LARGEST_SHARE:
            yield None
            continue
        plain = encode(picture, quality=quality, codec="learned")
        wanted = Roi(file.boxes, roi.strength, roi.background)
        try:
            kept = encode(picture, max_bytes=len(plain), roi=wanted, codec="learned")
        except PgiOptionError:  # not even the lowest quality is as small
            yield None
            continue
        first, second = decode(plain), decode(kept)
        yield RegionRow(
            picture=file.path.name,
            share=float(inside.mean()),
            plain_bytes=len(plain),
            roi_bytes=len(kept),
            plain_inside=_psnr_where(picture, first, inside),
            roi_inside=_psnr_where(picture, second, inside),
            plain_all=psnr(picture, first),
            roi_all=psnr(picture, second),
        )


def region_table(rows: Sequence[RegionRow], quality: int) -> Table:
    """Mean gains by how much of the picture the boxes cover."""
    table = new_table(
        f"Region of interest: in no more bytes than quality {quality} without one",
        ["boxes cover"],
        ["pictures", "inside dB", "gain inside", "lowest", "whole picture", "bytes"],
    )
    parts = [
        (f"{low:.0%} to {high:.0%}", [r for r in rows if low < r.share <= high])
        for low, high in pairwise(_BINS)
    ]
    for name, inside in [*parts, ("all", list(rows))]:
        if inside:
            gains = [r.roi_inside - r.plain_inside for r in inside]
            table.add_row(
                name,
                str(len(inside)),
                f"{np.mean([r.plain_inside for r in inside]):.2f}",
                f"{np.mean(gains):+.2f}",
                f"{min(gains):+.2f}",
                f"{np.mean([r.roi_all - r.plain_all for r in inside]):+.2f}",
                f"{np.mean([r.roi_bytes / r.plain_bytes for r in inside]) - 1:+.1%}",
            )
    return table


def _inside(picture: NDArray[np.uint8], boxes: Boxes) -> NDArray[np.bool_]:
    mask = np.zeros(picture.shape[:2], bool)
    for x, y, width, height in boxes:
        mask[max(0, round(y)) : max(0, round(y + height)), max(0, round(x)) : max(0, round(x + width))] = True
    return mask


def _psnr_where(first: NDArray[np.uint8], second: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    return psnr(first[where][None], second[where][None])
