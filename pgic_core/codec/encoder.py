"""The learned encoder: picture to payload (A-6.4.1a, A-6.4.2)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PgiOptionError
from ..runtime import Model, default_threads
from .decoder import render
from .entropy import Bank, encode_segments
from .geometry import CELL, LATENT, UNIT, Box, Grid, strips
from .region import Rate
from .rows import RowMap
from .stream import StreamHeader, serialise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["EFFORTS", "RateTarget", "encode_learned"]

EFFORTS = range(1, 3)
TILE = 512
_STRIP_PIXELS = 8_000_000
_Z_BOUND = 127
# Weight of the rate where a symbol may be dropped: 1 would be the plain optimum for one symbol by itself, but
# its value also serves as context of others. Chosen on training pictures.
_RATE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class RateTarget:
    """What the coded picture must meet. The best quality that does is chosen.

    Attributes:
        max_bytes: of the payload.
        min_psnr: in dB over RGB; the smallest quality that reaches it is chosen.
    """

    max_bytes: int | None = None
    min_psnr: float | None = None


def encode_learned(
    rgb: NDArray[np.uint8],
    *,
    model: Model,
    quality: int = 75,
    target: RateTarget | None = None,
    effort: int = 2,
    roi: NDArray[np.int8] | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[bytes]:
    """Code a picture.

    Args:
        rgb: ``(H, W, 3)``, sRGB grey levels.
        model: whose networks.
        quality: 1 to 100; ignored with a target.
        target: what to meet instead of a quality.
        effort: 1 rounds plainly; 2 drops symbols that cost more bits than they are worth.
        roi: ``(ceil(H / 64), ceil(W / 64))``, eighths of an octave by which steps are finer (A-6.4.1b).
        threads: for networks; ``None`` for all.
        progress: called with the share done, 0 to 1.

    Returns:
        The payload in pieces.

    Raises:
        PgiOptionError: an argument is out of range, or no quality meets the target.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise PgiOptionError("The learned codec takes 8-bit RGB pictures only.")
    if effort not in EFFORTS:
        raise PgiOptionError(f"effort must be from {EFFORTS[0]} to {EFFORTS[-1]}, not {effort}.")
    if not 1 <= quality <= 100:
        raise PgiOptionError(f"quality must be from 1 to 100, not {quality}.")
    encoder = Encoder(rgb, model, effort, roi, threads or default_threads(), progress or (lambda share: None))
    if target is None:
        return encoder.code(quality)
    return encoder.search(target)


class Encoder:
    """One picture on its way into a payload; the analysis network runs once for all qualities tried."""

    def __init__(
        self,
        rgb: NDArray[np.uint8],
        model: Model,
        effort: int,
        roi: NDArray[np.int8] | None,
        threads: int,
        progress: Callable[[float], None],
    ) -> None:
        height, width = rgb.shape[:2]
        self._rgb = rgb
        self._model = model
        self._effort = effort
        self._threads = threads
        self._progress = progress
        self.grid = Grid(width, height, TILE)
        shape = (self.grid.padded.height // UNIT, self.grid.padded.width // UNIT)
        if roi is not None and (roi.shape != shape or roi.dtype != np.int8):
            raise PgiOptionError(f"The ROI map of this picture must be int8 of shape {shape}.")
        self._roi = roi if roi is not None and roi.any() else None
        self._bank = Bank.of(model)
        self.latent = self._analyse()

    def _analyse(self) -> NDArray[np.float32]:
        whole = self.grid.padded
        latent = np.empty((1, self._model.latent, whole.height // LATENT, whole.width // LATENT), np.float32)
        network, halo = self._model.network("analysis"), self._model.halo("analysis")
        pieces = strips(whole, TILE, _STRIP_PIXELS)
        for i, strip in enumerate(pieces):
            area = strip.grown(halo, UNIT, whole)
            out = network({"picture": self._padded(area)}, threads=self._threads)
            latent[:, :, *strip.inside(whole, LATENT)] = out[:, :, *strip.inside(area, LATENT)]
            self._progress(0.6 * (i + 1) / len(pieces))
        return latent

    def _padded(self, area: Box) -> NDArray[np.uint8]:
        """Pixels of ``area``; beyond the picture its last row and column are repeated."""
        part = self._rgb[area.top : area.bottom, area.left : area.right]
        missing = ((0, area.height - part.shape[0]), (0, area.width - part.shape[1]), (0, 0))
        if missing[0][1] or missing[1][1]:
            part = np.pad(part, missing, "edge")
        return np.ascontiguousarray(part)[None]

    def code(self, quality: int) -> list[bytes]:
        """The payload at one quality."""
        model, whole = self._model, self.grid.padded
        rate = Rate(model, quality, self._roi)
        row_map = RowMap.of(model, quality)
        z = self._hyper(rate, row_map)
        tiles = [self.grid.box(i) for i in range(self.grid.count)]
        thresholds = self._thresholds()
        shape = (4 * model.latent, whole.height // CELL, whole.width // CELL)
        limits = np.full(shape, thresholds[0], np.float16)
        flat = limits.reshape(-1)

        def choose(box: Box) -> list[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
            part = z[:, *box.inside(whole, UNIT)]
            offsets = None if self._roi is None else self._roi[box.inside(whole, UNIT)]
            chosen = []
            for layer in ("base", "detail"):
                rows = row_map.rows(layer, part, offsets)
                places = row_map.places(layer, part.shape[1:], shape[1:])[rows.index]
                places += box.top // CELL * shape[2] + box.left // CELL
                flat[places] = thresholds[rows.rows]
                chosen.append((rows.rows, places))
            return chosen

        with ThreadPoolExecutor(self._threads) as pool:
            chosen = list(pool.map(choose, tiles))
        self._progress(0.7)
        symbols = self._quantise(rate, z, limits).reshape(-1)
        self._progress(0.9)

        def pack(index: int) -> tuple[bytes, bytes]:
            part = z[:, *tiles[index].inside(whole, UNIT)]
            z_rows = row_map.rows_of_z(part[0].size)
            base, detail = chosen[index]
            first = (z_rows.rows, part.reshape(-1)[z_rows.index])
            return (
                encode_segments(self._bank, [first, (base[0], symbols[base[1]])]),
                encode_segments(self._bank, [(detail[0], symbols[detail[1]])]),
            )

        with ThreadPoolExecutor(self._threads) as pool:
            packed = list(pool.map(pack, range(len(tiles))))
        header = StreamHeader(model.digest, quality, self.grid, self._roi)
        self._progress(1.0)
        return serialise(header, list(zip(*packed, strict=True)))

    def _thresholds(self) -> NDArray[np.float16]:
        """By row: below which residual a symbol becomes zero.

        A step chosen for its rate weighs one bit as much as 2 / 17.3 squared steps of error: at the optimum
        of uniform quantisation dD/dR is 18 / ln 2 (see the trainer), spread over three colours.
        """
        bits = self._bank.bits()
        saved = bits[:, 1] - bits[:, 0]
        weight = _RATE_WEIGHT if self._effort > 1 else 0.0
        thresholds = 0.5 + weight * np.maximum(saved, 0) / 17.3
        thresholds[0] = np.inf
        return np.asarray(thresholds, np.float16)

    def _hyper(self, rate: Rate, row_map: RowMap) -> NDArray[np.int16]:
        whole = self.grid.padded
        z = np.empty((self._model.hyper, whole.height // UNIT, whole.width // UNIT), np.int16)
        network, halo = self._model.network("hyper_analysis"), self._model.halo("hyper_analysis")
        gain = 1 / rate.step
        for strip in strips(whole, TILE, _STRIP_PIXELS):
            area = strip.grown(halo, UNIT, whole)
            out = network(
                {
                    "latent": np.ascontiguousarray(self.latent[:, :, *area.inside(whole, LATENT)]),
                    "gain": gain,
                    "finer": rate.factor(area, 1),
                    "embedding": rate.embedding("hyper_analysis", area, CELL),
                },
                threads=self._threads,
            )
            part = out[0][:, *strip.inside(area, UNIT)]
            z[:, *strip.inside(whole, UNIT)] = np.clip(np.rint(part), -_Z_BOUND, _Z_BOUND)
        z[row_map.z_rows == 0] = 0
        return z

    def _quantise(
        self, rate: Rate, z: NDArray[np.int16], thresholds: NDArray[np.float16]
    ) -> NDArray[np.int16]:
        whole = self.grid.padded
        symbols = np.empty(thresholds.shape, np.int16)
        network, halo = self._model.network("code"), self._model.halo("means")
        gain = 1 / rate.step
        for strip in strips(whole, TILE, _STRIP_PIXELS):
            area = strip.grown(halo, UNIT, whole)
            out = network(
                {
                    "latent": np.ascontiguousarray(self.latent[:, :, *area.inside(whole, LATENT)]),
                    "gain": gain,
                    "finer": rate.factor(area, 1),
                    "z": z[None, :, *area.inside(whole, UNIT)].astype(np.float32),
                    "embedding": rate.embedding("means", area, CELL),
                    "threshold": np.ascontiguousarray(thresholds[None, :, *area.inside(whole, CELL)]),
                },
                threads=self._threads,
            )
            symbols[:, *strip.inside(whole, CELL)] = out[0][:, *strip.inside(area, CELL)]
        return symbols

    def search(self, target: RateTarget) -> list[bytes]:
        """The payload at the quality that meets ``target`` best, by bisection over whole qualities."""
        tried: dict[int, list[bytes]] = {}

        def fits(quality: int) -> bool:
            pieces = tried[quality] = self.code(quality)
            if target.max_bytes is not None and sum(map(len, pieces)) > target.max_bytes:
                return False
            return target.min_psnr is None or self._psnr(pieces) < target.min_psnr

        if target.max_bytes is not None:
            best = _last(fits, 0)
            if best == 0:
                raise PgiOptionError(
                    f"Even quality 1 takes {sum(map(len, tried[1])):,} bytes, which is more than asked for."
                )
            return tried[best]
        best = _last(fits, 0) + 1
        if best > 100:
            raise PgiOptionError(
                f"Even quality 100 stays below {target.min_psnr} dB; lossless=True keeps every pixel."
            )
        return tried[best] if best in tried else self.code(best)

    def _psnr(self, pieces: list[bytes]) -> float:
        error = 0.0
        for box, pixels in render(b"".join(pieces), self.grid, self._model, self._threads):
            difference = pixels - self._rgb[box.top : box.bottom, box.left : box.right].astype(np.float32)
            error += float(np.square(difference).sum(dtype=np.float64))
        return float(10 * np.log10(255**2 * self._rgb.size / error)) if error else float("inf")


def _last(fits: Callable[[int], bool], low: int) -> int:
    """The last of ``low`` .. 100 for which ``fits`` (true up to some point) holds; ``low`` is not asked."""
    high = 101
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
