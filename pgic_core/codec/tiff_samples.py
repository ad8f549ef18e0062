"""Samples of TIFF pictures that Pillow reduces, garbles or refuses: 16 bits of several channels and the like.

libtiff, through Pillow, undoes the compression of strips and tiles as if their bytes were a grey picture of
8 bits; what those bytes mean is worked out here. So memory is bounded by the size that the header states.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import TiffImagePlugin

from ..errors import PgiInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TiffLayout", "read_tiff_samples", "tiff_layout"]

_NONE, _LZW, _DEFLATE, _PACKBITS = 1, 5, 8, 32773
# Compressions of plain bytes; the others are of pictures, such as JPEG.
_BYTE_COMPRESSIONS = (_NONE, _LZW, _DEFLATE, 32946, _PACKBITS, 34925, 50000)
_DTYPES = {
    (1, 8): "u1",
    (1, 16): "u2",
    (1, 32): "u4",
    (2, 8): "i1",
    (2, 16): "i2",
    (2, 32): "i4",
    (3, 16): "f2",
    (3, 32): "f4",
    (3, 64): "f8",
}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PREMULTIPLIED, _STRAIGHT = 1, 2
_MAX_TILE_SIDE = 8192


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """How a TIFF page stores its samples; names are those of its tags.

    Attributes:
        width: pixels.
        height: pixels.
        samples: of one pixel.
        dtype: of one sample, in the byte order of the file.
        photometric: 0 white is zero, 1 black is zero, 2 RGB.
        extra: ``ExtraSamples``; empty if not stated.
        compression: one of plain bytes.
        fill_order: 1 or 2.
        planar: whether each channel is stored by itself.
        predictor: 1 none, 2 differences, 3 differences of bytes of floats.
        segment: width and height of a tile, or width of the picture and rows of a strip.
        tiled: which of the two.
        offsets: of the segments.
        lengths: of the segments, in bytes.
    """

    width: int
    height: int
    samples: int
    dtype: np.dtype[Any]
    photometric: int
    extra: tuple[int, ...]
    compression: int
    fill_order: int
    planar: bool
    predictor: int
    segment: tuple[int, int]
    tiled: bool
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def colours(self) -> int:
        """Channels that are no extra samples: 1 or 3."""
        return 3 if self.photometric == _RGB else 1

    @property
    def has_alpha(self) -> bool:
        """Whether the first extra sample is opacity; an only one that is not explained is taken for it."""
        more = self.samples - self.colours
        if not self.extra:
            return more == 1
        return more >= 1 and self.extra[0] in (_PREMULTIPLIED, _STRAIGHT)

    @property
    def is_plain(self) -> bool:
        """Whether Pillow reads the samples as they are: 8 bits, or one channel of its own modes."""
        kind = self.dtype.kind + str(self.dtype.itemsize)
        if kind == "u1":
            return self.samples != 2
        return self.samples == 1 and self.photometric == _BLACK_IS_ZERO and kind in ("u2", "i4", "f4")


def tiff_layout(tags: Any, byte_order: str) -> TiffLayout | None:
    """How the page that some tags describe stores its samples.

    Args:
        tags: ``tag_v2`` of Pillow's TIFF image.
        byte_order: "<" or ">".

    Returns:
        None where the samples are of another kind than :func:`read_tiff_samples` reads.
    """
    try:
        return _layout(tags, byte_order)
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _layout(tags: Any, order: str) -> TiffLayout | None:
    width, height = int(tags[256]), int(tags[257])
    bits = tuple(tags.get(258, (1,)))
    samples = int(tags.get(277, 1))
    formats = tuple(tags.get(339, (1,)))
    photometric = int(tags.get(262, -1))
    name = _DTYPES.get((formats[0], bits[0]))
    compression = int(tags.get(259, _NONE))
    if (
        name is None
        or len(set(bits)) != 1
        or len(set(formats)) != 1
        or photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
        or compression not in _BYTE_COMPRESSIONS
        or not (0 < width <= 65535 and 0 < height <= 65535 and 0 < samples <= 64)
        or samples < (3 if photometric == _RGB else 1)
    ):
        return None
    tiled = 322 in tags
    segment = (int(tags[322]), int(tags[323])) if tiled else (width, min(int(tags.get(278, height)), height))
    if min(segment) < 1 or (tiled and max(segment) > _MAX_TILE_SIDE):
        return None
    offsets = tuple(map(int, tags[324 if tiled else 273]))
    lengths = tuple(map(int, tags.get(325 if tiled else 279, ())))
    return TiffLayout(
        width=width,
        height=height,
        samples=samples,
        dtype=np.dtype(order + name),
        photometric=photometric,
        extra=tuple(map(int, tags.get(338, ()))),
        compression=compression,
        fill_order=int(tags.get(266, 1)),
        planar=int(tags.get(284, 1)) == 2,
        predictor=int(tags.get(317, 1)) if compression not in (_NONE, _PACKBITS) else 1,
        segment=segment,
        tiled=tiled,
        offsets=offsets,
        lengths=lengths,
    )


def read_tiff_samples(file: IO[bytes], layout: TiffLayout) -> NDArray[Any]:
    """The samples of a page: its colours, and opacity if it has any; further channels are left out.

    White is zero becomes black is zero, and premultiplied opacity is divided out.

    Args:
        file: of the page; it may seek.
        layout: of the page.

    Returns:
        (H, W, C), C from 1 to 4, of the dtype of the layout in native byte order.

    Raises:
        PgiInputError: strips or tiles are missing, overlap or are damaged.
    """
    planes = layout.samples if layout.planar else 1
    across, down = _segments(layout)
    if len(layout.offsets) < planes * across * down:
        raise PgiInputError("The TIFF has fewer strips or tiles than its size needs.")
    wanted = layout.colours + layout.has_alpha
    if layout.planar:
        pixels = np.concatenate([_plane(file, layout, plane) for plane in range(wanted)], axis=2)
    else:
        pixels = _plane(file, layout, 0)[:, :, :wanted]
    pixels = pixels.astype(layout.dtype.newbyteorder("="), copy=False)
    if layout.photometric == _WHITE_IS_ZERO and layout.dtype.kind == "u":
        pixels = pixels.copy()
        pixels[:, :, 0] = np.iinfo(pixels.dtype).max - pixels[:, :, 0]
    if layout.has_alpha and layout.extra[:1] == (_PREMULTIPLIED,) and pixels.dtype.kind == "u":
        pixels = _straight(pixels)
    return np.ascontiguousarray(pixels)


def _segments(layout: TiffLayout) -> tuple[int, int]:
    """Strips or tiles of one plane, across and down."""
    return -(-layout.width // layout.segment[0]), -(-layout.height // layout.segment[1])


def _plane(file: IO[bytes], layout: TiffLayout, plane: int) -> NDArray[Any]:
    """(H, W, C): all channels, or where they are stored apart the one of ``plane``."""
    channels = 1 if layout.planar else layout.samples
    across, down = _segments(layout)
    width, height = layout.width, layout.height
    if layout.tiled:  # whole tiles, since what follows works on their full rows
        width, height = across * layout.segment[0], down * layout.segment[1]
    pixel_bytes = channels * layout.dtype.itemsize
    rows = _bytes_of(file, layout, plane * across * down, across * down, (width * pixel_bytes, height))
    step = layout.segment[0] if layout.tiled else width
    parts = [
        _unpredicted(rows[:, left * pixel_bytes : (left + step) * pixel_bytes], layout, channels)
        for left in range(0, width, step)
    ]
    pixels = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return pixels[: layout.height, : layout.width]


def _unpredicted(rows: NDArray[np.uint8], layout: TiffLayout, channels: int) -> NDArray[Any]:
    """(H, W, C) of the bytes of whole rows of strips or tiles."""
    height, length = rows.shape
    size = layout.dtype.itemsize
    if layout.predictor == 3 and layout.dtype.kind == "f":
        sums = np.add.accumulate(rows.reshape(height, -1, channels), axis=1, dtype=np.uint8)
        # Bytes of equal weight stand together, the heaviest first, whatever the byte order of the file.
        planes = sums.reshape(height, size, length // size).swapaxes(1, 2)
        values = np.ascontiguousarray(planes).view(f">f{size}")
        return values.reshape(height, -1, channels)
    values = np.ascontiguousarray(rows).view(layout.dtype).reshape(height, -1, channels)
    if layout.predictor == 2 and layout.dtype.kind in "ui":
        values = np.add.accumulate(values, axis=1, dtype=layout.dtype.newbyteorder("="))
    elif layout.predictor != 1:
        raise PgiInputError(f"The TIFF uses predictor {layout.predictor} in a way that is not read here.")
    return values


def _bytes_of(
    file: IO[bytes], layout: TiffLayout, first: int, count: int, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """(height, width) bytes of a plane, without compression.

    Args:
        file: of the page.
        layout: of the page.
        first: number of the plane's first segment.
        count: its segments.
        size: bytes across and rows down.
    """
    pixel_bytes = (1 if layout.planar else layout.samples) * layout.dtype.itemsize
    across = layout.segment[0] * pixel_bytes
    lengths = layout.lengths[first : first + count]
    if layout.compression == _NONE or len(lengths) < count:
        lengths = tuple(
            across * (layout.segment[1] if layout.tiled else min(layout.segment[1], size[1] - top))
            for top in _tops(layout, count)
        )
    end = file.seek(0, io.SEEK_END)
    if sum(lengths) > end:
        raise PgiInputError("The strips or tiles of the TIFF are longer than the file.")
    parts = []
    for offset, length in zip(layout.offsets[first : first + count], lengths, strict=True):
        file.seek(offset)
        part = file.read(length)
        if len(part) < length:
            raise PgiInputError("The TIFF ends within its picture.")
        parts.append(part)
    grey = TiffImagePlugin.TiffImageFile(io.BytesIO(_grey_tiff(parts, layout, size, across)))
    try:
        grey.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise PgiInputError(f"The TIFF cannot be decompressed: {error}.") from error
    return np.asarray(grey)


def _tops(layout: TiffLayout, count: int) -> list[int]:
    """First row of each segment of a plane."""
    across, _ = _segments(layout)
    return [index // across * layout.segment[1] for index in range(count)]


def _grey_tiff(parts: list[bytes], layout: TiffLayout, size: tuple[int, int], across: int) -> bytes:
    """A TIFF whose grey picture of 8 bits has the bytes of a plane for its samples."""
    offsets, at = [], 8
    for part in parts:
        offsets.append(at)
        at += len(part)
    lengths = [len(part) for part in parts]
    tags: list[tuple[int, list[int]]] = [
        (256, [size[0]]),
        (257, [size[1]]),
        (258, [8]),
        (259, [layout.compression]),
        (262, [_BLACK_IS_ZERO]),
        (266, [layout.fill_order if layout.fill_order in (1, 2) else 1]),
        (277, [1]),
    ]
    if layout.tiled:
        tags += [(322, [across]), (323, [layout.segment[1]]), (324, offsets), (325, lengths)]
    else:
        tags += [(273, offsets), (278, [layout.segment[1]]), (279, lengths)]
    tags.sort()
    arrays = b""
    ifd = struct.pack("<H", len(tags))
    for tag, values in tags:
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, arrays = struct.pack("<I", at + len(arrays)), arrays + packed
        ifd += struct.pack("<HHI", tag, 4, len(values)) + packed
    return b"".join([b"II*\0", struct.pack("<I", at + len(arrays)), *parts, arrays, ifd, bytes(4)])


def _straight(pixels: NDArray[Any]) -> NDArray[Any]:
    """Colours divided by their opacity."""
    top = np.iinfo(pixels.dtype).max
    alpha = pixels[:, :, -1:].astype(np.uint64)
    colours = (pixels[:, :, :-1].astype(np.uint64) * top + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colours, top).astype(pixels.dtype), pixels[:, :, -1:]], axis=2)
