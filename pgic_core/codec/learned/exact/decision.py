"""Which blocks of decoded cores are to be exact: their bits without loss against the error that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..payload.header import EXACT_SIDE
from ..payload.tile_index import DEPTHS, FULL_DEPTH
from .dct_cost import transform_cost
from .hard_blocks import DEAREST, INK_WEIGHT, are_printed, have_ink, promised_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BESIDE_RATIO", "Judged", "decide", "near_depth", "near_error", "usual_errors"]

_FAR_RATIO, _WORTH_RATIO, BESIDE_RATIO = 8.0, 4.0, 6.0
"""A block is taken if its decoded error is more than so many times the usual error around it: if the block is
foreign to the model; if it is worth its bits; and if it is foreign and touches one that is taken. Else a part
of a letter or lamp would be left."""
_CUT_RATIO = 2.0
"""Beside an exact block, this is enough for a suspected one with ink: both may show parts of one thing, which
would be cut between them."""
_FOREIGN_RATIO, _INKED_RATIO = 1.4, 0.75
"""A block is foreign if its error weighs so many times what a transform coder would cost. The second is for
blocks with ink: one colour fills part of them, as in letters."""
_CHEAP_BITS = 4.0
"""A block of fewer bits per pixel counts as foreign. Like one with ink, it is taken wherever it is worth its
bits."""
_USUAL_PERCENTILE, _LEAST_USUAL_RATIO, _LEAST_USUAL = 25, 0.25, 5.0
"""The usual error is this percentile of the blocks of a crop. It is at least this share of the promised error
and this squared error (41 dB), and at most the promised error."""
_LEAST_DEPTH = 6
"""Samples of fewer bits shift flat colours by up to 4 levels, and their PSNR may be below 40 dB."""


def near_error(depth: int) -> float:
    """The mean squared error, in grey levels of 8 bits, of samples stored in ``depth`` bits."""
    step = 255 / ((1 << depth) - 1)
    return step**2 / 12 if depth < FULL_DEPTH else 0.0


def near_depth(error_weight: float) -> int:
    """The fewest bits per sample whose error is at most a third of the promised one."""
    enough = promised_error(error_weight) / 3
    return next(depth for depth in DEPTHS if near_error(depth) <= enough and depth >= _LEAST_DEPTH)


class Judged(NamedTuple):
    """What is decided on blocks, in arrays of their shape.

    Attributes:
        bits: that a pixel of a block takes without loss; 0 where nobody asked.
        gain: bits that the block is worth, 0 where it is not to be exact.
        beside: whether it is to be exact beside another.
    """

    bits: NDArray[np.float32]
    gain: NDArray[np.float32]
    beside: NDArray[np.bool_]


def decide(
    pixels: NDArray[np.uint8],
    bits: NDArray[np.float32],
    errors: NDArray[np.float32],
    usual: NDArray[np.float32],
    saved: NDArray[np.float32],
    suspected: NDArray[np.bool_],
    error_weight: float,
) -> Judged:
    """Decide on blocks: those of cores, of shape ``(n, 4, 4)``, or any, ``(n,)``.

    Args:
        pixels: ``(..., 8, 8, 3)``.
        bits: bits per pixel without loss; 0 for blocks that are not in question.
        errors: mean squared errors that the model leaves.
        usual: those of their surroundings.
        saved: bits per pixel that the model saves where it need not code a block.
        suspected: blocks that may be exact by themselves; others only beside those.
        error_weight: as for :func:`.screen_blocks`.
    """
    depth = near_depth(error_weight)
    known = bits > 0
    in_question = INK_WEIGHT * error_weight * errors + saved > bits
    in_question |= errors > _CUT_RATIO * usual
    asked = known & ~suspected
    if not (suspected & in_question | asked).any():
        return Judged(bits, np.zeros_like(bits), asked)
    inked = have_ink(pixels)
    weights = error_weight * np.where(are_printed(pixels), INK_WEIGHT, 1)
    gain = weights * (errors - near_error(depth)) + saved - bits
    simple = inked | (bits < _CHEAP_BITS)
    worth = (gain > 0) & (simple | (errors > _WORTH_RATIO * usual))
    foreign = known & (bits < _CHEAP_BITS)
    least = np.where(inked[known], _INKED_RATIO, _FOREIGN_RATIO)
    foreign[known] |= error_weight * errors[known] > least * transform_cost(pixels[known], error_weight)
    foreign &= bits < DEAREST * weights * errors
    taken = suspected & (worth | (foreign & (errors > _FAR_RATIO * usual)))
    beside = foreign & (errors > BESIDE_RATIO * usual)
    beside |= suspected & inked & (errors > _CUT_RATIO * usual)
    return Judged(bits, np.where(taken, np.maximum(gain, bits) * EXACT_SIDE**2, 0), beside)


def usual_errors(errors: NDArray[np.float32], promised: float) -> NDArray[np.float32]:
    """The error that surroundings have, ``(n, 1, 1)``, of those of all blocks, ``(n, 8, 8)``."""
    least = max(_LEAST_USUAL, _LEAST_USUAL_RATIO * promised)
    usual: NDArray[np.float32] = np.percentile(errors, _USUAL_PERCENTILE, (1, 2), keepdims=True)
    return usual.clip(least, max(least, promised))
