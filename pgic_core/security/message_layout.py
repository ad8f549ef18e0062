"""Encrypted messages: what each is bound to, and the tables that list those of a picture (9.4, 9.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..container import BlockFlag, BlockType
from ..errors import PgiFormatError
from ..varint import varint
from .cipher_suites import TAG_BYTES
from .tier_keys import Tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .tier_keys import Binding

__all__ = [
    "LONGEST_PART",
    "PADDING",
    "TABLE",
    "ListedPart",
    "Place",
    "associated_data",
    "metadata_place",
    "pack_content",
    "pack_table",
    "padded_length",
    "parse_content",
    "parse_table",
]

PADDING, TABLE = 0, 255
"""Layers that are no part of the picture; :class:`~pgic_core.codec.payload_parts.Layer` has the others."""
LONGEST_PART = 1 << 27
_ASSOCIATED = struct.Struct("<HBBIIQI")
_LENGTH = struct.Struct("<I")
_LAYERS = range(8)
_MOST_VARINT = 5
_LEAST_PADDED = 256


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message belongs, beside its file.

    Attributes:
        type: of the block.
        tier: of the key.
        layer, group, index, offset: see FORMAT.md; 0 in metadata and extension, but for what
            :func:`metadata_place` says.
    """

    type: int
    tier: Tier
    layer: int = 0
    group: int = 0
    index: int = 0
    offset: int = 0


def metadata_place(flags: int) -> Place:
    """Where the message of a metadata block belongs; so its flag "compressed" is authenticated.

    Args:
        flags: of the block.
    """
    return Place(BlockType.METADATA, Tier.METADATA, int(bool(flags & BlockFlag.COMPRESSED)))


def associated_data(
    binding: Binding, fields: bytes, place: Place, length: int, context: bytes = b""
) -> bytes:
    """What is authenticated with a message.

    Args:
        binding: of the file.
        fields: the 7 bytes of A.2.
        place: of the message.
        length: plain bytes.
        context: of the group.
    """
    packed = _ASSOCIATED.pack(
        place.type, place.tier, place.layer, place.group, place.index, place.offset, length
    )
    return binding.labelled("pgi part") + fields + packed + context


@dataclass(frozen=True, slots=True)
class ListedPart:
    """A part as the table of a group lists it.

    Attributes:
        tier: of its key.
        layer: see FORMAT.md; 0 is padding.
        length: plain bytes.
    """

    tier: Tier
    layer: int
    length: int

    @property
    def stored(self) -> int:
        """Bytes of its message."""
        return self.length + TAG_BYTES


def pack_table(context: bytes, parts: Sequence[ListedPart]) -> bytes:
    """The plain bytes of a table."""
    entries = (bytes([16 * part.tier + part.layer]) + varint(part.length) for part in parts)
    return bytes([len(context)]) + context + b"".join(entries)


def parse_table(data: bytes, most: int) -> tuple[bytes, list[ListedPart]]:
    """Context and parts of a table.

    Args:
        data: its plain bytes.
        most: parts that it may list.

    Raises:
        PgiFormatError: it breaks a rule, or lists more.
    """
    if not data or 1 + data[0] > len(data):
        raise PgiFormatError("A table of the encrypted picture ends inside its context.")
    at = 1 + data[0]
    context = data[1:at]
    parts: list[ListedPart] = []
    while at < len(data):
        tier, layer = divmod(data[at], 16)
        length, at = _varint(data, at + 1)
        if tier not in list(Tier) or layer not in _LAYERS or not 1 <= length <= LONGEST_PART:
            raise PgiFormatError("A table of the encrypted picture lists a part that there cannot be.")
        if layer and parts and not parts[-1].layer:
            raise PgiFormatError("A table of the encrypted picture has padding before a part.")
        parts.append(ListedPart(Tier(tier), layer, length))
        if len(parts) > most:
            raise PgiFormatError(f"A table of the encrypted picture lists more than {most:,} parts.")
    return context, parts


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for position in range(_MOST_VARINT):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            if position and not byte:
                break  # a longer spelling than needed
            return value, at
    raise PgiFormatError("A table of the encrypted picture holds a number that is not in its shortest form.")


def pack_content(content: bytes, *, pad: bool) -> bytes:
    """The plain bytes of a message of metadata or extension."""
    plain = _LENGTH.pack(len(content)) + content
    return plain.ljust(max(_LEAST_PADDED, padded_length(len(plain))), b"\0") if pad else plain


def parse_content(plain: bytes, what: str) -> bytes:
    """The content again.

    Raises:
        PgiFormatError: the length does not fit, or what follows is not zeros.
    """
    if len(plain) < _LENGTH.size:
        raise PgiFormatError(f"{what} is too short for its length.")
    (length,) = _LENGTH.unpack_from(plain)
    end = _LENGTH.size + length
    if end > len(plain) or any(plain[end:]):
        raise PgiFormatError(f"{what} does not have the length that it states.")
    return plain[_LENGTH.size : end]


def padded_length(length: int) -> int:
    """Padmé: the next length whose binary form ends in zeros, at most 12 % more."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    low = exponent - exponent.bit_length()
    mask = (1 << max(low, 0)) - 1
    return (length + mask) & ~mask
