"""A reader of signed sequences that was written from FORMAT.md, section 11, and shares no code with pgic."""

from __future__ import annotations

import hashlib
import struct
import zlib

import cbor2

from .independent import BLOCKS, parse_file
from .independent_signature import check_signature, inflated, records

DESCRIBED = ("metadata", "extension")
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
        here, record = at + 5, {"at": at}
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
    for (record, frame, _), place in zip(found, places(data), strict=True):
        if record["depth"] or not changes_alone:
            check_signature(frame, tiers=tiers)
        ((_, signature),) = records(parse_file(frame)[1]["security"][1])
        signed = cbor2.loads(cbor2.loads(signature)["open"]["claims"])["frame"]
        if len(signed) == 3:  # of an earlier version
            assert place[3] in (None, place[0] - 1)
        assert signed == place[: 5 if len(signed) == 5 else 3]
    return len(found)


def places(data: bytes) -> list[list[object]]:
    """What the claim of each frame of a sequence has to be, once its own blocks were checked (Q9)."""
    found = frames(data)
    described = blocks_of(data)
    contents = [described.get(name, b"") for name in DESCRIBED]
    first = parse_file(found[0][1])[1]
    encrypted = bool(first["image"][0] & 1)
    assert contents == [b"" if encrypted else inflated(first, name) for name in DESCRIBED]
    outer = hashlib.sha256(b"".join(struct.pack("<Q", len(each)) + each for each in contents)).digest()
    starts = [record["at"] for record, _, _ in found]
    made: list[list[object]] = []
    for number, (record, _, before) in enumerate(found):
        assert record["number"] == number
        changed = starts.index(record["at"] - record["reference"]) if record["depth"] else None
        made.append([number, record["duration"], before, changed, outer if number else bytes(32)])
    return made


def blocks_of(data: bytes) -> dict[str, bytes]:
    """The content of the metadata and extension block of a sequence, by name."""
    count, size = struct.unpack_from("<4xHHIQ4sBB", data)[-2:]
    found = {}
    for index in range(count):
        kind, flags, offset, length, crc, _ = struct.unpack_from("<HHQQI32s", data, 30 + size * index)
        stored = data[offset : offset + length]
        if kind in BLOCKS and BLOCKS[kind] in DESCRIBED:
            assert zlib.crc32(stored) == crc
            found[BLOCKS[kind]] = zlib.decompress(stored[4:], -15) if flags & 2 else stored
    return found
