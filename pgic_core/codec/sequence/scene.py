"""What an encoder knows of the scene that a sequence shows, and coding the next frame against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...options import DecodeOptions
from ..learned.change_encoder import CanvasPicture, encode_change
from ..learned.change_image import ChangeImage, canvas_of
from ..learned.change_stream import NEW
from ..learned.hard_blocks import promised_error
from ..learned.stream import EXACT_SIDE
from ..tiling import Z_STRIDE
from .detection import amounts_of, block_means, detect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..base import CodedImage, Payload
    from ..learned.decoder import LearnedImage

__all__ = ["CodedChange", "Scene"]

_MOST_NEW = 0.9
"""A frame with a larger share of new positions is better coded as a key frame, which others need not refer back
beyond."""
_LEAST_PROMISED, _MOST_PROMISED = 1.0, 4.0
"""Grey levels by which the mean of a position may always, and may at most, differ from what is stored."""


@dataclass(frozen=True, slots=True)
class CodedChange:
    """A change frame that was coded, and what to keep if it is stored.

    Attributes:
        payload: in pieces.
        means: of :func:`.detection.block_means`, of what each position is now coded from.
        changed: positions.
    """

    payload: list[bytes]
    means: NDArray[np.float32]
    changed: NDArray[np.bool_]


class Scene:
    """The reference of the next frame.

    Args:
        frame: the last frame of the sequence, coded by the learned codec.
        rgb: uint8 ``(H, W, 3)``, the picture it was coded from. Where that is not at hand, as when a file is
            continued, the decoded frame takes its place, and detection sees the error of the codec as well.

    Raises:
        PgiUnsupportedError: the frame is coded by another codec, or has opacity.
    """

    def __init__(self, frame: CodedImage, rgb: NDArray[np.uint8]) -> None:
        self._canvas = canvas_of(frame)
        self._means = block_means(rgb)

    @classmethod
    def of_frame(cls, frame: CodedImage, threads: int) -> Scene:
        """The scene that a stored frame shows.

        Raises:
            PgiError: it cannot be decoded.
        """
        canvas_of(frame)
        return cls(frame, frame.decode(DecodeOptions(threads=threads))[0])

    @property
    def canvas(self) -> LearnedImage:
        """What the next frame refers to."""
        return self._canvas

    @property
    def depth(self) -> int:
        """Change frames since the key frame."""
        return len(self._canvas.changes) if isinstance(self._canvas, ChangeImage) else 0

    def code(
        self, rgb: NDArray[np.uint8], *, effort: int, threads: int, exact: NDArray[np.bool_] | None = None
    ) -> CodedChange | None:
        """Code a frame as a change of the last one.

        Args:
            rgb: uint8 ``(H, W, 3)``, of the same size.
            effort: 1 to 3.
            threads: for networks.
            exact: bool ``(ceil(H / 8), ceil(W / 8))``, blocks to carry without loss.

        Returns:
            The change, or None where a key frame is better: almost everything is new.
        """
        means = block_means(rgb)
        changed, amount = detect(self._means, means, self._promised())
        if exact is not None:
            changed |= _positions(exact, changed.shape)
        picture = CanvasPicture(rgb, self._canvas.grid, amounts_of(changed, amount), exact=exact)
        if changed.mean() > _MOST_NEW and amount.min() > _MOST_PROMISED * 4:
            return None
        payload, modes = encode_change(picture, self._canvas, effort=effort, threads=threads)
        if (modes == NEW).mean() > _MOST_NEW:
            return None
        side = len(means) // changed.shape[0]
        held = np.where(changed.repeat(side, 0).repeat(side, 1)[:, :, None], means, self._means)
        return CodedChange(payload, held, changed)

    def advance(self, coded: CodedChange, payload: Payload) -> CodedImage:
        """Go on from a change frame that was stored.

        Args:
            coded: as :meth:`code` gave it.
            payload: of the stored frame.

        Returns:
            The frame, opened.
        """
        # Not imported by those who only look.
        from ..learned.change_image import open_change

        frame = open_change(payload, self._canvas)
        self._canvas, self._means = canvas_of(frame), coded.means
        return frame

    def _promised(self) -> float:
        model, quality = self._canvas.model, self._canvas.header.quality
        if not model.weighs_errors:
            return _MOST_PROMISED
        error = promised_error(model.error_weight(quality)) ** 0.5
        return float(min(max(error, _LEAST_PROMISED), _MOST_PROMISED))


def _positions(blocks: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Positions of z that hold one of some blocks."""
    side = Z_STRIDE // EXACT_SIDE
    whole = np.zeros((shape[0] * side, shape[1] * side), np.bool_)
    whole[: blocks.shape[0], : blocks.shape[1]] = blocks
    return whole.reshape(shape[0], side, shape[1], side).any((1, 3))
