"""Change frames of a sequence: opening and decoding them (``STREAM.md``, "Change"; A-6.4.1c)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiLimitError, PgiUnsupportedError
from ..learned.decoder import LearnedImage
from ..learned.exact.layer import ExactLayer
from ..learned.payload.header import EXACT_SIDE, StreamHeader
from ..learned.payload.tile_index import EXACT, LAYERS, Part
from ..tiles_and_windows import Z_STRIDE, Grid
from .canvas_reader import CanvasChange, CanvasReader
from .modes import UNCHANGED
from .stream import ChangeHeader, ChangeIndex, parse_change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..base import CodedFacts, CodedImage, Payload
    from ..learned.exact.layer import ExactBlocks, ExactPiece
    from ..learned.symbols.tile_symbol_reader import TileReader
    from ..rectangle import Rectangle

__all__ = ["ChangeImage", "canvas_of", "restored_reader"]


def canvas_of(frame: CodedImage) -> LearnedImage:
    """What a change frame may refer to.

    Raises:
        PgiUnsupportedError: the frame is not coded by the learned codec, or has opacity.
    """
    canvas = getattr(frame, "canvas", frame)
    if not isinstance(canvas, LearnedImage):
        raise PgiUnsupportedError("A change frame refers to a frame that is not coded by the learned codec.")
    return canvas


_MOST_EXACT_BLOCKS = 1 << 28
"""Blocks in all exact maps from a key frame to a frame: a byte of memory for each, and few of the file."""


class ChangeImage(LearnedImage):
    """The canvas of a change frame, decoded as any learned picture.

    Args:
        payload: of the frame.
        reference: canvas of the frame that it changes.

    Attributes:
        key: the key frame.
        change: what this frame says of itself.
        changes: of all frames from the key frame to this one, in order.
        left, top: tiles by which the canvas is larger there than the key frame.
    """

    changes: tuple[CanvasChange, ...]

    def __init__(self, payload: Payload, reference: LearnedImage) -> None:
        self._read = payload.read
        self._start = 0
        frame = Grid.square(payload.width, payload.height, reference.grid.tile)
        change, own = parse_change(payload.read, payload.length, reference.grid, frame, payload.limits)
        self.change: ChangeHeader = change
        self.own_index: ChangeIndex = own
        earlier: tuple[CanvasChange, ...] = ()
        self.key, self.left, self.top = reference, change.left, change.top
        if isinstance(reference, ChangeImage):
            earlier = reference.changes
            if change.left or change.top:
                earlier = tuple(one.moved(change.left, change.top) for one in earlier)
            self.key = reference.key
            self.left += reference.left
            self.top += reference.top
        self.changes = (
            *earlier,
            CanvasChange(change, own, payload.read),
        )
        maps = (one.header.exact for one in self.changes)
        if sum(exact.size for exact in maps if exact is not None) > _MOST_EXACT_BLOCKS:
            raise PgiLimitError(
                "The exact maps of the change frames that this frame needs are larger than this pgic reads."
            )
        self.index = self.key.index
        before = reference.header
        self.header = replace(
            before,
            grid=change.grid,
            roi_map=_enlarged(before.roi_map, before.grid, change),
            filter=before.filter if change.filter is None else change.filter,
            neutral=change.neutral,
            exact=_remaining(before.exact, change),
        )
        self.grid = change.grid

    @property
    def preview_bytes(self) -> int:
        """Length of the prefix of the frame's payload that is enough for its preview."""
        return self.own_index.preview_bytes

    @property
    def facts(self) -> CodedFacts:
        """As of any learned picture, and what this frame changed."""
        picture = self.grid.picture
        rows, columns = (-(-side // Z_STRIDE) for side in (picture.height, picture.width))
        return replace(super().facts, changes=self.change.amounts[:rows, :columns])

    @cached_property
    def _canvas_exact(self) -> CanvasExact:
        grid = self.header.grid
        key = self.key
        layers = [_MovedLayer(key.exact_layer, self.left, self.top)]
        layers += [
            _MovedLayer(_own_exact(change, key.header), change.left, change.top) for change in self.changes
        ]
        return CanvasExact(grid, layers, self.changes)

    @cached_property
    def exact(self) -> ExactBlocks:
        """What is carried without loss."""
        return self._canvas_exact

    def reader(self, *, raise_damage: bool) -> CanvasReader:
        """What reads the symbols, from the first tile on."""
        return CanvasReader(
            self.model, self.header, self.key, self.left, self.top, self.changes, raise_damage=raise_damage
        )

    def verify(self) -> None:
        """Check what this frame codes: its tiles, filter and exact blocks; what it refers to is not checked.

        Raises:
            PgiFormatError: something is damaged.
            PgiModelError: the model is not what its digest stands for.
        """
        self.model.check()
        _ = self.filter
        tiles = self.reader(raise_damage=True)
        for index in self.change.changed_tiles():
            tiles.verify(index)
        _own_exact(self.changes[-1], self.key.header).verify()


def restored_reader(reference: LearnedImage, ages: NDArray[np.uint8]) -> TileReader:
    """What reads a canvas with some of its positions as they were before.

    Args:
        reference: the canvas.
        ages: uint8 ``(h, w)`` of its positions; 0 for those that stay.
    """
    if not ages.any():
        return reference.reader(raise_damage=True)
    modes, amounts = np.full(ages.shape, UNCHANGED, np.uint8), np.zeros(ages.shape, np.uint8)
    z_coded = np.zeros(ages.shape, np.bool_)
    header = ChangeHeader(
        reference.grid, 0, 0, None, modes, z_coded, ages, amounts, None, None, reference.header.neutral
    )
    nothing = dict.fromkeys(header.changed_tiles(), Part(0, 0, 0))
    index = ChangeIndex({LAYERS[0]: nothing, EXACT: {}, LAYERS[1]: nothing}, 0)
    restoring = CanvasChange(header, index, lambda offset, length: b"")
    key, left, top = reference, 0, 0
    changes: tuple[CanvasChange, ...] = (restoring,)
    if isinstance(reference, ChangeImage):
        key, left, top = reference.key, reference.left, reference.top
        changes = *reference.changes, restoring
    return CanvasReader(reference.model, reference.header, key, left, top, changes, raise_damage=True)


def _enlarged(
    roi_map: NDArray[np.int8] | None, before: Grid, change: ChangeHeader
) -> NDArray[np.int8] | None:
    """The ROI map of a canvas that grew."""
    if roi_map is None or before == change.grid:
        return roi_map
    padded, positions = change.grid.padded, before.tile // Z_STRIDE
    larger = np.zeros((padded.height // Z_STRIDE, padded.width // Z_STRIDE), np.int8)
    top, left = change.top * positions, change.left * positions
    larger[top : top + roi_map.shape[0], left : left + roi_map.shape[1]] = roi_map
    return larger


def _remaining(before: NDArray[np.bool_] | None, change: ChangeHeader) -> NDArray[np.bool_] | None:
    """Exact and nearly exact blocks of a canvas after a change of it; ``None`` if there are none."""
    if before is None:
        return change.exact
    grid, side = change.grid, Z_STRIDE // EXACT_SIDE
    whole = np.zeros((-(-grid.height // EXACT_SIDE), -(-grid.width // EXACT_SIDE)), np.bool_)
    top, left = (tiles * grid.tile // EXACT_SIDE for tiles in (change.top, change.left))
    whole[top : top + before.shape[0], left : left + before.shape[1]] = before
    changed = change.changed.repeat(side, 0).repeat(side, 1)
    whole &= ~changed[: whole.shape[0], : whole.shape[1]]
    if change.exact is not None:
        whole |= change.exact
    return whole if whole.any() else None


def _own_exact(change: CanvasChange, key: StreamHeader) -> ExactLayer:
    """Exact blocks that one frame carries."""
    header = StreamHeader(key.model_digest, key.quality, change.header.grid, None, exact=change.header.exact)
    return ExactLayer(header, change.index, change.read)


@dataclass(frozen=True, slots=True)
class _MovedLayer:
    """Exact blocks of one frame in the canvas of a later one.

    Attributes:
        layer: as the frame has them.
        left, top: tiles by which the canvas is larger there.
    """

    layer: ExactLayer
    left: int
    top: int

    def blocks(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Its map, ``shape`` blocks of the canvas."""
        whole, own = np.zeros(shape, np.bool_), self.layer.header.exact
        if own is not None:
            side = self.layer.header.grid.tile // EXACT_SIDE
            top, left = self.top * side, self.left * side
            whole[top : top + own.shape[0], left : left + own.shape[1]] = own
        return whole


@dataclass(frozen=True)
class CanvasExact:
    """The exact blocks of a canvas.

    Attributes:
        grid: of the canvas.
        layers: of the key frame, then of each change frame.
        changes: of the change frames.
    """

    grid: Grid
    layers: list[_MovedLayer]
    changes: tuple[CanvasChange, ...]

    def over(self, area: Rectangle, scale: int) -> Iterator[ExactPiece]:
        """See :meth:`.layer.ExactBlocks.over`."""
        for number, moved in enumerate(self.layers):
            if moved.layer.header.exact is None:
                continue
            own, tile = moved.layer.header.grid, self.grid.tile
            shift = moved.left * tile, moved.top * tile
            there = area.shifted(-shift[0], -shift[1]).overlap(own.padded)
            if there.width <= 0 or there.height <= 0:
                continue
            seen = self._last[there.shifted(*shift).reduced(EXACT_SIDE).inside(self._blocks_box)] <= number
            outer, inner = area.reduced(scale), there.shifted(*shift).reduced(scale)
            row, column = inner.top - outer.top, inner.left - outer.left
            side = EXACT_SIDE // scale
            shown = seen.repeat(side, 0).repeat(side, 1)
            first = there.reduced(EXACT_SIDE)
            offset = there.top // scale - first.top * side, there.left // scale - first.left * side
            for (rows, columns), mask, read in moved.layer.over(there, scale):
                visible = shown[
                    offset[0] + rows.start : offset[0] + rows.stop,
                    offset[1] + columns.start : offset[1] + columns.stop,
                ]
                if (mask & visible).any():
                    here = (
                        slice(row + rows.start, row + rows.stop),
                        slice(column + columns.start, column + columns.stop),
                    )
                    yield here, mask & visible, read

    def kept(self) -> tuple[NDArray[np.bool_] | None, int]:
        """See :meth:`.layer.ExactBlocks.kept`."""
        rows, columns = self._shape
        size, whole = 0, np.zeros((rows, columns), np.bool_)
        for number, moved in enumerate(self.layers):
            if moved.layer.header.exact is None:
                continue
            kept, length = moved.layer.kept()
            size += length
            if kept is not None:
                layer = replace(moved.layer, header=replace(moved.layer.header, exact=kept))
                blocks = replace(moved, layer=layer).blocks(self._shape)
                whole |= blocks & self._shown(number)[:rows, :columns]
        return whole if whole.any() else None, size

    def verify(self) -> None:
        """See :meth:`.layer.ExactBlocks.verify`."""
        for moved in self.layers:
            moved.layer.verify()

    @property
    def _shape(self) -> tuple[int, int]:
        return -(-self.grid.height // EXACT_SIDE), -(-self.grid.width // EXACT_SIDE)

    @property
    def _blocks_box(self) -> Rectangle:
        return self.grid.padded.reduced(EXACT_SIDE)

    @cached_property
    def _last(self) -> NDArray[np.int32]:
        """How many change frames there were when a block of the padded canvas last changed; 0 for never.

        Once for all layers: the time for a frame must not grow with the square of its chain.
        """
        side, positions = Z_STRIDE // EXACT_SIDE, self.grid.tile // Z_STRIDE
        padded = self.grid.padded
        last = np.zeros((padded.height // Z_STRIDE, padded.width // Z_STRIDE), np.int32)
        for count, change in enumerate(self.changes, 1):
            changed = change.header.changed
            top, left = change.top * positions, change.left * positions
            last[top : top + changed.shape[0], left : left + changed.shape[1]][changed] = count
        return last.repeat(side, 0).repeat(side, 1)

    def _shown(self, number: int) -> NDArray[np.bool_]:
        """Blocks of the padded canvas in which no frame after ``number`` changed anything."""
        return self._last <= number
