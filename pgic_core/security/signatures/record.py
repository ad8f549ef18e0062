"""The signature record of the security block, and the statement in it (FORMAT.md, section 9.9)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cbor2

from ...container import IMAGE_FIELDS_SIZE
from ...container.cbor_scan import scan
from ...errors import PgiFormatError, PgiLimitError
from ..envelope import RecordKind
from .algorithms import ALGORITHMS, key_id_of_spki, suite_of_algorithm, unknown_algorithm
from .tree import HASH_BYTES, LOCATOR_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...limits import Limits
    from ..envelope import Record
    from ..suites import Suite

__all__ = [
    "MOST_CERTIFICATES",
    "MOST_SIGNATURES",
    "Claims",
    "OpenPart",
    "SealedPart",
    "Signature",
    "Statement",
    "read_map",
    "signatures_in",
    "take",
    "take_bytes",
]

MOST_SIGNATURES = 32
MOST_CERTIFICATES = 8
_SECRET = 32
_SALT = 16
_TIERS = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """What a key signs.

    Attributes:
        algorithm: of :data:`~.algorithms.ALGORITHMS`.
        key: hash of the signer's public key.
        certificate: hash of the signer's certificate; empty without one.
        time: UTC milliseconds by the signer's clock.
        fields: the 7 bytes of A.2.
        counts: of the leaves of each tier.
        roots: of the tree of each tier; empty without leaves.
        locators: hash of the record's locators.
        salts: commitment to the salt secret.
        previous: ids of the signatures that were there.
    """

    algorithm: str
    key: bytes
    certificate: bytes
    time: int
    fields: bytes
    counts: tuple[int, ...]
    roots: tuple[bytes, ...]
    locators: bytes
    salts: bytes
    previous: tuple[bytes, ...]

    @property
    def suite(self) -> Suite:
        """Whose hash it uses."""
        return suite_of_algorithm(self.algorithm)

    def to_bytes(self) -> bytes:
        """The bytes that are signed."""
        content: dict[str, object] = {name: getattr(self, name) for name in _NAMES}
        for name in ("counts", "roots", "previous"):
            content[name] = list(getattr(self, name))
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
        content = read_map(data, limits)
        algorithm = take(content, "algorithm", str)
        if algorithm not in ALGORITHMS:
            raise unknown_algorithm(algorithm)
        certificate = take_bytes(content, "certificate", HASH_BYTES) if "certificate" in content else b""
        previous = take(content, "previous", list)
        if len(previous) > MOST_SIGNATURES or not all(map(_is_hash, previous)):
            raise _wrong("previous")
        counts, roots = take(content, "counts", list), take(content, "roots", list)
        if len(counts) != _TIERS or not all(type(each) is int and 0 <= each < 1 << 32 for each in counts):
            raise _wrong("counts")
        if len(roots) != _TIERS or not all(
            _is_hash(root) if count else root == b"" for count, root in zip(counts, roots, strict=True)
        ):
            raise _wrong("roots")
        statement = cls(
            algorithm=algorithm,
            key=take_bytes(content, "key", HASH_BYTES),
            certificate=certificate,
            time=take(content, "time", int),
            fields=take_bytes(content, "fields", IMAGE_FIELDS_SIZE),
            counts=tuple(counts),
            roots=tuple(roots),
            locators=take_bytes(content, "locators", HASH_BYTES),
            salts=take_bytes(content, "salts", HASH_BYTES),
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
        content = read_map(data, limits)
        original = take_bytes(content, "original", HASH_BYTES) if "original" in content else b""
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
        locators: the start of each leaf hash, by tier and index.
        secret_part: salt secret and claims, open or sealed.
    """

    raw_statement: bytes
    statement: Statement
    signature: bytes
    spki: bytes
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
        return key_id_of_spki(self.spki, self.statement.algorithm)

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
            "key": self.spki,
            "certificates": list(self.certificates),
            "locators": self.locators,
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
        content = read_map(data, limits)
        raw = take_bytes(content, "statement")
        certificates = take(content, "certificates", list)
        if len(certificates) > MOST_CERTIFICATES or not all(
            isinstance(each, bytes) and each for each in certificates
        ):
            raise _wrong("certificates")
        statement, locators = Statement.parse(raw, limits), take_bytes(content, "locators")
        if len(locators) != LOCATOR_BYTES * sum(statement.counts):
            raise _wrong("locators")
        signature = cls(
            raw_statement=raw,
            statement=statement,
            signature=take_bytes(content, "signature"),
            spki=take_bytes(content, "key"),
            certificates=tuple(certificates),
            locators=locators,
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
        part = take(content, "open", dict)
        found: OpenPart | SealedPart = OpenPart(
            take_bytes(part, "secret", _SECRET), take_bytes(part, "claims")
        )
    else:
        part = take(content, "sealed", dict)
        salt, parts = take_bytes(part, "salt", _SALT), take(part, "parts", list)
        if len(parts) != _TIERS or not all(isinstance(each, bytes) for each in parts):
            raise _wrong("parts")
        found = SealedPart(salt, tuple(parts))
    if part:
        raise _wrong(next(iter(part)))
    return found


def _is_hash(item: object) -> bool:
    return isinstance(item, bytes) and len(item) == HASH_BYTES


def _is_renderer(item: object) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and _is_hash(item[1])


def read_map(data: bytes, limits: Limits) -> dict[str, Any]:
    """A CBOR map under the rules of FORMAT.md, section 7, but for its keys.

    Raises:
        PgiFormatError: it is none.
    """
    try:
        scan(data, limits)
        content = cbor2.loads(data)
    except (PgiFormatError, cbor2.CBORDecodeError, ValueError, RecursionError) as error:
        raise PgiFormatError("A signature of the file cannot be read.") from error
    if not isinstance(content, dict):
        raise PgiFormatError("A signature of the file cannot be read.")
    return content


def take(content: dict[str, Any], name: str, kind: type) -> Any:
    """Take a value of a type out of a map.

    Raises:
        PgiFormatError: it is missing, or of another type.
    """
    value = content.pop(name, None)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _wrong(name)
    return value


def take_bytes(content: dict[str, Any], name: str, size: int | None = None) -> bytes:
    """Take a byte string out of a map, of this size or of any but 0.

    Raises:
        PgiFormatError: it is missing, or of another size.
    """
    value: bytes = take(content, name, bytes)
    if not value or (size is not None and len(value) != size):
        raise _wrong(name)
    return value


def _wrong(name: str) -> PgiFormatError:
    return PgiFormatError(f"A signature of the file has a {name!r} that it cannot have.")
