"""Makes files that break one rule and are sealed again, so that no checksum rejects them first."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field

from pgic_core.container import MAGIC, ImageFields

METADATA, EXTENSION, IMAGE, PARITY, SECURITY = 0x8010, 0x8020, 0x0030, 0xFFFE, 0xFFFF
FIELDS = ImageFields(image_type=0, width=64, height=48, color_depth=8, compression_type=1)
PAYLOAD = bytes(range(256)) * 2


@dataclass
class Block:
    """A block; ``entry`` overrules fields of its directory entry, in the order that the file has them."""

    type: int
    content: bytes
    flags: int = 0
    entry: dict[str, object] = field(default_factory=dict)


def image_block(payload: bytes = PAYLOAD, fields: bytes | None = None, **entry: object) -> Block:
    return Block(IMAGE, (FIELDS.to_bytes() if fields is None else fields) + payload, entry=entry)


def forge(
    blocks: list[Block],
    *,
    magic: bytes = MAGIC,
    version: int = 0x0100,
    header_size: int | None = None,
    checksum: int | None = None,
    data_offset: int | None = None,
    guard: bytes = b"\r\n\x1a\n",
    block_count: int | None = None,
    entry_size: int = 56,
    fields_crc32: int | None = None,
    header_tail: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """A sealed file from its parts; whatever is not given is as it should be."""
    true_size = 30 + entry_size * len(blocks) + len(header_tail)
    offset, entries, bodies = true_size, b"", b""
    image_offset, fields_crc = 0, 0
    for block in blocks:
        values: dict[str, object] = {
            "type": block.type,
            "flags": block.flags,
            "offset": offset,
            "length": len(block.content),
            "crc32": zlib.crc32(block.content),
            "sha256": hashlib.sha256(block.content).digest(),
        } | block.entry
        raw = struct.pack("<HHQQI32s", *values.values())
        entries += raw.ljust(entry_size, b"\xee")[:entry_size]
        if block.type == IMAGE:
            image_offset, fields_crc = offset, zlib.crc32(block.content[:7])
        offset += len(block.content)
        bodies += block.content
    head = struct.pack(
        "<4sHHIQ4sBBI",
        magic,
        version,
        true_size if header_size is None else header_size,
        0,
        image_offset if data_offset is None else data_offset,
        guard,
        len(blocks) if block_count is None else block_count,
        entry_size,
        fields_crc if fields_crc32 is None else fields_crc32,
    )
    header = head + entries + header_tail
    crc = zlib.crc32(header) if checksum is None else checksum
    return header[:8] + struct.pack("<I", crc) + header[12:] + bodies + tail


def deflated(content: bytes, claimed: int | None = None, tail: bytes = b"") -> bytes:
    """Content as a compressed block stores it."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    size = len(content) if claimed is None else claimed
    return struct.pack("<I", size) + coder.compress(content) + coder.flush() + tail


def metadata_content(
    time: int = 0,
    device: bytes = b"UAV-7",
    point: tuple[float, float, float] = (116.5, 39.75, 50.0),
    params: tuple[tuple[bytes, bytes], ...] = ((b"a", b"1"), (b"b", b"2")),
    anomaly: int = 0,
    count: int | None = None,
) -> bytes:
    """The bytes of A.3, right or wrong."""
    content = struct.pack("<QH", time, len(device)) + device + struct.pack("<3f", *point)
    content += struct.pack("<H", len(params) if count is None else count)
    for key, value in params:
        content += struct.pack("<H", len(key)) + key + struct.pack("<H", len(value)) + value
    return content + bytes([anomaly])
