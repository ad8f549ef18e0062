"""Taking a ``.pgi`` apart, and putting right every checksum in one that was changed.

A mutated file is refused by its first CRC32 unless somebody computes it anew. An attacker can; so does this,
for as much of the file as still makes sense.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from .sequence_sealing import frames_of, seal_sequence

__all__ = ["Region", "regions", "reseal"]

_DIRECTORY = 30
_ENTRY = 56
_IMAGE = 0x0030
_LEARNED_FIXED = 24
_LOSSLESS_FIXED = 16
_LOSSLESS_ENTRY = 9
_FEATURES = b"\x8bPGF"


@dataclass(frozen=True)
class Region:
    """Bytes of a file that one parser reads.

    Attributes:
        name: for reports.
        start, end: offsets.
    """

    name: str
    start: int
    end: int


def regions(data: bytes) -> list[Region]:
    """The parts of a sound file."""
    found = [Region("header", 0, _DIRECTORY)]
    for at, kind, start, length in _entries(data):
        found.append(Region("directory", at, at + _ENTRY))
        end = start + length
        if kind != _IMAGE:
            found.append(Region(f"block {kind:04x}", start, end))
            if (features := data.find(_FEATURES, start, end)) >= 0:
                found.append(Region("features", features, end))
            continue
        found.append(Region("fields", start, start + 7))
        if data[start + 6] == 3:
            found += _sequence_regions(data, start, end)
            continue
        if data[start + 6] == 4:
            found.append(Region("change", start + 7, end))
            continue
        if data[start + 6] == 1:
            alpha = int.from_bytes(data[start + 7 : start + 11], "little")
            found.append(Region("alpha length", start + 7, start + 11))
            if alpha:
                found += _lossless_regions(data, start + 11, start + 11 + alpha)
            found += _learned_regions(data, start + 11 + alpha, end)
        else:
            found += _lossless_regions(data, start + 7, end)
    return found


def reseal(data: bytes) -> bytes:
    """With all CRC32 and SHA-256 made to fit, from the inside to the outside."""
    raw = bytearray(data)
    if len(raw) < _DIRECTORY:
        return bytes(raw)
    for at, kind, start, length in _entries(raw):
        end = min(start + length, len(raw))
        if start >= len(raw):
            continue
        if kind == _IMAGE and end - start > 7:
            struct.pack_into("<I", raw, 26, zlib.crc32(raw[start : start + 7]))
            if raw[start + 6] == 3:
                crc, raw[at + 24 : at + 56] = seal_sequence(raw, start, end, reseal)
                struct.pack_into("<I", raw, at + 20, crc)
                continue
            if raw[start + 6] != 4:
                _seal_image(raw, start, end)
        if (features := raw.find(_FEATURES, start, end)) >= 0 and features + 9 <= end:
            struct.pack_into("<I", raw, features + 5, zlib.crc32(raw[features + 9 : end]))
        struct.pack_into("<I", raw, at + 20, zlib.crc32(raw[start:end]))
        raw[at + 24 : at + 56] = hashlib.sha256(raw[start:end]).digest()
    size = struct.unpack_from("<H", raw, 6)[0]
    head = bytes(raw[:8]) + bytes(4) + bytes(raw[12:size])
    struct.pack_into("<I", raw, 8, zlib.crc32(head))
    return bytes(raw)


def _entries(raw: bytes | bytearray) -> list[tuple[int, int, int, int]]:
    """Offset of the entry, block type, block offset, block length; of those that are there."""
    count = min(raw[24], (len(raw) - _DIRECTORY) // _ENTRY)
    found = []
    for index in range(count):
        at = _DIRECTORY + _ENTRY * index
        kind, _, start, length = struct.unpack_from("<HHQQ", raw, at)
        found.append((at, kind, start, length))
    return found


def _sequence_regions(data: bytes, start: int, end: int) -> list[Region]:
    found = [Region("sequence header", start + 7, start + 23)]
    for frame in frames_of(data, start, end):
        found.append(Region("record", frame.head, frame.start))
        if frame.described > frame.start:
            found.append(Region("short frame", frame.start, frame.described + 4))
            found.append(Region("change", frame.described + 4, frame.end))
        else:
            found += [
                Region(one.name, one.start + frame.start, one.end + frame.start)
                for one in regions(data[frame.start : frame.end])
            ]
        found.append(Region("record end", frame.end, frame.end + 4))
    return found


def _learned_regions(data: bytes, start: int, end: int) -> list[Region]:
    (variable,) = struct.unpack_from("<I", data, start + 20)
    index_end = start + _LEARNED_FIXED + variable
    return [
        Region("learned header", start, start + _LEARNED_FIXED),
        Region("learned index", start + _LEARNED_FIXED, index_end),
        Region("learned tiles", index_end + 4, end),
    ]


def _lossless_regions(data: bytes, start: int, end: int) -> list[Region]:
    (count,) = struct.unpack_from("<I", data, start + 8)
    index_end = start + _LOSSLESS_FIXED + _LOSSLESS_ENTRY * count
    return [
        Region("lossless header", start, start + _LOSSLESS_FIXED),
        Region("lossless index", start + _LOSSLESS_FIXED, index_end),
        Region("lossless tiles", index_end, end),
    ]


def _seal_image(raw: bytearray, start: int, end: int) -> None:
    if raw[start + 6] != 1:
        _seal_lossless(raw, start + 7, end)
        return
    if end < start + 11:
        return
    alpha = int.from_bytes(raw[start + 7 : start + 11], "little")
    if start + 11 + alpha <= end:
        _seal_lossless(raw, start + 11, start + 11 + alpha)
        width, height = struct.unpack_from("<HH", raw, start + 1)
        _seal_learned(raw, start + 11 + alpha, end, width, height)


def _seal_lossless(raw: bytearray, start: int, end: int) -> None:
    if end < start + _LOSSLESS_FIXED:
        return
    (count,) = struct.unpack_from("<I", raw, start + 8)
    index_end = min(start + _LOSSLESS_FIXED + _LOSSLESS_ENTRY * count, end)
    at = index_end
    for entry in range(start + _LOSSLESS_FIXED, index_end - _LOSSLESS_ENTRY + 1, _LOSSLESS_ENTRY):
        (length,) = struct.unpack_from("<I", raw, entry)
        struct.pack_into("<I", raw, entry + 4, zlib.crc32(raw[at : min(at + length, end)]))
        at += length
    head = bytes(raw[start : start + 12])
    crc = zlib.crc32(raw[start + _LOSSLESS_FIXED : index_end], zlib.crc32(head))
    struct.pack_into("<I", raw, start + 12, crc)


def _seal_learned(raw: bytearray, start: int, end: int, width: int, height: int) -> None:
    if end < start + _LEARNED_FIXED + 4:
        return
    flags, log2 = raw[start + 1], raw[start + 2]
    (variable,) = struct.unpack_from("<I", raw, start + 20)
    index_end = start + _LEARNED_FIXED + variable
    if index_end + 4 > end:
        return
    if 6 <= log2 <= 11:
        _seal_tiles(raw, start + _LEARNED_FIXED, index_end, end, (width, height, log2), flags)
    struct.pack_into("<I", raw, index_end, zlib.crc32(raw[start:index_end]))


def _seal_tiles(
    raw: bytearray, at: int, index_end: int, end: int, size: tuple[int, int, int], flags: int
) -> None:
    """Checksums of tiles; ``size`` is width, height and log2 of a tile's side."""

    def read() -> int:
        nonlocal at
        value = shift = 0
        while at < index_end:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        return value

    for flag in (1, 2):  # ROI map, filter
        if flags & flag:
            length = read()
            at += length
    width, height, log2 = size
    tiles = -(-width >> log2) * -(-height >> log2)
    exact = 0
    if flags & 4:
        length = read()
        exact = _exact_tiles(raw[at : min(at + length, index_end)], width, height, log2)
        at += length
    data = index_end + 4
    for unit in [4] * tiles + [1] * exact + [4] * tiles:
        length = unit * read()
        at += unit == 1  # the depth
        if at + 4 > index_end:
            return
        struct.pack_into("<I", raw, at, zlib.crc32(raw[data : min(data + length, end)]))
        at += 4
        data += length


def _exact_tiles(packed: bytes, width: int, height: int, log2: int) -> int:
    """How many tiles a map of exact blocks names; 0 if it is none."""
    rows, row_bytes = -(-height // 8), -(-width // 64)
    try:
        data = zlib.decompressobj().decompress(packed, rows * row_bytes + 1)
    except zlib.error:
        return 0
    if len(data) != rows * row_bytes:
        return 0
    blocks = np.unpackbits(np.frombuffer(data, np.uint8).reshape(rows, row_bytes), axis=1)
    side = 1 << log2 - 3
    return sum(
        int(blocks[y : y + side, x : x + side].any())
        for y in range(0, rows, side)
        for x in range(0, -(-width // 8), side)
    )
