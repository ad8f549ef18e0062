"""What the levels of one file look like: every distance that needs no download, for all levels side by side.

A level that makes up texture is judged by distances that its training did not use. One alone is easily
chosen to please, so all of them are reported.
"""

from __future__ import annotations

import importlib.util
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...api import encode, open_file
from ...errors import PgiUnsupportedError
from ...options import FAST, RECOGNITION
from .metrics import bits_per_pixel, psnr
from .perceptual_distances import StLpips, has_st_lpips
from .printed_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from rich.table import Table

    from .bench_pictures import Sample

__all__ = ["SHARPENED", "DistanceRow", "distance_table", "distances", "has_distances", "measure_distances"]

SHARPENED = "fast, sharpened"
"""What a viewer can do without another network: an unsharp mask over "fast"."""
_SIDE = 512
_MASK = {"radius": 2, "percent": 80, "threshold": 0}
_LOW, _HIGH = 0.05, 0.4

# Of piq; each is 1 for equal pictures.
_SIMILARITIES = {
    "HaarPSI": "haarpsi",
    "VSI": "vsi",
    "FSIM": "fsim",
    "SR-SIM": "srsim",
    "DSS": "dss",
    "SSIM": "ssim",
    "MS-SSIM": "multi_scale_ssim",
    "IW-SSIM": "information_weighted_ssim",
    "VIFp": "vif_p",
}
# Likewise; each is 0 for equal pictures.
_DEVIATIONS = {"GMSD": "gmsd", "MS-GMSD": "multi_scale_gmsd"}


@dataclass(frozen=True, slots=True)
class DistanceRow:
    """One distance of one level, over all files.

    Attributes:
        level: as decoded.
        distance: its name; 0 stands for equal pictures, except for "PSNR" in dB.
        mean: over the files.
        change: against "fast", as a share of it; of PSNR in dB.
        worse: share of the files that are farther from the original than "fast" shows them.
    """

    level: str
    distance: str
    mean: float
    change: float
    worse: float


def has_distances() -> bool:
    """Whether the packages of the extra ``[perceptual]`` are installed, piq among them."""
    return has_st_lpips() and importlib.util.find_spec("piq") is not None


def distances(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> dict[str, float]:
    """Distances by name, and PSNR in dB.

    Args:
        original: ``(H, W, 3)``, at least 161 pixels on each side.
        decoded: same shape.
    """
    import piq
    import torch

    first, second = (
        torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        for pixels in (original, decoded)
    )
    with torch.no_grad():
        found = {"PSNR": psnr(original, decoded), "ST-LPIPS": StLpips(original).distance(decoded)}
        found |= {name: float(getattr(piq, call)(first, second)) for name, call in _DEVIATIONS.items()}
        found["MDSI"] = float(piq.mdsi(first, second)) - float(piq.mdsi(first, first))
        found |= {name: 1 - float(getattr(piq, call)(first, second)) for name, call in _SIMILARITIES.items()}
    return found


def measure_distances(
    samples: Sequence[Sample],
    qualities: Sequence[int],
    *,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[list[DistanceRow], list[float]]:
    """Code squares of 512 pixels from the middle of pictures, and compare the levels that show every pixel.

    Args:
        samples: the pictures.
        qualities: of the files. Those outside of 0.05 to 0.4 bits per pixel are left out.
        on_step: called after each file.

    Returns:
        Rows by level and distance, and the bits per pixel of the files.

    Raises:
        PgiUnsupportedError: packages are missing.
    """
    if not has_distances():
        raise PgiUnsupportedError(
            "Distances need torch, stlpips-pytorch and piq: pip install 'pgic[perceptual]'."
        )
    rates: list[float] = []
    seen: dict[str, list[dict[str, float]]] = {}
    for sample in samples:
        original = _middle(sample.load())
        for quality in qualities:
            data = encode(original, quality=quality, codec="learned")
            rate = bits_per_pixel(len(data), original.shape[1], original.shape[0])
            if _LOW <= rate <= _HIGH:
                rates.append(rate)
                for level, pixels in _shown(data):
                    seen.setdefault(level, []).append(distances(original, pixels))
            on_step()
    return [row for level in seen for row in _rows(level, seen)], rates


def _middle(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    top, left = max(0, (height - _SIDE) // 2), max(0, (width - _SIDE) // 2)
    return np.ascontiguousarray(picture[top : top + _SIDE, left : left + _SIDE])


def _shown(data: bytes) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Levels that show every pixel to people, and "fast" with an unsharp mask."""
    from PIL import Image, ImageFilter

    with open_file(data) as file:
        found = [
            r.level for r in file.info().renderers if r.scale == 1 and r.level not in (FAST, RECOGNITION)
        ]
        fast = file.decode()
        yield FAST, fast
        yield SHARPENED, np.asarray(Image.fromarray(fast).filter(ImageFilter.UnsharpMask(**_MASK)))
        for level in found:
            yield level, file.decode(level=level)


def _rows(level: str, seen: Mapping[str, Sequence[Mapping[str, float]]]) -> Iterator[DistanceRow]:
    for name in seen[level][0]:
        own, usual = ([each[name] for each in seen[which]] for which in (level, FAST))
        mean, before = statistics.mean(own), statistics.mean(usual)
        change = mean - before if name == "PSNR" else mean / before - 1
        worse = [a < b if name == "PSNR" else a > b for a, b in zip(own, usual, strict=True)]
        yield DistanceRow(level, name, mean, change, statistics.mean(worse))


def distance_table(rows: Sequence[DistanceRow]) -> Table:
    """Distances down, levels across: the change against "fast"; first the value of "fast" itself."""
    cells: dict[str, dict[str, Any]] = {}
    for row in rows:
        cells.setdefault(row.distance, {})[row.level] = row
    levels = list(dict.fromkeys(row.level for row in rows if row.level != FAST))
    table = new_table("Distances to the original, against those of fast", ["distance"], [FAST, *levels])
    for name, found in cells.items():
        changes = [
            f"{found[level].change:+.2f} dB" if name == "PSNR" else f"{found[level].change:+.1%}"
            for level in levels
        ]
        table.add_row(
            name, f"{found[FAST].mean:.2f} dB" if name == "PSNR" else f"{found[FAST].mean:.4f}", *changes
        )
    return table
