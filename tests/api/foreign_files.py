"""Files of other formats, made by other writers than pgic's."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import png
import tifffile

CASES = Path(__file__).parent.parent / "cases"


def samples(shape: tuple[int, ...], dtype: Any, seed: int = 1) -> Any:
    """Samples over the whole range of a type."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    bounds = np.iinfo(dtype)
    return rng.integers(bounds.min, bounds.max, shape, dtype=dtype, endpoint=True)


def png16(pixels: Any, *, interlace: bool = False, **options: Any) -> bytes:
    """A PNG of 16 bits as pypng writes it."""
    height, width, channels = pixels.shape
    out = io.BytesIO()
    writer = png.Writer(
        width,
        height,
        greyscale=channels < 3,
        alpha=channels in (2, 4),
        bitdepth=16,
        interlace=interlace,
        **options,
    )
    writer.write(out, [row.reshape(-1).tolist() for row in pixels])
    return out.getvalue()


def tiff(pixels: Any, **options: Any) -> bytes:
    """A TIFF as tifffile writes it; opacity is stated where there are 2 or 4 channels."""
    channels = pixels.shape[2]
    options = {"photometric": "rgb" if channels > 2 else "minisblack"} | options
    if channels in (2, 4):
        options.setdefault("extrasamples", ["unassalpha"])
    planar = options.get("planarconfig") == "separate"
    stored = pixels[:, :, 0] if channels == 1 else np.moveaxis(pixels, 2, 0) if planar else pixels
    out = io.BytesIO()
    tifffile.imwrite(out, stored, **options)
    return out.getvalue()


def with_chunks(png_file: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with further chunks before its picture."""
    extra = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return png_file[:33] + extra + png_file[33:]


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with further segments at its start."""
    extra = b"".join(struct.pack(">HH", 0xFF00 | marker, len(data) + 2) + data for marker, data in segments)
    return jpeg[:2] + extra + jpeg[2:]


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Chunks of a PNG in their order, their CRC checked."""
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + content)
        chunks.append((kind, content))
        at += 12 + length
    return chunks
