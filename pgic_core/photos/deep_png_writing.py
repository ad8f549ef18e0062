"""PNG files of 16 bits and several channels, which Pillow does not write."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["deep_png"]

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_ROWS = 64
_LEVEL = 6


def deep_png(pixels: NDArray[np.uint16], options: dict[str, Any]) -> bytes:
    """A PNG file of 16 bits.

    Pillow writes one of a single pixel with everything that stands beside it; header and picture are then
    replaced.

    Args:
        pixels: (H, W, C) uint16.
        options: what Pillow's PNG writer takes.
    """
    height, width, channels = pixels.shape
    small = io.BytesIO()
    Image.new(_MODES[channels], (1, 1)).save(small, "PNG", **options)
    out = io.BytesIO()
    out.write(small.getbuffer()[:8])
    for kind, data in _chunks(small.getvalue()):
        if kind == b"IHDR":
            _write(out, kind, struct.pack(">IIBB", width, height, 16, _COLOUR_TYPES[channels]) + data[10:])
        elif kind == b"IDAT":
            for part in _compressed(pixels):
                _write(out, kind, part)
        else:
            _write(out, kind, data)
    return out.getvalue()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _write(out: io.BytesIO, kind: bytes, data: bytes) -> None:
    out.write(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
    )


def _compressed(pixels: NDArray[np.uint16]) -> Iterator[bytes]:
    """The deflated rows, each behind the number of its filter, in parts."""
    coder = zlib.compressobj(_LEVEL)
    step = pixels.shape[2] * 2
    above = np.zeros(pixels.shape[1] * step, np.uint8)
    for top in range(0, len(pixels), _ROWS):
        rows = np.ascontiguousarray(pixels[top : top + _ROWS], ">u2").view(np.uint8).reshape(-1, len(above))
        part = coder.compress(_filtered(rows, above, step).tobytes())
        above = rows[-1]
        if part:
            yield part
    yield coder.flush()


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Rows behind their filter: of none, left, up and Paeth the one that leaves least (PNG, 12.7)."""
    up = np.concatenate([above[np.newaxis], rows[:-1]])
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    left[:, step:], corner[:, step:] = rows[:, :-step], up[:, :-step]
    candidates = {0: rows, 1: rows - left, 2: rows - up, 4: rows - _paeth(left, up, corner)}
    costs = [np.abs(values.view(np.int8).astype(np.int16)).sum(axis=1) for values in candidates.values()]
    best = np.argmin(costs, axis=0)
    out = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    for index, (number, values) in enumerate(candidates.items()):
        chosen = best == index
        out[chosen, 0] = number
        out[chosen, 1:] = values[chosen]
    return out


def _paeth(left: NDArray[np.uint8], up: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    a, b, c = (values.astype(np.int16) for values in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest_up = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest_up)
