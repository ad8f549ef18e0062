"""How many photos fit in a share of their JPEG (A-6.4.2a: 压缩比)."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...api import decode, encode
from ...errors import PgiOptionError
from .bench_pictures import fit_megapixels, load_rgb
from .metrics import ms_ssim, psnr
from .printed_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.table import Table

__all__ = ["RATIOS", "RatioRow", "measure_ratio", "ratio_rows", "ratio_table"]

RATIOS = ((95, 0.10), (80, 0.20))
"""JPEG quality of the input, and the share of its bytes that the file may take."""
_LEAST_PSNR = 35.0
_LEAST_SIDE = 11


@dataclass(frozen=True, slots=True)
class RatioRow:
    """One picture.

    Attributes:
        picture: its file name.
        jpeg_quality: of the input.
        jpeg_bytes: of the input.
        file_bytes: of ours, at most the share asked for; 0 if no quality is as small.
        psnr: of our picture against what the JPEG shows, in dB; 0 likewise.
        ms_ssim: likewise; NaN where there is none, or the picture is too small for it.
    """

    picture: str
    jpeg_quality: int
    jpeg_bytes: int
    file_bytes: int
    psnr: float
    ms_ssim: float = math.nan

    @property
    def reached(self) -> bool:
        """Whether it is small enough and good enough."""
        return self.psnr > _LEAST_PSNR


def measure_ratio(paths: Sequence[Path], megapixels: float) -> Iterator[RatioRow]:
    """Save each picture as JPEG, and code what that shows into a share of its bytes.

    Args:
        paths: of pictures, each brought to ``megapixels``.
        megapixels: of the JPEG.

    Yields:
        A row per picture and pair of :data:`RATIOS`.
    """
    for path in paths:
        yield from ratio_rows(path.name, fit_megapixels(load_rgb(path), megapixels))


def ratio_rows(name: str, picture: NDArray[np.uint8]) -> Iterator[RatioRow]:
    """The same for one picture at its own size.

    Args:
        name: of the picture.
        picture: ``(H, W, 3)``.
    """
    for quality, share in RATIOS:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=quality)
        size = stream.tell()
        shown: NDArray[np.uint8] = np.asarray(Image.open(stream, formats=["JPEG"]).convert("RGB"))
        try:
            data = encode(shown, max_bytes=int(share * size))
        except PgiOptionError:
            yield RatioRow(name, quality, size, 0, 0.0)
            continue
        decoded = decode(data)
        large = min(picture.shape[:2]) >= _LEAST_SIDE
        index = ms_ssim(shown, decoded) if large else math.nan
        yield RatioRow(name, quality, size, len(data), psnr(shown, decoded), index)


def ratio_table(rows: Sequence[RatioRow]) -> Table:
    """Share of pictures that fit, by JPEG quality."""
    table = new_table(
        f"Files within a share of their JPEG, above {_LEAST_PSNR:g} dB",
        ["input"],
        ["file at most", "pictures", "reached", "mean PSNR", "lowest"],
    )
    for quality, share in RATIOS:
        inside = [row for row in rows if row.jpeg_quality == quality]
        if inside:
            reached = sum(row.reached for row in inside)
            table.add_row(
                f"JPEG {quality}",
                f"{share:.0%}",
                str(len(inside)),
                f"{reached} ({reached / len(inside):.0%})",
                f"{np.mean([row.psnr for row in inside]):.2f}",
                f"{min(row.psnr for row in inside):.2f}",
            )
    return table
