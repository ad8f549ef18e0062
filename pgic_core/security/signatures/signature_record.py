"""The signature record of the security block (FORMAT.md, section 9.9)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cbor2

from ...errors import PgiFormatError, PgiLimitError
from ..security_block import RecordKind
from .algorithms import KEY_ID_BYTES
from .cbor_fields import read_map, take, take_bytes, wrong
from .merkle_tree import LOCATOR_BYTES
from .signed_statement import MOST_SIGNATURES, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...limits import Limits
    from ..cipher_suites import Suite
    from ..security_block import Record

__all__ = ["MOST_CERTIFICATES", "OpenPart", "SealedPart", "Signature", "signatures_in"]

MOST_CERTIFICATES = 8
_SECRET = 32
_SALT = 16
_TIERS = 4


@dataclass(frozen=True, slots=True)
class OpenPart:
    """Salt secret and claims, as a plain file has them.

    Attributes:
        secret: of the tier full, 32 bytes.
        claims: a CBOR map.
    """

    secret: bytes = field(repr=False)
    claims: bytes

    def to_map(self) -> dict[str, object]:
        """As the record has it."""
        return {"secret": self.secret, "claims": self.claims}


@dataclass(frozen=True, slots=True)
class SealedPart:
    """The same, as an encrypted file has it.

    Attributes:
        salt: 16 bytes.
        parts: for each tier its sealed secret; that of the lowest holds the claims too.
    """

    salt: bytes
    parts: tuple[bytes, ...]

    def to_map(self) -> dict[str, object]:
        """As the record has it."""
        return {"salt": self.salt, "parts": list(self.parts)}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature record.

    Attributes:
        raw_statement: the bytes that are signed.
        statement: what they say.
        signature: of ``raw_statement``.
        key: the signer's public key, SubjectPublicKeyInfo; empty where the first certificate has it.
        certificates: the signer's first; DER.
        locators: the start of each leaf hash, by tier and index.
        secret_part: salt secret and claims, open or sealed.
    """

    raw_statement: bytes
    statement: Statement
    signature: bytes
    key: bytes
    certificates: tuple[bytes, ...]
    locators: bytes = field(repr=False)
    secret_part: OpenPart | SealedPart

    @property
    def suite(self) -> Suite:
        """Whose hash it uses."""
        return self.statement.suite

    @property
    def id(self) -> bytes:
        """32 bytes that stand for this signature."""
        return self.suite.digest(self.stamped_message)

    @property
    def stamped_message(self) -> bytes:
        """What an authority confirms the time of."""
        return b"pgi signature id\0" + self.raw_statement + self.signature

    @property
    def key_id(self) -> bytes:
        """The 8 bytes by which the signer's key is named."""
        return self.statement.key[:KEY_ID_BYTES]

    def locator(self, tier: int, index: int) -> bytes:
        """The locator of a leaf; empty where none of this index was signed."""
        counts = self.statement.counts
        if index >= counts[tier - 1]:
            return b""
        at = LOCATOR_BYTES * (sum(counts[: tier - 1]) + index)
        return self.locators[at : at + LOCATOR_BYTES]

    def with_secrets(self, part: OpenPart | SealedPart) -> Signature:
        """The same with salt secret and claims as another file has them."""
        return replace(self, secret_part=part)

    def to_bytes(self) -> bytes:
        """The record."""
        content: dict[str, object] = {
            "statement": self.raw_statement,
            "signature": self.signature,
            "certificates": list(self.certificates),
            "locators": self.locators,
        }
        if not self.certificates:
            content["key"] = self.key
        is_open = isinstance(self.secret_part, OpenPart)
        content["open" if is_open else "sealed"] = self.secret_part.to_map()
        return cbor2.dumps(content, canonical=True)

    @classmethod
    def parse(cls, data: bytes, limits: Limits) -> Signature:
        """Read a record. Nothing in it is authenticated yet.

        Raises:
            PgiFormatError: it breaks a rule of FORMAT.md, section 9.9.
            PgiUnsupportedError: its algorithm is not known here.
        """
        content = read_map(data, limits)
        raw = take_bytes(content, "statement")
        certificates = take(content, "certificates", list)
        if len(certificates) > MOST_CERTIFICATES or not all(
            isinstance(each, bytes) and each for each in certificates
        ):
            raise wrong("certificates")
        statement, locators = Statement.parse(raw, limits), take_bytes(content, "locators")
        if len(locators) != LOCATOR_BYTES * sum(statement.counts):
            raise wrong("locators")
        signature = cls(
            raw_statement=raw,
            statement=statement,
            signature=take_bytes(content, "signature"),
            key=b"" if certificates else take_bytes(content, "key"),
            certificates=tuple(certificates),
            locators=locators,
            secret_part=_secret_part(content),
        )
        if content:
            raise wrong(next(iter(content)))
        return signature


def signatures_in(records: Sequence[Record], limits: Limits, *, encrypted: bool) -> list[Signature]:
    """The signatures of a security block.

    Args:
        records: of the block.
        limits: for their maps.
        encrypted: whether the file is.

    Raises:
        PgiFormatError, PgiUnsupportedError: as :meth:`Signature.parse`; the first also where secrets are open
            in an encrypted file, or sealed in a plain one.
        PgiLimitError: there are too many.
    """
    found = [record for record in records if record.kind == RecordKind.SIGNATURE]
    if len(found) > MOST_SIGNATURES:
        raise PgiLimitError(f"The file has {len(found)} signatures, more than {MOST_SIGNATURES}.")
    signatures = [Signature.parse(record.data, limits) for record in found]
    if any(isinstance(each.secret_part, SealedPart) is not encrypted for each in signatures):
        raise PgiFormatError("A signature keeps its salts in a way that does not fit the file.")
    return signatures


def _secret_part(content: dict[str, Any]) -> OpenPart | SealedPart:
    if "open" in content:
        part = take(content, "open", dict)
        found: OpenPart | SealedPart = OpenPart(
            take_bytes(part, "secret", _SECRET), take_bytes(part, "claims")
        )
    else:
        part = take(content, "sealed", dict)
        salt, parts = take_bytes(part, "salt", _SALT), take(part, "parts", list)
        if len(parts) != _TIERS or not all(isinstance(each, bytes) for each in parts):
            raise wrong("parts")
        found = SealedPart(salt, tuple(parts))
    if part:
        raise wrong(next(iter(part)))
    return found
