"""What a plain transform coder would make of blocks, as a measure for the model.

JPEG and AVIF quantise the coefficients of a cosine transform. So their error stays below a bound, whatever
a block shows. The error of a model has no bound: where it is worth much more than such a coder would cost,
the block shows what the model never learned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...parallel import SMALL_PRODUCT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pattern_energies", "transform_cost"]

_SIDE = 8
_AT = np.arange(_SIDE)
_COSINES = (
    np.cos(np.pi / (2 * _SIDE) * np.outer(_AT, 2 * _AT + 1)) * np.sqrt(np.where(_AT, 2, 1) / _SIDE)[:, None]
)
"""The orthonormal DCT: frequency, place."""
_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
_GAINS = np.square(np.linalg.inv(_YCBCR)).sum(0) / 3
"""The squared error, averaged over colours, that one of Y, Cb or Cr makes."""
# The best step of a uniform quantiser is this over the root of the weight: the optimum at many bits, less a
# fifth.
_STEP = 0.8 * (6 / np.log(2)) ** 0.5
_ROUNDING = 1 / 3
_TOGETHER = SMALL_PRODUCT // (3 * _SIDE**3)
"""Blocks of one product."""
# Estimated bits of an adaptive entropy coder: of a zero, of any other symbol, and of each doubling of it.
_ZERO_BITS, _SYMBOL_BITS, _DOUBLING_BITS = 0.12, 2.5, 2.0


def transform_cost(blocks: NDArray[np.uint8], error_weight: float) -> NDArray[np.float32]:
    """Bits and errors that it would leave, weighed, for each pixel: ``(n,)``.

    Args:
        blocks: ``(n, 8, 8, 3)``. Their means are taken for known.
        error_weight: how many bits a squared error is worth, averaged over colours, in one pixel.
    """
    sizes = np.abs(_patterns(blocks))
    weights = (error_weight * _GAINS).astype(np.float32)[:, None, None, None]
    steps = np.float32(_STEP) / np.sqrt(weights)
    symbols = np.floor(sizes / steps + np.float32(_ROUNDING))
    doublings = np.log2(np.maximum(symbols, 1))
    bits = np.where(symbols > 0, _SYMBOL_BITS + _DOUBLING_BITS * doublings, _ZERO_BITS)
    cost: NDArray[np.float32] = (weights * np.square(sizes - symbols * steps) + bits).mean((2, 3)).sum(0)
    return cost.astype(np.float32)


def pattern_energies(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The squared error that a coder makes which leaves out a pattern, averaged over colours and pixels.

    Args:
        blocks: ``(n, 8, 8, 3)``.

    Returns:
        ``(3, n, 64)``, of Y, Cb and Cr; 0 for the means.
    """
    energies = _patterns(blocks).reshape(3, -1, _SIDE**2)
    energies *= energies
    energies *= (_GAINS / _SIDE**2).astype(np.float32)[:, None, None]
    return energies


def _patterns(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Coefficients of blocks, ``(3, n, 8, 8)``, those of the means 0."""
    cosines, colours = _COSINES.astype(np.float32), _YCBCR.astype(np.float32)
    patterns = np.empty((3, len(blocks), _SIDE, _SIDE), np.float32)
    # Products of all rows and then of all columns take a third of the time that those of each block take.
    for at in range(0, len(blocks), _TOGETHER):
        samples = blocks[at : at + _TOGETHER].reshape(-1, 3).T.astype(np.float32)
        across = (colours @ samples).reshape(-1, _SIDE) @ cosines.T
        down = across.reshape(-1, _SIDE, _SIDE).swapaxes(1, 2).reshape(-1, _SIDE) @ cosines.T
        patterns[:, at : at + _TOGETHER] = down.reshape(3, -1, _SIDE, _SIDE).swapaxes(2, 3)
    patterns[:, :, 0, 0] = 0
    return patterns
