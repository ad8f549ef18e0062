"""Sequences made by hand: their records as the document describes them, right or wrong, and sealed again."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field, replace

from pgic_core.container import ImageFields, Metadata, build_file

from .forge import IMAGE, Block, forge

SEQUENCE_FLAG = 0x0004
FIELDS = ImageFields(image_type=0, width=64, height=48, color_depth=8, compression_type=2)
SHORT_IMAGE = b"\x00\x00" + bytes(1) + b"change"  # no metadata, no extension; what follows needs its CRC32


def varint(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def still(device: str = "", payload: bytes = b"picture", **fields: int) -> bytes:
    metadata = Metadata(device_id=device) if device else None
    return build_file(replace(FIELDS, **fields), payload, metadata=metadata)


def short(image: bytes = b"change", metadata: bytes = b"", extension: bytes = b"") -> bytes:
    described = varint(len(metadata)) + metadata + varint(len(extension)) + extension
    return described + struct.pack("<I", zlib.crc32(described + image)) + image


def header(version: int = 1, zeros: bytes = bytes(3), distance: int = 8, zero: int = 0) -> bytes:
    body = struct.pack("<B3sII", version, zeros, distance, zero)
    return body + struct.pack("<I", zlib.crc32(body))


@dataclass
class Frame:
    """A record; what is None follows from the frames before, what is given overrules it.

    ``previous``, ``jump``, ``key`` and ``reference`` are numbers of frames, or distances as text.
    """

    data: bytes
    kind: int = 0
    number: int | None = None
    depth: int | None = None
    duration: int | bytes = 0  # bytes stand as they are
    previous: int | str | None = None
    jump: int | str | None = None
    key: int | str | None = None
    reference: int | str | None = None
    length: int | None = None
    magic: bytes = b"\x89PGF"
    crc: int | None = None
    size: int | None = None


@dataclass
class Laid:
    """Frames as records, and where each stands."""

    offsets: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)

    def add(self, frame: Frame) -> None:
        offset = 16 + sum(map(len, self.records))
        index = len(self.records)
        self.offsets.append(offset)
        is_key = frame.kind == 0
        self.keys.append(index if is_key or not index else self.keys[index - 1])
        self.depths.append(0 if is_key or not index else self.depths[index - 1] + 1)

        def way(given: int | str | None, usual: int) -> int:
            return (
                int(given)
                if isinstance(given, str)
                else offset - self.offsets[usual if given is None else given]
            )

        numbers = (
            index if frame.number is None else frame.number,
            self.depths[index] if frame.depth is None else frame.depth,
            frame.duration,
            way(frame.previous, max(index - 1, 0)),
            way(frame.jump, index & (index - 1) if index else 0),
            way(frame.key, self.keys[index]),
            way(frame.reference, index if is_key else max(index - 1, 0)),
            len(frame.data) if frame.length is None else frame.length,
        )
        head = frame.magic + bytes([frame.kind]) + b"".join(map(varint, numbers))
        head += struct.pack("<I", zlib.crc32(head) if frame.crc is None else frame.crc)
        size = len(head) + len(frame.data) + 4 if frame.size is None else frame.size
        self.records.append(head + frame.data + struct.pack("<I", size))


def laid(frames: list[Frame]) -> Laid:
    all_of_them = Laid()
    for frame in frames:
        all_of_them.add(frame)
    return all_of_them


def chain_of(records: list[bytes]) -> bytes:
    chain = bytes(32)
    for record in records:
        chain = hashlib.sha256(chain + record).digest()
    return chain


def sequence(
    frames: list[Frame],
    *,
    start: bytes | None = None,
    kind: int = 3,
    flags: int = SEQUENCE_FLAG,
    version: int = 0x0102,
    before: list[Block] | None = None,
    behind: list[Block] | None = None,
    more: bytes = b"",
    entry: dict[str, object] | None = None,
    **options: object,
) -> bytes:
    """A sealed sequence of these frames."""
    records = laid(frames).records
    chain = chain_of(records)
    fields = replace(FIELDS, compression_type=kind).to_bytes()
    content = fields + (header() if start is None else start) + b"".join(records) + more
    image = Block(IMAGE, content, flags, {"crc32": zlib.crc32(chain), "sha256": chain} | (entry or {}))
    return forge([*(before or []), image, *(behind or [])], version=version, **options)  # type: ignore[arg-type]
