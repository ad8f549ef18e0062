"""A reader of signed sequences that was written from FORMAT.md, section 11, and shares no code with pgic."""

from __future__ import annotations

import hashlib
import struct
import zlib

import cbor2

from .independent import parse_file
from .independent_signature import check_signature, records

NUMBERS = ("number", "depth", "duration", "previous", "jump", "key", "reference", "length")


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return value, at


def frames(data: bytes) -> list[tuple[dict[str, int], bytes, bytes]]:
    """Of each frame of a sequence the numbers of its record, its bytes, and the chain of the frame before."""
    magic, version, _, _, start, _, count, size, _ = struct.unpack_from("<4sHHIQ4sBBI", data)
    assert (magic, version) == (b"\x89PGI", 0x0102)
    kind, flags, offset, length, crc, chain = struct.unpack_from("<HHQQI32s", data, 30 + size * (count - 1))
    assert (kind, flags, offset) == (0x0030, 0x0004, start)
    image = data[offset + 7 : offset + length]
    assert data[offset + 6] == 3
    assert image[:4] == b"\x01\0\0\0"
    assert zlib.crc32(image[:12]) == int.from_bytes(image[12:16], "little")
    at, before, found = 16, bytes(32), []
    while at < len(image):
        assert image[at : at + 4] == b"\x89PGF"
        assert image[at + 4] in (0, 1)  # whole files
        here, record = at + 5, {}
        for name in NUMBERS:
            record[name], here = varint(image, here)
        assert zlib.crc32(image[at:here]) == int.from_bytes(image[here : here + 4], "little")
        end = here + 4 + record["length"]
        found.append((record, image[here + 4 : end], before))
        assert int.from_bytes(image[end : end + 4], "little") == end + 4 - at
        before = hashlib.sha256(before + image[at : end + 4]).digest()
        at = end + 4
    assert (before, zlib.crc32(before)) == (chain, crc)
    return found


def check_sequence(data: bytes, tiers: dict[str, int], *, changes_alone: bool = False) -> int:
    """Check that each frame of a sequence was signed in its place; how many there are.

    Args:
        data: the file.
        tiers: of extension fields that are not metadata.
        changes_alone: leave out what key frames sign, since they are of a codec that is not known here.
    """
    found = frames(data)
    for number, (record, frame, before) in enumerate(found):
        assert record["number"] == number
        if record["depth"] or not changes_alone:
            check_signature(frame, tiers=tiers)
        ((_, signature),) = records(parse_file(frame)[1]["security"][1])
        claims = cbor2.loads(cbor2.loads(signature)["open"]["claims"])
        assert claims["frame"] == [number, record["duration"], before]
    return len(found)
