"""Sealing the messages of an encrypted file: small blocks at once, the picture part by part (FORMAT.md, 9.4).

A picture passes twice: once for the digests of the directory, once to be written. Both passes give the same
bytes, of which only the second leaves the process.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..container import BlockFlag, BlockType, ExtensionKey, serialize_extension
from ..container.writer import Block, make_block
from ..errors import PgiInputError
from ..limits import DEFAULT_LIMITS
from .extension_field_tiers import pack_fields, split_fields
from .message_layout import (
    PADDING,
    TABLE,
    ListedPart,
    Place,
    associated_data,
    metadata_place,
    pack_content,
    pack_table,
)
from .security_block import Seal
from .tier_keys import Binding, Tier, TierKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..container import BlockEntry, PgiReader

__all__ = ["SealedPayload", "Sealer"]

_SALT = 16


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals messages of one file.

    Attributes:
        binding: of the file.
        key: of the highest tier that is open to the writer.
        fields: the 7 bytes of A.2.
        seals: those made so far.
    """

    binding: Binding
    key: TierKey = field(repr=False)
    fields: bytes
    seals: list[Seal]

    def start(self, block_type: int, tier: Tier) -> Seal:
        """A new seal, with a salt that was never used before."""
        seal = Seal(block_type, tier, secrets.token_bytes(_SALT))
        self.seals.append(seal)
        return seal

    def seal_key(self, seal: Seal, tier: Tier) -> bytes:
        """Key of messages of ``tier`` in a seal."""
        return self.key.seal_key(seal.salt, seal.type, tier, self.binding)

    def message(self, key: bytes, place: Place, plain: bytes, context: bytes = b"") -> bytes:
        """A message: ciphertext and tag."""
        associated = associated_data(self.binding, self.fields, place, len(plain), context)
        return self.binding.suite.seal(key, place.index, plain, associated)

    def small(self, place: Place, content: bytes, *, pad: bool) -> bytes:
        """The one message of a seal of metadata or extension."""
        seal = self.start(place.type, place.tier)
        return self.message(self.seal_key(seal, place.tier), place, pack_content(content, pad=pad))

    def small_blocks(
        self, metadata: BlockEntry | None, stored: bytes, fields: Mapping[str, object], *, pad: bool
    ) -> list[Block]:
        """Metadata and extension block of an encrypted file."""
        blocks: list[Block] = []
        if metadata is not None:
            sealed = self.small(metadata_place(metadata.flags), stored, pad=pad)
            blocks.append(make_block(BlockType.METADATA, metadata.flags | BlockFlag.ENCRYPTED, [sealed]))
        parts = [
            self.small(Place(BlockType.EXTENSION, tier), pack_fields(found), pad=pad)
            for tier, found in split_fields(fields).items()
        ]
        mark = {
            "suite": self.binding.suite.number,
            "algorithm": self.binding.suite.algorithm,
            "key": self.key.commitment(self.binding)[:8],
        }
        content = serialize_extension({ExtensionKey.SECURITY: mark, ExtensionKey.SEALED: parts})
        DEFAULT_LIMITS.check("metadata_bytes", len(content), "The encrypted extension block")
        blocks.append(make_block(BlockType.EXTENSION, 0, [content]))
        return blocks


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """The groups of an image data block, encrypted each time they are gone through.

    Each time gives the same bytes. A source that changes meanwhile is an error, so that no key and nonce is
    used for two messages.

    Attributes:
        sealer: of the file.
        seal: of the one group.
        reader: gives plain bytes of the payload.
        parts: the table's.
        context: of the group.
        seen: digests of the plain parts that were encrypted so far.
    """

    sealer: Sealer
    seal: Seal
    reader: PgiReader
    parts: list[ListedPart]
    context: bytes
    seen: list[bytes] = field(default_factory=list)

    def __iter__(self) -> Iterator[bytes]:
        sealer, keys = self.sealer, {tier: self.sealer.seal_key(self.seal, tier) for tier in Tier}
        yield sealer.fields
        table = pack_table(self.context, self.parts)
        sealed = sealer.message(keys[Tier.METADATA], Place(BlockType.IMAGE, Tier.METADATA, TABLE), table)
        yield len(sealed).to_bytes(4, "little") + sealed
        offset = 0
        for index, part in enumerate(self.parts, 1):
            padding = part.layer == PADDING
            plain = bytes(part.length) if padding else self.reader.read_payload(offset, part.length)
            digest = hashlib.sha256(plain).digest()
            if index > len(self.seen):
                self.seen.append(digest)
            elif self.seen[index - 1] != digest:
                raise PgiInputError("The file changed while it was being encrypted.")
            place = Place(BlockType.IMAGE, part.tier, part.layer, 0, index, offset)
            yield sealer.message(keys[part.tier], place, plain, self.context)
            offset += 0 if padding else part.length
