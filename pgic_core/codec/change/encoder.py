"""Coding what changed since an earlier frame (``STREAM.md``, "Change"; A-6.4.1c).

Where a position changed, the encoder compares ways to code it: not at all, anew, or as differences to the
symbols of the reference, whose distribution is narrower the less there is to change. The cheapest wins,
counting bits and the error of the latent as the quality weighs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..block_cutting import block_pixels, blocks
from ..learned.exact.decision import near_depth
from ..learned.exact.filling_under import Inpainted
from ..learned.exact.layer import pack_exact
from ..learned.exact.search import ExactSearch
from ..learned.payload.header import EXACT_SIDE
from ..learned.payload.tile_index import FULL_DEPTH
from ..learned.symbols.cdf_index_from_z import RowMap, from_cells
from ..learned.symbols.entropy_coding import Z_BOUND, CdfTable, encode_segments
from ..learned.symbols.latent_quantisation import SYMBOL_LAYERS, row_thresholds
from ..learned.symbols.quality_to_steps import StepSizes
from ..parallel import map_tiles
from ..rectangle import hull
from ..tiles_and_windows import CELL_STRIDE, Y_STRIDE, Z_STRIDE
from .change_image import restored_reader
from .map_of_changes import rounded_amounts
from .mode_choice import ChangePart, ModeChoice
from .modes import NEW
from .stream import ChangeHeader, serialise_change
from .symbol_rows import change_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..learned.decoder import LearnedImage
    from ..learned.symbols.tile_symbol_reader import TileReader
    from ..rectangle import Rectangle
    from ..tiles_and_windows import Grid

__all__ = ["CanvasPicture", "encode_change", "is_neutral"]

_DENSE = 0.3
"""Changed positions go through the networks together if they fill this share of the rectangle around them."""


@dataclass(frozen=True, slots=True)
class CanvasPicture:
    """A frame as its canvas shows it.

    Attributes:
        rgb: uint8 ``(H, W, 3)`` of the canvas; what lies outside the frame may be anything.
        grid: tiles of the canvas.
        left, top: tiles by which it is larger there than that of the reference.
        corners: of :class:`.ChangeHeader`.
        candidates: bool ``(h, w)`` of z positions: those that are coded if it pays.
        amounts: uint8 ``(h, w)``: by how much the scene changed there; 0 where it did not.
        ages: uint8 ``(h, w)``, which state of a candidate is like the frame; 0 for the one that it has, and
            everywhere if the canvas grew.
        exact: bool ``(ceil(H / 8), ceil(W / 8))``, blocks to carry without loss; ``None`` for none.
    """

    rgb: NDArray[np.uint8]
    grid: Grid
    candidates: NDArray[np.bool_]
    amounts: NDArray[np.uint8]
    ages: NDArray[np.uint8]
    left: int = 0
    top: int = 0
    corners: NDArray[np.int64] | None = None
    exact: NDArray[np.bool_] | None = None


def encode_change(
    picture: CanvasPicture, reference: LearnedImage, *, effort: int, threads: int
) -> tuple[list[bytes], ChangeHeader]:
    """Code a change frame.

    Args:
        picture: the frame.
        reference: canvas of the frame before.
        effort: as for :func:`.encoder.encode_learned`; 3 has no more to do than 2.
        threads: for networks and tiles.

    Returns:
        The payload in pieces, and its header.
    """
    return _ChangeEncoder(picture, reference, effort, threads).code()


class _ChangeEncoder:
    def __init__(self, picture: CanvasPicture, reference: LearnedImage, effort: int, threads: int) -> None:
        self._picture = picture
        self._reference = reference
        self._effort = effort
        self._threads = threads
        self._model = reference.model
        self._grid = picture.grid
        header = reference.header
        self._quality = header.quality
        self._left = picture.left * self._grid.tile
        self._top = picture.top * self._grid.tile
        self._roi = self._moved_roi(header.roi_map)
        self._steps = StepSizes(self._model, header.quality, self._roi)
        self._row_map = RowMap.of(self._model, header.quality)
        self._cdfs = CdfTable.of(self._model)
        self._thresholds = row_thresholds(self._cdfs, drop=effort > 1)
        self._candidates = picture.candidates
        self._ages = np.where(picture.candidates, picture.ages, np.uint8(0))
        self._exact = self._exact_blocks()
        self._seen = Inpainted(picture.rgb, self._exact, self._grid, threads)
        self._modes = np.zeros(self._candidates.shape, np.uint8)
        self._z_coded = np.zeros(self._candidates.shape, np.bool_)
        self._choice = ModeChoice(self._steps, self._row_map, self._cdfs, self._thresholds, threads)
        self._z = np.zeros((self._model.hyper, *self._candidates.shape), np.int16)

    def code(self) -> tuple[list[bytes], ChangeHeader]:
        """The payload in pieces, and its header."""
        whole, picture = self._grid.padded, self._picture
        tiles = restored_reader(self._reference, self._ages)
        packed: dict[int, tuple[bytes, bytes]] = {}
        for inner in self._areas():
            part = self._prepare(inner, tiles)
            coded = self._choice.choose(part, self._roi_of(part), self._with_exact(part.outer))
            here, there = inner.inside(whole, Z_STRIDE), inner.inside(part.outer, Z_STRIDE)
            self._modes[here], self._z_coded[here] = part.modes[there], part.z_coded[there]
            packed |= self._pack(part, coded, inner)
        ages = np.where((self._modes == NEW) & self._z_coded, np.uint8(0), self._ages)
        header = ChangeHeader(
            self._grid,
            picture.left,
            picture.top,
            picture.corners,
            self._modes,
            self._z_coded,
            ages,
            np.where((self._modes > 0) | (ages > 0), rounded_amounts(picture.amounts), np.uint8(0)),
            None,
            self._exact,
            self._neutral(),
        )
        parts = [packed[tile] for tile in header.changed_tiles()]
        layers = [part[0] for part in parts], [part[1] for part in parts]
        payload = serialise_change(header, layers, self._exact_parts(header), self._reference.grid)
        return payload, header

    def _moved_roi(self, roi_map: NDArray[np.int8] | None) -> NDArray[np.int8] | None:
        whole = self._grid.padded
        if roi_map is None or self._grid == self._reference.grid:
            return roi_map
        larger = np.zeros((whole.height // Z_STRIDE, whole.width // Z_STRIDE), np.int8)
        top, left = self._top // Z_STRIDE, self._left // Z_STRIDE
        larger[top : top + roi_map.shape[0], left : left + roi_map.shape[1]] = roi_map
        return larger

    def _neutral(self) -> bool:
        """Whether the canvas is grey: that of the reference was, and this frame is."""
        return self._reference.header.neutral and is_neutral(self._picture.rgb)

    def _exact_blocks(self) -> NDArray[np.bool_] | None:
        """Blocks to carry without loss, all of them in changed positions."""
        picture, side = self._picture, Z_STRIDE // EXACT_SIDE
        if not self._candidates.any():
            return None
        rows, columns = -(-self._grid.height // EXACT_SIDE), -(-self._grid.width // EXACT_SIDE)
        chosen = np.zeros((rows, columns), np.bool_) if picture.exact is None else picture.exact.copy()
        if self._model.weighs_errors:
            search = ExactSearch(
                picture.rgb, self._grid, self._model, self._cdfs, self._thresholds, self._threads
            )
            chosen |= search.find(self._quality).blocks
        chosen &= self._candidates.repeat(side, 0).repeat(side, 1)[:rows, :columns]
        return chosen if chosen.any() else None

    def _exact_parts(self, header: ChangeHeader) -> list[tuple[int, bytes]]:
        """Depths and parts of the exact layer."""
        rgb, grid, asked = self._picture.rgb, self._grid, self._picture.exact

        def pack(tile: int) -> tuple[int, bytes]:
            assert header.exact is not None
            inside = grid.box(tile).inside(grid.padded, EXACT_SIDE)
            pixels = rgb[grid.box(tile).overlap(grid.picture).inside(grid.picture)]
            wanted = asked is not None and asked[inside].any()
            depth = FULL_DEPTH
            if not wanted and self._model.weighs_errors:
                depth = near_depth(self._model.error_weight(self._quality))
            return depth, pack_exact(pixels, header.exact[inside], self._effort, depth)

        return map_tiles(pack, header.exact_tiles(), self._threads)

    def _areas(self) -> Iterator[Rectangle]:
        """Rectangles that hold all changed positions of the tiles that they touch."""
        whole, tile = self._grid.padded, self._grid.tile
        for block in blocks(whole, tile, block_pixels(whole)):
            found = {
                index: box for index in self._grid.touching(block) if (box := self._candidate_box(index))
            }
            if not found:
                continue
            around = hull(found.values())
            filled = self._candidates[around.inside(whole, Z_STRIDE)].mean()
            if filled >= _DENSE:
                yield around
            else:
                yield from found.values()

    def _candidate_box(self, index: int) -> Rectangle | None:
        """The rectangle around the changed positions of a tile."""
        box = self._grid.box(index)
        rows, columns = np.nonzero(self._candidates[box.inside(self._grid.padded, Z_STRIDE)])
        if not len(rows):
            return None
        return type(box)(
            box.left + Z_STRIDE * int(columns.min()),
            box.top + Z_STRIDE * int(rows.min()),
            box.left + Z_STRIDE * (int(columns.max()) + 1),
            box.top + Z_STRIDE * (int(rows.max()) + 1),
        )

    def _prepare(self, inner: Rectangle, tiles: TileReader) -> ChangePart:
        """The latent of this frame, and z and symbols of the reference."""
        model, whole = self._model, self._grid.padded
        outer = inner.grown(model.halo("means"), Z_STRIDE, whole)
        latent = self._analysed(outer)
        z, symbols = self._reference_symbols(outer, tiles)
        candidates = np.zeros(z.shape[1:], np.bool_)
        here = inner.inside(outer, Z_STRIDE)
        candidates[here] = self._candidates[inner.inside(whole, Z_STRIDE)]
        area = inner.grown(model.halo("hyper_analysis"), Z_STRIDE, whole)
        out = model.network("hyper_analysis")(
            {
                "latent": np.ascontiguousarray(latent[:, *area.inside(outer, Y_STRIDE)]),
                "embedding": self._steps.embedding("hyper_analysis", area, CELL_STRIDE),
            },
            threads=self._threads,
        )[0]
        fresh = np.clip(np.rint(out[:, *inner.inside(area, Z_STRIDE)]), -Z_BOUND, Z_BOUND).astype(np.int16)
        fresh[self._row_map.z_rows == 0] = 0
        new_z = z.copy()
        new_z[:, *here] = np.where(candidates[here], fresh, z[:, *here])
        restored = self._ages[outer.inside(whole, Z_STRIDE)] > 0
        modes, z_coded = np.zeros(candidates.shape, np.uint8), np.zeros(candidates.shape, np.bool_)
        cost = np.full(candidates.shape, np.inf)
        return ChangePart(
            outer, latent, z, new_z, symbols, symbols, candidates, restored, modes, z_coded, cost
        )

    def _analysed(self, outer: Rectangle) -> NDArray[np.float32]:
        area = outer.grown(self._model.halo("analysis"), Z_STRIDE, self._grid.padded)
        pixels = np.ascontiguousarray(self._seen.area(area))[None]
        out = self._model.network("analysis")({"picture": pixels}, threads=self._threads)
        return np.ascontiguousarray(out[:, *outer.inside(area, Y_STRIDE)])

    def _reference_symbols(
        self, outer: Rectangle, tiles: TileReader
    ) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Z and symbols of the reference, as int16 ``(Z, h, w)`` and cells; zeros where it has none."""
        there = outer.shifted(-self._left, -self._top)
        known = there.overlap(self._reference.grid.padded)
        z = np.zeros((self._model.hyper, outer.height // Z_STRIDE, outer.width // Z_STRIDE), np.int16)
        cells = outer.height // CELL_STRIDE, outer.width // CELL_STRIDE
        symbols = np.zeros((*cells, 4 * self._model.latent), np.int16)
        if known.width > 0 and known.height > 0:
            z[:, *known.inside(there, Z_STRIDE)] = tiles.z(known)[0]
            here = known.inside(there, CELL_STRIDE)
            symbols[here] = np.concatenate([tiles.base(known)[0], tiles.detail(known)[0]], axis=2)
            for tile in self._reference.grid.touching(known):
                box = self._reference.grid.box(tile).shifted(self._left, self._top)
                self._z[:, *box.inside(self._grid.padded, Z_STRIDE)] = tiles.tile_z(tile)
        return z, symbols

    def _roi_of(self, part: ChangePart) -> NDArray[np.int8] | None:
        return None if self._roi is None else self._roi[part.outer.inside(self._grid.padded, Z_STRIDE)]

    def _with_exact(self, outer: Rectangle) -> NDArray[np.bool_]:
        """Positions of an area that hold an exact block."""
        height, width = outer.height // Z_STRIDE, outer.width // Z_STRIDE
        if self._exact is None:
            return np.zeros((height, width), np.bool_)
        side = Z_STRIDE // EXACT_SIDE
        blocks = np.zeros((height * side, width * side), np.bool_)
        here = self._exact[outer.inside(self._grid.padded, EXACT_SIDE)]
        blocks[: here.shape[0], : here.shape[1]] = here
        return np.asarray(blocks.reshape(height, side, width, side).any((1, 3)), np.bool_)

    def _pack(
        self, part: ChangePart, coded: NDArray[np.int16], inner: Rectangle
    ) -> dict[int, tuple[bytes, bytes]]:
        """Tile to preview and detail part."""
        z = np.where(part.z_coded, part.new_z, part.z)

        def pack(tile: int) -> tuple[bytes, bytes]:
            box = self._grid.box(tile)
            # Of the tile's own positions the area holds all that changed.
            modes = np.zeros((box.height // Z_STRIDE, box.width // Z_STRIDE), np.uint8)
            new = np.zeros(modes.shape, np.bool_)
            common = box.overlap(part.outer)
            here, there = common.inside(box, Z_STRIDE), common.inside(part.outer, Z_STRIDE)
            modes[here], new[here] = part.modes[there], part.z_coded[there]
            tile_z, cells = self._tile_of(box, part.outer, z, coded)
            roi_map = None if self._roi is None else self._roi[box.inside(self._grid.padded, Z_STRIDE)]
            z_rows = self._row_map.rows_of_z(int(new.sum()))
            residual = self._row_map.prediction.residual(tile_z)[:, new]
            segments = [(z_rows.counts, residual.reshape(-1)[z_rows.index])]
            for layer in SYMBOL_LAYERS:
                rows = change_rows(self._row_map, layer, tile_z, modes, roi_map, third=True)
                channels = self._row_map.channels[layer]
                segments.append((rows.counts, from_cells(rows.index, cells[:, :, channels])))
            return encode_segments(self._cdfs, segments[:2]), encode_segments(self._cdfs, segments[2:])

        tiles = [tile for tile in self._grid.touching(inner) if self._candidate_box(tile)]
        return dict(zip(tiles, map_tiles(pack, tiles, self._threads), strict=True))

    def _tile_of(
        self, box: Rectangle, outer: Rectangle, z: NDArray[np.int16], coded: NDArray[np.int16]
    ) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Z and coded symbols of a whole tile, of which ``outer`` may hold a part."""
        common = box.overlap(outer)
        cells = np.zeros((box.height // CELL_STRIDE, box.width // CELL_STRIDE, coded.shape[2]), np.int16)
        cells[common.inside(box, CELL_STRIDE)] = coded[common.inside(outer, CELL_STRIDE)]
        # Neighbours of new positions predict them, whether or not they lie in the area.
        tile_z = self._z[:, *box.inside(self._grid.padded, Z_STRIDE)].copy()
        tile_z[:, *common.inside(box, Z_STRIDE)] = z[:, *common.inside(outer, Z_STRIDE)]
        return tile_z, cells


def is_neutral(rgb: NDArray[np.uint8]) -> bool:
    """Whether red, green and blue are equal everywhere."""
    green = rgb[:, :, 1]
    return np.array_equal(rgb[:, :, 0], green) and np.array_equal(rgb[:, :, 2], green)
