"""The learned encoder: picture to payload (A-6.4.1a, A-6.4.2)."""

from __future__ import annotations

import dataclasses
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiOptionError, PgiTargetError
from ...options import (
    DEFAULT_EFFORT,
    DEFAULT_QUALITY,
    FAST,
    QUALITIES,
    check_effort,
    check_quality,
    thread_count,
)
from ..block_cutting import bands, block_pixels, blocks, columns
from ..parallel import map_tiles, run_alongside
from ..rectangle import Rectangle, hull, pixels_in
from ..tiles_and_windows import CELL_STRIDE, Y_STRIDE, Z_STRIDE, Grid
from .exact.decision import near_depth, near_error
from .exact.filling_under import Inpainted
from .exact.layer import pack_exact
from .exact.lost_details import LostDetails, touched_tiles
from .exact.search import ExactSearch
from .latent_refinement import REFINED_PIXELS, refine
from .latent_row_buffer import LatentRows
from .payload.header import EXACT_SIDE, StreamHeader, has_roi_map, quality_of, serialise
from .payload.tile_index import FULL_DEPTH
from .rate_control import RateTarget, psnr, search
from .rendering.block_plan import RenderPlan
from .rendering.pixel_rendering import pixels_of
from .rendering.post_filter import REACH
from .rendering.post_filter_fit import FilterFit, samples
from .small_rendering import SmallRendering
from .symbols.cdf_index_from_z import from_cells
from .symbols.entropy_coding import Z_BOUND, CdfTable, encode_segments
from .symbols.latent_quantisation import SYMBOL_LAYERS, QuantState, fill_thresholds, row_thresholds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...models import Model
    from ...options import Progress
    from .symbols.cdf_index_from_z import SymbolRows

__all__ = ["RateTarget", "encode_learned"]

SLOW = 3
"""The effort that refines latents."""
TILE = 512
_MOST_KEPT = 1 << 25
"""Pixels of pictures whose latent may be held as a whole: it takes 1.7 times the memory of their colours."""
_REFINING = 0.95  # share of the time that effort 3 spends on refining


def encode_learned(
    rgb: NDArray[np.uint8],
    *,
    model: Model,
    quality: int = DEFAULT_QUALITY,
    target: RateTarget | None = None,
    effort: int = DEFAULT_EFFORT,
    roi: NDArray[np.int8] | None = None,
    exact: NDArray[np.bool_] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    keep_details: bool = True,
) -> list[bytes]:
    """Code a picture.

    Args:
        rgb: ``(H, W, 3)``, sRGB grey levels.
        model: whose networks.
        quality: 1 to 100; ignored with a target.
        target: what to meet instead of a quality.
        effort: 1 rounds plainly; 2 drops symbols that cost more bits than they are worth, and sends a
            post-filter; 3 also moves the latent to where this picture costs less, which takes some tens of
            times as long.
        roi: ``(ceil(H / 64), ceil(W / 64))``, eighths of an octave by which steps are finer (A-6.4.1b).
        exact: ``(ceil(H / 8), ceil(W / 8))``, blocks to carry without loss, besides those that would come out
            badly otherwise.
        threads: for networks; ``None`` for all.
        progress: called with the share done, 0 to 1.
        keep_details: without an ROI map, make one where details on a calm ground would be lost. Under
            ``target.min_psnr``, only if that does not make the payload larger.

    Returns:
        The payload in pieces.

    Raises:
        PgiOptionError: an argument is out of range.
        PgiTargetError: no quality meets the target.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise PgiOptionError("The learned codec takes 8-bit RGB pictures only.")
    check_effort(effort)
    check_quality(quality)
    threads = thread_count(threads)
    encoder = Encoder(
        rgb,
        model,
        effort,
        roi,
        threads,
        progress or (lambda share: None),
        exact=exact,
        keep_details=keep_details,
        keep=target is not None or effort == SLOW,
    )
    if target is None:
        return encoder.code(quality)

    def fidelity(pieces: list[bytes]) -> float:
        return psnr(pieces, rgb, model, threads)

    found = search(encoder.code, target, fidelity)
    if target.min_psnr is None or not encoder.keeps_details or not has_roi_map(found):
        return found
    # Details take bytes that the bound may not need, or not as badly as a higher quality everywhere.
    encoder.keeps_details = False
    quality = quality_of(found)
    try:
        plain = search(encoder.code, target, fidelity, range(quality, min(quality + 2, QUALITIES.stop)))
    except PgiTargetError:
        return found
    return min(plain, found, key=lambda pieces: sum(map(len, pieces)))


class Encoder:
    """One picture on its way into a payload, band by band.

    Args:
        rgb: as for :func:`encode_learned`, like all that follow.
        model: whose networks.
        effort: one of :data:`~pgic_core.options.EFFORTS`.
        roi: the map, or ``None``.
        threads: for networks and tiles.
        progress: called with the share done.
        exact: blocks to carry without loss, or ``None``.
        search_exact: add blocks that the model would show badly.
        keep_details: as for :func:`encode_learned`; only together with that search.
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
        progress: Progress,
        *,
        exact: NDArray[np.bool_] | None = None,
        search_exact: bool = True,
        keep_details: bool = True,
        keep: bool = False,
    ) -> None:
        height, width = rgb.shape[:2]
        self._rgb = rgb
        self._model = model
        self._effort = effort
        self._threads = threads
        self._progress = progress
        self._keep = keep
        # An ROI map says which details matter. To code parts again takes the latent of the whole picture.
        self.keeps_details = keep_details and roi is None and width * height <= _MOST_KEPT
        self.grid = Grid.square(width, height, TILE)
        shape = (self.grid.padded.height // Z_STRIDE, self.grid.padded.width // Z_STRIDE)
        if roi is not None and (roi.shape != shape or roi.dtype != np.int8):
            raise PgiOptionError(f"The ROI map of this picture must be int8 of shape {shape}.")
        self._roi = roi if roi is not None and roi.any() else None
        shape = -(-height // EXACT_SIDE), -(-width // EXACT_SIDE)
        if exact is not None and (exact.shape != shape or exact.dtype != np.bool_):
            raise PgiOptionError(f"The exact blocks of this picture must be bool of shape {shape}.")
        self._neutral = _is_neutral(rgb[::Z_STRIDE]) and _is_neutral(rgb)  # a few rows tell most photos
        self._wanted = np.zeros(shape, np.bool_) if exact is None else exact
        self._cdfs = CdfTable.of(model)
        self._thresholds = row_thresholds(self._cdfs, drop=effort > 1)
        self._search = None
        if search_exact and model.weighs_errors:
            self._search = ExactSearch(rgb, self.grid, model, self._cdfs, self._thresholds, threads)
        self._block_pixels = block_pixels(self.grid.padded)
        self._exact: NDArray[np.bool_] | None = None
        self._details: LostDetails | None = None
        self._begin(self._wanted)

    def _begin(self, exact: NDArray[np.bool_]) -> None:
        """Choose exact blocks, and with them what the model is given."""
        grid, model = self.grid, self._model
        self._exact = exact if exact.any() else None
        self._seen = Inpainted(self._rgb, self._exact, grid, self._threads)
        self._latent = LatentRows(model.latent, grid.padded.width)
        self._samples: dict[Rectangle, float] = {}
        self._small: SmallRendering | None = None
        if self._effort > 1 and model.weighs_errors:
            margin = -(-(model.halo("synthesis") + REACH) // Y_STRIDE) * Y_STRIDE
            cut = blocks(grid.padded, TILE, self._block_pixels)
            self._samples = samples(self._rgb, cut, grid.padded, margin, self._exact)

    def _choose_exact(self, quality: int) -> None:
        """Have the exact blocks of a quality, and the cells whose details it may lose."""
        if self._search is None:
            return
        found = self._search.find(quality)
        chosen = self._wanted | found.blocks
        before = self._wanted & False if self._exact is None else self._exact
        if not np.array_equal(chosen, before):
            self._begin(chosen)
        self._details = None
        if self.keeps_details and np.isfinite(found.details).any():
            self._details = LostDetails(
                self._rgb, self.grid, self._model, quality, found.details, self._exact, self._threads
            )

    def code(self, quality: int) -> list[bytes]:
        """The payload at one quality."""
        self._choose_exact(quality)
        whole, reach = self.grid.padded, self._model.halo("means")
        state = QuantState(self._model, quality, self._roi, whole)
        latent, refining = self._latent, 0.0
        if self._effort == SLOW:
            self._hyper(state, whole.bottom)
            latent, refining = self._refined(state), _REFINING
        packed: dict[int, tuple[bytes, bytes]] = {}
        fit, keep = FilterFit(), self._keep or self._details is not None
        # A single sample is all of the picture, and with an ROI map pixels do not count alike.
        if len(self._samples) > 1 and self._roi is None:
            small = SmallRendering(self._seen, self._model, self.grid, self._threads)
            self._small = small if small.exists else None
        for band in bands(whole, TILE, self._block_pixels):
            self._hyper(state, band.grown(reach, Z_STRIDE, whole).bottom)
            for block in columns(band, TILE, self._block_pixels):
                packed |= self._pack(state, latent, block, fit)
                self._progress(refining + (1 - refining) * len(packed) / self.grid.count)
            if not keep:
                self._latent.forget(band.bottom - reach - Z_STRIDE)
        if not self._keep:
            self._latent = LatentRows(self._model.latent, whole.width)
        post_filter = b""
        if self._samples:
            pixels = self.grid.width * self.grid.height
            mean = None if self._small is None else self._small.mean
            found = fit.best(self._cdfs, self._model.error_weight(quality), pixels, mean)
            post_filter = found.pack(self._cdfs) if found else b""
        header = StreamHeader(
            self._model.digest, quality, self.grid, self._roi, post_filter, self._exact, self._neutral
        )
        exact = self._exact_parts(header)
        if self._details is not None:
            taken = chain(chain.from_iterable(packed.values()), (part for _, part in exact))
            finer = self._details.finer(state.steps, sum(map(len, taken)))
            if finer is not None:
                header = dataclasses.replace(header, roi_map=finer)
                packed |= self._in_finer_steps(state, latent, finer)
        tiles = [packed[index] for index in range(self.grid.count)]
        return serialise(header, list(zip(*tiles, strict=True)), exact)

    def _exact_parts(self, header: StreamHeader) -> list[tuple[int, bytes]]:
        """Depths and parts of the exact layer; nearly exact is enough where nobody asked for more."""
        asked = dataclasses.replace(header, exact=self._wanted)

        def pack(tile: int) -> tuple[int, bytes]:
            box = self.grid.box(tile).overlap(self.grid.picture)
            pixels, blocks = self._rgb[box.inside(self.grid.picture)], header.exact_in(tile)
            full = FULL_DEPTH, pack_exact(pixels, blocks, self._effort)
            if asked.exact_in(tile).any() or not self._model.weighs_errors:
                return full
            weight = self._model.error_weight(header.quality)
            depth = near_depth(weight)
            near = depth, pack_exact(pixels, blocks, self._effort, depth)
            lost = weight * near_error(depth) * EXACT_SIDE**2 * int(blocks.sum())
            return near if 8 * len(near[1]) + lost < 8 * len(full[1]) else full

        return map_tiles(pack, header.exact_tiles(), self._threads)

    def _analyse(self, bottom: int) -> None:
        """Have the latent down to a pixel row."""
        if bottom <= self._latent.bottom:
            return
        network, halo = self._model.network("analysis"), self._model.halo("analysis")
        for block in columns(self._latent.grow(bottom), TILE, self._block_pixels):
            area = block.grown(halo, Z_STRIDE, self.grid.padded)
            out = network({"picture": self._padded(area)}, threads=self._threads)
            self._latent.put(block, out[:, *block.inside(area, Y_STRIDE)])

    def _padded(self, area: Rectangle) -> NDArray[np.uint8]:
        """Pixels of ``area``; beyond the picture its last row and column are repeated."""
        return np.ascontiguousarray(self._seen.area(area))[None]

    def _hyper(self, state: QuantState, bottom: int) -> None:
        """Have z down to a pixel row."""
        whole = self.grid.padded
        if bottom <= state.z_bottom:
            return
        network, halo = self._model.network("hyper_analysis"), self._model.halo("hyper_analysis")
        strip = Rectangle(0, state.z_bottom, whole.width, bottom)
        state.z_bottom = bottom
        self._analyse(strip.grown(halo, Z_STRIDE, whole).bottom)
        for block in columns(strip, TILE, self._block_pixels):
            area = block.grown(halo, Z_STRIDE, whole)
            out = network(
                {
                    "latent": self._latent.take(area),
                    "embedding": state.steps.embedding("hyper_analysis", area, CELL_STRIDE),
                },
                threads=self._threads,
            )
            z = np.clip(np.rint(out[0][:, *block.inside(area, Z_STRIDE)]), -Z_BOUND, Z_BOUND)
            z[state.row_map.z_rows == 0] = 0
            state.z[:, *block.inside(whole, Z_STRIDE)] = z

    def _refined(self, state: QuantState) -> LatentRows:
        """A better latent than that of the analysis network, for one quality."""
        whole, reach = self.grid.padded, self._model.halo("means")
        cut = blocks(whole, TILE, REFINED_PIXELS)
        latent = LatentRows(self._model.latent, whole.width)
        latent.grow(whole.bottom)
        for block in cut:
            latent.put(block, self._latent.take(block).copy())
        for done, block in enumerate(cut):
            area = block.grown(reach, Z_STRIDE, whole)
            refined = refine(
                state,
                self._cdfs,
                self._thresholds,
                latent.take(area),
                self._padded(area),
                area,
                block,
                self._threads,
            )
            latent.put(block, refined)
            self._progress(_REFINING * (done + 1) / len(cut))
        return latent

    def _pack(
        self, state: QuantState, latent: LatentRows, block: Rectangle, fit: FilterFit | None
    ) -> dict[int, tuple[bytes, bytes]]:
        """Tile index to preview and detail part, for the tiles of a block; ``fit`` sees its samples.

        Without it, the block was coded before, and tells nothing new.
        """
        area = block.grown(self._model.halo("means"), Z_STRIDE, self.grid.padded)
        limits = np.empty(
            (area.height // CELL_STRIDE, area.width // CELL_STRIDE, 4 * self._model.latent), np.float16
        )

        def choose(box: Rectangle) -> list[SymbolRows]:
            chosen = [state.rows(layer, box) for layer in SYMBOL_LAYERS]
            for layer, rows in zip(SYMBOL_LAYERS, chosen, strict=True):
                cells = limits[box.inside(area, CELL_STRIDE)][:, :, state.row_map.channels[layer]]
                fill_thresholds(self._thresholds, rows, cells)
            return chosen

        tiles = list(self.grid.touching(block))
        boxes = [self.grid.box(index) for index in tiles]
        chosen = map_tiles(choose, boxes, self._threads)
        map_tiles(choose, block.frame(area), self._threads)
        seen = latent.take(area)
        symbols, decoded = state.symbols(area, seen, limits, self._threads)

        def learn() -> None:
            if fit is None:
                return
            if self._small is not None:
                self._small.add(state.steps, decoded, area, block)
            if self._details is not None:
                self._details.add(state.steps, seen, decoded, area, block)
            for sample in self._samples:
                if sample.overlap(block) == sample:
                    self._learn(state, decoded, area, sample, fit)

        def pack(at: int) -> tuple[bytes, bytes]:
            z = state.row_map.prediction.residual(state.z_of(boxes[at]))
            z_rows = state.row_map.rows_of_z(z[0].size)
            cells = symbols[boxes[at].inside(area, CELL_STRIDE)]
            segments = [(z_rows.counts, z.reshape(-1)[z_rows.index])]
            for layer, rows in zip(SYMBOL_LAYERS, chosen[at], strict=True):
                part = cells[:, :, state.row_map.channels[layer]]
                segments.append((rows.counts, from_cells(rows.index, part)))
            return encode_segments(self._cdfs, segments[:2]), encode_segments(self._cdfs, segments[2:])

        with run_alongside(learn, self._threads):
            packed = map_tiles(pack, range(len(tiles)), self._threads)
        return dict(zip(tiles, packed, strict=True))

    def _in_finer_steps(
        self, base: QuantState, latent: LatentRows, finer: NDArray[np.int8]
    ) -> dict[int, tuple[bytes, bytes]]:
        """Those tiles as :meth:`_pack` gives them that an ROI map changes.

        They keep their z: what the network would make of other steps saves next to nothing.
        """
        whole, reach = self.grid.padded, self._model.halo("means")
        state = QuantState(self._model, base.steps.quality, finer, whole)
        state.z[:] = base.z
        touched = touched_tiles(finer, self.grid, reach)
        packed: dict[int, tuple[bytes, bytes]] = {}
        for block in blocks(whole, TILE, self._block_pixels):
            if here := touched & set(self.grid.touching(block)):
                packed |= self._pack(state, latent, hull(map(self.grid.box, here)), None)
        return packed

    def _learn(
        self,
        state: QuantState,
        latent: NDArray[np.float32],
        area: Rectangle,
        sample: Rectangle,
        fit: FilterFit,
    ) -> None:
        """Decode a sample of ``area``, whose decoded latent is given, and tell the filter of it."""
        whole, steps = self.grid.padded, state.steps
        plan = RenderPlan.of(self._model.renderer(FAST), sample.around(REACH), whole)
        seen = plan.synthesis_box.inside(area, Y_STRIDE)
        decoded = pixels_of(steps, plan, latent[:, *seen], self._threads)
        units = sample.grown(0, Z_STRIDE, whole)
        shape = units.height // Z_STRIDE, units.width // Z_STRIDE
        importance = np.broadcast_to(np.float32(4) ** steps.octaves(units), shape)
        importance = importance.repeat(Z_STRIDE, 0).repeat(Z_STRIDE, 1)[sample.inside(units)]
        if self._exact is not None:
            around = sample.reduced(EXACT_SIDE)
            exact = self._exact[around.inside(self.grid.picture)]
            exact = exact.repeat(EXACT_SIDE, 0).repeat(EXACT_SIDE, 1)
            importance = importance * ~exact[sample.inside(around.times(EXACT_SIDE))]
        original = self._rgb[sample.inside(self.grid.picture)]
        small = None if self._small is None else self._small.difference(steps, latent, area, sample)
        fit.add(
            pixels_in(decoded, plan.render_box, sample.around(REACH)),
            original,
            importance,
            self._samples[sample],
            small,
        )


def _is_neutral(rgb: NDArray[np.uint8]) -> bool:
    green = rgb[:, :, 1]
    return np.array_equal(rgb[:, :, 0], green) and np.array_equal(rgb[:, :, 2], green)
