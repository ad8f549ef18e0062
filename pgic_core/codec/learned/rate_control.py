"""Choosing the quality that meets a target of size or fidelity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PgiTargetError
from ...options import QUALITIES
from .decoder import render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...models import Model

__all__ = ["RateTarget", "psnr", "search", "squared_error"]


@dataclass(frozen=True, slots=True)
class RateTarget:
    """What the coded picture must meet. The best quality that does is chosen.

    Attributes:
        max_bytes: of the payload.
        min_psnr: in dB over RGB; the smallest quality that reaches it is chosen.
        bytes_beside: of the file beside the payload, for messages that speak of the file.
    """

    max_bytes: int | None = None
    min_psnr: float | None = None
    bytes_beside: int = 0


def search(
    code: Callable[[int], list[bytes]],
    target: RateTarget,
    fidelity: Callable[[list[bytes]], float],
    qualities: range = QUALITIES,
) -> list[bytes]:
    """The payload at the quality that meets ``target`` best, by bisection over whole qualities.

    Args:
        code: gives the payload at a quality, in pieces.
        target: what to meet.
        fidelity: PSNR of a payload in dB.
        qualities: those to choose from.

    Raises:
        PgiTargetError: no quality meets it.
    """
    tried: dict[int, list[bytes]] = {}

    def fits(quality: int) -> bool:
        pieces = tried[quality] = code(quality)
        if target.max_bytes is not None and sum(map(len, pieces)) > target.max_bytes:
            return False
        return target.min_psnr is None or fidelity(pieces) < target.min_psnr

    best = _last(fits, qualities)
    if target.max_bytes is not None:
        if best not in qualities:
            raise _too_large(sum(map(len, tried[qualities[0]])), target.max_bytes, target.bytes_beside)
        return tried[best]
    best += 1
    if best not in qualities:
        raise PgiTargetError(
            f"Even quality {qualities[-1]} stays below {target.min_psnr} dB; lossless=True keeps every pixel."
        )
    return tried[best] if best in tried else code(best)


def squared_error(pieces: Sequence[bytes], rgb: NDArray[np.uint8], model: Model, threads: int) -> float:
    """Squared error of a payload against the picture (H, W, 3) that it was made of.

    It is averaged over colours and summed over pixels.
    """
    height, width = rgb.shape[:2]
    error = 0.0
    for block in render(b"".join(pieces), width, height, model, threads):
        box = block.box
        difference = block.pixels - rgb[box.top : box.bottom, box.left : box.right].astype(np.float32)
        error += float(np.square(difference).sum(dtype=np.float64))
    return error / int(rgb.shape[2])


def psnr(pieces: Sequence[bytes], rgb: NDArray[np.uint8], model: Model, threads: int) -> float:
    """PSNR in dB of a payload against the picture (H, W, 3) that it was made of; infinity without loss."""
    error = squared_error(pieces, rgb, model, threads)
    return float(10 * np.log10(255**2 * rgb.shape[0] * rgb.shape[1] / error)) if error else float("inf")


def _too_large(least: int, most: int, beside: int) -> PgiTargetError:
    error = PgiTargetError(
        f"Even quality {QUALITIES[0]} makes a file of {least + beside:,} bytes, "
        f"more than the {most + beside:,} asked for."
    )
    error.least = least
    return error


def _last(fits: Callable[[int], bool], qualities: range) -> int:
    """The last quality for which ``fits`` (true up to some point) holds; the one before all if for none."""
    low, high = qualities.start - 1, qualities.stop
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
