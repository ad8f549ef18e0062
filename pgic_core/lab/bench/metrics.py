"""Image quality metrics of Appendix B.1 (A-8.2a).

PSNR is taken over RGB. The structural metrics are taken on luma (BT.601, full range), as their authors
defined them and as video tools report them; values over RGB channels are usually a little lower.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiOptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MIN_MS_SSIM_SIDE",
    "bits_per_pixel",
    "ms_ssim",
    "psnr",
    "ssim",
    "ssim_map",
    "ssim_region_product",
    "worst_tile_ms_ssim",
]

_RANGE = 255.0
_C1 = (0.01 * _RANGE) ** 2
_C2 = (0.03 * _RANGE) ** 2
_RADIUS = 5
_SIGMA = 1.5
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
MIN_MS_SSIM_SIDE = (2 * _RADIUS + 1) * 2 ** (len(_SCALE_WEIGHTS) - 1)
"""Pixels that the shorter side needs for all five scales of :func:`ms_ssim`."""


def bits_per_pixel(file_bytes: int, width: int, height: int) -> float:
    """Bits of the whole file over pixels (B.1.1).

    Args:
        file_bytes: size of the file, headers included.
        width: pixels.
        height: pixels.
    """
    return 8 * file_bytes / (width * height)


def psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all samples (B.1.2; N is their number, whatever the text says).

    Args:
        original: ``(H, W, 3)`` or ``(H, W)``.
        decoded: same shape.

    Returns:
        dB; infinity where nothing differs.

    Raises:
        PgiOptionError: the shapes differ.
    """
    _same_shape(original, decoded)
    difference = original.astype(np.int16) - decoded
    error = int(np.square(difference, dtype=np.int32).sum(dtype=np.int64))
    return 10 * math.log10(_RANGE**2 * original.size / error) if error else math.inf


def ssim(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Structural similarity (B.1.3): mean over the picture under an 11 x 11 Gaussian window of deviation 1.5.

    Args:
        original: ``(H, W, 3)`` or ``(H, W)``, each side at least 11.
        decoded: same shape.

    Returns:
        At most 1; luma.

    Raises:
        PgiOptionError: the shapes differ or the picture is smaller than the window.
    """
    first, second = _luma_pair(original, decoded)
    return _ssim_and_contrast(first, second)[0]


def ssim_map(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Structural similarity at every place where the window of :func:`ssim` lies inside.

    Args:
        original: ``(H, W, 3)`` or ``(H, W)``, each side at least 11.
        decoded: same shape.

    Returns:
        float32 ``(H - 10, W - 10)``, at most 1; its value at ``(y, x)`` belongs to pixel ``(y + 5, x + 5)``.

    Raises:
        PgiOptionError: the shapes differ or the picture is smaller than the window.
    """
    luminance, contrast = _ssim_factors(*_luma_pair(original, decoded))
    return luminance * contrast


def ms_ssim(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Multi-scale structural similarity as usually reported (Wang, Simoncelli and Bovik 2003).

    Five scales with the authors' weights, halved by 2 x 2 means, window as in :func:`ssim`. A picture whose
    shorter side is below :data:`MIN_MS_SSIM_SIDE` is measured at the scales that fit, with their weights
    scaled to sum to 1. A scale with negative mean contrast counts as 0.

    Args:
        original: ``(H, W, 3)`` or ``(H, W)``, each side at least 11.
        decoded: same shape.

    Returns:
        0 to 1; luma.

    Raises:
        PgiOptionError: the shapes differ or the picture is smaller than the window.
    """
    first, second = _luma_pair(original, decoded)
    scales = min(len(_SCALE_WEIGHTS), int(math.log2(min(first.shape) / (2 * _RADIUS + 1))) + 1)
    weights = np.array(_SCALE_WEIGHTS[:scales]) / sum(_SCALE_WEIGHTS[:scales])
    product = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            first, second = _halved(first), _halved(second)
        whole, contrast = _ssim_and_contrast(first, second)
        product *= max(whole if scale == scales - 1 else contrast, 0.0) ** weight
    return float(product)


def ssim_region_product(
    original: NDArray[np.uint8],
    decoded: NDArray[np.uint8],
    *,
    region: int = 64,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """What Appendix B.1.3 writes under the name MS-SSIM: the product of SSIM_i ** w_i over sub-regions.

    This is not the usual multi-scale index (:func:`ms_ssim`). The clause leaves sub-regions and weights open:
    here they are square blocks, cut off at the right and bottom edge, with SSIM from each block's own means,
    variances and covariance, and weights that sum to 1, so that the value does not depend on their number.

    Args:
        original: ``(H, W, 3)`` or ``(H, W)``.
        decoded: same shape.
        region: side of a sub-region in pixels.
        weights: ``(ceil(H / region), ceil(W / region))`` importance of each, not negative; equal if None.

    Returns:
        0 to 1; 0 as soon as one sub-region that has weight is not positively correlated. Luma.

    Raises:
        PgiOptionError: shapes do not fit, or weights are negative or all zero.
    """
    first, second = _luma_pair(original, decoded, least=1)
    rows, columns = (range(0, side, region) for side in first.shape)
    shape = (len(rows), len(columns))
    shares = np.ones(shape) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != shape or (shares < 0).any() or not shares.sum() > 0:
        raise PgiOptionError(f"weights must be of shape {shape}, not negative and not all zero.")
    shares = shares / shares.sum()
    logarithm = 0.0
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            block = np.s_[top : top + region, left : left + region]
            value = _block_ssim(first[block].astype(np.float64), second[block].astype(np.float64))
            if shares[i, j] and value <= 0:
                return 0.0
            logarithm += shares[i, j] * math.log(value) if shares[i, j] else 0.0
    return math.exp(logarithm)


def worst_tile_ms_ssim(
    original: NDArray[np.uint8], decoded: NDArray[np.uint8], tile: int = 512
) -> tuple[float, tuple[int, int]]:
    """The lowest :func:`ms_ssim` of any tile (A-8.2c: no visible damage anywhere).

    The last tile of a row or column is moved inwards so that it is whole.

    Args:
        original: ``(H, W, 3)`` or ``(H, W)``.
        decoded: same shape.
        tile: side in pixels.

    Returns:
        The value, and left and top of that tile.

    Raises:
        PgiOptionError: as :func:`ms_ssim`.
    """
    _same_shape(original, decoded)
    tops, lefts = (_tile_starts(side, tile) for side in original.shape[:2])
    values = {}
    for top in tops:
        for left in lefts:
            part = np.s_[top : top + tile, left : left + tile]
            values[left, top] = ms_ssim(original[part], decoded[part])
    place = min(values, key=values.__getitem__)
    return values[place], place


def _tile_starts(side: int, tile: int) -> list[int]:
    last = max(side - tile, 0)
    return sorted({*range(0, last, tile), last})


def _same_shape(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
    if first.shape != second.shape:
        raise PgiOptionError(f"Pictures of shapes {first.shape} and {second.shape} cannot be compared.")


def _luma_pair(
    first: NDArray[np.uint8], second: NDArray[np.uint8], least: int = 2 * _RADIUS + 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    _same_shape(first, second)
    if min(first.shape[:2]) < least:
        raise PgiOptionError(f"Structural similarity needs pictures of at least {least} x {least} pixels.")
    return _luma(first), _luma(second)


def _luma(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = picture.astype(np.float32)
    return np.asarray(values @ _LUMA) if picture.ndim == 3 else values


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    quads = plane[:height, :width].reshape(height // 2, 2, width // 2, 2)
    halved: NDArray[np.float32] = quads.mean(axis=(1, 3), dtype=np.float32)
    return halved


def _window() -> NDArray[np.float32]:
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    values = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    window: NDArray[np.float32] = (values / values.sum()).astype(np.float32)
    return window


_KERNEL = _window()


def _blurred(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian window means wherever the window lies inside; 10 rows and columns fewer."""
    for _ in range(2):  # down the columns, then along the rows of what was turned over
        count = len(plane) - 2 * _RADIUS
        total = plane[_RADIUS : _RADIUS + count] * _KERNEL[_RADIUS]
        for k in range(_RADIUS):
            mirrored = 2 * _RADIUS - k
            total += (plane[k : k + count] + plane[mirrored : mirrored + count]) * _KERNEL[k]
        plane = np.ascontiguousarray(total.T)
    return plane


def _ssim_and_contrast(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[float, float]:
    """Means over the plane of SSIM and of its contrast-structure factor."""
    luminance, contrast = _ssim_factors(first, second)
    return float((luminance * contrast).mean(dtype=np.float64)), float(contrast.mean(dtype=np.float64))


def _ssim_factors(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Luminance and contrast-structure of SSIM at every place."""
    # Second moments are taken around mid-grey, where float32 loses nothing that matters.
    a, b = first - np.float32(128), second - np.float32(128)
    mean_a, mean_b = _blurred(a), _blurred(b)
    product = mean_a * mean_b
    square = mean_a * mean_a + mean_b * mean_b
    covariance = _blurred(a * b) - product
    variances = _blurred(a * a + b * b) - square
    contrast = (2 * covariance + _C2) / (variances + _C2)
    mean_a += 128
    mean_b += 128
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
    return np.asarray(luminance, np.float32), np.asarray(contrast, np.float32)


def _block_ssim(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    mean_x, mean_y = x.mean(), y.mean()
    covariance = ((x - mean_x) * (y - mean_y)).mean()
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return float(luminance * (2 * covariance + _C2) / (x.var() + y.var() + _C2))
