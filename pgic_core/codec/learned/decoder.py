"""The learned decoder: payload to picture (A-6.5.1)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...errors import PgiFormatError
from ...limits import Limits
from ...models import Model, Renderer, find_model
from ...options import ADAPTIVE, FAST, FINE, DecodeOptions, thread_count, window_within
from ..average_downscaling import any_reduce, mean_reduce
from ..base import CodedFacts
from ..block_cutting import block_pixels, blocks
from ..rectangle import Rectangle
from ..sample_format import Channels, SampleFormat
from ..tiles_and_windows import Y_STRIDE
from .exact.layer import ExactLayer, lay_over
from .payload.header import StreamHeader, parse
from .rendering.adaptive_regions import KeyRegions
from .rendering.block_drawing import draw_block, touched_by, without_tint
from .rendering.post_filter import Filter
from .rendering.render_planning import Look, Planner, margin
from .symbol_prefetch import gathered
from .symbols.entropy_coding import CdfTable
from .symbols.quality_to_steps import StepSizes
from .symbols.tile_symbol_reader import TileReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ...options import Level, Window
    from .exact.layer import ExactBlocks

__all__ = ["DecodedBlock", "LearnedImage", "render"]


class DecodedBlock(NamedTuple):
    """A block of a picture, decoded.

    Attributes:
        box: where it lies, in pixels of the picture.
        pixels: uint8 ``(h, w, 3)`` at the scale of its renderer.
        touched: bool ``(h, w)``, what damage may have changed; ``None`` for nothing.
    """

    box: Rectangle
    pixels: NDArray[np.uint8]
    touched: NDArray[np.bool_] | None


class LearnedImage:
    """A coded picture of three channels. Opening reads header and index; pixels are decoded on demand.

    Args:
        read: gives ``(offset, length)`` of the payload; raises ``PgiTruncatedError`` where it ends early.
        length: of the payload, as the container says.
        width, height: of the picture.
        limits: what to allow.
        start: bytes of the payload of the file that lie before this one.

    Attributes:
        codec: "learned".
        channels: RGB.
        sample_format: uint8.

    Raises:
        PgiFormatError, PgiUnsupportedError, PgiLimitError: the payload cannot be used.
    """

    codec = "learned"
    channels = Channels.RGB
    sample_format = SampleFormat.UINT8

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        length: int,
        width: int,
        height: int,
        limits: Limits,
        *,
        start: int = 0,
    ) -> None:
        self._read = read
        self._start = start
        self.header: StreamHeader
        self.header, self.index = parse(read, length, width, height, limits)
        self.grid = self.header.grid

    @property
    def read(self) -> Callable[[int, int], bytes]:
        """Gives ``(offset, length)`` of the payload."""
        return self._read

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix of the file's payload that is enough for the preview."""
        return self._start + self.index.preview_bytes

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile in pixels."""
        return self.grid.tile, self.grid.tile

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.grid.count

    @cached_property
    def facts(self) -> CodedFacts:
        """What the header and the index say."""
        exact, exact_bytes = self.exact.kept()
        carried = 0 if self.header.exact is None else int(self.header.exact.sum())
        return CodedFacts(
            quality=self.header.quality,
            model_digest=self.header.model_digest,
            roi=self.header.roi_map,
            filter_bytes=len(self.header.filter),
            exact=exact,
            exact_bytes=exact_bytes,
            near_blocks=carried - (0 if exact is None else int(exact.sum())),
        )

    @cached_property
    def model(self) -> Model:
        """The model the payload names.

        Raises:
            PgiModelError: it is not installed.
        """
        return find_model(self.header.model_digest)

    @property
    def planner(self) -> Planner:
        """What plans its blocks."""
        return Planner(self.model, self.grid.padded)

    @cached_property
    def filter(self) -> Filter | None:
        """The picture's own filter.

        Raises:
            PgiFormatError: what the payload holds is none.
        """
        return Filter.unpack(self.header.filter, CdfTable.of(self.model)) if self.header.filter else None

    def verify(self) -> None:
        """Check the model's files, every tile's CRC32, and that symbols, filter and exact blocks decode.

        Raises:
            PgiFormatError: something is damaged.
            PgiModelError: the model is not what its digest stands for.
        """
        self.model.check()
        tiles = self.reader(raise_damage=True)
        _ = self.filter
        for index in range(self.grid.count):
            tiles.verify(index)
        self.exact.verify()

    @cached_property
    def exact(self) -> ExactBlocks:
        """What is carried without loss."""
        return self.exact_layer

    @property
    def exact_layer(self) -> ExactLayer:
        """What this very payload carries without loss."""
        return ExactLayer(self.header, self.index, self._read)

    def renderer(self, level: Level, scale: int = 1) -> Renderer:
        """What draws the picture at a level and scale; of "adaptive", what draws its key regions.

        Raises:
            PgiModelError: the model is not installed, or does not have the level.
        """
        self.model.require(level)
        return self.model.renderer(FINE if level == ADAPTIVE else level, scale)

    def decode(
        self, options: DecodeOptions = DecodeOptions(), *, out: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        """Decode.

        Args:
            options: a preview is decoded from the preview layer alone; a damaged tile is filled from what is
                left of it.
            out: where to put the pixels, ``(h, w, 3)``; a new array if not given.

        Returns:
            ``(h, w, 3)`` grey levels, and with "conceal" an ``(h, w)`` mask that is true where
            damage may have changed a pixel.

        Raises:
            PgiFormatError: the payload is damaged.
            PgiOptionError: the window is not inside the picture.
        """
        area = self.area(options.window).grown(0, options.scale, self.grid.picture)
        first = area.reduced(options.scale)
        picture = np.empty((first.height, first.width, 3), np.uint8) if out is None else out
        mask = np.zeros(picture.shape[:2], np.bool_) if options.conceals else None
        look = self.look(options)
        further = options.scale // look.renderer.scale
        tiles = self.reader(raise_damage=not options.conceals)
        done = 0
        for block in self._blocks(tiles, area, look, options.thread_count):
            here = block.box.reduced(options.scale).inside(first)
            picture[here] = mean_reduce(block.pixels, further)
            if mask is not None and block.touched is not None:
                mask[here] = any_reduce(block.touched, further)
            done += block.box.width * block.box.height
            if options.progress is not None:
                options.progress(done / (area.width * area.height))
        return picture, mask

    def look(self, options: DecodeOptions) -> Look:
        """How options want the picture drawn.

        Raises:
            PgiModelError: the model does not have the level.
        """
        drawing = self.renderer(options.level, options.scale)
        if options.level != ADAPTIVE:
            return Look(drawing)
        cells = np.asarray(options.regions, np.bool_)
        fine = self.renderer(ADAPTIVE)
        return Look(self.renderer(FAST), KeyRegions(fine, cells, self.grid.padded))

    def latent(self, window: Window | None = None, threads: int | None = None) -> NDArray[np.float32]:
        """The latent alone, as the network ``means`` gives it; ``synthesis`` does not run.

        Args:
            window: as for :meth:`decode`; covered with whole latent positions.
            threads: likewise.

        Returns:
            ``(M, h, w)``, a position for 16 x 16 pixels.

        Raises:
            PgiFormatError, PgiOptionError: as for :meth:`decode`.
        """
        area, model = self.area(window), self.model
        first = area.reduced(Y_STRIDE)
        out = np.empty((model.latent, first.height, first.width), np.float32)
        tiles, steps = self.reader(raise_damage=True), self._steps()
        threads = thread_count(threads)
        parts = [self.planner.latent(block) for block in self._cut(area)]
        for found in gathered(tiles, steps, parts, threads):
            place = found.plan.block.reduced(Y_STRIDE).inside(first)
            out[:, *place] = found.compute()[0].transpose(2, 0, 1)
        return out

    def area(self, window: Window | None) -> Rectangle:
        """A window as a box; all of the picture if there is none.

        Raises:
            PgiOptionError: it is not inside the picture.
        """
        return Rectangle.of_window(window_within(window, self.grid.width, self.grid.height))

    def reader(self, *, raise_damage: bool) -> TileReader:
        """What reads the symbols, from the first tile on."""
        return TileReader(self.model, self.header, self.index, self._read, raise_damage=raise_damage)

    def _steps(self) -> StepSizes:
        return StepSizes(self.model, self.header.quality, self.header.roi_map)

    def strips(self, options: DecodeOptions = DecodeOptions()) -> Iterator[NDArray[np.uint8]]:
        """The whole picture, a strip of full width at a time, from top to bottom.

        Args:
            options: how to decode it; without a window.

        Yields:
            ``(rows, W, 3)`` grey levels.
        """
        look, scale = self.look(options), options.scale
        whole = self.grid.picture
        tiles, width = self.reader(raise_damage=True), whole.reduced(scale).width
        strip = np.empty((0, width, 3), np.uint8)
        for box, pixels, _ in self._blocks(tiles, whole, look, options.thread_count):
            here = box.reduced(scale)
            if here.left == 0:
                strip = np.empty((here.height, width, 3), np.uint8)
            strip[:, here.left : here.right] = mean_reduce(pixels, scale // look.renderer.scale)
            if here.right == width:
                yield strip

    def blocks(self, threads: int) -> Iterator[DecodedBlock]:
        """The whole picture in blocks, in rows from the upper left."""
        look = Look(self.model.renderer(FAST))
        yield from self._blocks(self.reader(raise_damage=True), self.grid.picture, look, threads)

    def _blocks(self, tiles: TileReader, area: Rectangle, look: Look, threads: int) -> Iterator[DecodedBlock]:
        """Blocks of ``area``, in rows from the upper left."""
        steps, scale = self._steps(), look.renderer.scale
        post_filter = self.filter_of(tiles) if look.renderer.post_filter else None
        reach = self.model.halo("means") + margin(post_filter is not None) + look.reach
        planned = [
            self.planner.drawn(block, look, filters=post_filter is not None) for block in self._cut(area)
        ]
        plans = {part.block: drawn for part, drawn in planned}
        for part, compute, damaged in gathered(tiles, steps, [part for part, _ in planned], threads):
            block = part.block
            pixels = draw_block(
                steps, part, plans[block], compute, look, post_filter, self.grid.padded, threads
            )
            if self.header.neutral:
                pixels = without_tint(pixels)
            spoilt = [self.grid.box(i) for i in self.grid.touching(part.hyper_box) if i in damaged]
            grown = [box.grown(reach, 1, self.grid.padded) for box in spoilt]
            touched = touched_by(grown, block, scale)
            touched = lay_over(self.exact, pixels, block, scale, touched, raise_damage=tiles.raise_damage)
            yield DecodedBlock(block, pixels, touched)

    def filter_of(self, tiles: TileReader) -> Filter | None:
        """The filter. If it cannot be read, there is none, and all tiles count as damaged."""
        try:
            return self.filter
        except PgiFormatError:
            if tiles.raise_damage:
                raise
            tiles.damaged.update(range(self.grid.count))
            return None

    def _cut(self, area: Rectangle) -> list[Rectangle]:
        """``area`` in blocks, in rows from the upper left."""
        return blocks(area, self.grid.tile, block_pixels(area))


def render(payload: bytes, width: int, height: int, model: Model, threads: int) -> Iterator[DecodedBlock]:
    """Decode a payload that was just made, in blocks, with the very model that made it."""
    image = LearnedImage(
        lambda offset, length: payload[offset : offset + length],
        len(payload),
        width,
        height,
        Limits.unlimited(),
    )
    image.model = model
    yield from image.blocks(threads)
