"""Readers of files that may be encrypted: unlocked with keys, or locked and saying so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..audit import VARIABLE, note
from ..container import BlockType, PgiReader, rewrite
from ..errors import PgiUnsupportedError
from .keyring import Keyring
from .tier_keys import Tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..container import Metadata
    from ..container.byte_source import SourceLike
    from ..limits import Limits
    from .content_decryption import OpenedContent
    from .keyring import KeysLike

__all__ = [
    "has_signatures",
    "open_reader",
    "opened_content",
    "require_pixels",
    "rewritten",
    "tier_of",
    "unlock",
    "verify_sealed",
]


def unlock(reader: PgiReader, keys: KeysLike | None) -> None:
    """Open the content of a file if it is encrypted, as far as the keys go.

    Without a key for it, the reader says so when content is asked for.

    Args:
        reader: of any file.
        keys: as of :func:`~pgic_core.open_file`.

    Raises:
        PgiFormatError: what stands in the security block breaks a rule, or was changed.
        PgiInputError: a key file cannot be read.
    """
    keyring = Keyring(keys)
    if reader.header.find(BlockType.SECURITY) is None:
        return
    # Not imported for plain files.
    from .envelope_opening import find_envelope, open_content

    try:
        envelope = find_envelope(reader)
        if envelope is None:  # signed, perhaps, but not encrypted
            return
        content = open_content(reader, envelope, keyring)
    except PgiUnsupportedError as error:
        reader.explain_lock(error)
        return
    _note_use(reader, content)
    reader.unlock(content)


def _note_use(reader: PgiReader, content: OpenedContent) -> None:
    """Log that a key opened a file, before anything of its content is shown."""
    if os.environ.get(VARIABLE):
        # Not imported for those who keep no log.
        from ..audit.logged_facts import facts_of

        note("key", **facts_of(reader), key_id=content.recipient.hex() or None, tier=content.tier.label)


def open_reader(
    source: SourceLike, limits: Limits, keys: KeysLike | None, *, sequences: bool = False
) -> PgiReader:
    """A reader of a file, which is unlocked where it is encrypted; see :func:`unlock`.

    Args:
        source: the file.
        limits: what it may ask for.
        keys: as for :func:`unlock`.
        sequences: whether it may be a sequence, whose frames are unlocked one by one.

    Raises:
        PgiError: as :class:`~pgic_core.container.PgiReader` and :func:`unlock`.
        PgiUnsupportedError: it is a sequence.
    """
    reader = PgiReader(source, limits)
    try:
        if not sequences:
            reader.require_picture()
        unlock(reader, keys)
    except BaseException:
        reader.close()
        raise
    return reader


def opened_content(reader: PgiReader) -> OpenedContent | None:
    """What decrypts a file; None of a plain or a locked one."""
    if reader.sealed is None:
        return None
    from .content_decryption import OpenedContent

    assert isinstance(reader.sealed, OpenedContent)
    return reader.sealed


def rewritten(
    reader: PgiReader, metadata: Metadata, extension: Mapping[str, object]
) -> Iterator[bytes | memoryview]:
    """The same file, plain or opened, with other metadata and extension.

    Raises:
        PgiError: as :func:`~pgic_core.container.rewrite` and
            :func:`~pgic_core.security.encrypted_file_writing.rewritten`.
    """
    if reader.sealed is None:
        if reader.header.find(BlockType.SECURITY) is not None and not reader.header.image.encrypted:
            # Not imported for files without signatures.
            from .signatures.signature_making import rewritten_signed

            return rewritten_signed(reader, metadata, extension)
        return rewrite(reader, metadata=metadata, extension=extension)
    from .encrypted_file_writing import rewritten as rewritten_sealed

    return rewritten_sealed(reader, metadata, extension)


def has_signatures(reader: PgiReader) -> bool:
    """Whether a file has signatures.

    Raises:
        PgiError: its security block breaks a rule.
    """
    if reader.header.find(BlockType.SECURITY) is None:
        return False
    # Not imported for files without a security block.
    from .signatures.signature_making import is_signed

    return is_signed(reader)


def tier_of(reader: PgiReader) -> Tier | None:
    """What is open of an encrypted file; None of a plain or a locked one."""
    opened = opened_content(reader)
    return None if opened is None else opened.tier


def require_pixels(reader: PgiReader) -> None:
    """Raise unless the keys open pixels in full size, everywhere or in regions.

    Raises:
        PgiKeyError: they open a preview, or less.
    """
    opened = opened_content(reader)
    if opened is not None and opened.tier < Tier.REGIONS:
        opened.require(Tier.FULL, "Decoding every pixel of this file")


def verify_sealed(reader: PgiReader) -> bool:
    """Authenticate all content of an encrypted file that its keys open.

    Returns:
        Whether they open the picture at least in part.

    Raises:
        PgiAuthenticationError: some of it was changed.
    """
    opened = opened_content(reader)
    if opened is None:
        return False
    opened.verify()
    return opened.tier >= Tier.PREVIEW
