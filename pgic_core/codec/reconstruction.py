"""Symbols of an area, through the networks: its latent, its pixels, and its preview (A-6.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .geometry import CELL, LATENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .geometry import Box
    from .region import Rate
    from .tile_reader import Demand, Symbols

__all__ = ["PREVIEW", "latent_of", "pixels_of", "preview_of"]

PREVIEW = 8
"""How many pixels one preview pixel spans each way."""
_LATENT_BOUND = 65504.0
"""The largest number of float16, which accelerators compute in; a latent's deviation is about 1."""


def latent_of(rate: Rate, part: Demand, symbols: Symbols, threads: int) -> NDArray[np.float32]:
    """Latent of what is seen of a part: ``(1, h, w, M)``."""
    model, area = rate.model, part.detailed or part.needed
    rows, columns = area.inside(part.needed, CELL)
    inputs: dict[str, NDArray[Any]] = {
        "base": symbols.base,
        "detail": symbols.detail,
        "inside": np.array([rows.start, columns.start, rows.stop, columns.stop], np.int64),
        "step": rate.steps(part.needed, slice(model.base)),
        "detail_step": rate.steps(area, slice(model.base, None)),
        "z": symbols.z,
        "embedding": rate.embedding("means", part.needed, CELL),
    }
    latent = model.network("means")(inputs, threads=threads)
    return _bounded(latent[:, *part.seen.inside(area, LATENT)])


def _bounded(latent: NDArray[np.float32]) -> NDArray[np.float32]:
    """The latent without what is no number, and within what :data:`_LATENT_BOUND` says.

    No sound file comes near. But engines differ in what they make of a number beyond float16 or of an
    infinity, and none must show it as noise. A bounded latent gives finite values all through ``synthesis``.
    """
    if latent.min() >= -_LATENT_BOUND and latent.max() <= _LATENT_BOUND:  # false of NaN
        return latent
    numbers = np.nan_to_num(latent, nan=0.0, posinf=_LATENT_BOUND, neginf=-_LATENT_BOUND)
    return np.clip(numbers, -_LATENT_BOUND, _LATENT_BOUND)


def pixels_of(rate: Rate, area: Box, latent: NDArray[np.float32], threads: int) -> NDArray[np.uint8]:
    """Pixels of an area, of which the latent is given."""
    inputs = {
        "latent": np.ascontiguousarray(latent),
        "embedding": rate.embedding("synthesis", area, LATENT),
    }
    picture: NDArray[np.uint8] = rate.model.network("synthesis")(inputs, threads=threads)[0]
    return picture


def preview_of(rate: Rate, part: Demand, symbols: Symbols, threads: int) -> NDArray[np.uint8]:
    """Preview pixels of a part's block, and of those that lie in it partly."""
    inputs: dict[str, NDArray[Any]] = {
        "base": symbols.base,
        "step": rate.steps(part.needed, slice(rate.model.base)),
        "z": symbols.z,
        "embedding": rate.embedding("means", part.needed, CELL),
    }
    picture: NDArray[np.uint8] = rate.model.network("preview")(inputs, threads=threads)[0]
    return picture[part.seen.inside(part.needed, PREVIEW)]
