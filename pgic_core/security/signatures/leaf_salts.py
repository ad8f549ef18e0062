"""Salt secrets and claims of a signature: open in a plain file, sealed by tier in an encrypted one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ...errors import PgiFormatError
from ..content_decryption import OpenedContent
from ..tier_keys import Tier
from .signature_record import OpenPart, SealedPart
from .signed_leaves import Salts

if TYPE_CHECKING:
    from ...container import PgiReader
    from ..cipher_suites import Suite
    from ..tier_keys import Binding, TierKey
    from .signature_record import Signature

__all__ = ["new_secret", "opened_part", "salts_of", "sealed_part"]

_SECRET = 32
_SALT = 16


def new_secret() -> bytes:
    """A salt secret of the tier full."""
    return secrets.token_bytes(_SECRET)


def salts_of(reader: PgiReader, signature: Signature) -> tuple[Salts, bytes] | None:
    """Salts and claims of a signature, as far as the file's keys go; None of a locked file.

    Raises:
        PgiAuthenticationError: the sealed part was changed.
        PgiFormatError: it is too short.
    """
    part = signature.secret_part
    if isinstance(part, OpenPart):
        return Salts(signature.suite, Tier.FULL, part.secret), part.claims
    opened = reader.sealed
    if not isinstance(opened, OpenedContent):
        return None
    binding, key = opened.envelope.binding, opened.key
    lowest = _open(signature, part, key, Tier.METADATA, binding)
    own = _open(signature, part, key, key.tier, binding)
    if len(lowest) <= _SECRET or (key.tier > Tier.METADATA and len(own) != _SECRET):
        raise PgiFormatError("A signature of the file seals salts that are none.")
    return Salts(signature.suite, key.tier, own[:_SECRET]), lowest[_SECRET:]


def opened_part(reader: PgiReader, signature: Signature) -> OpenPart:
    """Secret and claims of a signature of a file that is open in full.

    Raises:
        PgiKeyError: it is not.
        PgiError: as :func:`salts_of`.
    """
    if isinstance(reader.sealed, OpenedContent):
        reader.sealed.require(Tier.FULL, "Carrying over the signatures of this file")
    found = salts_of(reader, signature)
    assert found is not None
    salts, claims = found
    return OpenPart(salts.secret, claims)


def sealed_part(part: OpenPart, suite: Suite, statement: bytes, key: TierKey, binding: Binding) -> SealedPart:
    """Secret and claims for an encrypted file.

    Args:
        part: both.
        suite: the signature's.
        statement: likewise, as bytes.
        key: of the tier full.
        binding: of the file.
    """
    salt = secrets.token_bytes(_SALT)
    salts = Salts(suite, Tier.FULL, part.secret)
    digest = suite.digest(statement)
    parts = []
    for tier in Tier:
        content = salts.lower(tier) + (part.claims if tier == Tier.METADATA else b"")
        sealing, associated = _sealing(salt, key, tier, binding, digest)
        parts.append(binding.suite.seal(sealing, 0, content, associated))
    return SealedPart(salt, tuple(parts))


def _open(signature: Signature, part: SealedPart, key: TierKey, tier: Tier, binding: Binding) -> bytes:
    digest = signature.suite.digest(signature.raw_statement)
    sealing, associated = _sealing(part.salt, key, tier, binding, digest)
    return binding.suite.open(sealing, 0, part.parts[tier - 1], associated, "The salts of a signature")


def _sealing(salt: bytes, key: TierKey, tier: Tier, binding: Binding, digest: bytes) -> tuple[bytes, bytes]:
    """Key and associated data of the part of a tier; ``digest`` is that of the statement."""
    leaf_key = binding.suite.expand(key.lower(tier, binding).key, binding.labelled("pgi leaf"))
    info = binding.labelled("pgi salt") + bytes([tier])
    return binding.suite.derive(leaf_key, salt, info), info + digest
