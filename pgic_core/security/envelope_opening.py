"""Opening an encrypted file: find its envelope, check it, find a key (FORMAT.md, section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..container import BlockType, ExtensionKey
from ..errors import PgiAuthenticationError, PgiFormatError, PgiKeyError
from .cipher_suites import INTERNATIONAL, find_suite, require_extra
from .content_decryption import OpenedContent
from .security_block import PASSPHRASE, Envelope, RecordKind, parse_records
from .tier_keys import KEY_BYTES, TierKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..container import PgiReader
    from .keyring import Keyring
    from .keys import Passphrase
    from .security_block import Record, Stanza

__all__ = ["find_envelope", "open_content", "records_of"]


def records_of(reader: PgiReader) -> list[Record]:
    """The records of a file's security block; none if it has no such block.

    Raises:
        PgiFormatError, PgiLimitError, PgiUnsupportedError: as :func:`.security_block.parse_records`.
    """
    block = reader.header.find(BlockType.SECURITY)
    return [] if block is None else parse_records(reader.read_checked(block))


def find_envelope(reader: PgiReader) -> Envelope | None:
    """The envelope of a file, checked as far as that goes without a key; None of a plain file.

    Raises:
        PgiFormatError: rule S2, S4, S6, S7 or S8 is broken.
        PgiLimitError, PgiUnsupportedError: as the sentence says.
    """
    record = next((each for each in records_of(reader) if each.kind == RecordKind.ENVELOPE), None)
    if record is None:
        if any(block.encrypted for block in reader.blocks):
            raise PgiFormatError("The file is encrypted but has no envelope in a security block.")
        return None
    envelope = Envelope.parse(record.data, reader.header.version, reader.limits)
    _check_blocks(reader, envelope)
    return envelope


def _check_blocks(reader: PgiReader, envelope: Envelope) -> None:
    """Rules S7 and S8: seals, blocks, flags and mark say the same."""
    metadata = reader.header.find(BlockType.METADATA)
    extension = reader.header.find(BlockType.EXTENSION)
    seals = {kind: envelope.seals_of(kind) for kind in BlockType}
    tiers = [seal.tier for seal in seals[BlockType.EXTENSION]]
    if (
        len(seals[BlockType.METADATA]) != (metadata is not None)
        or (metadata is not None and not metadata.encrypted)
        or not reader.header.image.encrypted
        or not seals[BlockType.IMAGE]
        or extension is None
        or extension.encrypted
        or len(set(tiers)) != len(tiers)
    ):
        raise PgiFormatError("The seals of the security block are not those of the file's blocks.")
    fields = reader.plain_extension
    sealed = fields.get(ExtensionKey.SEALED)
    mark = {
        "suite": envelope.binding.suite.number,
        "algorithm": envelope.binding.suite.algorithm,
        "key": envelope.key_id,
    }
    if (
        set(fields) != {ExtensionKey.SECURITY, ExtensionKey.SEALED}
        or fields[ExtensionKey.SECURITY] != mark
        or not isinstance(sealed, list)
        or len(sealed) != len(tiers)
    ):
        raise PgiFormatError("The extension block does not say what the security block says.")


def open_content(reader: PgiReader, envelope: Envelope, keyring: Keyring) -> OpenedContent:
    """Find the key that opens most of an encrypted file.

    Args:
        reader: of the file.
        envelope: of the file.
        keyring: where to look.

    Raises:
        PgiKeyError: none opens it; the message names those that would.
        PgiAuthenticationError: the file was changed.
        PgiUnsupportedError: the extra "security" is missing.
    """
    require_extra()
    stanza, key = _best_key(envelope, keyring)
    envelope.check(key)
    return OpenedContent(reader, envelope, key, stanza.key_id)


def _best_key(envelope: Envelope, keyring: Keyring) -> tuple[Stanza, TierKey]:
    # The highest tier first, so that one unwrapping is enough.
    stanzas = sorted(envelope.stanzas, key=lambda stanza: -stanza.tier)
    with_key = [stanza for stanza in stanzas if stanza.kind != PASSPHRASE]
    for ask, stanza in ((ask, stanza) for ask in (False, True) for stanza in with_key):
        if ask and keyring.passphrases:
            break  # what was given is tried before plugins are loaded
        secret = keyring.find(stanza.kind, stanza.key_id, ask=ask)
        if secret is not None:
            data = secret.unwrap(stanza.data, stanza.wrap_info(envelope.binding))
            return stanza, _tier_key(stanza, data)
    for stanza in stanzas:
        for passphrase in keyring.passphrases if stanza.kind == PASSPHRASE else ():
            found = _with_passphrase(envelope, stanza, passphrase)
            if found is not None:
                return stanza, found
    raise PgiKeyError(_missing(stanzas, keyring))


def _with_passphrase(envelope: Envelope, stanza: Stanza, passphrase: Passphrase) -> TierKey | None:
    outer = passphrase.derive(stanza.salt, stanza.memory, stanza.passes, stanza.lanes)
    try:
        data = find_suite(INTERNATIONAL).open(
            outer, 0, stanza.data, stanza.wrap_info(envelope.binding), "The wrapped key"
        )
    except PgiAuthenticationError:  # a wrong passphrase cannot be told from a changed envelope
        return None
    return _tier_key(stanza, data)


def _tier_key(stanza: Stanza, data: bytes) -> TierKey:
    if len(data) != KEY_BYTES:
        raise PgiAuthenticationError("What is wrapped for this recipient is no key.")
    return TierKey(stanza.tier, data)


def _missing(stanzas: Sequence[Stanza], keyring: Keyring) -> str:
    ways = [
        "a passphrase" if stanza.kind == PASSPHRASE else f"key {stanza.key_id.hex()} ({stanza.tier.label})"
        for stanza in stanzas
    ]
    wrong = keyring.passphrases and any(stanza.kind == PASSPHRASE for stanza in stanzas)
    return (
        f"The file is encrypted, and {keyring.tried}; it opens with {' or '.join(dict.fromkeys(ways))}. "
        "Name the key with --key (--unlock where --key signs or marks), keys= or PGIC_KEYS."
        + (" The passphrase is wrong." if wrong else "")
    )
