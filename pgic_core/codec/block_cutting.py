"""Areas cut into strips and blocks of whole tiles, which the networks take one after the other."""

from __future__ import annotations

from itertools import pairwise
from math import isqrt

from .rectangle import Rectangle

__all__ = ["bands", "block_pixels", "blocks", "columns", "strips"]

_BLOCK_PIXELS = 1 << 21


def strips(area: Rectangle, tile: int, pixels: int) -> list[Rectangle]:
    """Cut ``area`` into strips of full width, whole rows of tiles, of about ``pixels`` pixels each."""
    if area.width * area.height <= pixels:
        return [area]
    rows = max(1, pixels // (area.width * tile)) * tile
    edges = [area.top, *range((area.top // rows + 1) * rows, area.bottom, rows), area.bottom]
    return [Rectangle(area.left, a, area.right, b) for a, b in pairwise(edges)]


def block_pixels(area: Rectangle) -> int:
    """About how many pixels of ``area`` to give to the networks at once.

    More take memory (60 to 90 bytes for each), fewer take time for halos, on which a block of 2 megapixels
    spends a fifth. A picture that is not much larger stays whole.
    """
    pixels = area.width * area.height
    return pixels if pixels <= 3 * _BLOCK_PIXELS else _BLOCK_PIXELS


def bands(area: Rectangle, tile: int, pixels: int) -> list[Rectangle]:
    """Cut ``area`` into bands of full width, whole rows of tiles, for :func:`columns` to cut into squares."""
    return strips(area, tile, pixels * area.width // min(area.width, isqrt(pixels)))


def columns(band: Rectangle, tile: int, pixels: int) -> list[Rectangle]:
    """Cut a band into blocks of about ``pixels`` pixels, whole columns of tiles, as equal as can be."""
    if 2 * band.width * band.height <= 3 * pixels:
        return [band]
    across = -(-band.width // tile)
    count = min(across, -(-band.width * band.height // pixels))
    step = -(-across // count) * tile
    edges = [band.left, *range((band.left // step + 1) * step, band.right, step), band.right]
    return [Rectangle(a, band.top, b, band.bottom) for a, b in pairwise(edges)]


def blocks(area: Rectangle, tile: int, pixels: int) -> list[Rectangle]:
    """All blocks of ``area``: the :func:`columns` of its :func:`bands`."""
    return [block for band in bands(area, tile, pixels) for block in columns(band, tile, pixels)]
