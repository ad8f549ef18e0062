"""The learned encoder: picture to payload (A-6.4.1a, A-6.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PgiOptionError
from ..runtime import Model, default_threads
from .decoder import render
from .entropy import Bank, encode_segments
from .geometry import CELL, LATENT, UNIT, Box, Grid, bands, block_pixels, columns
from .latent_rows import LatentRows
from .parallel import map_tiles
from .region import Rate
from .rows import RowMap, SymbolRows, from_cells, to_cells
from .stream import StreamHeader, serialise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["EFFORTS", "RateTarget", "encode_learned"]

EFFORTS = range(1, 3)
TILE = 512
_Z_BOUND = 127
# Weight of the rate where a symbol may be dropped: 1 would be the plain optimum for one symbol by itself, but
# its value also serves as context of others. Chosen on training pictures.
_RATE_WEIGHT = 0.65


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
    quality: int = 50,
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
    encoder = Encoder(
        rgb,
        model,
        effort,
        roi,
        threads or default_threads(),
        progress or (lambda share: None),
        keep=target is not None,
    )
    if target is None:
        return encoder.code(quality)
    return encoder.search(target)


class Encoder:
    """One picture on its way into a payload, band by band.

    Args:
        rgb: as for :func:`encode_learned`, like all that follow.
        model: whose networks.
        effort: 1 or 2.
        roi: the map, or ``None``.
        threads: for networks and tiles.
        progress: called with the share done.
        keep: keep the whole latent, so that the analysis network runs once for all qualities tried; else
            only the rows that are still needed are held.
    """

    def __init__(
        self,
        rgb: NDArray[np.uint8],
        model: Model,
        effort: int,
        roi: NDArray[np.int8] | None,
        threads: int,
        progress: Callable[[float], None],
        *,
        keep: bool = False,
    ) -> None:
        height, width = rgb.shape[:2]
        self._rgb = rgb
        self._model = model
        self._effort = effort
        self._threads = threads
        self._progress = progress
        self._keep = keep
        self.grid = Grid(width, height, TILE)
        shape = (self.grid.padded.height // UNIT, self.grid.padded.width // UNIT)
        if roi is not None and (roi.shape != shape or roi.dtype != np.int8):
            raise PgiOptionError(f"The ROI map of this picture must be int8 of shape {shape}.")
        self._roi = roi if roi is not None and roi.any() else None
        self._bank = Bank.of(model)
        self._latent = LatentRows(model.latent, self.grid.padded.width)
        self._block_pixels = block_pixels(self.grid.padded)

    def code(self, quality: int) -> list[bytes]:
        """The payload at one quality."""
        whole, reach = self.grid.padded, self._model.halo("means")
        picture = _Coding(self._model, quality, self._roi, whole)
        packed: dict[int, tuple[bytes, bytes]] = {}
        for band in bands(whole, TILE, self._block_pixels):
            self._hyper(picture, band.grown(reach, UNIT, whole).bottom)
            for block in columns(band, TILE, self._block_pixels):
                packed |= self._pack(picture, block)
                self._progress(len(packed) / self.grid.count)
            if not self._keep:
                self._latent.forget(band.bottom - reach - UNIT)
        if not self._keep:
            self._latent = LatentRows(self._model.latent, whole.width)
        header = StreamHeader(self._model.digest, quality, self.grid, self._roi)
        tiles = [packed[index] for index in range(self.grid.count)]
        return serialise(header, list(zip(*tiles, strict=True)))

    def _analyse(self, bottom: int) -> None:
        """Have the latent down to a pixel row."""
        if bottom <= self._latent.bottom:
            return
        network, halo = self._model.network("analysis"), self._model.halo("analysis")
        for block in columns(self._latent.grow(bottom), TILE, self._block_pixels):
            area = block.grown(halo, UNIT, self.grid.padded)
            out = network({"picture": self._padded(area)}, threads=self._threads)
            self._latent.put(block, out[:, *block.inside(area, LATENT)])

    def _padded(self, area: Box) -> NDArray[np.uint8]:
        """Pixels of ``area``; beyond the picture its last row and column are repeated."""
        part = self._rgb[area.top : area.bottom, area.left : area.right]
        missing = ((0, area.height - part.shape[0]), (0, area.width - part.shape[1]), (0, 0))
        if missing[0][1] or missing[1][1]:
            part = np.pad(part, missing, "edge")
        return np.ascontiguousarray(part)[None]

    def _hyper(self, picture: _Coding, bottom: int) -> None:
        """Have z down to a pixel row."""
        whole = self.grid.padded
        network, halo = self._model.network("hyper_analysis"), self._model.halo("hyper_analysis")
        strip = Box(0, picture.z_bottom, whole.width, bottom)
        picture.z_bottom = bottom
        self._analyse(strip.grown(halo, UNIT, whole).bottom)
        for block in columns(strip, TILE, self._block_pixels):
            area = block.grown(halo, UNIT, whole)
            out = network(
                {
                    "latent": self._latent.take(area),
                    "embedding": picture.rate.embedding("hyper_analysis", area, CELL),
                },
                threads=self._threads,
            )
            z = np.clip(np.rint(out[0][:, *block.inside(area, UNIT)]), -_Z_BOUND, _Z_BOUND)
            z[picture.row_map.z_rows == 0] = 0
            picture.z[:, *block.inside(whole, UNIT)] = z

    def _pack(self, picture: _Coding, block: Box) -> dict[int, tuple[bytes, bytes]]:
        """Tile index to preview and detail part, for the tiles of a block."""
        area = block.grown(self._model.halo("means"), UNIT, self.grid.padded)
        thresholds = self._thresholds()
        limits = np.empty((area.height // CELL, area.width // CELL, 4 * self._model.latent), np.float16)

        def choose(box: Box) -> list[SymbolRows]:
            z, offsets = picture.z_of(box), picture.offsets_of(box)
            chosen = []
            for layer in ("base", "detail"):
                rows = picture.row_map.rows(layer, z, offsets)
                values = np.repeat(thresholds, rows.counts)
                cells = limits[box.inside(area, CELL)][:, :, picture.row_map.channels[layer]]
                to_cells(rows, values, cells, rest=thresholds[0])
                chosen.append(rows)
            return chosen

        tiles = list(self.grid.touching(block))
        boxes = [self.grid.box(index) for index in tiles]
        chosen = map_tiles(choose, boxes, self._threads)
        map_tiles(choose, block.frame(area), self._threads)
        symbols = self._quantise(picture, area, limits)

        def pack(at: int) -> tuple[bytes, bytes]:
            z = picture.z_of(boxes[at])
            z_rows = picture.row_map.rows_of_z(z[0].size)
            cells = symbols[boxes[at].inside(area, CELL)]
            segments = [(z_rows.counts, z.reshape(-1)[z_rows.index])]
            for layer, rows in zip(("base", "detail"), chosen[at], strict=True):
                part = cells[:, :, picture.row_map.channels[layer]]
                segments.append((rows.counts, from_cells(rows, part)))
            return encode_segments(self._bank, segments[:2]), encode_segments(self._bank, segments[2:])

        return dict(zip(tiles, map_tiles(pack, range(len(tiles)), self._threads), strict=True))

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

    def _quantise(self, picture: _Coding, area: Box, thresholds: NDArray[np.float16]) -> NDArray[np.int16]:
        """Symbols of ``area``: ``(rows, columns, 4 M)`` of cells."""
        inputs: dict[str, NDArray[Any]] = {
            "latent": self._latent.take(area),
            "step": picture.rate.steps(area),
            "z": picture.z_of(area)[None].astype(np.float32),
            "embedding": picture.rate.embedding("means", area, CELL),
            "threshold": thresholds[None],
        }
        symbols: NDArray[np.int16] = self._model.network("code")(inputs, threads=self._threads)[0]
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


class _Coding:
    """What one quality makes of a picture: steps, rows, and z as far as it is known.

    Attributes:
        z: int16 ``(Z, rows, columns)``.
        z_bottom: the pixel row down to which it is.
    """

    def __init__(self, model: Model, quality: int, roi: NDArray[np.int8] | None, whole: Box) -> None:
        self.rate = Rate(model, quality, roi)
        self.row_map = RowMap.of(model, quality)
        self.z = np.zeros((model.hyper, whole.height // UNIT, whole.width // UNIT), np.int16)
        self.z_bottom = 0
        self._roi = roi
        self._whole = whole

    def z_of(self, area: Box) -> NDArray[np.int16]:
        """Values of z in an area."""
        return self.z[:, *area.inside(self._whole, UNIT)]

    def offsets_of(self, area: Box) -> NDArray[np.int8] | None:
        """The ROI map of an area."""
        return None if self._roi is None else self._roi[area.inside(self._whole, UNIT)]


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
