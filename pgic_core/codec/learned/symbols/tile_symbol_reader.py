"""Reading the symbols of tiles, arranged in blocks as the networks take them.

Symbols are decoded exactly, by integer arithmetic alone. Networks may run meanwhile, but nothing of them
comes in here, so that their rounding, threads or hardware cannot change which symbols are read.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ....errors import PgiFormatError, PgiKeyError
from ...tiles_and_windows import CELL_STRIDE, Z_STRIDE
from ..payload.joined_reads import JoinedReads
from ..payload.tile_index import LAYERS, StreamIndex
from .cdf_index_from_z import RowMap, SymbolRows, to_cells
from .entropy_coding import Z_BOUND, CdfTable, SegmentReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ....models import Model
    from ...rectangle import Rectangle
    from ..payload.header import StreamHeader

__all__ = ["Tile", "TileReader"]


@dataclass(slots=True)
class Tile:
    """Decoded symbols of one tile.

    Attributes:
        z: ``(Z, h, w)``.
        rest: reads the base symbols, which come after z; ``None`` where they were read or cannot be.
        base: ``(2 h, 2 w, 4 B)``, symbols as the networks take them; ``None`` where they were not read yet.
        detail: ``(2 h, 2 w, 4 (M - B))`` likewise.
        detail_rows: of the detail symbols, where they were found before those were read.
    """

    z: NDArray[np.int16]
    rest: SegmentReader | None = None
    base: NDArray[np.int16] | None = None
    detail: NDArray[np.int16] | None = None
    detail_rows: SymbolRows | None = None


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
        self._bytes = JoinedReads(read)
        self.raise_damage = raise_damage
        self._cdfs = CdfTable.of(model)
        self._row_map = RowMap.of(model, header.quality)
        self._tiles: dict[int, Tile] = {}
        self.damaged: set[int] = set()

    def forget(self, before: int) -> None:
        """Drop tiles with an index below ``before``."""
        for index in [index for index in self._tiles if index < before]:
            del self._tiles[index]

    def tile_z(self, index: int) -> NDArray[np.int16]:
        """The hyper-latent of a tile, ``(Z, h, w)``."""
        if index not in self._tiles:
            self._read_z([index])
        return self._tiles[index].z

    def tile_symbols(self, layer: str, index: int) -> NDArray[np.int16]:
        """Symbols of a tile whose z was read; of detail, whose base symbols were read.

        Args:
            layer: "base" or "detail".
            index: of the tile.

        Returns:
            ``(2 h, 2 w, symbols of the layer)``, cells. Do not change them.
        """
        if index not in self._tiles:
            self._read_z([index])
        return self._base(index) if layer == "base" else self._detail(index)

    def drop(self, index: int) -> None:
        """Forget a tile."""
        self._tiles.pop(index, None)

    def verify(self, index: int) -> None:
        """Read all of a tile, and drop it again."""
        self._read_z([index])
        self._base(index)
        self._detail(index)
        self.forget(index + 1)

    def z(self, area: Rectangle) -> NDArray[np.float32]:
        """The hyper-latent of an area, ``(1, Z, h, w)``; tiles above it are dropped."""
        grid = self._header.grid
        self.forget(area.top // grid.tile * grid.columns)
        touched = list(grid.touching(area))
        self._read_z([index for index in touched if index not in self._tiles])
        z = np.empty((1, self._model.hyper, area.height // Z_STRIDE, area.width // Z_STRIDE), np.float32)
        for index in touched:
            box = grid.box(index)
            common = box.overlap(area)
            z[0][:, *common.inside(area, Z_STRIDE)] = self._tiles[index].z[:, *common.inside(box, Z_STRIDE)]
        return z

    def base(self, area: Rectangle) -> NDArray[np.int16]:
        """Base symbols of an area whose z was read, ``(1, h, w, 4 B)`` of cells."""
        return self._collected(area, self._base, 4 * self._model.base)

    def precompute_rows(self, area: Rectangle) -> None:
        """Find the rows of an area's detail symbols, which follow from z, while another thread reads."""
        for index in self._header.grid.touching(area):
            tile = self._tiles[index]
            if tile.detail is None and tile.detail_rows is None:
                tile.detail_rows = self._rows("detail", index, tile.z)

    def detail(self, area: Rectangle) -> NDArray[np.int16]:
        """Detail symbols of an area whose base was read, ``(1, h, w, 4 (M - B))`` of cells."""
        unread = [i for i in self._header.grid.touching(area) if self._tiles[i].detail is None]
        self.expect(LAYERS[1], unread)
        return self._collected(area, self._detail, 4 * (self._model.latent - self._model.base))

    def expect(self, layer: str, indexes: list[int]) -> None:
        """Say which tiles are read next: those that lie side by side are read in one step.

        Args:
            layer: one of :data:`.tile_index.LAYERS`.
            indexes: of the tiles.
        """
        self._bytes.expect(self._index.span(layer, index) for index in indexes)

    def _collected(
        self, area: Rectangle, read: Callable[[int], NDArray[np.int16]], channels: int
    ) -> NDArray[np.int16]:
        out = np.empty((1, area.height // CELL_STRIDE, area.width // CELL_STRIDE, channels), np.int16)
        # One after the other: most of it holds Python's lock, and a second thread would only wait for that.
        for index in self._header.grid.touching(area):
            box = self._header.grid.box(index)
            common = box.overlap(area)
            out[0][common.inside(area, CELL_STRIDE)] = read(index)[common.inside(box, CELL_STRIDE)]
        return out

    def _read_z(self, indexes: list[int]) -> None:
        """The hyper-latents of tiles. What cannot be read is zeros, here and below."""
        self.expect(LAYERS[0], indexes)
        boxes = {index: self._header.grid.box(index) for index in indexes}
        shapes = {index: (box.height // Z_STRIDE, box.width // Z_STRIDE) for index, box in boxes.items()}
        for shape in set(shapes.values()):
            self._read_alike([index for index in indexes if shapes[index] == shape], shape)

    def _read_alike(self, indexes: list[int], shape: tuple[int, int]) -> None:
        """The hyper-latents of tiles of one shape, ``(h, w)``."""
        z_rows = self._row_map.rows_of_z(shape[0] * shape[1])
        residuals = np.zeros((len(indexes), self._model.hyper, *shape), np.int16)
        readers: dict[int, SegmentReader] = {}
        for index, residual in zip(indexes, residuals, strict=True):
            with self._watching(index):
                reader = self._reader(LAYERS[0], index)
                residual.reshape(-1)[z_rows.index] = reader.read(z_rows.counts)
                readers[index] = reader
        # All at once: a tile's own z is too little work for the calls it takes.
        restored = self._row_map.prediction.restore(residuals)
        for index, z in zip(indexes, restored, strict=True):
            self._tiles[index] = Tile(np.zeros_like(z))
            if index in readers:
                with self._watching(index):
                    if np.abs(z).max() > Z_BOUND:
                        raise PgiFormatError(f"Tile {index} holds a hyper-latent beyond its bound.")
                    self._tiles[index] = Tile(z, readers[index])

    def _base(self, index: int) -> NDArray[np.int16]:
        tile = self._tiles[index]
        if tile.base is None:
            tile.base = self._zeros(tile, self._model.base)
            reader, tile.rest = tile.rest, None
            if reader is not None:
                with self._watching(index):
                    self._read(reader, self._rows("base", index, tile.z), tile.base)
                    return tile.base
            # Of a tile that is damaged so far nothing more is read.
            tile.detail = self._zeros(tile, self._model.latent - self._model.base)
        return tile.base

    def _detail(self, index: int) -> NDArray[np.int16]:
        tile = self._tiles[index]
        if tile.detail is None:
            tile.detail = self._zeros(tile, self._model.latent - self._model.base)
            with self._watching(index):
                rows, tile.detail_rows = tile.detail_rows, None
                reader = self._reader(LAYERS[1], index)
                self._read(reader, rows or self._rows("detail", index, tile.z), tile.detail)
        return tile.detail

    @staticmethod
    def _zeros(tile: Tile, channels: int) -> NDArray[np.int16]:
        """Zeros, ``(2 h, 2 w, 4 channels)``, for symbols of the cells of a tile."""
        _, height, width = tile.z.shape
        return np.zeros((2 * height, 2 * width, 4 * channels), np.int16)

    @contextmanager
    def _watching(self, tile: int) -> Iterator[None]:
        try:
            yield
        except PgiKeyError:
            # Of an encrypted picture, whose keys open some of the tiles: the rest is shown coarsely.
            if tile not in self._tiles:
                raise
            self.damaged.add(tile)
        except PgiFormatError:
            if self.raise_damage:
                raise
            self.damaged.add(tile)

    def _reader(self, layer: str, tile: int) -> SegmentReader:
        return SegmentReader(self._cdfs, self._index.read_tile(layer, tile, self._bytes))

    def _rows(self, layer: str, tile: int, z: NDArray[np.int16]) -> SymbolRows:
        grid, roi_map = self._header.grid, self._header.roi_map
        if roi_map is not None:
            roi_map = roi_map[grid.box(tile).inside(grid.padded, Z_STRIDE)]
        return self._row_map.rows(layer, z, roi_map)

    @staticmethod
    def _read(reader: SegmentReader, rows: SymbolRows, cells: NDArray[np.int16]) -> None:
        """The symbols of a layer, which are the last that the reader has."""
        to_cells(rows.index, reader.read(rows.counts), cells)
        reader.finish()
