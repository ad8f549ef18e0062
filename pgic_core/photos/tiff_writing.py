"""TIFF files whose EXIF stays byte for byte: the EXIF block is the beginning of the file.

Offsets in EXIF count from its header, those of maker notes often too. So the block is put at the start, where
its header is that of the TIFF, and only the first directory is made anew, behind the picture. Nothing that
EXIF points to moves.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera.tiff_directory import EXIF_IFD, GPS_IFD, Directory, Entry, read_directory, tiff_order
from .photoshop_resources import join_resources
from .tiff_exif import STRUCTURE_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .side_data_for_photo import Carried

__all__ = ["tiff_file"]

_BYTE, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 1, 3, 4, 5, 7
_FORMATS = {"u": 1, "i": 2, "f": 3}
_STRIP_BYTES = 1 << 18
_RESOLUTION = {0x011A, 0x011B, 0x0128}
_CHROMA_POSITION = 0x0213
# Of the tags about structure, these point to what is kept or say something of EXIF that harms no TIFF.
_KEPT = {EXIF_IFD, GPS_IFD, 0x0213}
_MAX_FILE = (1 << 32) - 1


def tiff_file(pixels: NDArray[Any], carried: Carried, losses: list[str]) -> list[bytes]:
    """An uncompressed TIFF.

    Args:
        pixels: (H, W, C), C from 1 to 4: grey, grey and opacity, RGB, RGB and opacity.
        carried: what goes beside them.
        losses: gets a predicate for what is left out.

    Returns:
        The file in pieces.

    Raises:
        ValueError: it would be larger than 4 GiB.
    """
    exif = carried.exif or b""
    head = tiff_order(exif[:16])
    if head is None or head[1]:
        if exif:
            losses.append("has EXIF that is not a TIFF, which is left out")
        exif, head = b"II*\0\x08\0\0\0", ("<", False, 0)
    order, _, first = head
    described = read_directory(exif, first, order) if first else Directory({})
    kept = _kept(described, len(exif), losses, carried.dpi is not None)
    height, width, channels = pixels.shape
    start = len(exif) + (len(exif) & 1)
    row_bytes = width * channels * pixels.dtype.itemsize
    rows = max(1, min(height, _STRIP_BYTES // row_bytes))
    offsets = [start + top * row_bytes for top in range(0, height, rows)]
    lengths = [min(rows, height - top) * row_bytes for top in range(0, height, rows)]
    entries = kept | _structure(order, pixels, rows, offsets, lengths) | _profiles(order, carried)
    at = start + height * row_bytes
    padding = at & 1
    directory, values = _directory(order, entries, at + padding)
    if at + len(directory) + len(values) > _MAX_FILE:
        raise ValueError("a TIFF cannot be larger than 4 GiB")
    # The header is that of EXIF, but for where the first directory is.
    begin = exif[:4] + struct.pack(order + "I", at + padding) + exif[8:] + bytes(len(exif) & 1)
    return [begin, *_strips(pixels, order, rows), bytes(padding), directory, values]


def _kept(described: Directory, size: int, losses: list[str], has_dpi: bool) -> dict[int, Entry]:
    """Entries of the first directory of EXIF that go into the new one as they are."""
    if described.lost:
        losses.append(f"has {described.lost} broken tags of EXIF, which are left out")
    if described.following:
        losses.append(
            "has a thumbnail in EXIF, which a TIFF would show as a second page and which is left out"
        )
    kept = {}
    for tag, entry in described.entries.items():
        if tag not in STRUCTURE_TAGS or tag in _KEPT or (tag in _RESOLUTION and not has_dpi):
            kept[tag] = entry
    return {tag: entry for tag, entry in kept.items() if entry.offset is None or entry.offset < size}


def _structure(
    order: str, pixels: NDArray[Any], rows: int, offsets: list[int], lengths: list[int]
) -> dict[int, Entry]:
    height, width, channels = pixels.shape
    bits, code = 8 * pixels.dtype.itemsize, _FORMATS[pixels.dtype.kind]
    numbers = [
        (0x0100, _LONG, [width]),
        (0x0101, _LONG, [height]),
        (0x0102, _SHORT, [bits] * channels),
        (0x0103, _SHORT, [1]),
        (0x0106, _SHORT, [2 if channels > 2 else 1]),
        (0x0111, _LONG, offsets),
        (0x0115, _SHORT, [channels]),
        (0x0116, _LONG, [rows]),
        (0x0117, _LONG, lengths),
        (0x011C, _SHORT, [1]),
        (0x0153, _SHORT, [code] * channels),
    ]
    if channels in (2, 4):
        numbers.append((0x0152, _SHORT, [2]))  # opacity, not multiplied in
    codes = {_SHORT: "H", _LONG: "I"}
    return {
        tag: Entry(tag, kind, len(values), struct.pack(f"{order}{len(values)}{codes[kind]}", *values))
        for tag, kind, values in numbers
    }


def _profiles(order: str, carried: Carried) -> dict[int, Entry]:
    found = {}
    if carried.dpi is not None:
        for tag, value in zip((0x011A, 0x011B), carried.dpi, strict=True):
            data = struct.pack(order + "II", *_ratio(value))
            found[tag] = Entry(tag, _RATIONAL, 1, data)
        found[0x0128] = Entry(0x0128, _SHORT, 1, struct.pack(order + "H", 2))
    side = carried.side
    for tag, kind, data in (
        (0x02BC, _BYTE, carried.xmp or b""),
        (0x8773, _UNDEFINED, carried.icc_profile or b""),
        (0x83BB, _UNDEFINED, side.iptc),
        (0x8649, _BYTE, join_resources(side.iptc, side.photoshop) if side.photoshop else b""),
    ):
        if data:
            found[tag] = Entry(tag, kind, len(data), data)
    return found


def _ratio(value: float) -> tuple[int, int]:
    """A positive number as two of 32 bits."""
    scale = 10_000 if value < 400_000 else 1
    numerator = min(max(round(value * scale), 1), _MAX_FILE)
    return (numerator // scale, 1) if numerator % scale == 0 else (numerator, scale)


def _directory(order: str, entries: dict[int, Entry], at: int) -> tuple[bytes, bytes]:
    """A directory at the offset ``at``, and the values that follow it."""
    table = struct.pack(order + "H", len(entries))
    values = bytearray()
    behind = at + 2 + 12 * len(entries) + 4
    for tag in sorted(entries):
        entry = entries[tag]
        if len(entry.data) <= 4:
            value = entry.data.ljust(4, b"\0")
        elif entry.offset is not None:
            value = struct.pack(order + "I", entry.offset)
        else:
            value = struct.pack(order + "I", behind + len(values))
            values += entry.data + bytes(len(entry.data) & 1)
        table += struct.pack(order + "HHI", tag, entry.kind, entry.count) + value
    return table + bytes(4), bytes(values)


def _strips(pixels: NDArray[Any], order: str, rows: int) -> Iterator[bytes]:
    stored = pixels.dtype.newbyteorder(order)  # type: ignore[arg-type]
    for top in range(0, len(pixels), rows):
        yield np.ascontiguousarray(pixels[top : top + rows], stored).tobytes()
