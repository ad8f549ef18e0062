"""Who can open an encrypted frame: a change frame is of use only to those who can open what it refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ..security.keys import Passphrase
from ..security.tier_keys import Tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..container import PgiReader
    from ..security.recipients import Recipient

__all__ = ["Openers", "openers_in", "openers_of"]

Openers: TypeAlias = "frozenset[Passphrase | tuple[str, bytes]] | None"
"""Passphrases, and kind and id of keys, that open a frame in full; None for everybody."""


def openers_of(recipients: Sequence[Recipient] | None) -> Openers:
    """Who can open a frame that is made for these recipients."""
    if recipients is None:
        return None
    return frozenset(
        each.key if isinstance(each.key, Passphrase) else (each.key.kind, each.key.key_id)
        for each in recipients
        if each.tier == Tier.FULL
    )


def openers_in(reader: PgiReader) -> Openers:
    """Who can open a frame that is there; passphrases cannot be told apart, and are left out.

    Raises:
        PgiFormatError: its security block breaks a rule.
    """
    if not reader.header.image.encrypted:
        return None
    # Not imported for plain frames.
    from ..security.envelope_opening import find_envelope

    envelope = find_envelope(reader)
    assert envelope is not None
    return frozenset(
        (stanza.kind, stanza.key_id)
        for stanza in envelope.stanzas
        if stanza.tier == Tier.FULL and stanza.key_id
    )
