"""Reading the symbols of tiles, and handing them on in blocks as the networks take them.

Symbols are decoded exactly, by integer arithmetic alone; only then do networks run, so that their rounding,
threads or hardware cannot change which symbols are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PgiFormatError, PgiTruncatedError
from .entropy import Z_BOUND, Bank, SegmentReader
from .geometry import CELL, UNIT, Box
from .rows import RowMap, to_cells
from .stream import LAYERS, StreamHeader, StreamIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..runtime import Model

__all__ = ["Demand", "Symbols", "Tile", "TileReader"]


@dataclass(frozen=True, slots=True)
class Tile:
    """Decoded symbols of one tile.

    Attributes:
        z: ``(Z, h, w)``.
        base: ``(2 h, 2 w, 4 B)``, symbols as the networks take them.
        detail: ``(2 h, 2 w, 4 (M - B))`` likewise, or ``None`` where they were not asked for.
    """

    z: NDArray[np.int16]
    base: NDArray[np.int16]
    detail: NDArray[np.int16] | None


@dataclass(frozen=True, slots=True)
class Symbols:
    """Symbols of an area in the layout the networks take.

    Attributes:
        z: float32 ``(1, Z, h, w)``.
        base, detail: int16 ``(1, h, w, 4 B)`` and ``(1, h, w, 4 (M - B))`` of cells.
    """

    z: NDArray[np.float32]
    base: NDArray[np.int16]
    detail: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Demand:
    """A block of a picture, and what must be known to decode it.

    Attributes:
        block: in pixels.
        seen: what the last network gives, the block with the halo of ``synthesis``.
        detailed: for which the latent is computed, aligned to 32 px; ``None`` where the base group is enough.
        needed: for which z and the base group are read, aligned to 64 px.
    """

    block: Box
    seen: Box
    detailed: Box | None
    needed: Box


class TileReader:
    """Decodes tiles, and keeps what neighbouring strips will ask for again.

    Args:
        model: that the payload names.
        header, index: of the payload.
        read: gives ``(offset, length)`` of it.
        raise_damage: rather than read what is damaged as zeros.

    Attributes:
        raise_damage: as given.
        damaged: tiles that are not shown as they were coded.
    """

    def __init__(
        self,
        model: Model,
        header: StreamHeader,
        index: StreamIndex,
        read: Callable[[int, int], bytes],
        *,
        raise_damage: bool,
    ) -> None:
        self._model = model
        self._header = header
        self._index = index
        self._read_bytes = read
        self.raise_damage = raise_damage
        self._bank = Bank.of(model)
        self._row_map = RowMap.of(model, header.quality)
        self._tiles: dict[tuple[int, int], Tile] = {}
        self.damaged: set[int] = set()

    def forget(self, before: int) -> None:
        """Drop tiles with an index below ``before``."""
        for key in [k for k in self._tiles if k[0] < before]:
            del self._tiles[key]

    def decode(self, tile: int, layers: tuple[str, ...]) -> Tile:
        """Symbols of a tile; what is damaged reads as zeros."""
        key = (tile, len(layers))
        if key not in self._tiles:
            self._tiles[key] = self._decode(tile, layers)
        return self._tiles[key]

    def _decode(self, tile: int, layers: tuple[str, ...]) -> Tile:
        model, header = self._model, self._header
        box = header.grid.box(tile)
        shape = (box.height // UNIT, box.width // UNIT)
        z = np.zeros((model.hyper, *shape), np.int16)
        cells = (2 * shape[0], 2 * shape[1])
        base = np.zeros((*cells, 4 * model.base), np.int16)
        detail = None
        if LAYERS[1] in layers:
            detail = np.zeros((*cells, 4 * (model.latent - model.base)), np.int16)
        try:
            reader = self._reader(LAYERS[0], tile)
            z_rows = self._row_map.rows_of_z(shape[0] * shape[1])
            residual = np.zeros_like(z)
            residual.reshape(-1)[z_rows.index] = reader.read(z_rows.counts)
            restored = self._row_map.prediction.restore(residual)
            if np.abs(restored).max() > Z_BOUND:
                raise PgiFormatError(f"Tile {tile} holds a hyper-latent beyond its bound.")
            z = restored
            offsets = header.offsets
            if offsets is not None:
                offsets = offsets[box.inside(header.grid.padded, UNIT)]
            self._read("base", reader, z, offsets, base)
            reader.finish()
            if detail is not None:
                reader = self._reader(LAYERS[1], tile)
                self._read("detail", reader, z, offsets, detail)
                reader.finish()
        except (PgiFormatError, PgiTruncatedError):
            if self.raise_damage:
                raise
            self.damaged.add(tile)
        return Tile(z, base, detail)

    def _reader(self, layer: str, tile: int) -> SegmentReader:
        return SegmentReader(self._bank, self._index.read_tile(layer, tile, self._read_bytes))

    def _read(
        self,
        layer: str,
        reader: SegmentReader,
        z: NDArray[np.int16],
        offsets: NDArray[np.int8] | None,
        cells: NDArray[np.int16],
    ) -> None:
        rows = self._row_map.rows(layer, z, offsets)
        to_cells(rows, reader.read(rows.counts), cells)

    def collect(self, part: Demand) -> Symbols:
        """What the networks take for a part; tiles above it are dropped."""
        grid, model = self._header.grid, self._model
        area = part.needed
        seen = part.detailed or Box(area.left, area.top, area.left, area.top)
        full = set(grid.touching(part.detailed)) if part.detailed else set()
        self.forget(area.top // grid.tile * grid.columns)
        z = np.empty((1, model.hyper, area.height // UNIT, area.width // UNIT), np.float32)
        base = np.empty((1, area.height // CELL, area.width // CELL, 4 * model.base), np.int16)
        rest = 4 * (model.latent - model.base)
        detail = np.empty((1, seen.height // CELL, seen.width // CELL, rest), np.int16)

        # One after the other: most of it holds Python's lock, and a second thread would only wait for that.
        for index in grid.touching(area):
            tile = self.decode(index, LAYERS if index in full else LAYERS[:1])
            box = grid.box(index)
            common = box.overlap(area)
            z[0][:, *common.inside(area, UNIT)] = tile.z[:, *common.inside(box, UNIT)]
            base[0][common.inside(area, CELL)] = tile.base[common.inside(box, CELL)]
            if index in full and tile.detail is not None:
                common = box.overlap(seen)
                detail[0][common.inside(seen, CELL)] = tile.detail[common.inside(box, CELL)]
        return Symbols(z, base, detail)
