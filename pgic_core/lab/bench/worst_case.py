"""The worst blocks of decoded pictures, beside AVIF at the same bytes (A-8.2c, no visible damage)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...api import decode, encode
from ..generated_patterns import PATTERNS
from .peer_codecs import find_codec
from .printed_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.table import Table

    from .peer_codecs import Codec

__all__ = [
    "ALLOWED_CHROMA",
    "ALLOWED_GAP",
    "QUALITIES",
    "WorstRow",
    "generated_pictures",
    "measure_worst",
    "off_the_grid",
    "worst_sheet",
    "worst_table",
]

QUALITIES = (40, 60, 80)
BLOCK = 64
GOOD_PSNR = 40.0
"""Blocks at or above so many dB are good enough, whatever a peer does."""
ALLOWED_GAP = 6.0
"""How many dB a block may lie under AVIF's."""
ALLOWED_CHROMA = 6.0
"""By how many levels Cb and Cr of a neutral block may move, from quality 50 on."""
_CHROMA_QUALITY = 50
_FIRST_QUALITY, _GROWTH = 60, 0.05
"""Where to look for AVIF's quality first; and by which share its files usually grow with one step of it."""
_LOSSY_SUFFIXES = {".jpg", ".jpeg", ".avif", ".webp"}
_OFF = 5, 3
"""Rows and columns that are cut from pictures of lossy files: no multiple of a transform's side."""
_SEED = 20
_SIDE = 512


@dataclass(frozen=True, slots=True)
class WorstRow:
    """The worst block of one picture at one quality.

    Attributes:
        picture: its name.
        quality: of our file.
        file_bytes, peer_bytes: of our file and of the largest AVIF file that is not larger.
        left, top: of the block of 64 x 64 pixels, in pixels.
        psnr, peer_psnr: of that block, in dB over RGB.
        chroma: the largest move of Cb or Cr in any neutral block of the picture, in levels.
    """

    picture: str
    quality: int
    file_bytes: int
    peer_bytes: int
    left: int
    top: int
    psnr: float
    peer_psnr: float
    chroma: float

    @property
    def gap(self) -> float:
        """By how many dB the block lies under AVIF's; 0 where it is good enough by itself."""
        return max(0.0, self.peer_psnr - self.psnr) if self.psnr < GOOD_PSNR else 0.0

    @property
    def holds(self) -> bool:
        """Whether the picture is within both bounds."""
        return self.gap <= ALLOWED_GAP and (self.quality < _CHROMA_QUALITY or self.chroma <= ALLOWED_CHROMA)


def generated_pictures(count: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """``count`` generated patterns of each kind, 512 x 512 pixels, with seeds that no training uses."""
    for kind, draw in PATTERNS.items():
        for index in range(count):
            yield f"{kind}-{index}", draw(_SIDE, np.random.default_rng([_SEED, index]))


def off_the_grid(picture: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """A picture without its first rows and columns, if its file was coded with loss.

    What a coder of blocks rounded, a coder whose blocks lie on the same grid stores almost for free: AVIF
    gains up to 3.7 dB at quality 80 on pictures that were AVIF before. A new photo gives it no such help.

    Args:
        picture: ``(H, W, 3)``.
        path: of its file.
    """
    rows, columns = _OFF
    if path.suffix.lower() not in _LOSSY_SUFFIXES or min(picture.shape[:2]) <= BLOCK:
        return picture
    return np.ascontiguousarray(picture[rows:, columns:])


def measure_worst(
    name: str, picture: NDArray[np.uint8], qualities: Sequence[int] = QUALITIES, crops: Path | None = None
) -> Iterator[WorstRow]:
    """Code a picture, and find the block that lies furthest under AVIF's at the same bytes.

    Args:
        name: of the picture.
        picture: ``(H, W, 3)`` uint8.
        qualities: of our files.
        crops: folder for a PNG of each picture out of bounds: original, ours and AVIF around the worst block.

    Yields:
        A row per quality.
    """
    avif = find_codec("avif")
    files = _Files(avif, picture)
    for quality in qualities:
        data = encode(picture, quality=quality)
        ours = decode(data)
        peer_data = files.largest_within(len(data))
        peer = avif.decode(peer_data)
        own_psnr, peer_psnr = _block_psnr(picture, ours), _block_psnr(picture, peer)
        gaps = np.where(own_psnr < GOOD_PSNR, peer_psnr - own_psnr, -np.inf)
        # Where no block is below the good level, the worst one is that of the lowest PSNR.
        place = np.argmax(gaps) if np.isfinite(gaps).any() else np.argmin(own_psnr)
        row, column = np.unravel_index(int(place), gaps.shape)
        found = WorstRow(
            name,
            quality,
            len(data),
            len(peer_data),
            _starts(picture.shape[1])[column],
            _starts(picture.shape[0])[row],
            float(own_psnr[row, column]),
            float(peer_psnr[row, column]),
            _neutral_chroma(picture, ours),
        )
        if crops is not None and not found.holds:
            worst_sheet(found, picture, ours, peer).save(crops / f"{name}-q{quality}.png")
        yield found


def worst_sheet(
    row: WorstRow, picture: NDArray[np.uint8], ours: NDArray[np.uint8], peer: NDArray[np.uint8]
) -> Image.Image:
    """Original, ours and AVIF side by side, 256 pixels around the worst block, enlarged to 512 each."""
    height, width = picture.shape[:2]
    top = min(max(0, row.top - 96), max(0, height - 256))
    left = min(max(0, row.left - 96), max(0, width - 256))
    parts = [p[top : top + 256, left : left + 256] for p in (picture, ours, peer)]
    sheet = Image.fromarray(np.hstack(parts))
    return sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST)


def worst_table(rows: Sequence[WorstRow], count: int = 20) -> Table:
    """The rows out of bounds and, up to ``count`` in all, the largest gaps."""
    table = new_table(
        f"Worst blocks of {BLOCK} x {BLOCK} below {GOOD_PSNR:g} dB, against AVIF at the same bytes",
        ["picture"],
        ["quality", "bytes", "AVIF bytes", "block", "dB", "AVIF dB", "gap", "neutral chroma"],
    )
    worst = sorted(rows, key=lambda row: (row.holds, -row.gap, -row.chroma))
    failing = sum(not row.holds for row in rows)
    for row in worst[: max(count, failing)]:
        table.add_row(
            row.picture,
            str(row.quality),
            f"{row.file_bytes:,}",
            f"{row.peer_bytes:,}",
            f"{row.left},{row.top}",
            f"{row.psnr:.1f}",
            f"{row.peer_psnr:.1f}",
            f"{row.gap:.1f}",
            f"{row.chroma:.0f}",
            style=None if row.holds else "bold",
        )
    return table


class _Files:
    """The files of one picture by a codec, of which each is made once.

    Args:
        codec: whose qualities are 0 to 100.
        picture: ``(H, W, 3)`` uint8.
    """

    def __init__(self, codec: Codec, picture: NDArray[np.uint8]) -> None:
        self._codec, self._picture = codec, picture
        self._made: dict[int, bytes] = {}

    def largest_within(self, size: int) -> bytes:
        """The file of the highest quality within ``size`` bytes; that of the lowest if none is."""
        while True:
            low = max((q for q, data in self._made.items() if len(data) <= size), default=-1)
            high = min((q for q, data in self._made.items() if len(data) > size), default=101)
            if high - low <= 1:
                return self._made[max(low, 0)]
            near = low if low >= 0 else high
            guess = _FIRST_QUALITY
            if near in self._made:
                guess = near + math.floor(math.log(size / len(self._made[near])) / _GROWTH)
            guess = min(max(guess, low + 1), high - 1)
            self._made[guess] = self._codec.encode(self._picture, guess)


def _block_psnr(picture: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> NDArray[np.float64]:
    """PSNR of each block, in dB, at most 100; the last of a row or column ends with the picture."""
    squares = np.square(picture.astype(np.float64) - decoded).mean(2)
    rows, columns = (_starts(size) for size in squares.shape)
    means = np.array([[squares[y : y + BLOCK, x : x + BLOCK].mean() for x in columns] for y in rows])
    psnr: NDArray[np.float64] = 10 * np.log10(255**2 / np.maximum(means, 255**2 * 1e-10))
    return psnr


def _starts(size: int) -> list[int]:
    """Where blocks start; all are whole, unless the picture is smaller than one."""
    return [*range(0, size - BLOCK, BLOCK), max(0, size - BLOCK)]


def _neutral_chroma(picture: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """The largest move of a 4 x 4 mean of Cb or Cr, in levels, in blocks of the original that are grey."""
    height, width = (size // BLOCK * BLOCK for size in picture.shape[:2])
    if not height or not width:
        return 0.0
    spread = np.ptp(picture[:height, :width], axis=2)
    neutral = spread.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).max((1, 3)) == 0
    if not neutral.any():
        return 0.0
    ycc = np.asarray(Image.fromarray(decoded[:height, :width]).convert("YCbCr"), np.float32)[..., 1:] - 128
    small = ycc.reshape(height // 4, 4, width // 4, 4, 2).mean((1, 3))
    inside = neutral.repeat(BLOCK // 4, 0).repeat(BLOCK // 4, 1)
    return float(np.abs(small[inside]).max())
