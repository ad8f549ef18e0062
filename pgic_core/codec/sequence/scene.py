"""What an encoder knows of the scene that a sequence shows, and coding the next frame against it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...limits import DEFAULT_LIMITS, Limits
from ...options import DecodeOptions
from ..change.change_image import ChangeImage, canvas_of
from ..change.encoder import CanvasPicture, encode_change, is_neutral
from ..change.modes import NEW, UNCHANGED
from ..change.opening import open_change
from ..change.warped_image import WarpedImage
from ..homography import Homography
from ..learned.exact.hard_blocks import promised_error
from ..learned.payload.header import EXACT_SIDE
from ..learned.payload.tile_index import LAYERS
from ..tiles_and_windows import Z_STRIDE
from .alignment import align
from .canvas import SourceCanvas
from .detection import BLOCK, amounts_of, block_means, detect
from .earlier_states import EarlierStates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..base import CodedImage, Payload
    from ..learned.decoder import LearnedImage
    from .canvas import Placed

__all__ = ["CodedChange", "Scene"]

_MOST_NEW = 0.85
"""A frame with a larger share of positions whose symbols are all new is better coded as a key frame."""
_STILL = 0.3
"""If this share of what has structure looks as before, the camera stands still, whatever moves before it."""
_LEAST_GAIN, _LEAST_AGREEMENT = 0.15, 0.5
"""A frame is aligned if so much more of what has structure looks as before then, and at least this much."""
_LEAST_STRUCTURE, _ALIKE = 1.5, 0.6
"""Mean size of structure in grey levels from which on it counts; and the share of it that may differ."""
_MOST_BYTES_STILL, _MOST_BYTES_MOVED = 1.0, 0.85
"""A frame that takes more than this share of its key frame is better coded as one: if it was moved, others
need not be warped as far from there."""
_MOST_CHANGES = 2.7
"""After changes that take so many times as long to read as a key frame, another one follows: a reader that
opens a frame reads all before it, and should need no more than twice the time of a key frame on average."""
_TILE_BYTES, _DRAWN_BYTES = 0.011, 0.108
"""A pixel of a tile that changed, and one that the networks draw, take as long as so many bytes to read."""
_MOST_CHANGES_MOVED = 7.0
"""The same in bytes alone, where the camera moved and change frames save more."""
_FRESH = 63.75
"""What counts as the change of a position that no frame showed before: the most that a file can say."""
_MUCH = 0.3
"""Where this share of the positions changed, all may be coded: light that changed them reached others."""
_LEAST_PROMISED, _MOST_PROMISED = 1.0, 2.0
"""Grey levels by which the mean of a position may always, and may at most, differ from what is stored."""


@dataclass(frozen=True, slots=True)
class Last:
    """The frame that was coded last.

    Attributes:
        rgb: uint8 ``(h, w, 3)``.
        where: the map from its pixels to those of the canvas.
    """

    rgb: NDArray[np.uint8]
    where: Homography


@dataclass(frozen=True, slots=True)
class CodedChange:
    """A change frame that was coded, and what to keep if it is stored.

    Attributes:
        payload: in pieces.
        last: the frame as it lies in the canvas.
        source: of the canvas after it.
        changed: positions of the canvas that took on a new state.
        moved: whether the frame lies otherwise in the canvas than the key frame, or the canvas grew.
    """

    payload: list[bytes]
    last: Last
    source: SourceCanvas
    changed: NDArray[np.bool_]
    moved: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What differs between a frame and a canvas.

    Attributes:
        changed: bool ``(h, w)`` of z positions.
        candidates: bool ``(h, w)``, positions that are coded if it pays: changed ones, and others with them.
        ages: of :class:`.encoder.CanvasPicture`.
        amount: float32 ``(h, w)``, by how many grey levels.
        agreement: how much of what has structure, in what both show, looks the same.
    """

    changed: NDArray[np.bool_]
    candidates: NDArray[np.bool_]
    ages: NDArray[np.uint8]
    amount: NDArray[np.float32]
    agreement: float


class Scene:
    """The reference of the next frame.

    Args:
        frame: the last frame of the sequence, coded by the learned codec.
        rgb: uint8 ``(H, W, 3)``, the picture it was coded from. Where that is not at hand, as when a file is
            continued, the decoded frame takes its place, and detection sees the error of the codec as well.
        limits: of those who read the sequence.

    Raises:
        PgiUnsupportedError: the frame is coded by another codec, or has opacity.
    """

    def __init__(self, frame: CodedImage, rgb: NDArray[np.uint8], limits: Limits = DEFAULT_LIMITS) -> None:
        self._canvas = canvas_of(frame)
        height, width = rgb.shape[:2]
        self._source = SourceCanvas(rgb, None, self._canvas.grid, 0, 0, (width, height), limits)
        self._last = Last(rgb, Homography(np.eye(3)))
        self._earlier = EarlierStates()
        if isinstance(frame, WarpedImage):
            canvas, tile = frame.canvas, self._canvas.grid.tile
            area = canvas.grid.picture
            empty = np.zeros((area.height, area.width), np.bool_)
            whole = np.zeros((area.height, area.width, 3), np.uint8)
            unknown = SourceCanvas(
                whole, empty, canvas.grid, canvas.left * tile, canvas.top * tile, (width, height), limits
            )
            placed = unknown.moved(rgb, frame.map)
            assert placed is not None  # it lies in the canvas
            positions = np.ones((-(-area.height // Z_STRIDE), -(-area.width // Z_STRIDE)), np.bool_)
            self._source = placed.coded(positions)
            self._last = Last(rgb, frame.map)

    @classmethod
    def of_frame(cls, frame: CodedImage, threads: int, limits: Limits = DEFAULT_LIMITS) -> Scene:
        """The scene that a stored frame shows.

        Raises:
            PgiError: it cannot be decoded.
        """
        canvas_of(frame)
        return cls(frame, frame.decode(DecodeOptions(threads=threads))[0], limits)

    @property
    def canvas(self) -> LearnedImage:
        """What the next frame refers to."""
        return self._canvas

    @property
    def _key_bytes(self) -> int:
        """Bytes of the payload of the key frame."""
        key = self._canvas.key if isinstance(self._canvas, ChangeImage) else self._canvas
        return key.index.total_bytes

    @property
    def _much_changed(self) -> bool:
        """Whether the change frames since the key frame take so long to read that another has to follow."""
        changes = self._canvas.changes if isinstance(self._canvas, ChangeImage) else ()
        coded = sum(change.index.coded_bytes for change in changes)
        if any(change.header.corners is not None for change in changes):
            return coded > _MOST_CHANGES_MOVED * self._key_bytes
        boxes = [change.header.grid.box(tile) for change in changes for tile in change.index.parts[LAYERS[0]]]
        tiles = sum(box.width * box.height for box in boxes)
        width, height = self._source.size
        key = self._key_bytes + _DRAWN_BYTES * width * height
        return coded + _TILE_BYTES * tiles > _MOST_CHANGES * key

    @property
    def depth(self) -> int:
        """Change frames since the key frame."""
        return len(self._canvas.changes) if isinstance(self._canvas, ChangeImage) else 0

    def code(
        self,
        rgb: NDArray[np.uint8],
        *,
        effort: int,
        threads: int,
        exact: NDArray[np.bool_] | None = None,
        moving: bool = True,
    ) -> CodedChange | None:
        """Code a frame as a change of the last one.

        Args:
            rgb: uint8 ``(H, W, 3)``, of the same size.
            effort: 1 to 3.
            threads: for networks.
            exact: bool ``(ceil(H / 8), ceil(W / 8))``, blocks to carry without loss.
            moving: the camera may have moved.

        Returns:
            The change, or None where a key frame is better: almost everything is new, the change or all of
            them since the key frame take too many bytes, blocks are to be exact in a frame that does not lie
            straight in the canvas, or the first colours come into a grey scene.
        """
        if self._canvas.header.neutral and not is_neutral(rgb):
            return None  # or positions without a change would take on the model's tint
        if self._much_changed:
            return None
        placed = self._source.still(rgb)
        found = self._detected(placed)
        if moving and found.agreement < _STILL:
            placed, found = self._aligned(rgb, placed, found)
        candidates, ages = found.candidates, found.ages
        if exact is not None:
            if placed.corners is not None or placed.covered is not None:
                return None
            asked = _positions(exact, candidates.shape)
            candidates, ages = candidates | asked, np.where(asked, np.uint8(0), ages)
        picture = CanvasPicture(
            placed.rgb,
            placed.canvas.grid,
            candidates,
            amounts_of(found.changed, found.amount),
            ages,
            placed.left,
            placed.top,
            placed.corners,
            exact,
        )
        payload, header = encode_change(picture, self._canvas, effort=effort, threads=threads)
        if (header.modes == NEW).mean() > _MOST_NEW:
            return None
        most = _MOST_BYTES_STILL if placed.covered is None else _MOST_BYTES_MOVED
        if sum(map(len, payload)) > most * self._key_bytes:
            return None
        last, source = Last(rgb, placed.map), placed.coded(header.changed)
        restored = np.where(header.modes == UNCHANGED, header.ages, np.uint8(0))
        if restored.any():
            source = replace(source, rgb=self._earlier.restored(source.rgb, restored))
        return CodedChange(payload, last, source, header.changed, placed.covered is not None)

    def advance(self, coded: CodedChange, payload: Payload) -> CodedImage:
        """Go on from a change frame that was stored.

        Args:
            coded: as :meth:`code` gave it.
            payload: of the stored frame.

        Returns:
            The frame, opened.
        """
        frame = open_change(payload, self._canvas)
        self._count(coded)
        self._canvas, self._source, self._last = canvas_of(frame), coded.source, coded.last
        return frame

    def _count(self, coded: CodedChange) -> None:
        """Keep what positions showed before they changed."""
        if coded.moved:
            self._earlier = EarlierStates()
            return
        exact = self._canvas.header.exact
        incomplete = np.zeros_like(coded.changed) if exact is None else _positions(exact, coded.changed.shape)
        self._earlier.push(block_means(self._source.rgb), coded.changed, incomplete)

    def _aligned(self, rgb: NDArray[np.uint8], placed: Placed, found: _Found) -> tuple[Placed, _Found]:
        """The frame where it was found in the canvas, if more agrees there, and what differs."""
        where = align(self._source.rgb, self._last.rgb, self._last.where, rgb)
        moved = None if where is None else self._source.moved(rgb, where)
        if moved is None:
            return placed, found
        again = self._detected(moved)
        better = again.agreement >= max(found.agreement + _LEAST_GAIN, _LEAST_AGREEMENT)
        return (moved, again) if better else (placed, found)

    def _detected(self, placed: Placed) -> _Found:
        """What differs between a frame and the canvas."""
        before, now = block_means(placed.canvas.rgb), block_means(placed.rgb)
        if placed.covered is None:
            changed, amount = detect(before, now, self._promised())
            free = self._without_exact(placed, changed.shape)
            candidates = changed | free if changed.mean() > _MUCH else changed
            ages = self._earlier.ages(before, now, candidates & free)
            return _Found(changed, candidates, ages, amount, _agreement(before, now, None))
        covered, known = _mostly(placed.covered), np.ones(before.shape[:2], np.bool_)
        if placed.canvas.known is not None:
            known = _mostly(placed.canvas.known)
        both = covered & known
        seen = np.where(both[:, :, None], now, before)
        changed, amount = detect(before, seen, self._promised())
        sides = Z_STRIDE // BLOCK
        shape = changed.shape[0], sides, changed.shape[1], sides
        fresh = (covered & ~known).reshape(shape).any((1, 3))
        candidates = changed | fresh
        if changed.mean() > _MUCH:
            candidates |= covered.reshape(shape).any((1, 3)) & self._without_exact(placed, changed.shape)
        agreement = _agreement(before, now, both)
        amount = np.where(fresh, np.float32(_FRESH), amount)
        ages = np.zeros(changed.shape, np.uint8)
        return _Found(changed | fresh, candidates, ages, amount, agreement)

    def _without_exact(self, placed: Placed, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Positions of a frame's canvas without exact blocks, which vanish where one is coded again."""
        exact, free = self._canvas.header.exact, np.ones(shape, np.bool_)
        if exact is not None:
            before, positions = self._canvas.grid.padded, placed.canvas.grid.tile // Z_STRIDE
            held = _positions(exact, (before.height // Z_STRIDE, before.width // Z_STRIDE))
            top, left = placed.top * positions, placed.left * positions
            free[top : top + held.shape[0], left : left + held.shape[1]] = ~held
        return free

    def _promised(self) -> float:
        """Grey levels by which the mean of a position may differ from what is stored."""
        model, quality = self._canvas.model, self._canvas.header.quality
        if not model.weighs_errors:
            return _MOST_PROMISED
        error = 0.5 * promised_error(model.error_weight(quality)) ** 0.5
        return float(min(max(error, _LEAST_PROMISED), _MOST_PROMISED))


def _agreement(
    before: NDArray[np.float32], now: NDArray[np.float32], where: NDArray[np.bool_] | None
) -> float:
    """How much of what has structure looks the same in two pictures: a share of blocks of 16 x 16 pixels.

    Structure is what is left of block means without their mean over such a block: light changes it little.

    Args:
        before, now: of :func:`.detection.block_means`.
        where: bool ``(rows, columns)``, what counts; None for everything.
    """
    there, differs = (_structure(values) for values in (before, now - before))
    counts = there > _LEAST_STRUCTURE
    if where is not None:
        height, width = there.shape
        counts &= where.reshape(height, BLOCK, width, BLOCK).all((1, 3))
    return float((counts & (differs < _ALIKE * there)).sum() / max(1, counts.sum()))


def _structure(means: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean size of the structure of each block of 16 x 16 pixels, in grey levels."""
    height, width, colours = means.shape
    blocks = means.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, colours)
    return np.asarray(np.abs(blocks - blocks.mean((1, 3), keepdims=True)).mean((1, 3, 4)), np.float32)


def _mostly(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks of 4 x 4 pixels, as :func:`block_means` has them, of which at least half are true."""
    whole = np.repeat(mask[:, :, None], 3, 2).astype(np.uint8)
    found: NDArray[np.bool_] = block_means(whole)[:, :, 0] >= 0.5
    return found


def _positions(blocks: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Positions of z that hold one of some blocks."""
    side = Z_STRIDE // EXACT_SIDE
    whole = np.zeros((shape[0] * side, shape[1] * side), np.bool_)
    whole[: blocks.shape[0], : blocks.shape[1]] = blocks
    found: NDArray[np.bool_] = np.asarray(whole.reshape(shape[0], side, shape[1], side).any((1, 3)))
    return found
