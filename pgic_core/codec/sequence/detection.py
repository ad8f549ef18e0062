"""Which parts of a picture changed since an earlier one, and which only show other noise (A-6.3.2.2c).

Both pictures are compared as means of small blocks, in which noise averages out and an object does not. How
strong noise is follows from the two pictures themselves: from how much the difference varies between blocks
side by side. Light that became brighter or darker as a whole does not count as noise, since it varies slowly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..tiles_and_windows import Z_STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLOCK", "amounts_of", "block_means", "detect"]

BLOCK = 4
"""Side of the smallest blocks that are compared, in pixels."""
_SIGMAS = 6.0
"""A block differs if it does so by more than this many times the noise, and the levels that follow."""
_LEVELS = {4: 3.0, 8: 2.5, 16: 2.0}
"""By side of a block: grey levels for rounding and for what a camera's JPEG does to a block."""
_EDGE_SHARE = 0.3
"""Where a scene has an edge, this share of its height is allowed: cameras shake by parts of a pixel."""
_LEAST_BLOCKS = {4: 3, 8: 1, 16: 1}
"""By side of a block: how many of a position must differ."""
_MOST_NOISE = 6.0
"""Noise of blocks of 4 x 4 above this is not believed: it would hide anything."""
_QUARTERS = 4


def block_means(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means of blocks of 4 x 4 pixels of a picture that is enlarged to whole positions of z.

    Args:
        rgb: uint8 ``(H, W, 3)``.

    Returns:
        ``(16 h, 16 w, 3)`` for ``(h, w)`` positions of 64 x 64 pixels.
    """
    height, width = rgb.shape[:2]
    below, right = -height % Z_STRIDE, -width % Z_STRIDE
    if below or right:
        rgb = np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge")
    rows = rgb.reshape(rgb.shape[0], rgb.shape[1] // BLOCK, BLOCK, 3).sum(2, dtype=np.uint16)
    sums = rows.reshape(rgb.shape[0] // BLOCK, BLOCK, -1, 3).sum(1, dtype=np.uint16)
    return np.asarray(sums / np.float32(BLOCK * BLOCK), np.float32)


def detect(
    before: NDArray[np.float32], now: NDArray[np.float32], promised: float
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Find the positions of z in which a picture changed.

    Args:
        before: of :func:`block_means`, of the picture that each position was last coded from.
        now: of the picture at hand.
        promised: grey levels by which coding changes a picture anyway; a position whose mean differs by
            more has changed.

    Returns:
        bool ``(h, w)``; and the root mean square of the change, in grey levels, float32 ``(h, w)``.
    """
    difference, scene = now - before, before
    height, width = before.shape[0] * BLOCK // Z_STRIDE, before.shape[1] * BLOCK // Z_STRIDE
    square = np.square(difference).reshape(height, -1, width, before.shape[1] // width, 3)
    amount = np.sqrt(square.mean((1, 3)).max(2))
    changed = np.zeros((height, width), np.bool_)
    for side, levels in _LEVELS.items():
        if side > BLOCK:
            difference, scene = _halved(difference), _halved(scene)
        noise = min(_noise(difference), _MOST_NOISE)
        allowed = _SIGMAS * noise + levels + _EDGE_SHARE * _range(scene)
        differs = (np.abs(difference) > allowed).any(2)
        count = differs.reshape(height, Z_STRIDE // side, width, Z_STRIDE // side).sum((1, 3))
        changed |= count >= _LEAST_BLOCKS[side]
    mean = _halved(_halved(difference))
    changed |= (np.abs(mean) > max(promised, _SIGMAS * min(_noise(mean), _MOST_NOISE))).any(2)
    return changed, amount


def amounts_of(changed: NDArray[np.bool_], amount: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Amounts as a change frame stores them: quarters of a grey level, 1 to 255; 0 where nothing changed."""
    quarters = np.clip(np.rint(_QUARTERS * amount), 1, 255)
    return np.where(changed, quarters, 0).astype(np.uint8)


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width, colours = values.shape
    halved: NDArray[np.float32] = values.reshape(height // 2, 2, width // 2, 2, colours).mean((1, 3))
    return halved


def _noise(difference: NDArray[np.float32]) -> float:
    """Standard deviation of what varies from block to block, by the median, which objects do not move."""
    beside = np.abs(np.diff(difference, axis=1))
    return float(np.median(beside)) * 1.4826 / 2**0.5 if beside.size else 0.0


def _range(scene: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how much each block and its neighbours differ at most."""
    padded = np.pad(scene, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = [padded[k : k + scene.shape[0]] for k in range(3)]
    high, low = np.maximum.reduce(rows), np.minimum.reduce(rows)
    width = scene.shape[1]
    high = np.maximum.reduce([high[:, k : k + width] for k in range(3)])
    low = np.minimum.reduce([low[:, k : k + width] for k in range(3)])
    return np.asarray(high - low, np.float32)
