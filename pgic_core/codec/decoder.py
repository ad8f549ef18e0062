"""The learned decoder: payload to picture (A-6.5.1).

Symbols are decoded exactly, by integer arithmetic alone; only then do networks run, so that their rounding,
threads or hardware cannot change which symbols are read.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import PgiFormatError, PgiOptionError, PgiTruncatedError
from ..limits import Limits
from ..runtime import Model, default_threads, find_model
from .entropy import Bank, SegmentReader
from .geometry import CELL, LATENT, UNIT, Box, Grid, strips
from .region import Rate
from .rows import RowMap, SymbolRows
from .stream import GROUP_TILES, LAYERS, StreamHeader, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["LEVELS", "LearnedImage", "Level", "render"]

Level = Literal["preview", "fast"]
LEVELS: tuple[Level, ...] = ("preview", "fast")
PREVIEW = 8
"""How many pixels one preview pixel spans each way."""
_STRIP_PIXELS = 8_000_000
_Z_BOUND = 127


@dataclass(frozen=True, slots=True)
class _Tile:
    """Decoded symbols of one tile: z, and for each layer read the active symbols."""

    z: NDArray[np.int16]
    layers: tuple[tuple[SymbolRows, NDArray[np.int32]], ...]


class LearnedImage:
    """A coded picture. Opening reads header and index; pixels are decoded on demand.

    Args:
        read: gives ``(offset, length)`` of the payload; raises ``PgiTruncatedError`` where it ends early.
        length: of the payload, as the container says.
        width, height: of the picture.
        limits: what to allow.

    Raises:
        PgiFormatError, PgiUnsupportedError, PgiLimitError: the payload cannot be used.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], length: int, width: int, height: int, limits: Limits
    ) -> None:
        self._read = read
        self.header: StreamHeader
        self.header, self.index = parse(read, length, width, height, limits)
        self.grid = self.header.grid

    @property
    def preview_bytes(self) -> int:
        """Length of the payload's prefix that is enough for the preview."""
        return self.index.preview_bytes

    @cached_property
    def model(self) -> Model:
        """The model the payload names.

        Raises:
            PgiModelError: it is not installed.
        """
        return find_model(self.header.model_digest)

    def verify(self) -> None:
        """Check every group's CRC32 and SHA-256 and that every tile's symbols decode.

        Raises:
            PgiFormatError: something is damaged.
        """
        tiles = _TileReader(self, raise_damage=True)
        for index in range(self.grid.count):
            tiles.decode(index, LAYERS)
            tiles.forget(index + 1)

    def decode(
        self,
        level: Level = "fast",
        window: tuple[int, int, int, int] | None = None,
        on_damage: Literal["raise", "conceal"] = "raise",
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        """Decode.

        Args:
            level: ``"fast"`` for every pixel, ``"preview"`` for one in 8 x 8 from the preview layer alone.
            window: left, top, width, height in pixels of the picture; a preview covers it with whole
                preview pixels.
            on_damage: whether a damaged tile raises, or is filled from what is left of it.
            threads: for networks; ``None`` for all.
            progress: called with the share done, 0 to 1.

        Returns:
            ``(h, w, 3)`` grey levels, and with ``on_damage="conceal"`` an ``(h, w)`` mask that is true where
            damage may have changed a pixel.

        Raises:
            PgiFormatError: the payload is damaged.
            PgiOptionError: the window is not inside the picture.
        """
        if level not in LEVELS:
            raise PgiOptionError(f"level must be one of {', '.join(LEVELS)}, not {level!r}.")
        scale = PREVIEW if level == "preview" else 1
        area = _window(self.grid, window)
        first = Box(area.left // scale, area.top // scale, -(-area.right // scale), -(-area.bottom // scale))
        picture = np.empty((first.height, first.width, 3), np.uint8)
        mask = np.zeros(picture.shape[:2], bool) if on_damage == "conceal" else None
        tiles = _TileReader(self, raise_damage=on_damage == "raise")
        for box, pixels, spoilt in self._strips(tiles, area, level, threads or default_threads()):
            place = Box(
                box.left // scale - first.left,
                box.top // scale - first.top,
                0,
                box.bottom // scale - first.top,
            )
            rows = slice(place.top, place.top + pixels.shape[0])
            picture[rows] = pixels
            if mask is not None:
                for bad in spoilt:
                    _mark(mask, bad, area, scale)
            if progress is not None:
                progress((box.bottom - area.top) / area.height)
        return picture, mask

    def render(self, threads: int) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
        """The whole picture in strips from top to bottom."""
        tiles = _TileReader(self, raise_damage=True)
        area = Box(0, 0, self.grid.width, self.grid.height)
        for box, pixels, _ in self._strips(tiles, area, "fast", threads):
            yield box, pixels

    def _strips(
        self, tiles: _TileReader, area: Box, level: Level, threads: int
    ) -> Iterator[tuple[Box, NDArray[np.uint8], list[Box]]]:
        """Strips of ``area`` with their pixels, and the areas that damage may have changed."""
        whole = self.grid.padded
        model = self.model
        rate = Rate(model, self.header.quality, self.header.offsets)
        reach = model.halo("means") + model.halo("synthesis")
        for box in strips(area, self.grid.tile, _STRIP_PIXELS):
            if level == "preview":
                seen = box.grown(0, PREVIEW, whole)
                needed = seen.grown(model.halo("means"), UNIT, whole)
                pixels = _preview(tiles, rate, needed, threads)
                pixels = pixels[seen.inside(needed, PREVIEW)]
            else:
                seen = box.grown(model.halo("synthesis"), LATENT, whole)
                needed = seen.grown(model.halo("means"), UNIT, whole)
                latent = _latent(tiles, rate, needed, threads)[:, :, *seen.inside(needed, LATENT)]
                pixels = _synthesis(rate, latent, seen, threads)[box.inside(seen)]
            spoilt = [
                self.grid.box(i).grown(reach, 1, whole).overlap(box)
                for i in self.grid.touching(needed)
                if i in tiles.damaged
            ]
            yield box, pixels, spoilt
            tiles.forget(max(0, box.bottom - reach) // self.grid.tile * self.grid.columns)


class _TileReader:
    """Reads groups, decodes tiles, and keeps what neighbouring strips will ask for again."""

    def __init__(self, image: LearnedImage, *, raise_damage: bool) -> None:
        self._image = image
        self._raise = raise_damage
        self._bank = Bank.of(image.model)
        self._row_map = RowMap.of(image.model, image.header.quality)
        self._groups: dict[tuple[str, int], list[bytes] | None] = {}
        self._tiles: dict[tuple[int, int], _Tile] = {}
        self.damaged: set[int] = set()

    def forget(self, before: int) -> None:
        """Drop tiles with an index below ``before``."""
        for key in [k for k in self._tiles if k[0] < before]:
            del self._tiles[key]
        for name in [k for k in self._groups if (k[1] + 1) * GROUP_TILES <= before]:
            del self._groups[name]

    def _data(self, layer: str, tile: int) -> bytes | None:
        group = tile // GROUP_TILES
        if (layer, group) not in self._groups:
            try:
                data: list[bytes] | None = self._image.index.read_group(layer, group, self._image._read)
            except (PgiFormatError, PgiTruncatedError):
                if self._raise:
                    raise
                data = None
            self._groups[layer, group] = data
        found = self._groups[layer, group]
        return None if found is None else found[tile % GROUP_TILES]

    def decode(self, tile: int, layers: tuple[str, ...]) -> _Tile:
        """Symbols of a tile; what is damaged reads as zeros."""
        key = (tile, len(layers))
        if key not in self._tiles:
            self._tiles[key] = self._decode(tile, layers)
        return self._tiles[key]

    def _decode(self, tile: int, layers: tuple[str, ...]) -> _Tile:
        image = self._image
        box = image.grid.box(tile)
        shape = (box.height // UNIT, box.width // UNIT)
        z = np.zeros((image.model.hyper, *shape), np.int16)
        found: list[tuple[SymbolRows, NDArray[np.int32]]] = []
        try:
            data = self._data(LAYERS[0], tile)
            if data is None:
                raise PgiFormatError("damaged")
            reader = SegmentReader(self._bank, data)
            z_rows = self._row_map.rows_of_z(shape[0] * shape[1])
            values = reader.read(z_rows.rows)
            if len(values) and np.abs(values).max() > _Z_BOUND:
                raise PgiFormatError(f"Tile {tile} holds a hyper-latent beyond its bound.")
            z.reshape(-1)[z_rows.index] = values
            offsets = image.header.offsets
            if offsets is not None:
                offsets = offsets[box.inside(image.grid.padded, UNIT)]
            rows = self._row_map.rows("base", z, offsets)
            found.append((rows, reader.read(rows.rows)))
            reader.finish()
            if LAYERS[1] in layers:
                data = self._data(LAYERS[1], tile)
                if data is None:
                    raise PgiFormatError("damaged")
                reader = SegmentReader(self._bank, data)
                rows = self._row_map.rows("detail", z, offsets)
                found.append((rows, reader.read(rows.rows)))
                reader.finish()
        except PgiFormatError:
            if self._raise:
                raise
            self.damaged.add(tile)
        return _Tile(z, tuple(found))

    def collect(
        self, area: Box, layers: tuple[str, ...], channels: int, threads: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
        """Collect z and symbols of ``area`` (aligned to 64 px), in the layout the networks take."""
        grid = self._image.grid
        indexes = list(grid.touching(area))
        boxes = [grid.box(i) for i in indexes]
        cover = Box(boxes[0].left, boxes[0].top, boxes[-1].right, boxes[-1].bottom)
        z = np.empty((1, self._image.model.hyper, cover.height // UNIT, cover.width // UNIT), np.float32)
        symbols = np.zeros((1, channels, cover.height // CELL, cover.width // CELL), np.int16)
        flat = symbols.reshape(-1)

        def place(index: int, box: Box) -> None:
            tile = self.decode(index, layers)
            z[0][:, *box.inside(cover, UNIT)] = tile.z
            corner = (box.top - cover.top) // CELL * symbols.shape[3] + (box.left - cover.left) // CELL
            for name, (rows, values) in zip(("base", "detail"), tile.layers, strict=False):
                places = self._row_map.places(name, tile.z.shape[1:], symbols.shape[2:])[rows.index]
                places += corner
                flat[places] = values

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(place, indexes, boxes))
        if cover != area:
            z = np.ascontiguousarray(z[:, :, *area.inside(cover, UNIT)])
            symbols = np.ascontiguousarray(symbols[:, :, *area.inside(cover, CELL)])
        return z, symbols


def _latent(tiles: _TileReader, rate: Rate, area: Box, threads: int) -> NDArray[np.float32]:
    """Scaled latent of ``area``."""
    z, symbols = tiles.collect(area, LAYERS, 4 * rate.model.latent, threads)
    inputs: dict[str, NDArray[Any]] = {
        "symbols": symbols,
        "z": z,
        "embedding": rate.embedding("means", area, CELL),
    }
    return rate.model.network("means")(inputs, threads=threads)


def _synthesis(rate: Rate, latent: NDArray[np.float32], area: Box, threads: int) -> NDArray[np.uint8]:
    """Pixels of ``area`` (aligned to 16 px)."""
    inputs = {
        "latent": np.ascontiguousarray(latent),
        "step": rate.step,
        "coarser": rate.factor(area, -1),
        "embedding": rate.embedding("synthesis", area, LATENT),
    }
    picture: NDArray[np.uint8] = rate.model.network("synthesis")(inputs, threads=threads)[0]
    return picture


def _preview(tiles: _TileReader, rate: Rate, area: Box, threads: int) -> NDArray[np.uint8]:
    """Preview pixels of ``area`` (aligned to 64 px)."""
    base = rate.model.base
    z, symbols = tiles.collect(area, LAYERS[:1], 4 * base, threads)
    inputs: dict[str, NDArray[Any]] = {
        "symbols": symbols,
        "z": z,
        "embedding": rate.embedding("means", area, CELL),
        "step": np.ascontiguousarray(rate.step[:, :base]),
        "coarser": rate.factor(area, -1),
    }
    picture: NDArray[np.uint8] = rate.model.network("preview")(inputs, threads=threads)[0]
    return picture


def _window(grid: Grid, window: tuple[int, int, int, int] | None) -> Box:
    if window is None:
        return Box(0, 0, grid.width, grid.height)
    left, top, width, height = window
    if (
        left < 0
        or top < 0
        or width < 1
        or height < 1
        or left + width > grid.width
        or top + height > grid.height
    ):
        raise PgiOptionError(
            f"The window {left},{top} {width}x{height} is not inside the picture "
            f"of {grid.width}x{grid.height}."
        )
    return Box(left, top, left + width, top + height)


def _mark(mask: NDArray[np.bool_], bad: Box, area: Box, scale: int) -> None:
    if bad.width > 0 and bad.height > 0:
        top, left = bad.top // scale - area.top // scale, bad.left // scale - area.left // scale
        bottom, right = (
            -(-bad.bottom // scale) - area.top // scale,
            -(-bad.right // scale) - area.left // scale,
        )
        mask[max(top, 0) : bottom, max(left, 0) : right] = True


def render(payload: bytes, grid: Grid, model: Model, threads: int) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
    """Decode a payload that was just made, in strips, with the very model that made it."""
    image = LearnedImage(
        lambda offset, length: payload[offset : offset + length],
        len(payload),
        grid.width,
        grid.height,
        Limits.unlimited(),
    )
    image.model = model
    yield from image.render(threads)
