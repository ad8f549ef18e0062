"""The lossless coders of one tile (STREAM.md): plain samples, WebP lossless (RFC 9649), PNG's, differences.

Only the bare bitstream of a tile is stored. The file around it is made anew for decoding from what the
stream header says, so that a tile cannot be of another format, size or kind than the one expected.
"""

from __future__ import annotations

import io
import struct
import time
import zlib
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import PgiFormatError, PgiUnsupportedError
from .predictive_coder import decode_predictive, encode_predictive
from .webp_prefix_groups import count_prefix_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    TileShape = tuple[int, int, int]

__all__ = ["EFFORTS", "MAX_CODED_SIDE", "TileCoder", "decode_tile", "decoding_memory", "encode_tile"]

MAX_CODED_SIDE = 512
"""Greatest side of a tile that is not plain samples, in pixels."""

# A WebP tile may name a group of five prefix codes for each 4 x 4 pixels; each group takes 20 bits of the
# tile or more, and up to 8 KB of memory in libwebp. Beside them stand copies of the pixels.
_WEBP_GROUP_PIXELS = 16
_WEBP_GROUPS_PER_BYTE = 8 / 20
_WEBP_GROUP_MEMORY = 8192
_COPIES = 8

_MOST_PREFIX_GROUPS = 2600
"""As many prefix-code groups as libwebp writes at most."""
_SLOW_SECONDS = 0.04
"""A tile that takes more processor time may name too many groups. To count them in each tile would take half
as long as to decode it, so only those of slow ones are counted."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

EFFORTS = {1: (0, 0, 1), 2: (3, 30, 6), 3: (3, 30, 6)}
"""effort -> WebP method, WebP quality (which is its effort), zlib level of differences.

There is no more for effort 3: WebP's higher methods gain 2 % on some pictures and lose 10 % on others."""


class TileCoder(IntEnum):
    """Coder of a tile, as in the index."""

    PLAIN = 0
    WEBP = 1
    PNG = 2
    PREDICTIVE = 3


def encode_tile(tile: NDArray[Any], coder: TileCoder, effort: int) -> tuple[TileCoder, bytes]:
    """Code one tile; as plain samples where the coder would not make it smaller.

    Args:
        tile: (h, w, C); uint8 for WEBP, uint16 for PNG, all but uint8 for PREDICTIVE, any for PLAIN.
        coder: the coder to try.
        effort: a key of :data:`EFFORTS`.

    Returns:
        The coder used and the bytes.
    """
    method, quality, level = EFFORTS[effort]
    if coder is TileCoder.WEBP:
        data = _encode_webp(tile, method, quality)
    elif coder is TileCoder.PNG:
        data = _encode_png(tile, level)
    elif coder is TileCoder.PREDICTIVE:
        data = encode_predictive(tile, level)
    if coder is TileCoder.PLAIN or len(data) >= tile.nbytes:
        return TileCoder.PLAIN, tile.astype(tile.dtype.newbyteorder("<"), copy=False).tobytes()
    return coder, data


def decode_tile(data: bytes, coder: TileCoder, shape: TileShape, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decode one tile.

    Args:
        data: its bytes.
        coder: as in the index.
        shape: (h, w, C) that it must have.
        dtype: type that its samples must have.

    Returns:
        The tile, of that shape and type.

    Raises:
        PgiFormatError: the bytes are not such a tile.
        PgiUnsupportedError: Pillow was built without WebP.
    """
    if coder is TileCoder.PLAIN:
        if len(data) != shape[0] * shape[1] * shape[2] * dtype.itemsize:
            raise PgiFormatError(f"A plain tile of {shape} {dtype.name} samples has {len(data)} bytes.")
        plain = np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape)
        return plain.astype(dtype, copy=False)
    fits = {
        TileCoder.WEBP: dtype == np.uint8,
        TileCoder.PNG: dtype == np.uint16,
        TileCoder.PREDICTIVE: dtype != np.uint8,
    }
    if not fits[coder]:
        raise PgiFormatError(f"A tile of {dtype.name} samples cannot be coded by {coder.name}.")
    if max(shape) > MAX_CODED_SIDE:
        raise PgiFormatError(f"A coded tile of {shape[1]} x {shape[0]} pixels is larger than is allowed.")
    if coder is TileCoder.PREDICTIVE:
        return decode_predictive(data, shape, dtype)
    return _decode_webp(data, shape) if coder is TileCoder.WEBP else _decode_png(data, shape)


def decoding_memory(length: int, coder: TileCoder, shape: TileShape, dtype: np.dtype[Any]) -> int:
    """Bytes of memory that decoding one tile may take at worst, whatever its bytes say.

    Args:
        length: bytes of the tile.
        coder: as in the index.
        shape: (h, w, C) that it must have.
        dtype: type that its samples must have.
    """
    pixels = shape[0] * shape[1]
    copies = _COPIES * pixels * shape[2] * dtype.itemsize
    if coder is not TileCoder.WEBP:
        return copies
    groups = min(pixels // _WEBP_GROUP_PIXELS, int(length * _WEBP_GROUPS_PER_BYTE)) + 1
    return copies + groups * _WEBP_GROUP_MEMORY


def _encode_webp(tile: NDArray[Any], method: int, quality: int) -> bytes:
    from PIL import Image

    _require_webp()
    if tile.shape[2] <= 2:  # grey is three equal channels, which cost nothing after WebP's subtract-green
        tile = np.concatenate([np.repeat(tile[:, :, :1], 3, axis=2), tile[:, :, 1:]], axis=2)
    file = io.BytesIO()
    Image.fromarray(tile).save(file, "WEBP", lossless=True, exact=True, method=method, quality=quality)
    riff = file.getvalue()
    # RIFF, size, WEBP, VP8L, size, bitstream: lossless and without metadata there is nothing else.
    if riff[8:16] != b"WEBPVP8L":
        raise PgiUnsupportedError("This build of Pillow does not write plain lossless WebP.")
    return riff[20 : 20 + int.from_bytes(riff[16:20], "little")]


def _decode_webp(data: bytes, shape: TileShape) -> NDArray[Any]:
    _require_webp()
    height, width, channels = shape
    # VP8L: signature, 14 bits width - 1, 14 bits height - 1, 1 bit alpha, 3 bits version 0.
    if len(data) < 5 or data[0] != 0x2F:
        raise PgiFormatError("A tile is not WebP lossless.")
    packed = int.from_bytes(data[1:5], "little")
    size = ((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
    if size != (width, height) or packed >> 29:
        raise PgiFormatError(f"A WebP tile says it is {size[0]} x {size[1]}, not {width} x {height} pixels.")
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)
    file = b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
    started = time.thread_time()
    pixels = _pillow_pixels(file, "WEBP", (width, height), ("RGB", "RGBA"))
    slow = time.thread_time() - started > _SLOW_SECONDS
    if slow and count_prefix_groups(data, width, height) > _MOST_PREFIX_GROUPS:
        raise PgiFormatError(f"A WebP tile has more than {_MOST_PREFIX_GROUPS:,} groups of prefix codes.")
    has_alpha = channels in (2, 4)
    if pixels.shape[2] == 4 and not has_alpha:
        raise PgiFormatError("A WebP tile has an alpha channel where the picture has none.")
    if pixels.shape[2] == 3 and has_alpha:  # the encoder leaves out an alpha that is opaque everywhere
        pixels = np.concatenate([pixels, np.full((height, width, 1), 255, np.uint8)], axis=2)
    return pixels if channels >= 3 else pixels[:, :, [0, 3][:channels]]


def _encode_png(tile: NDArray[Any], level: int) -> bytes:
    from PIL import Image

    # The channels stand one below the other, so that one 16-bit grey image holds them all.
    planes = np.ascontiguousarray(tile.transpose(2, 0, 1)).reshape(-1, tile.shape[1])
    file = io.BytesIO()
    Image.fromarray(planes).save(file, "PNG", compress_level=level)
    data, at, pieces = file.getvalue(), len(_PNG_SIGNATURE), []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            pieces.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    return b"".join(pieces)


def _decode_png(data: bytes, shape: TileShape) -> NDArray[Any]:
    height, width, channels = shape
    _check_length(data, channels * height * (2 * width + 1))
    # 16 bits of grey, deflate, adaptive filters, no interlace.
    header = struct.pack(">IIBBBBB", width, channels * height, 16, 0, 0, 0, 0)
    file = _PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    planes = _pillow_pixels(file, "PNG", (width, channels * height), ("I;16",))
    return planes.astype(np.uint16, copy=False).reshape(channels, height, width).transpose(1, 2, 0)


def _check_length(data: bytes, length: int) -> None:
    """Raise unless a zlib stream holds exactly so many bytes: Pillow takes what is missing for zeros."""
    stream = zlib.decompressobj()
    try:
        got = len(stream.decompress(data, length + 1))
    except zlib.error as error:
        raise PgiFormatError(f"A PNG tile cannot be decompressed ({error}).") from error
    if got != length or not stream.eof or stream.unused_data:
        raise PgiFormatError("A PNG tile does not decompress to the samples it must hold.")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _pillow_pixels(file: bytes, name: str, size: tuple[int, int], modes: tuple[str, ...]) -> NDArray[Any]:
    from PIL import PngImagePlugin, WebPImagePlugin

    # The class itself, not Image.open: only this format can come out. The size was checked by the caller.
    opener = WebPImagePlugin.WebPImageFile if name == "WEBP" else PngImagePlugin.PngImageFile
    try:
        with opener(io.BytesIO(file)) as image:
            if image.size == size and image.mode in modes:
                return np.asarray(image)
            found = f"{image.mode} of {image.width} x {image.height} pixels"
    except Exception as error:  # foreign decoder on hostile bytes: whatever it raises, the tile is damaged
        raise PgiFormatError(f"A {name} tile cannot be decoded ({error}).") from error
    raise PgiFormatError(f"A {name} tile is {found}.")


def _require_webp() -> None:
    from PIL import features

    if not features.check("webp"):
        raise PgiUnsupportedError("This build of Pillow has no WebP, which lossless 8-bit pictures need.")
