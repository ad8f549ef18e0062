"""Symbols of a picture before any network ran, for engines other than ONNX Runtime.

Reading is exact and takes the CPU alone. What is read is enough to show the picture: whoever has it needs the
model, and the file no more. So it can be read in one process, and shown in another or on another device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import PgiFormatError, PgiTruncatedError
from ..block_cutting import blocks
from ..tiles_and_windows import Y_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ...options import DecodeOptions
    from ..rectangle import Rectangle
    from .decoder import LearnedImage
    from .rendering.adaptive_regions import KeyRegions
    from .rendering.block_plan import BlockPlan, RenderPlan
    from .symbols.tile_symbol_reader import TileReader

__all__ = ["LATENT", "BlockSymbols", "Drawing", "ExactPart", "PictureSymbols", "read_symbols"]

LATENT = "latent"
"""What stands in the place of a level where the latent is wanted."""

_BLOCK_PIXELS = 1 << 23
"""How many pixels accelerators are given at once: more than the CPU, which has caches to keep to."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a renderer draws of a block.

    Attributes:
        plan: what to draw.
        weight: uint8 ``(h, w)`` of ``plan.wanted``, 0 to 81: by how many of 81 parts it counts, over what was
            drawn before; ``None`` for what is drawn first.
    """

    plan: RenderPlan
    weight: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class BlockSymbols:
    """Symbols of a block.

    Attributes:
        plan: the block, and what lies around it.
        z: float32 ``(1, Z, h, w)`` of ``plan.hyper_box``.
        base: int16 ``(1, h, w, 4 B)``, cells of ``plan.base_box``.
        detail: int16 ``(1, h, w, 4 (M - B))``, cells of ``plan.detail_box``; ``None`` where the base group is
            enough, as for a preview.
        drawings: what is drawn, in their order; empty for a latent.
    """

    plan: BlockPlan
    z: NDArray[np.float32]
    base: NDArray[np.int16]
    detail: NDArray[np.int16] | None
    drawings: tuple[Drawing, ...]


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
        level: what they were read for; :data:`LATENT` for the latent.
        scale: pixels of the picture along one side of a position of what is shown.
        area: what is shown, in pixels of the picture: the window, or all of it.
        whole: the coded area: the picture enlarged to whole positions of z.
        blocks: cover ``area``, in rows from the upper left.
        kernels: of the picture's post-filter, float32 ``(7, 3, 3, 3)``, or ``None``.
        raises: by how many levels that filter raises pixels in the end, int8 ``(8, 8, 3)``, or ``None``.
        neutral: whether the three colours are the same everywhere.
        exact: what is laid over.
    """

    model_digest: str
    quality: int
    roi_map: NDArray[np.int8] | None
    level: str
    scale: int
    area: Rectangle
    whole: Rectangle
    blocks: tuple[BlockSymbols, ...]
    kernels: NDArray[np.float32] | None
    raises: NDArray[np.int8] | None
    neutral: bool
    exact: tuple[ExactPart, ...]


def read_symbols(image: LearnedImage, options: DecodeOptions, *, latent: bool = False) -> PictureSymbols:
    """Read what is needed to show a picture or a part of it.

    Args:
        image: the coded picture.
        options: level, scale, window, damage policy and regions, as for :meth:`.LearnedImage.decode`; threads
            and progress have no meaning here.
        latent: read for the latent, which has neither filter nor exact parts, whatever the level.

    Raises:
        PgiFormatError: the payload is damaged and ``on_damage`` is "raise".
        PgiOptionError: the window is not inside the picture.
        PgiModelError: the model is not installed, or does not have the level.
    """
    header, tiles = image.header, image.reader(raise_damage=not options.conceals)
    scale = Y_STRIDE if latent else options.scale
    area = image.area(options.window).grown(0, 1 if latent else scale, image.grid.picture)
    cut = blocks(area, image.grid.tile, _BLOCK_PIXELS)
    own, planner = None, image.planner
    exact: tuple[ExactPart, ...] = ()
    planned: list[tuple[BlockPlan, tuple[Drawing, ...]]]
    if latent:
        planned = [(planner.latent(block), ()) for block in cut]
    else:
        look = image.look(options)
        own = image.filter_of(tiles) if look.renderer.post_filter else None
        found = [planner.drawn(block, look, filters=own is not None) for block in cut]
        planned = [(part, _drawings(plans, look.regions)) for part, plans in found]
        exact = tuple(_exact(image, area, scale, options.conceals))
    return PictureSymbols(
        header.model_digest,
        header.quality,
        header.roi_map,
        LATENT if latent else options.level,
        scale,
        area,
        image.grid.padded,
        tuple(_blocks(tiles, planned)),
        None if own is None else own.kernels(),
        None if own is None else own.raises(),
        header.neutral,
        exact,
    )


def _drawings(plans: list[RenderPlan], regions: KeyRegions | None) -> tuple[Drawing, ...]:
    first = Drawing(plans[0], None)
    if regions is None:
        return (first,)
    return first, *(Drawing(plan, regions.weights(plan.wanted).astype("u1")) for plan in plans[1:])


def _blocks(
    tiles: TileReader, planned: list[tuple[BlockPlan, tuple[Drawing, ...]]]
) -> Iterator[BlockSymbols]:
    for plan, drawings in planned:
        z = tiles.z(plan.hyper_box)
        base = tiles.base(plan.base_box)
        detail = None if plan.detail_box is None else tiles.detail(plan.detail_box)
        yield BlockSymbols(plan, z, base, detail, drawings)


def _exact(image: LearnedImage, area: Rectangle, scale: int, conceal: bool) -> Iterator[ExactPart]:
    for (rows, columns), mask, read in image.exact.over(area, scale):
        try:
            yield ExactPart(rows, columns, read(), mask)
        except (PgiFormatError, PgiTruncatedError):
            if not conceal:
                raise
