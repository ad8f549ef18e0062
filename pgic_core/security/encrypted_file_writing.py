"""Encrypted files, written whole: encrypt, rekey, decrypt, edit, add recipients (FORMAT.md, section 9)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..codec.payload_parts import payload_plan
from ..container import DETAILS, BlockFlag, BlockType, Compression, ExtensionKey, strategy_from_map
from ..container.file_header import PLAIN_VERSION
from ..container.rewriting import copied_block
from ..container.writer import Block, assemble, located_fields, make_block, small_blocks, version_of
from ..errors import PgiKeyError, PgiOptionError, PgiUnsupportedError
from .cipher_suites import TAG_BYTES, find_suite, require_extra
from .content_decryption import OpenedContent
from .encryption_plan import (
    fitted,
    is_lossless,
    missing_tiers,
    payload_of,
    preview_of,
    sealed_parts,
    without_preview,
)
from .envelope_opening import records_of
from .extension_field_tiers import split_fields
from .message_encryption import SealedPayload, Sealer
from .message_layout import (
    PADDING,
)
from .recipients import suite_of, wrap
from .security_block import LEAST_VERSION, PASSPHRASE, Envelope, Record, RecordKind, pack_records
from .signatures.signature_making import carried_records
from .tier_keys import KEY_BYTES, Binding, Tier, TierKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..container import Metadata, PgiReader
    from .recipients import Recipient

__all__ = ["add_recipients", "decrypted", "encrypted", "overhead", "rewritten"]

_FILE_ID = 16
# A parity block is made anew of what is written.
_KNOWN_BLOCKS = tuple(BlockType)


def encrypted(
    reader: PgiReader, recipients: Sequence[Recipient], *, pad: bool = False, share: int | None = None
) -> Iterator[bytes | memoryview]:
    """A file, encrypted, in pieces.

    Args:
        reader: of a plain file, or of an encrypted one that was opened in full; then the new file has new
            keys, which is what shuts former recipients out of it.
        recipients: one or more.
        pad: hide exact sizes, for up to 12 % more bytes.
        share: parity in 1/10,000 of the new file; None for as much as the reader's file has.

    Raises:
        PgiOptionError: a recipient's tier is none that the picture has.
        PgiUnsupportedError: the file has blocks that nobody here can encrypt.
        PgiKeyError: the reader is not open in full.
        PgiFormatError: the file is damaged.
    """
    _require_all(reader)
    _check_blocks(reader)
    if reader.sealed is None:
        for _ in reader.iter_block(reader.header.image):  # so that damage is not sealed anew
            pass
    plan = payload_plan(reader.fields.compression_type, payload_of(reader))
    change = reader.fields.compression_type == Compression.CHANGE
    missing = missing_tiers(
        preview=plan.layered or is_lossless(reader),
        regions=plan.regional and _regions_asked(reader),
        change=change,
    )
    recipients = fitted(recipients, missing)
    extension = without_preview(reader.extension)
    if is_lossless(reader) and any(recipient.tier == Tier.PREVIEW for recipient in recipients):
        extension[ExtensionKey.PREVIEW] = preview_of(reader)
    require_extra()
    suite = find_suite(suite_of(recipients))
    version = max(LEAST_VERSION, version_of(reader.fields))
    binding = Binding(suite, version, secrets.token_bytes(_FILE_ID))
    key = TierKey(Tier.FULL, secrets.token_bytes(KEY_BYTES))
    sealer = Sealer(binding, key, reader.fields.to_bytes(), [])
    metadata = reader.header.find(BlockType.METADATA)
    blocks = sealer.small_blocks(metadata, _stored_metadata(reader), extension, pad=pad)
    seal = sealer.start(BlockType.IMAGE, Tier.FULL)
    parts = sealed_parts(plan, pad=pad)
    payload = SealedPayload(sealer, seal, reader, parts, plan.context)
    blocks.append(make_block(BlockType.IMAGE, BlockFlag.ENCRYPTED, payload))
    stanzas = tuple(wrap(recipient, key, binding) for recipient in recipients)
    envelope = Envelope(binding, key.commitment(binding), (), stanzas).with_seals(sealer.seals)
    blocks.append(_security_block(envelope, key, carried_records(reader, (key, binding))))
    return _file(reader, blocks, version, share)


def decrypted(reader: PgiReader) -> Iterator[bytes | memoryview]:
    """The plain file of an encrypted one that was opened in full, in pieces.

    Raises:
        PgiKeyError: it is not open in full.
        PgiAuthenticationError: it was changed; perhaps only after some pieces.
    """
    _opened(reader)
    _require_all(reader)
    _check_blocks(reader)
    blocks: list[Block] = []
    entry = reader.header.find(BlockType.METADATA)
    if entry is not None:
        blocks.append(
            make_block(BlockType.METADATA, entry.flags & ~BlockFlag.ENCRYPTED, [_stored_metadata(reader)])
        )
    blocks += [
        block
        for block in small_blocks(reader.metadata, without_preview(reader.extension), compress=True)
        if block.entry.type == BlockType.EXTENSION
    ]
    blocks.append(make_block(BlockType.IMAGE, 0, _PlainPayload(reader)))
    records = carried_records(reader, None)
    if records:
        blocks.append(make_block(BlockType.SECURITY, 0, [pack_records(records)]))
    return _file(reader, blocks, max(LEAST_VERSION if records else PLAIN_VERSION, version_of(reader.fields)))


@dataclass(frozen=True, slots=True)
class _PlainPayload:
    """A.2 fields and plain payload of an opened file, decrypted each time they are gone through."""

    reader: PgiReader

    def __iter__(self) -> Iterator[bytes]:
        yield self.reader.fields.to_bytes()
        offset = 0
        for group in _opened(self.reader).groups:
            for part in group.parts:
                if part.layer != PADDING:
                    yield self.reader.read_payload(offset, part.length)
                    offset += part.length


def rewritten(
    reader: PgiReader, metadata: Metadata, extension: Mapping[str, object]
) -> Iterator[bytes | memoryview]:
    """An opened file with other metadata and extension, which get new salts; the picture is copied.

    Args:
        reader: of a file that was opened with a key of the tiers that its extension block has.
        metadata: new A.3 fields.
        extension: new A.4 fields.

    Raises:
        PgiKeyError: some of the old fields are hidden from the key, and would be lost.
        PgiError: otherwise as :func:`~pgic_core.container.rewrite`.
    """
    opened = _opened(reader)
    _check_blocks(reader)
    fields = located_fields(metadata, extension)
    needed = max([*split_fields(fields), *opened.hidden_extension()], default=Tier.METADATA)
    opened.require(needed, "Changing metadata of this file")
    sealer = Sealer(opened.envelope.binding, opened.key, reader.fields.to_bytes(), [])
    plain = {block.entry.type: block for block in small_blocks(metadata, {}, compress=True)}
    entry = plain.get(BlockType.METADATA)
    stored = b"" if entry is None else b"".join(bytes(piece) for piece in entry.pieces)
    padded = any(part.layer == PADDING for group in opened.groups for part in group.parts)
    blocks = sealer.small_blocks(None if entry is None else entry.entry, stored, fields, pad=padded)
    blocks.append(copied_block(reader, reader.header.image))
    seals = [*sealer.seals, *opened.envelope.seals_of(BlockType.IMAGE)]
    blocks.append(_security_block(opened.envelope.with_seals(seals), opened.key, _other_records(reader)))
    return _file(reader, blocks, reader.header.version)


def add_recipients(reader: PgiReader, recipients: Sequence[Recipient]) -> Iterator[bytes | memoryview]:
    """An opened file for more recipients; all but the security block is copied.

    Args:
        reader: of an opened file.
        recipients: those to add.

    Raises:
        PgiOptionError: one is there already, gets more than the reader's key opens, or asks for a tier that
            the picture does not have.
        PgiLimitError: there are too many.
    """
    opened = _opened(reader)
    _check_blocks(reader)
    envelope = opened.envelope
    present = {stanza.key_id for stanza in envelope.stanzas if stanza.kind != PASSPHRASE}
    recipients = fitted(recipients, _missing_tiers(opened))
    added = [wrap(recipient, opened.key, envelope.binding) for recipient in recipients]
    for stanza in added:
        if stanza.kind != PASSPHRASE and stanza.key_id in present:
            raise PgiOptionError(f"The key {stanza.key_id.hex()} opens the file already.")
    stanzas = (*envelope.stanzas, *added)
    reader.limits.check("recipients", len(stanzas), "The security block")
    if sum(stanza.kind == PASSPHRASE for stanza in stanzas) > 4:
        raise PgiOptionError("A file has at most 4 passphrases.")
    kept = (BlockType.METADATA, BlockType.EXTENSION, BlockType.IMAGE)
    blocks = [copied_block(reader, entry) for entry in reader.blocks if entry.type in kept]
    envelope = replace(envelope, stanzas=stanzas)
    blocks.append(_security_block(envelope, opened.key, _other_records(reader)))
    return _file(reader, blocks, reader.header.version)


def overhead(recipients: Sequence[Recipient], tiles: int) -> int:
    """At most so many bytes more than the plain file takes an encrypted one that is not padded.

    Args:
        recipients: of the file.
        tiles: of the picture.
    """
    wrapped = {"mlkem768-x25519": 1300}
    stanzas = sum(wrapped.get(getattr(each.key, "kind", PASSPHRASE), 300) for each in recipients)
    return 1200 + stanzas + (TAG_BYTES + 5) * (3 * tiles + 8)


def _file(
    reader: PgiReader, blocks: Sequence[Block], version: int, share: int | None = None
) -> Iterator[bytes | memoryview]:
    """A file of these blocks, which takes the place of the reader's; it has as much parity, or ``share``."""
    share = reader.parity_share if share is None else share
    return assemble(blocks, reader.header.fields_crc32, version, share)


def _opened(reader: PgiReader) -> OpenedContent:
    sealed = reader.sealed
    if not isinstance(sealed, OpenedContent):
        raise PgiKeyError("The file is not encrypted, or was opened without a key.")
    return sealed


def _require_all(reader: PgiReader) -> None:
    if isinstance(reader.sealed, OpenedContent):
        reader.sealed.require(Tier.FULL, "This")
    elif any(block.encrypted for block in reader.blocks):
        raise PgiKeyError("The file is encrypted; it takes a key of its tier full.")


def _check_blocks(reader: PgiReader) -> None:
    if reader.header.newer:
        raise PgiUnsupportedError("A later version wrote the file; changing it here could lose something.")
    for block in reader.blocks:
        if block.type not in _KNOWN_BLOCKS:
            raise PgiUnsupportedError(f"The {block.name} is unknown here and would stay readable.")


def _regions_asked(reader: PgiReader) -> bool:
    """Whether somebody chose the regions of a picture; else they are no tier (FORMAT.md, 9.1)."""
    return strategy_from_map(reader.extension.get(ExtensionKey.STRATEGY, {})).roi != DETAILS


def _missing_tiers(opened: OpenedContent) -> dict[Tier, str]:
    """As :func:`missing_tiers`, of a picture that is encrypted already."""
    reader = opened.reader
    tiers = {part.tier for group in opened.groups for part in group.parts}
    return missing_tiers(
        preview=Tier.PREVIEW in tiers or ExtensionKey.PREVIEW in opened.extension(),
        regions=Tier.REGIONS in tiers and _regions_asked(reader),
        change=reader.fields.compression_type == Compression.CHANGE,
    )


def _stored_metadata(reader: PgiReader) -> bytes:
    """What the metadata block stores without encryption; empty if there is none."""
    block = reader.header.find(BlockType.METADATA)
    if block is None:
        return b""
    if reader.sealed is not None:
        return reader.sealed.metadata()
    return reader.read_block(block)


def _other_records(reader: PgiReader) -> list[Record]:
    return [record for record in records_of(reader) if record.kind != RecordKind.ENVELOPE]


def _security_block(envelope: Envelope, key: TierKey, others: Sequence[Record]) -> Block:
    record = Record(RecordKind.ENVELOPE, envelope.to_bytes(key))
    return make_block(BlockType.SECURITY, 0, [pack_records([record, *others])])
