"""Distances that follow the eye more closely than PSNR does (A-8.2a): GMSD and ST-LPIPS.

LPIPS itself takes a backbone whose weights are downloaded at run time. ST-LPIPS (Ghildyal and Liu 2022) is
LPIPS made tolerant of shifts; its package brings all of its weights, so that it runs without a network. Its
figures are its own and are reported under its own name.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiOptionError, PgiUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["StLpips", "gmsd", "has_st_lpips"]

_LUMA = np.array([0.299, 0.587, 0.114])
_GMSD_CONSTANT = 170.0


def gmsd(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Gradient magnitude similarity deviation (Xue and others 2014).

    Args:
        original: ``(H, W, 3)``, each side at least 2.
        decoded: same shape.

    Returns:
        0 for equal pictures; 0.05 is hard to see, 0.15 is plain. Luma at half size, as its authors have it.

    Raises:
        PgiOptionError: the shapes differ.
    """
    if original.shape != decoded.shape:
        raise PgiOptionError(f"Pictures of shapes {original.shape} and {decoded.shape} cannot be compared.")
    first, second = _gradient(_half_luma(original)), _gradient(_half_luma(decoded))
    similarity = (2 * first * second + _GMSD_CONSTANT) / (first**2 + second**2 + _GMSD_CONSTANT)
    return float(similarity.std())


def _half_luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    luma = picture.astype(np.float64) @ _LUMA
    odd = max(luma.shape[0] % 2, luma.shape[1] % 2)
    luma = np.pad(luma, ((0, odd), (0, odd)))  # the form in which the figure is usually computed
    height, width = luma.shape[0] // 2, luma.shape[1] // 2
    return np.asarray(luma[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3)))


def _gradient(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Magnitude under Prewitt's operator, zeros around the plane."""
    padded = np.pad(plane, 1)
    columns = padded[:-2] + padded[1:-1] + padded[2:]
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    across = (columns[:, 2:] - columns[:, :-2]) / 3
    down = (rows[2:] - rows[:-2]) / 3
    return np.hypot(across, down)


def has_st_lpips() -> bool:
    """Whether the packages of the extra ``[perceptual]`` are installed."""
    names = ("torch", "torchsummary", "IPython", "stlpips_pytorch")
    return all(importlib.util.find_spec(name) is not None for name in names)


class StLpips:
    """ST-LPIPS to one original, whose features are computed once.

    The network works at full resolution. A photo of a camera would take tens of gigabytes, so a picture of
    more than 512 x 512 pixels is measured on four squares of 256 pixels, around a third and two thirds of its
    width and height; the figure is their mean.

    Args:
        original: ``(H, W, 3)`` uint8, each side at least 64.

    Raises:
        PgiUnsupportedError: its packages are not installed.
    """

    LEAST_SIDE = 64
    MOST_PIXELS = 512 * 512
    SQUARE = 256

    def __init__(self, original: NDArray[np.uint8]) -> None:
        self._parts = list(self._places(original.shape[0], original.shape[1]))
        self._features = [_features(original[part]) for part in self._parts]

    def distance(self, decoded: NDArray[np.uint8]) -> float:
        """0 for equal pictures, larger for less alike ones.

        Args:
            decoded: same shape as the original.
        """
        total = sum(
            _distance(features, _features(decoded[part]))
            for part, features in zip(self._parts, self._features, strict=True)
        )
        return total / len(self._parts)

    def _places(self, height: int, width: int) -> Iterator[tuple[slice, slice]]:
        if height * width <= self.MOST_PIXELS:
            yield slice(0, height), slice(0, width)
            return
        rows, columns = (
            [slice(start, start + self.SQUARE) for start in self._starts(side)] for side in (height, width)
        )
        yield from ((row, column) for row in rows for column in columns)

    def _starts(self, side: int) -> list[int]:
        last = max(0, side - self.SQUARE)
        return sorted({min(last, max(0, side * third // 3 - self.SQUARE // 2)) for third in (1, 2)})


def _distance(first: list[Any], second: list[Any]) -> float:
    import torch

    with torch.inference_mode():
        layers = zip(_network().lins, first, second, strict=True)
        return sum(float(layer((a - b) ** 2).mean()) for layer, a, b in layers)


def _features(picture: NDArray[np.uint8]) -> list[Any]:
    network = _network()
    import torch
    from stlpips_pytorch.utils import normalize_tensor

    tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 127.5 - 1
    with torch.inference_mode():
        return [normalize_tensor(layer) for layer in network.net(network.scaling_layer(tensor))]


@cache
def _network() -> Any:
    if not has_st_lpips():
        raise PgiUnsupportedError("ST-LPIPS needs the extra [perceptual]: pip install 'pgic[perceptual]'.")
    from stlpips_pytorch.stlpips import LPIPS

    return LPIPS(net="alex", variant="shift_tolerant", verbose=False)
