"""Symbols of a change frame: those of its key frame, with the changes of all frames up to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiFormatError
from ..learned.payload.tile_index import LAYERS
from ..learned.symbols.cdf_index_from_z import from_cells, to_cells
from ..learned.symbols.entropy_coding import LARGEST, Z_BOUND, SegmentReader
from ..learned.symbols.tile_symbol_reader import Tile, TileReader
from ..tiles_and_windows import Z_STRIDE
from .modes import NEW
from .position_states import States
from .symbol_rows import active_symbols, change_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...models import Model
    from ..learned.decoder import LearnedImage
    from ..learned.payload.header import StreamHeader
    from ..tiles_and_windows import Grid
    from .stream import ChangeHeader, ChangeIndex

__all__ = ["CanvasChange", "CanvasReader"]


@dataclass(frozen=True, slots=True)
class CanvasChange:
    """What one change frame does to a canvas.

    Attributes:
        header, index: of its payload.
        read: gives ``(offset, length)`` of it.
        left, top: tiles by which the canvas in question is larger there than that of this frame.
    """

    header: ChangeHeader
    index: ChangeIndex
    read: Callable[[int, int], bytes]
    left: int = 0
    top: int = 0

    def moved(self, left: int, top: int) -> CanvasChange:
        """The same in a canvas that grew once more."""
        return replace(self, left=self.left + left, top=self.top + top)

    def tile_of(self, index: int, grid: Grid) -> int | None:
        """Its own number for a tile of ``grid``, the canvas in question; None where its canvas has none."""
        return tile_moved(index, grid, self.header.grid, self.left, self.top)

    def positions_of(self, tile: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8]]:
        """Modes of positions in one of its own tiles, whether their z is coded, and their ages."""
        grid = self.header.grid
        there = grid.box(tile).inside(grid.padded, Z_STRIDE)
        return self.header.modes[there], self.header.z_coded[there], self.header.ages[there]


def tile_moved(index: int, grid: Grid, smaller: Grid, left: int, top: int) -> int | None:
    """The number that a tile has in a smaller canvas.

    Args:
        index: of the tile in ``grid``.
        grid: of the larger canvas.
        smaller: tiles of the smaller one.
        left, top: tiles by which the first is larger there.
    """
    row, column = divmod(index, grid.columns)
    row, column = row - top, column - left
    inside = 0 <= row < smaller.rows and 0 <= column < smaller.columns
    return row * smaller.columns + column if inside else None


@dataclass(slots=True)
class _Coded:
    """What a frame codes of a tile, on the way.

    Attributes:
        modes: ``(h, w)`` of the frame's own tile.
        z_coded: likewise.
        z: ``(Z, h, w)``, as the frame has it.
        change: of the frame.
        tile: its own number.
        rest: reads the base symbols.
    """

    modes: NDArray[np.uint8]
    z_coded: NDArray[np.bool_]
    z: NDArray[np.int16]
    change: CanvasChange
    tile: int
    rest: SegmentReader | None


@dataclass(slots=True)
class _Merged(Tile):
    coded: list[_Coded | None] = field(default_factory=list)
    changed: list[NDArray[np.bool_]] = field(default_factory=list)
    ages: list[NDArray[np.uint8]] = field(default_factory=list)


class CanvasReader(TileReader):
    """Decodes tiles of a canvas: a key frame's, and upon them what each change frame codes, in order.

    Args:
        model: of the key frame.
        header: of the canvas.
        key: the key frame.
        left, top: tiles by which the canvas is larger there than the key frame.
        changes: in order.
        raise_damage: rather than leave out what is damaged.
    """

    def __init__(
        self,
        model: Model,
        header: StreamHeader,
        key: LearnedImage,
        left: int,
        top: int,
        changes: Sequence[CanvasChange],
        *,
        raise_damage: bool,
    ) -> None:
        super().__init__(model, header, key.index, key.read, raise_damage=raise_damage)
        self._key = key.reader(raise_damage=raise_damage)
        self._key_grid, self._left, self._top = key.grid, left, top
        self._changes = changes

    def expect(self, layer: str, indexes: list[int]) -> None:
        """Of those that the key frame has; a change frame has few."""
        grid = self._header.grid
        moved = (tile_moved(index, grid, self._key_grid, self._left, self._top) for index in indexes)
        self._key.expect(layer, [own for own in moved if own is not None])

    def precompute_rows(self, area: object) -> None:
        """Nothing: rows follow from z of each frame."""

    def forget(self, before: int) -> None:
        """Drop tiles with an index below ``before``."""
        grid = self._header.grid
        for index in [index for index in self._tiles if index < before]:
            own = tile_moved(index, grid, self._key_grid, self._left, self._top)
            if own is not None:
                self._key.drop(own)
        super().forget(before)

    def drop(self, index: int) -> None:
        """Forget a tile, that of the key frame too."""
        own = tile_moved(index, self._header.grid, self._key_grid, self._left, self._top)
        if own is not None:
            self._key.drop(own)
        super().drop(index)

    def _read_z(self, indexes: list[int]) -> None:
        for index in indexes:
            self._tiles[index] = self._merged_z(index)

    def _merged_z(self, index: int) -> Tile:
        grid = self._header.grid
        box = grid.box(index)
        z = np.zeros((self._model.hyper, box.height // Z_STRIDE, box.width // Z_STRIDE), np.int16)
        tile = _Merged(z)
        self._tiles[index] = tile  # so that what a key opens in part is told from what it does not open
        own = tile_moved(index, grid, self._key_grid, self._left, self._top)
        if own is not None:
            with self._watching(index):
                from_key = self._key.tile_z(own)
                z[:, : from_key.shape[1], : from_key.shape[2]] = from_key
                if own in self._key.damaged:
                    self.damaged.add(index)
        changes = self._changes_of(index)
        positions = [change.positions_of(at) for change, at in changes]
        tile.ages = [ages for _, _, ages in positions]
        tile.changed = [(modes > 0) | (ages > 0) for modes, _, ages in positions]
        states = States(z.transpose(1, 2, 0), tile.changed, tile.ages)
        for number, (change, at) in enumerate(changes):
            states.renew(number)
            coded = None
            with self._watching(index):
                coded = self._read_change_z(change, at, z)
            tile.coded.append(coded)
        return tile

    def _changes_of(self, index: int) -> list[tuple[CanvasChange, int]]:
        """Change frames that code something of a tile, each with its own number for it."""
        found = ((change, change.tile_of(index, self._header.grid)) for change in self._changes)
        return [
            (change, at) for change, at in found if at is not None and at in change.index.parts[LAYERS[0]]
        ]

    def _read_change_z(self, change: CanvasChange, at: int, z: NDArray[np.int16]) -> _Coded:
        """Read what a frame codes of z in its own tile ``at``, into z of the tile."""
        modes, new, _ = change.positions_of(at)
        here = slice(0, modes.shape[0]), slice(0, modes.shape[1])
        reader = SegmentReader(self._cdfs, change.index.read_tile(LAYERS[0], at, change.read))
        merged = z[:, *here].copy()
        if new.any():
            rows = self._row_map.rows_of_z(int(new.sum()))
            residual = np.zeros((len(z), int(new.sum())), np.int16)
            residual.reshape(-1)[rows.index] = reader.read(rows.counts)
            merged = self._row_map.prediction.restore_some(merged, residual, new)
            if np.abs(merged).max() > Z_BOUND:
                raise PgiFormatError(f"Tile {at} of a change frame holds a hyper-latent beyond its bound.")
        z[:, *here] = merged
        return _Coded(modes, new, merged, change, at, reader)

    def _base(self, index: int) -> NDArray[np.int16]:
        tile = self._tiles[index]
        if tile.base is None:
            tile.base = self._merged("base", index, self._model.base)
        return tile.base

    def _detail(self, index: int) -> NDArray[np.int16]:
        tile = self._tiles[index]
        if tile.detail is None:
            tile.detail = self._merged("detail", index, self._model.latent - self._model.base)
        return tile.detail

    def _merged(self, layer: str, index: int, channels: int) -> NDArray[np.int16]:
        tile, grid = self._tiles[index], self._header.grid
        assert isinstance(tile, _Merged)
        symbols = self._zeros(tile, channels)
        own = tile_moved(index, grid, self._key_grid, self._left, self._top)
        if own is not None:
            with self._watching(index):
                from_key = self._key.tile_symbols(layer, own)
                symbols[: from_key.shape[0], : from_key.shape[1]] = from_key
                if own in self._key.damaged:
                    self.damaged.add(index)
        rows, columns, coded_channels = symbols.shape
        # A position has 2 x 2 cells.
        cells = symbols.reshape(rows // 2, 2, columns // 2, 2, coded_channels).transpose(0, 2, 1, 3, 4)
        states = States(cells, tile.changed, tile.ages)
        for number, coded in enumerate(tile.coded):
            states.renew(number)
            if coded is not None:
                with self._watching(index):
                    self._add(layer, coded, symbols)
        return symbols

    def _add(self, layer: str, coded: _Coded, symbols: NDArray[np.int16]) -> None:
        """Read what a frame codes of a layer, into the symbols of the tile."""
        if layer == "base":
            reader, coded.rest = coded.rest, None
            assert reader is not None
        else:
            change = coded.change
            data = change.index.read_tile(LAYERS[1], coded.tile, change.read)
            reader = SegmentReader(self._cdfs, data)
        height, width = coded.modes.shape
        third = coded.change.header.third
        rows = change_rows(self._row_map, layer, coded.z, coded.modes, self._roi_of(coded), third=third)
        total = reader.read(rows.counts)
        reader.finish()
        part = symbols[: 2 * height, : 2 * width]
        fresh = (coded.modes == NEW).reshape(-1)
        total += np.where(fresh.take(rows.index % fresh.size), np.int16(0), from_cells(rows.index, part))
        if len(total) and max(total.max(), -total.min()) > LARGEST:
            raise PgiFormatError("A symbol is larger than the format allows.")
        self._clear(layer, coded, part)
        to_cells(rows.index, total, part)

    def _clear(self, layer: str, coded: _Coded, part: NDArray[np.int16]) -> None:
        """Set symbols to 0 that a frame codes anew, or that cannot be there with the z that it codes."""
        kept = np.flatnonzero(coded.z_coded & (coded.modes > NEW))
        index, values = np.zeros(0, np.int64), np.zeros(0, np.int16)
        if len(kept) and layer == LAYERS[1]:  # base symbols that may be there are all coded
            index, _, _ = active_symbols(self._row_map, layer, coded.z, self._roi_of(coded), kept)
            values = from_cells(index, part)
        part[((coded.modes == NEW) | coded.z_coded).repeat(2, 0).repeat(2, 1)] = 0
        to_cells(index, values, part)

    def _roi_of(self, coded: _Coded) -> NDArray[np.int8] | None:
        """The ROI map in a frame's own tile."""
        roi_map, grid = self._header.roi_map, self._header.grid
        if roi_map is None:
            return None
        box = coded.change.header.grid.box(coded.tile).reduced(Z_STRIDE)
        left, top = (tiles * grid.tile // Z_STRIDE for tiles in (coded.change.left, coded.change.top))
        return roi_map[top + box.top : top + box.bottom, left + box.left : left + box.right]
