"""The rows of a picture's latent that an encoder still needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..rectangle import Rectangle
from ..tiles_and_windows import Y_STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LatentRows"]

_PIECE_ROWS = 512


class LatentRows:
    """The rows of a latent that are in use: new ones are added at the bottom, old ones freed at the top.

    So memory follows the work and not the size of the picture.

    Args:
        channels: M.
        width: of the coded area in pixels.

    Attributes:
        bottom: the first pixel row below those that are here.
    """

    def __init__(self, channels: int, width: int) -> None:
        self._channels = channels
        self._width = width
        self._pieces: list[tuple[Rectangle, NDArray[np.float32]]] = []
        self.bottom = 0

    def grow(self, bottom: int) -> Rectangle:
        """Reach down to ``bottom``, a multiple of 16; returns the new rows, which are to be put in."""
        new = Rectangle(0, self.bottom, self._width, bottom)
        self.bottom = bottom
        return new

    def put(self, area: Rectangle, latent: NDArray[np.float32]) -> None:
        """Fill ``area`` with its latent, ``(1, h / 16, w / 16, M)``, which is kept where it can be.

        Areas that lie side by side have the same rows.
        """
        if not any(box.overlap(area).height > 0 for box, _ in self._pieces):
            if area.width == self._width and latent.flags.c_contiguous:
                self._pieces.append((area, latent))
                return
            for top in range(area.top, area.bottom, _PIECE_ROWS):
                box = Rectangle(0, top, self._width, min(top + _PIECE_ROWS, area.bottom))
                self._pieces.append((box, self._empty(box)))
        for box, piece in self._pieces:
            shared = box.overlap(area)
            if shared.height > 0:
                piece[:, *shared.inside(box, Y_STRIDE)] = latent[:, *shared.inside(area, Y_STRIDE)]

    def take(self, area: Rectangle) -> NDArray[np.float32]:
        """The latent of ``area``, contiguous. All of it must be here. Not to be changed."""
        out = next((piece for box, piece in self._pieces if box == area), None)
        if out is not None:
            return out
        out = self._empty(area)
        for box, piece in self._pieces:
            shared = box.overlap(area)
            if shared.height > 0:
                out[:, *shared.inside(area, Y_STRIDE)] = piece[:, *shared.inside(box, Y_STRIDE)]
        return out

    def forget(self, above: int) -> None:
        """Let go of pieces that lie wholly above a pixel row."""
        self._pieces = [(box, piece) for box, piece in self._pieces if box.bottom > above]

    def _empty(self, box: Rectangle) -> NDArray[np.float32]:
        return np.empty((1, box.height // Y_STRIDE, box.width // Y_STRIDE, self._channels), np.float32)
