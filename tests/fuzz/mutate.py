"""Seeded mutations: bit flips, forged numbers, truncation, splices; half of the files sealed again."""

from __future__ import annotations

import random
import struct
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cbor2

from pgic_core.container import PgiReader
from pgic_core.varint import varint
from tests.container.forge import EXTENSION, Block, forge

from .sealing import Region, reseal
from .seeds import Seed, seeds

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Mutant", "mutant"]

_FORGED = (
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    511,
    32767,
    32768,
    65535,
    1 << 16,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
)
_FORGED_WIDE = (*_FORGED, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_LENGTH_FIELD = struct.Struct("<Q")


@dataclass(frozen=True)
class Mutant:
    """A changed file.

    Attributes:
        data: its bytes.
        seed: what it was.
        sealed: whether its checksums were put right again.
        how: the changes, for people.
    """

    data: bytes
    seed: Seed
    sealed: bool
    how: str


def mutant(number: int, run: int = 0, kind: str = "") -> Mutant:
    """The mutant of this number in a run of this seed; the same every time.

    Args:
        number: of the mutant.
        run: seed of the run.
        kind: only files whose names begin with it are changed.
    """
    dice = random.Random(run << 40 | number)
    seed = dice.choice([seed for seed in seeds() if seed.name.startswith(kind)])
    sealed = number % 2 == 0
    data = bytearray(seed.data)
    if sealed and seed.name == "metadata, plain" and dice.random() < 0.7:
        forged, what = _forged_extension(seed, dice)
        return Mutant(forged, seed, sealed, what)
    region = dice.choices(seed.regions, _weights(seed))[0] if sealed or dice.random() < 0.3 else _whole(data)
    how = []
    if sealed and dice.random() < 0.3:
        how.append(_resize(data, region, dice))
    else:
        for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
            change = dice.choice(_IN_PLACE if sealed or dice.random() < 0.6 else _OF_LENGTH)
            how.append(change(data, region, dice))
    return Mutant(
        reseal(bytes(data)) if sealed else bytes(data), seed, sealed, f"{region.name}: {', '.join(how)}"
    )


_VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    float("nan"),
    float("inf"),
    (1 << 64) - 1,
    "",
    "critical",
    "x" * 70_000,
    b"",
    b"\xff" * 40,
    [],
    [1, 2],
    [0, 0, 5, 5],
    [[0, 0], [9, 0], [9, 9]],
    {},
    {"lon": 400},
    {"label": "x", "box": [1, 1, 2, 2]},
)
_KEYS = ("pgic.dpi", "pgic.exif", "pgic.annotations", "pgic.location", "box", "polygon", "score", "severity")


def _forged_extension(seed: Seed, dice: random.Random) -> tuple[bytes, str]:
    """Sound CBOR that says something else: values, keys and places exchanged."""
    with PgiReader(seed.data) as reader:
        blocks = [Block(entry.type, reader.read_block(entry), entry.flags) for entry in reader.blocks]
        extension = dict(reader.extension)
    what = []
    for _ in range(dice.choice((1, 1, 2, 4))):
        place: object = extension
        while True:
            if not isinstance(place, (dict, list)) or not place:
                break
            at = dice.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
            inner = place[at]
            if isinstance(inner, (dict, list)) and inner and dice.random() < 0.7:
                place = inner
                continue
            value = deepcopy(dice.choice(_VALUES))  # later turns may change what is inside
            if isinstance(place, dict) and dice.random() < 0.3:
                del place[at]
                at = dice.choice(_KEYS)
            place[at] = value
            what.append(f"{at} = {str(value)[:20]}")
            break
    content = cbor2.dumps(extension, canonical=True)
    return forge(
        [Block(b.type, content if b.type == EXTENSION else b.content, b.flags) for b in blocks]
    ), ", ".join(what)


def _weights(seed: Seed) -> list[int]:
    """Header and directory are the same in all files: what differs is worth more tries."""
    common = ("header", "directory", "fields")
    return [1 if r.name in common else 30 if r.name.startswith("block") else 6 for r in seed.regions]


def _whole(data: bytearray) -> Region:
    return Region("anywhere", 0, len(data))


def _at(data: bytearray, region: Region, dice: random.Random) -> int:
    return min(dice.randrange(region.start, region.end), len(data) - 1) if data else 0


def _flip(data: bytearray, region: Region, dice: random.Random) -> str:
    at = _at(data, region, dice)
    if data:
        data[at] ^= 1 << dice.randrange(8)
    return f"bit at {at}"


def _byte(data: bytearray, region: Region, dice: random.Random) -> str:
    at = _at(data, region, dice)
    if data:
        data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    return f"byte at {at}"


def _number(data: bytearray, region: Region, dice: random.Random) -> str:
    at, size = _at(data, region, dice), dice.choice((2, 4, 8))
    value = dice.choice(_FORGED_WIDE) % (1 << 8 * size)
    order = dice.choice(("little", "little", "big"))
    data[at : at + size] = value.to_bytes(size, order)[: len(data) - at]  # type: ignore[arg-type]
    return f"{value} in {size} bytes at {at}"


def _varint(data: bytearray, region: Region, dice: random.Random) -> str:
    at = _at(data, region, dice)
    spelled = varint(dice.choice(_FORGED))
    data[at : at + len(spelled)] = spelled[: len(data) - at]
    return f"varint at {at}"


def _run(data: bytearray, region: Region, dice: random.Random) -> str:
    at = _at(data, region, dice)
    size = min(dice.randrange(1, 64), len(data) - at)
    data[at : at + size] = dice.choice((bytes(size), b"\xff" * size, dice.randbytes(size)))
    return f"{size} bytes at {at}"


def _copy(data: bytearray, region: Region, dice: random.Random) -> str:
    """A splice: bytes of this or another file over these."""
    other = dice.choice((bytes(data), dice.choice(seeds()).data))
    at, size = _at(data, region, dice), dice.randrange(1, 200)
    start = dice.randrange(len(other)) if other else 0
    piece = other[start : start + size][: len(data) - at]
    data[at : at + len(piece)] = piece
    return f"{len(piece)} bytes copied to {at}"


def _shuffle(data: bytearray, region: Region, dice: random.Random) -> str:
    """New words for a stretch: what an entropy decoder makes of it is anybody's guess."""
    at = _at(data, region, dice)
    size = min(4 * dice.randrange(1, 200), max(0, min(region.end, len(data)) - at))
    data[at : at + size] = dice.randbytes(size)
    return f"{size} new bytes at {at}"


def _item(data: bytearray, region: Region, dice: random.Random) -> str:
    """The head of a CBOR item, or of a tag, number or string, of a size that may or may not be right."""
    at = _at(data, region, dice)
    head = dice.randrange(8) << 5 | dice.choice((0, 1, 2, 3, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31))
    data[at : at + 1] = bytes([head])
    return f"CBOR head at {at}"


def _cut(data: bytearray, region: Region, dice: random.Random) -> str:
    at = _at(data, region, dice)
    del data[at:]
    return f"cut at {at}"


def _remove(data: bytearray, region: Region, dice: random.Random) -> str:
    at, size = _at(data, region, dice), dice.randrange(1, 40)
    del data[at : at + size]
    return f"{size} bytes removed at {at}"


def _insert(data: bytearray, region: Region, dice: random.Random) -> str:
    at, size = _at(data, region, dice), dice.randrange(1, 40)
    data[at:at] = dice.choice((bytes(size), bytes(data[at : at + size]), dice.randbytes(size)))
    return f"{size} bytes inserted at {at}"


def _append(data: bytearray, region: Region, dice: random.Random) -> str:
    data += dice.randbytes(dice.randrange(1, 40))
    return "bytes appended"


_IN_PLACE: tuple[Callable[[bytearray, Region, random.Random], str], ...] = (
    _flip,
    _flip,
    _byte,
    _number,
    _varint,
    _run,
    _copy,
    _shuffle,
    _item,
)
_OF_LENGTH = (_cut, _remove, _insert, _append)


def _resize(data: bytearray, region: Region, dice: random.Random) -> str:
    """Change the length of a region, and with it all lengths and offsets that say so."""
    before = len(data)
    how = dice.choice((_remove, _insert))(data, region, dice)
    grown = len(data) - before
    changed = None
    for index in range(data[24] if len(data) > 24 else 0):
        entry = 30 + 56 * index
        if entry + 56 > len(data):
            break
        start, length = struct.unpack_from("<QQ", data, entry + 4)
        if changed is not None:
            start += grown
        elif start <= region.start < start + length:
            changed = index
            length = max(0, length + grown)
        struct.pack_into("<QQ", data, entry + 4, start % (1 << 64), length % (1 << 64))
    if len(data) >= 20 and changed is not None and changed != data[24] - 1:
        offset = _LENGTH_FIELD.unpack_from(data, 12)[0]
        _LENGTH_FIELD.pack_into(data, 12, (offset + grown) % (1 << 64))
    # Where the stream itself says how long the region is: variable_length, or the last tile's entry.
    within = {"learned index": 4, "lossless tiles": 9}
    if (back := within.get(region.name)) and region.start <= len(data):
        (length,) = struct.unpack_from("<I", data, region.start - back)
        struct.pack_into("<I", data, region.start - back, (length + grown) % (1 << 32))
    return f"{how}, lengths made to fit"
