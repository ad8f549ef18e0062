"""Small files that ask for much. Each must be refused before anything is allocated for it."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import cbor2
import numpy as np

from pgic_core.codec.learned.payload.header import StreamHeader, serialise
from pgic_core.codec.learned.symbols.cdf_index_from_z import RowMap
from pgic_core.codec.learned.symbols.entropy_coding import CdfTable, encode_segments
from pgic_core.codec.tiles_and_windows import Grid
from pgic_core.container import ImageFields
from pgic_core.models import default_model
from pgic_core.varint import varint
from tests.container.forge import EXTENSION, METADATA, Block, deflated, forge, image_block, metadata_content

from .prefix_codes import prefix_codes
from .sealing import reseal

__all__ = ["bombs"]

_SMALL = ImageFields(0, 64, 48, 8, 1)
_LARGE = ImageFields(0, 10_000, 8_000, 8, 1)


# float32 without a batch, our own coder, QP 20, 1 x 1 x 4 x 4, uniform from 0 to 1, no order, 4,000 bytes.
_RECORD = b"\x20\x50\x01\x01\x04\x04\x00" + struct.pack("<2f", 0, 1) + b"\x00" + varint(4000) + bytes(4000)


@lru_cache(maxsize=1)
def bombs() -> dict[str, bytes]:
    """Name to file; all checksums are sound."""
    return {
        "2 KB that claim 80 megapixels": _picture(_LARGE, _learned(9, bytes(2000))),
        "2 KB that claim 80 megapixels, lossless": _picture(_lossless(_LARGE), _tiles(64, 64, 320, 1700)),
        "2 KB that claim 80 megapixels, raw": _picture(_raw(_LARGE), _tiles(1250, 1, 1000, 1700)),
        "65,535 x 65,535 pixels": _picture(ImageFields(0, 65535, 65535, 8, 1), _learned(9, bytes(200_000))),
        "tiles: 1,525 rows of 65,535 in 8 x 8": _picture(
            ImageFields(0, 65535, 1525, 8, 2), _tiles(1, 1, 8192 * 191, 9000)
        ),
        "tiles: more than they say": _picture(_SMALL, _learned(6, varint(5) * 3)),
        "tiles of 4 GB": _picture(_SMALL, _learned(9, varint((1 << 32) - 1) * 2 + bytes(8))),
        "tiles that add up beyond 64 bits": _picture(
            ImageFields(0, 512, 384, 8, 2), _tiles(8, 8, 48, 300, b"\xff" * 4)
        ),
        "index of 4 GB": _picture(_SMALL, _learned(9, b"", variable=(1 << 32) - 1)),
        "ROI map of 100 MB": _picture(_SMALL, _learned(9, _map(bytes(100_000_000)), flags=1)),
        "ROI map of one value too many": _picture(_SMALL, _learned(9, _map(bytes(2)), flags=1)),
        "exact map of 100 MB": _picture(_SMALL, _learned(9, _map(bytes(100_000_000)), flags=4)),
        "exact map of one row too many": _picture(_SMALL, _learned(9, _map(bytes(7)), flags=4)),
        "exact map that names nothing": _picture(_SMALL, _learned(9, _map(bytes(6)), flags=4)),
        "exact blocks in a tile of 2048": _picture(_LARGE, _learned(11, bytes(20_000), flags=4)),
        "exact blocks of WebP that say they are 16384 x 16384": _exact(b"\1\x2f\xff\xff\xff\x0f" + bytes(60)),
        "exact blocks of nothing": _exact(b"\0"),
        "exact blocks of 0 bits": _exact(b"\0" + bytes(48 * 64 * 3), 0),
        "exact blocks of 255 bits": _exact(b"\0" + bytes(48 * 64 * 3), 255),
        "exact blocks of 4 bits that have 8": _exact(b"\0" + b"\xff" * 48 * 64 * 3, 4),
        "exact blocks in PNG": _exact(b"\2" + zlib.compress(bytes(100_000_000), 9)),
        "opacity plane of 4 GB": _picture(_SMALL, b"\xff" * 4 + bytes(100)),
        "tile of WebP that says it is 16384 x 16384": _picture(
            _lossless(_SMALL), _tiles(8, 8, 1, 0, coder=1, data=b"\x2f\xff\xff\xff\x0f" + bytes(60))
        ),
        "tile of WebP of 2048 x 2048": _picture(
            ImageFields(0, 2048, 2048, 8, 2), _tiles(256, 256, 1, 0, coder=1, data=prefix_codes(2048, 2048))
        ),
        "tile of PNG that inflates to 100 MB": _picture(
            ImageFields(0, 64, 48, 16, 2),
            _tiles(8, 8, 1, 0, coder=2, data=zlib.compress(bytes(100_000_000), 9), sample_format=2),
        ),
        "tile of differences that inflates to 100 MB": _picture(
            ImageFields(0, 64, 48, 16, 2),
            _tiles(
                8, 8, 1, 0, coder=3, data=bytes(5) + zlib.compress(bytes(100_000_000), 9), sample_format=2
            ),
        ),
        "tile of differences with 2^32 values": _picture(
            ImageFields(0, 64, 48, 16, 2),
            _tiles(8, 8, 1, 0, coder=3, data=b"\0\xff\xff\xff\xff" + bytes(60), sample_format=2),
        ),
        "65,025 tiles of 8 x 8": _picture(ImageFields(0, 2040, 2040, 8, 2), _tiles(1, 1, 65025, 9000)),
        "tile of 64 MiB and one byte": _picture(
            ImageFields(0, 9000, 8000, 8, 0), _tiles(1125, 1000, 1, 5000)
        ),
        "255 blocks": forge([image_block()], block_count=255),
        "block that ends beyond 64 bits": forge([image_block(length=(1 << 64) - 1)]),
        "block that starts before the file": forge([image_block(offset=(1 << 64) - 100)]),
        "block of 1 TiB": forge([image_block(length=1 << 40)]),
        "metadata of 4 GB": _with(METADATA, deflated(b"x" * 100, claimed=(1 << 32) - 1), flags=2),
        "metadata that inflates to 100 MB": _with(
            METADATA, deflated(bytes(100_000_000), claimed=60), flags=2
        ),
        "metadata of zeros, 16 MiB and one byte": _with(METADATA, deflated(bytes((16 << 20) + 1)), flags=2),
        "metadata with 65,535 parameters": _with(METADATA, metadata_content(count=65535)),
        "extension that inflates to 100 MB": _with(
            EXTENSION, deflated(bytes(100_000_000), claimed=60), flags=2
        ),
        "CBOR 100,000 deep": _with(EXTENSION, b"\xa1\x63a.b" + b"\x81" * 100_000 + b"\x00"),
        "CBOR 100,000 deep, deflated": _with(
            EXTENSION, deflated(b"\xa1\x63a.b" + b"\x81" * 100_000 + b"\x00"), flags=2
        ),
        "CBOR map of 4 G entries": _with(EXTENSION, b"\xba\xff\xff\xff\xff" + bytes(100)),
        "CBOR array of 2^64 entries": _with(EXTENSION, b"\xa1\x63a.b\x9b" + b"\xff" * 8),
        "CBOR text of 4 GB": _with(EXTENSION, b"\xa1\x63a.b\x7a" + b"\xff" * 4 + b"text"),
        "CBOR bytes of 2^63": _with(EXTENSION, b"\xa1\x63a.b\x5b\x80" + bytes(7)),
        "CBOR of 100,000 entries": _with(
            EXTENSION, b"\xa1\x63a.b\x9a" + struct.pack(">I", 100_000) + bytes(100_000)
        ),
        "CBOR key 1,000 times": _with(EXTENSION, b"\xb9\x03\xe8" + b"\x63a.b\x00" * 1000),
        "z beyond its bound": _coded([("z", 200)]),
        "symbol beyond 16 bits": _coded([("base", 32_769)]),
        "words after the last symbol": _coded([], before=b"\x01\2\3\4" * 9),
        "part that ends with a zero word": _coded([], tail=bytes(4)),
        "features: 2^60 tensors": _features(b"\x01" + b"\xff" * 8 + b"\x0f"),
        "features: 4,096 tensors in 16 MB": _features(b"\x01" + varint(4096) + bytes(15 << 20)),
        "features: tables of 100 GB": _features(
            b"\x00\x01\x24\x50\x01"
            + varint(1 << 24)
            + b"\x01\x01"
            + b"\x3a"
            + struct.pack("<I", 97_000)
            + zlib.compress(bytes(100_000_000), 9)
        ),
        "features: 4,000 tensors of 4 KB": _features(b"\x01" + varint(4000) + _RECORD * 4000),
    }


def _coded(forged: list[tuple[str, int]], *, before: bytes = b"", tail: bytes = b"") -> bytes:
    """A picture whose symbols are all zero but for one that no encoder would write."""
    model, quality = default_model(), 60
    row_map, cdfs = RowMap.of(model, quality), CdfTable.of(model)
    z_rows = row_map.rows_of_z(1)
    z = np.zeros(len(z_rows.index), np.int16)
    values = dict(forged)
    z[:1] = values.get("z", 0)
    rows = row_map.rows("base", np.zeros((model.hyper, 1, 1), np.int16), None)
    base = np.zeros(len(rows.index), np.int32)
    base[:1] = values.get("base", 0)
    part = encode_segments(cdfs, [(z_rows.counts, z), (rows.counts, base)])  # type: ignore[list-item]
    tiles = [[before + part + tail], [b""]]
    header = StreamHeader(model.digest, quality, Grid.square(64, 48, 512), None)
    return _picture(_SMALL, bytes(4) + b"".join(serialise(header, tiles)))


def _exact(part: bytes, depth: int = 8) -> bytes:
    """A picture of nothing, whose exact blocks are these bytes."""
    blocks = np.ones((6, 8), np.bool_)
    header = StreamHeader(default_model().digest, 60, Grid.square(64, 48, 512), None, exact=blocks)
    return _picture(_SMALL, bytes(4) + b"".join(serialise(header, [[b""], [b""]], [(depth, part)])))


def _picture(fields: ImageFields, payload: bytes) -> bytes:
    return reseal(forge([image_block(payload, fields.to_bytes())]))


def _with(kind: int, content: bytes, flags: int = 0) -> bytes:
    return forge([Block(kind, content, flags), image_block()])


def _features(body: bytes) -> bytes:
    stream = b"\x8bPGF\x01" + struct.pack("<I", zlib.crc32(body)) + body
    return _with(EXTENSION, deflated(cbor2.dumps({"pgic.features": stream}, canonical=True)), flags=2)


def _lossless(fields: ImageFields) -> ImageFields:
    return ImageFields(0, fields.width, fields.height, 8, 2)


def _raw(fields: ImageFields) -> ImageFields:
    return ImageFields(0, fields.width, fields.height, 8, 0)


def _learned(log2: int, rest: bytes, *, flags: int = 0, variable: int | None = None) -> bytes:
    """Opacity plane, header, what stands for index and tiles."""
    digest = bytes.fromhex(default_model().digest)[:16]
    size = len(rest) if variable is None else variable
    return bytes(4) + struct.pack("<BBB16sBI", 1, flags, log2, digest, 50, size) + rest + bytes(4)


def _map(values: bytes) -> bytes:
    packed = zlib.compress(values, 9)
    return varint(len(packed)) + packed + bytes(10)


def _tiles(
    across: int,
    down: int,
    count: int,
    rest: int,
    entry: bytes = bytes(4),
    *,
    coder: int = 0,
    data: bytes = b"",
    sample_format: int = 1,
) -> bytes:
    """A lossless stream of equal entries."""
    head = struct.pack("<4BHHII", 1, 1, sample_format, 0, across, down, count, 0)
    length = struct.pack("<I", len(data)) if data else entry
    index = (length + bytes(4) + bytes([coder])) * min(count, 1000)
    return head + index + data + bytes(rest)
