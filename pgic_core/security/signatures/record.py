"""The signature record of the security block, and the statement in it (FORMAT.md, section 9.9)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cbor2

from ...container import IMAGE_FIELDS_SIZE
from ...container.cbor_scan import scan
from ...errors import PgiFormatError, PgiLimitError
from ..envelope import RecordKind
from .algorithms import ALGORITHMS, key_id_of_spki, unknown_algorithm
from .tree import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...limits import Limits
    from ..envelope import Record

__all__ = ["Claims", "OpenPart", "SealedPart", "Signature", "Statement", "signatures_in"]

MOST_SIGNATURES = 32
_MOST_CERTIFICATES = 8
_SECRET = 32
_SALT = 16
_TIERS = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """What a key signs.

    Attributes:
        algorithm: of :data:`~.algorithms.ALGORITHMS`.
        key: SHA-256 of the signer's public key.
        certificate: SHA-256 of the signer's certificate; empty without one.
        time: UTC milliseconds by the signer's clock.
        fields: the 7 bytes of A.2.
        count: of the leaves.
        root: of their tree.
        salts: commitment to the salt secret.
        previous: ids of the signatures that were there.
    """

    algorithm: str
    key: bytes
    certificate: bytes
    time: int
    fields: bytes
    count: int
    root: bytes
    salts: bytes
    previous: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """The bytes that are signed."""
        content: dict[str, object] = {name: getattr(self, name) for name in _NAMES}
        content["previous"] = list(self.previous)
        if not self.certificate:
            del content["certificate"]
        return cbor2.dumps(content, canonical=True)

    @classmethod
    def parse(cls, data: bytes, limits: Limits) -> Statement:
        """Read a statement.

        Raises:
            PgiFormatError: it breaks a rule of FORMAT.md, section 9.9.
            PgiUnsupportedError: its algorithm is not known here.
        """
        content = _map(data, limits)
        algorithm = _take(content, "algorithm", str)
        if algorithm not in ALGORITHMS:
            raise unknown_algorithm(algorithm)
        certificate = _bytes(content, "certificate", HASH_BYTES) if "certificate" in content else b""
        previous = _take(content, "previous", list)
        if len(previous) > MOST_SIGNATURES or not all(
            isinstance(each, bytes) and len(each) == HASH_BYTES for each in previous
        ):
            raise _wrong("previous")
        statement = cls(
            algorithm=algorithm,
            key=_bytes(content, "key", HASH_BYTES),
            certificate=certificate,
            time=_take(content, "time", int),
            fields=_bytes(content, "fields", IMAGE_FIELDS_SIZE),
            count=_take(content, "count", int),
            root=_bytes(content, "root", HASH_BYTES),
            salts=_bytes(content, "salts", HASH_BYTES),
            previous=tuple(previous),
        )
        if content:
            raise _wrong(next(iter(content)))
        if not 0 <= statement.time < 1 << 64:
            raise _wrong("time")
        return statement


_NAMES = Statement.__slots__


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
class Claims:
    """What a signer says that does not follow from the file.

    Attributes:
        renderers: level and digest of each renderer that the signer had.
        original: SHA-256 of the camera's file; empty if it is not known.
    """

    renderers: tuple[tuple[str, bytes], ...] = ()
    original: bytes = b""

    def to_bytes(self) -> bytes:
        """As the leaf has it."""
        content: dict[str, object] = {"renderers": [list(each) for each in self.renderers]}
        if self.original:
            content["original"] = self.original
        return cbor2.dumps(content, canonical=True)

    @classmethod
    def parse(cls, data: bytes, limits: Limits) -> Claims:
        """Read claims; names that are not known are passed over.

        Raises:
            PgiFormatError: they break a rule of FORMAT.md, section 9.9.
        """
        content = _map(data, limits)
        original = _bytes(content, "original", HASH_BYTES) if "original" in content else b""
        renderers = content.get("renderers", [])
        if not isinstance(renderers, list) or not all(_is_renderer(each) for each in renderers):
            raise _wrong("renderers")
        return cls(tuple((level, digest) for level, digest in renderers), original)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature record.

    Attributes:
        raw_statement: the bytes that are signed.
        statement: what they say.
        signature: of ``raw_statement``.
        spki: the signer's public key.
        certificates: the signer's first; DER.
        leaves: all leaf hashes.
        secret_part: salt secret and claims, open or sealed.
    """

    raw_statement: bytes
    statement: Statement
    signature: bytes
    spki: bytes
    certificates: tuple[bytes, ...]
    leaves: tuple[bytes, ...] = field(repr=False)
    secret_part: OpenPart | SealedPart

    @property
    def id(self) -> bytes:
        """32 bytes that stand for this signature."""
        return hashlib.sha256(b"pgi signature id\0" + self.raw_statement + self.signature).digest()

    @property
    def key_id(self) -> bytes:
        """The 8 bytes by which the signer's key is named."""
        return key_id_of_spki(self.spki)

    def with_secrets(self, part: OpenPart | SealedPart) -> Signature:
        """The same with salt secret and claims as another file has them."""
        return replace(self, secret_part=part)

    def to_bytes(self) -> bytes:
        """The record."""
        content: dict[str, object] = {
            "statement": self.raw_statement,
            "signature": self.signature,
            "key": self.spki,
            "certificates": list(self.certificates),
            "leaves": b"".join(self.leaves),
        }
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
        content = _map(data, limits)
        raw = _bytes(content, "statement")
        certificates = _take(content, "certificates", list)
        if len(certificates) > _MOST_CERTIFICATES or not all(
            isinstance(each, bytes) and each for each in certificates
        ):
            raise _wrong("certificates")
        leaves = _bytes(content, "leaves")
        if len(leaves) % HASH_BYTES:
            raise _wrong("leaves")
        signature = cls(
            raw_statement=raw,
            statement=Statement.parse(raw, limits),
            signature=_bytes(content, "signature"),
            spki=_bytes(content, "key"),
            certificates=tuple(certificates),
            leaves=tuple(leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)),
            secret_part=_secret_part(content),
        )
        if content:
            raise _wrong(next(iter(content)))
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
        part = _take(content, "open", dict)
        found: OpenPart | SealedPart = OpenPart(_bytes(part, "secret", _SECRET), _bytes(part, "claims"))
    else:
        part = _take(content, "sealed", dict)
        salt, parts = _bytes(part, "salt", _SALT), _take(part, "parts", list)
        if len(parts) != _TIERS or not all(isinstance(each, bytes) for each in parts):
            raise _wrong("parts")
        found = SealedPart(salt, tuple(parts))
    if part:
        raise _wrong(next(iter(part)))
    return found


def _is_renderer(item: object) -> bool:
    return (
        isinstance(item, list)
        and len(item) == 2
        and isinstance(item[0], str)
        and isinstance(item[1], bytes)
        and len(item[1]) == HASH_BYTES
    )


def _map(data: bytes, limits: Limits) -> dict[str, Any]:
    try:
        scan(data, limits)
        content = cbor2.loads(data)
    except (PgiFormatError, cbor2.CBORDecodeError, ValueError, RecursionError) as error:
        raise PgiFormatError("A signature of the file cannot be read.") from error
    if not isinstance(content, dict):
        raise PgiFormatError("A signature of the file cannot be read.")
    return content


def _take(content: dict[str, Any], name: str, kind: type) -> Any:
    value = content.pop(name, None)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _wrong(name)
    return value


def _bytes(content: dict[str, Any], name: str, size: int | None = None) -> bytes:
    value: bytes = _take(content, name, bytes)
    if not value or (size is not None and len(value) != size):
        raise _wrong(name)
    return value


def _wrong(name: str) -> PgiFormatError:
    return PgiFormatError(f"A signature of the file has a {name!r} that it cannot have.")
