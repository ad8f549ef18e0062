"""The bytes of coded feature maps: self-describing, versioned, checked.

Integers are little-endian; a *varint* is an unsigned LEB128 of at most 9 bytes::

    magic 8B 50 47 46 | version u8 = 1 | CRC32 u32 of all that follows | kind u8 | count varint | records
    kind     0 one tensor, 1 a sequence, 2 tensors by name
    record   [name length varint, name UTF-8: kind 2 only]
             type u8 (bits 0-1 dtype, bit 2 batched, bits 3-4 packing, bits 5-6 codec; bit 7 is 0)
             QP u8 in quarters, 255 = no loss after prequantisation
             N, C, H, W varint
             quantiser (see prequantise.py), then lengths and bytes of channel order and payload

A record of codec 0 (HEVC) has the channel orders of its N maps one after the other when the packing is an
ordered one. Codec 1 is our own. No bytes may follow the last record.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pgic_core.errors import PgiChecksumError, PgiFormatError, PgiTruncatedError, PgiUnsupportedError
from pgic_core.varint import varint

from .channel_layout import PACKINGS, Packing
from .feature_arrays import DTYPES
from .prequantise import Quantiser

if TYPE_CHECKING:
    from pgic_core.limits import Limits

__all__ = ["CODECS", "MAGIC", "VERSION", "CodecName", "Record", "Stream", "read_stream", "write_stream"]

MAGIC = b"\x8bPGF"
VERSION = 1
CodecName = Literal["hevc", "pgic"]
CODECS: tuple[CodecName, ...] = ("hevc", "pgic")
StreamKind = Literal["single", "sequence", "mapping"]
KINDS: tuple[StreamKind, ...] = ("single", "sequence", "mapping")

# A record may announce this many samples for each byte of its payload (and 64 KiB for nothing); the writer
# fills up payloads that are smaller still, as those of constant maps are.
SAMPLES_PER_BYTE = 1024
SAMPLES_FREE = 1 << 16

_HEAD = struct.Struct("<4sBI")
_LOSSLESS = 255
_MAX_SIDE = 1 << 24


@dataclass(frozen=True)
class Record:
    """One coded tensor.

    Attributes:
        name: for tensors by name, else "".
        dtype: "float32", "float16" or "bfloat16".
        batched: whether N is an axis of the tensor, or 1 and left out.
        shape: (N, C, H, W).
        codec, packing, qp: how it was coded; qp None is lossless after prequantisation.
        quantiser: the prequantiser; with the lossy ``pgic`` codec only its value range counts.
        orders: stored channel orders.
        payload: coded samples.
    """

    name: str
    dtype: str
    batched: bool
    shape: tuple[int, int, int, int]
    codec: CodecName
    packing: Packing
    qp: float | None
    quantiser: Quantiser
    orders: bytes
    payload: bytes


@dataclass(frozen=True)
class Stream:
    """All records, and whether they stood alone, in a sequence or under names."""

    kind: StreamKind
    records: tuple[Record, ...]


def write_stream(stream: Stream) -> bytes:
    """Lay a stream out as bytes."""
    body = bytearray([KINDS.index(stream.kind)]) + varint(len(stream.records))
    for record in stream.records:
        if stream.kind == "mapping":
            name = record.name.encode()
            body += varint(len(name)) + name
        body.append(
            DTYPES.index(record.dtype)
            | record.batched << 2
            | PACKINGS.index(record.packing) << 3
            | CODECS.index(record.codec) << 5
        )
        body.append(_LOSSLESS if record.qp is None else round(record.qp * 4))
        for side in record.shape:
            body += varint(side)
        body += record.quantiser.to_bytes()
        short = -(-(_samples(record.shape) - SAMPLES_FREE) // SAMPLES_PER_BYTE) - len(record.payload)
        payload = record.payload + bytes(max(0, short + 3 & ~3))  # whole words, which our own coder asks for
        for part in (record.orders, payload):
            body += varint(len(part)) + part
    head = _HEAD.pack(MAGIC, VERSION, zlib.crc32(body))
    return head + bytes(body)


def read_stream(data: bytes, limits: Limits) -> Stream:
    """Parse and check everything but the payloads.

    Raises:
        PgiFormatError: no feature stream, or one that breaks the rules, is cut short or fails its CRC32.
        PgiUnsupportedError: a later version.
        PgiLimitError: it announces more than the limits allow (``pixels`` bounds the samples of a tensor and
            of all together, ``frames`` the tensors, ``string_bytes`` the names).
    """
    limits.check("stream_bytes", len(data), "The feature stream")
    if data[:4] != MAGIC[: len(data)]:
        raise PgiFormatError("The bytes are not a pgic feature stream.")
    if len(data) < _HEAD.size:
        raise PgiTruncatedError("The feature stream ends within its header.")
    _, version, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise PgiUnsupportedError(
            f"The feature stream has version {version}; this pgic reads version {VERSION}."
        )
    if zlib.crc32(memoryview(data)[_HEAD.size :]) != checksum:
        raise PgiChecksumError("The feature stream is damaged: its CRC32 does not match.")
    reader = _Reader(data, _HEAD.size)
    kind = reader.byte()
    if kind >= len(KINDS):
        raise PgiFormatError(f"The feature stream is of kind {kind}, which does not exist.")
    count = reader.varint()
    if kind == 0 and count != 1:
        raise PgiFormatError("A feature stream of one tensor must hold one.")
    limits.check("frames", count, "The feature stream")
    records: list[Record] = []
    samples = 0
    for _ in range(count):
        records.append(_read_record(reader, KINDS[kind] == "mapping", limits))
        samples += _samples(records[-1].shape)
        limits.check("pixels", samples, "The feature stream")
    if reader.position != len(data):
        raise PgiFormatError("Bytes follow the last tensor of the feature stream.")
    if len({record.name for record in records}) < len(records) and KINDS[kind] == "mapping":
        raise PgiFormatError("Two tensors of the feature stream have the same name.")
    return Stream(KINDS[kind], tuple(records))


def _read_record(reader: _Reader, named: bool, limits: Limits) -> Record:
    name = ""
    if named:
        length = reader.varint()
        limits.check("string_bytes", length, "A tensor's name")
        try:
            name = reader.take(length).decode()
        except UnicodeDecodeError:
            raise PgiFormatError("The name of a feature map is not UTF-8.") from None
    kind, qp = reader.byte(), reader.byte()
    dtype, packing, codec = kind & 3, kind >> 3 & 3, kind >> 5
    if dtype >= len(DTYPES) or codec >= len(CODECS):
        raise PgiFormatError("A feature map names a type or codec that does not exist.")
    if qp != _LOSSLESS and qp > 51 * 4:
        raise PgiFormatError(f"A feature map names QP {qp / 4}, above 51.")
    shape = (reader.varint(), reader.varint(), reader.varint(), reader.varint())
    if not all(0 < side <= _MAX_SIDE for side in shape):
        raise PgiFormatError("A feature map announces an impossible shape.")
    if shape[0] != 1 and not kind & 4:
        raise PgiFormatError("A feature map without a batch axis announces a batch.")
    samples = _samples(shape)
    limits.check("pixels", samples, "A feature map")
    quantiser, used = Quantiser.from_bytes(reader.rest(), shape[1])
    reader.take(used)
    orders = reader.take(reader.varint())
    payload = reader.take(reader.varint())
    if samples > SAMPLES_FREE + SAMPLES_PER_BYTE * len(payload):
        raise PgiFormatError("A feature map announces more samples than its bytes can hold.")
    return Record(
        name,
        DTYPES[dtype],
        bool(kind & 4),
        shape,
        CODECS[codec],
        PACKINGS[packing],
        None if qp == _LOSSLESS else qp / 4,
        quantiser,
        orders,
        payload,
    )


def _samples(shape: tuple[int, int, int, int]) -> int:
    n, c, h, w = shape
    return n * c * h * w


class _Reader:
    """A position in the bytes that never passes their end."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def take(self, size: int) -> bytes:
        part = self.data[self.position : self.position + size]
        if len(part) != size:
            raise PgiTruncatedError("The feature stream ends too early.")
        self.position += size
        return part

    def rest(self) -> memoryview:
        return memoryview(self.data)[self.position :]  # not copied: a stream may have thousands of tensors

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise PgiFormatError("A number in the feature stream is too long.")
