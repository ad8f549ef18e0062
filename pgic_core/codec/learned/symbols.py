"""The symbols of a picture, read and not yet run through networks: for engines other than ONNX Runtime.

Reading is exact and takes the CPU alone. What is read is enough to show the picture: whoever has it needs the
model, and the file no more. So it can be read in one process, and shown in another or on another device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ...errors import PgiFormatError, PgiTruncatedError
from ...options import Level, level_scale
from ..tiling import Y_STRIDE, Box, blocks
from .post_filter import BLOCK, REACH
from .reconstruction import margins

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ...options import DecodeOptions
    from .decoder import LearnedImage
    from .reconstruction import BlockPlan
    from .tile_reader import TileReader

__all__ = ["BlockSymbols", "ExactPart", "PictureSymbols", "SymbolLevel", "read_symbols"]

SymbolLevel: TypeAlias = Level | Literal["latent"]

_BLOCK_PIXELS = 1 << 23
"""How many pixels accelerators are given at once: more than the CPU, which has caches to keep to."""


@dataclass(frozen=True, slots=True)
class BlockSymbols:
    """Symbols of a block.

    Attributes:
        plan: the block, and what lies around it.
        z: float32 ``(1, Z, h, w)`` of ``plan.hyper_box``.
        base: int16 ``(1, h, w, 4 B)``, cells of ``plan.base_box``.
        detail: int16 ``(1, h, w, 4 (M - B))``, cells of ``plan.detail_box``; ``None`` for a preview.
    """

    plan: BlockPlan
    z: NDArray[np.float32]
    base: NDArray[np.int16]
    detail: NDArray[np.int16] | None


@dataclass(frozen=True, slots=True)
class ExactPart:
    """Pixels that are laid over what the networks show.

    Attributes:
        rows, columns: of the decoded area, at its scale.
        pixels: uint8 ``(h, w, 3)``.
        mask: bool ``(h, w)``, which of them are exact.
    """

    rows: slice
    columns: slice
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PictureSymbols:
    """Symbols of a picture or of a window.

    Attributes:
        model_digest: in hex, of the model that shows them.
        quality: 1 to 100.
        roi_map: the ROI map of the stream, or ``None``.
        level: what they were read for.
        area: the window, or all of the picture, in pixels of the picture.
        whole: the coded area: the picture enlarged to whole positions of z.
        blocks: cover ``area``, in rows from the upper left.
        kernels: of the picture's post-filter, float32 ``(7, 3, 3, 3)``, or ``None``.
        neutral: whether the three colours are the same everywhere.
        exact: what is laid over.
    """

    model_digest: str
    quality: int
    roi_map: NDArray[np.int8] | None
    level: SymbolLevel
    area: Box
    whole: Box
    blocks: tuple[BlockSymbols, ...]
    kernels: NDArray[np.float32] | None
    neutral: bool
    exact: tuple[ExactPart, ...]

    @property
    def scale(self) -> int:
        """Pixels of the picture along one side of what is shown."""
        return Y_STRIDE if self.level == "latent" else level_scale(self.level)


def read_symbols(image: LearnedImage, options: DecodeOptions, *, latent: bool = False) -> PictureSymbols:
    """Read what is needed to show a picture or a part of it.

    Args:
        image: the coded picture.
        options: level, window and damage policy; threads and progress have no meaning here.
        latent: read for the latent, which has neither filter nor exact parts, whatever the level.

    Raises:
        PgiFormatError: the payload is damaged and ``on_damage`` is "raise".
        PgiOptionError: the window is not inside the picture.
        PgiModelError: the model is not installed.
    """
    level: SymbolLevel = "latent" if latent else options.level
    area, tiles = image.area(options.window), image.reader(raise_damage=not options.conceals)
    kernels = None
    if level == "preview":
        around = None
    elif level == "latent":
        around = 0, 0
    else:
        own = image.filter_of(tiles)
        kernels = None if own is None else own.kernels()
        around = margins(image.model, REACH + BLOCK - 1 if own else 0)
    header = image.header
    return PictureSymbols(
        header.model_digest,
        header.quality,
        header.roi_map,
        level,
        area,
        image.grid.padded,
        tuple(_blocks(tiles, image.plans(blocks(area, image.grid.tile, _BLOCK_PIXELS), around))),
        kernels,
        header.neutral,
        () if level == "latent" else tuple(_exact(image, area, level_scale(options.level), options.conceals)),
    )


def _blocks(tiles: TileReader, plans: list[BlockPlan]) -> Iterator[BlockSymbols]:
    for plan in plans:
        z = tiles.z(plan.hyper_box)
        base = tiles.base(plan.base_box)
        yield BlockSymbols(plan, z, base, None if plan.detail_box is None else tiles.detail(plan.detail_box))


def _exact(image: LearnedImage, area: Box, scale: int, conceal: bool) -> Iterator[ExactPart]:
    for (rows, columns), mask, read in image.exact.over(area, scale):
        try:
            yield ExactPart(rows, columns, read(), mask)
        except (PgiFormatError, PgiTruncatedError):
            if not conceal:
                raise
