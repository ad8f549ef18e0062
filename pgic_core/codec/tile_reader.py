"""Reading the symbols of tiles, and handing them on in blocks as the networks take them.

Symbols are decoded exactly, by integer arithmetic alone; only then do networks run, so that their rounding,
threads or hardware cannot change which symbols are read.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PgiFormatError, PgiTruncatedError
from .entropy import Z_BOUND, Bank, SegmentReader
from .geometry import CELL, UNIT, Box
from .rows import RowMap, to_cells
from .stream import LAYERS, StreamHeader, StreamIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from ..runtime import Model

__all__ = ["Demand", "Symbols", "Tile", "TileReader"]


@dataclass(slots=True)
class Tile:
    """Decoded symbols of one tile.

    Attributes:
        z: ``(Z, h, w)``.
        base: ``(2 h, 2 w, 4 B)``, symbols as the networks take them.
        detail: ``(2 h, 2 w, 4 (M - B))`` likewise, or ``None`` where they were not read yet.
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
        self._tiles: dict[int, Tile] = {}
        self.damaged: set[int] = set()

    def forget(self, before: int) -> None:
        """Drop tiles with an index below ``before``."""
        for index in [index for index in self._tiles if index < before]:
            del self._tiles[index]

    def decode(self, preview: Iterable[int], detail: Iterable[int] = ()) -> dict[int, Tile]:
        """Tiles, the preview layer of some and the detail layer of some of those.

        What is damaged reads as zeros.
        """
        wanted = list(preview)
        new = [index for index in wanted if index not in self._tiles]
        shapes = {index: (box.height // UNIT, box.width // UNIT) for index, box in self._boxes(new)}
        for shape in set(shapes.values()):
            self._decode_preview([index for index in new if shapes[index] == shape], shape)
        for index in detail:
            if self._tiles[index].detail is None:
                self._decode_detail(index, self._tiles[index])
        return {index: self._tiles[index] for index in wanted}

    def _boxes(self, tiles: Iterable[int]) -> Iterator[tuple[int, Box]]:
        return ((index, self._header.grid.box(index)) for index in tiles)

    def _decode_preview(self, tiles: list[int], shape: tuple[int, int]) -> None:
        """The preview layer of tiles of one shape, ``(h, w)``."""
        z_rows = self._row_map.rows_of_z(shape[0] * shape[1])
        residuals = np.zeros((len(tiles), self._model.hyper, *shape), np.int16)
        readers: dict[int, SegmentReader] = {}
        for index, residual in zip(tiles, residuals, strict=True):
            with self._watching(index):
                reader = self._reader(LAYERS[0], index)
                residual.reshape(-1)[z_rows.index] = reader.read(z_rows.counts)
                readers[index] = reader
        # All at once: a tile's own z is too little work for the calls it takes.
        restored = self._row_map.prediction.restore(residuals)
        for index, z in zip(tiles, restored, strict=True):
            base = np.zeros((2 * shape[0], 2 * shape[1], 4 * self._model.base), np.int16)
            tile = self._tiles[index] = Tile(np.zeros_like(z), base, self._no_detail(base))
            if index not in readers:
                continue
            with self._watching(index):
                if np.abs(z).max() > Z_BOUND:
                    raise PgiFormatError(f"Tile {index} holds a hyper-latent beyond its bound.")
                tile.z = z
                self._read("base", index, readers[index], z, base)
                tile.detail = None

    def _decode_detail(self, index: int, tile: Tile) -> None:
        tile.detail = self._no_detail(tile.base)
        with self._watching(index):
            self._read("detail", index, self._reader(LAYERS[1], index), tile.z, tile.detail)

    def _no_detail(self, base: NDArray[np.int16]) -> NDArray[np.int16]:
        return np.zeros((*base.shape[:2], 4 * (self._model.latent - self._model.base)), np.int16)

    @contextmanager
    def _watching(self, tile: int) -> Iterator[None]:
        try:
            yield
        except (PgiFormatError, PgiTruncatedError):
            if self.raise_damage:
                raise
            self.damaged.add(tile)

    def _reader(self, layer: str, tile: int) -> SegmentReader:
        return SegmentReader(self._bank, self._index.read_tile(layer, tile, self._read_bytes))

    def _read(
        self, layer: str, tile: int, reader: SegmentReader, z: NDArray[np.int16], cells: NDArray[np.int16]
    ) -> None:
        """The symbols of a layer, which are the last that the reader has."""
        grid, offsets = self._header.grid, self._header.offsets
        if offsets is not None:
            offsets = offsets[grid.box(tile).inside(grid.padded, UNIT)]
        rows = self._row_map.rows(layer, z, offsets)
        to_cells(rows, reader.read(rows.counts), cells)
        reader.finish()

    def collect(self, part: Demand) -> Symbols:
        """What the networks take for a part; tiles above it are dropped."""
        grid, model = self._header.grid, self._model
        area = part.needed
        seen = part.detailed or Box(area.left, area.top, area.left, area.top)
        full = list(grid.touching(part.detailed)) if part.detailed else []
        self.forget(area.top // grid.tile * grid.columns)
        z = np.empty((1, model.hyper, area.height // UNIT, area.width // UNIT), np.float32)
        base = np.empty((1, area.height // CELL, area.width // CELL, 4 * model.base), np.int16)
        rest = 4 * (model.latent - model.base)
        detail = np.empty((1, seen.height // CELL, seen.width // CELL, rest), np.int16)

        # One after the other: most of it holds Python's lock, and a second thread would only wait for that.
        tiles = self.decode(grid.touching(area), full)
        for index, box in self._boxes(tiles):
            tile, common = tiles[index], box.overlap(area)
            z[0][:, *common.inside(area, UNIT)] = tile.z[:, *common.inside(box, UNIT)]
            base[0][common.inside(area, CELL)] = tile.base[common.inside(box, CELL)]
            if index in full and tile.detail is not None:
                common = box.overlap(seen)
                detail[0][common.inside(seen, CELL)] = tile.detail[common.inside(box, CELL)]
        return Symbols(z, base, detail)
