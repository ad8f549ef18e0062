"""Pasting blocks into a picture, and counting those that are found (A-6.5.3c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...security.watermark.tamper import SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...security.watermark import Edits

__all__ = ["Pasted", "paste_blocks"]

# One block is pasted for so many of the picture, anywhere and not on the grid.
_BLOCKS_PER_PASTE = 32


@dataclass(frozen=True, slots=True)
class Pasted:
    """A picture into which blocks were pasted.

    Attributes:
        picture: (H, W, 3).
        touched: (rows, columns), True for a block of the grid that a paste touches.
        places: index of ``touched`` for each paste; none touches what another does.
    """

    picture: NDArray[np.uint8]
    touched: NDArray[np.bool_]
    places: tuple[tuple[slice, slice], ...]

    def counts(self, edits: Edits | None) -> dict[str, tuple[int, int]]:
        """Trials and hits of ``"edit found"`` and ``"false edit"``.

        A paste is found if a block that it touches is called changed. Every other block that is called
        changed is a false edit.
        """
        changed = np.zeros_like(self.touched) if edits is None else edits.changed
        found = sum(bool(changed[place].any()) for place in self.places)
        return {
            "edit found": (len(self.places), found),
            "false edit": (int((~self.touched).sum()), int(changed[~self.touched].sum())),
        }


def paste_blocks(picture: NDArray[np.uint8], other: NDArray[np.uint8], seed: int) -> Pasted:
    """Paste blocks of 64 x 64 pixels from anywhere in one picture to anywhere in another."""
    numbers = np.random.default_rng(seed)
    edited = picture.copy()
    rows, columns = (side // SIDE for side in picture.shape[:2])
    touched = np.zeros((rows, columns), bool)
    places = []
    for _ in range(max(rows * columns // _BLOCKS_PER_PASTE, 1)):
        top, left = numbers.integers((rows - 1) * SIDE), numbers.integers((columns - 1) * SIDE)
        place = np.s_[top // SIDE : -(-(top + SIDE) // SIDE), left // SIDE : -(-(left + SIDE) // SIDE)]
        if touched[place].any():
            continue
        touched[place] = True
        places.append(place)
        y, x = (numbers.integers(side - SIDE + 1) for side in other.shape[:2])
        edited[top : top + SIDE, left : left + SIDE] = other[y : y + SIDE, x : x + SIDE]
    return Pasted(edited, touched, tuple(places))
