"""What the signatures of a file prove, by whom, and what not (FORMAT.md, section 9.9)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...container import ExtensionKey
from ...errors import PgiAuthenticationError
from ..cipher_suites import require_extra, same
from ..envelope_opening import records_of
from ..tier_keys import Tier
from .leaf_salts import salts_of
from .merkle_tree import LOCATOR_BYTES, LOCATORS, root_of
from .signature_info import BROKEN, HOLDS, LOCKED, SUPERSEDED, SignatureInfo
from .signature_record import signatures_in
from .signed_leaves import LeafKind, leaves_of
from .signed_statement import Claims
from .signer_check import check_signer
from .signer_trust import subject_of
from .time_stamps import stamps_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ...container import PgiReader
    from .signature_record import Signature
    from .signed_leaves import Leaf, Salts
    from .signer_trust import Trust
    from .time_stamps import Stamp

__all__ = ["check_signatures"]


@dataclass(slots=True)
class _Check:
    """One signature while the leaves pass.

    Attributes:
        signature: whose statement its key signed.
        spki: that key.
        salts: None of a locked file.
        claims: likewise.
        changed: names of leaves that differ.
        torn: tiers with such leaves.
        hashes: of the leaves of each tier that were there.
    """

    signature: Signature
    spki: bytes
    salts: Salts | None
    claims: bytes | None
    changed: list[str] = field(default_factory=list)
    torn: set[Tier] = field(default_factory=set)
    hashes: dict[Tier, list[bytes]] = field(default_factory=lambda: {tier: [] for tier in Tier})

    @property
    def seen(self) -> int:
        """Leaves that were compared."""
        return sum(map(len, self.hashes.values()))

    def compare(self, leaf: Leaf) -> None:
        """Hold a leaf of the file against what was signed."""
        if leaf.error is not None:
            self.changed.append(leaf.name)
            self.torn |= set(Tier)  # others may be missing because of it
            return
        if leaf.kind == LeafKind.CLAIMS:
            leaf = replace(leaf, content=self.claims)
        if self.salts is None or leaf.content is None:
            return
        hashed = self.salts.hash(leaf)
        self.hashes[leaf.tier].append(hashed)
        if not same(hashed[:LOCATOR_BYTES], self.signature.locator(leaf.tier, leaf.index)):
            self.changed.append(leaf.name)
            self.torn.add(leaf.tier)

    def compare_roots(self) -> None:
        """Hold the tiers that are open against their roots, after all leaves. Only this proves them."""
        statement = self.signature.statement
        for tier, hashes in self.hashes.items():
            if self.salts is None or tier > self.salts.tier:
                continue
            count, root = statement.counts[tier - 1], statement.roots[tier - 1]
            if len(hashes) != count and self.torn != set(Tier):
                self.changed.append(f"number of parts ({len(hashes):,}, signed were {count:,})")
            elif tier not in self.torn and not same(root_of(self.signature.suite, hashes), root):
                self.changed.append(f"something in the tier {tier.label}, but where cannot be told")


def check_signatures(reader: PgiReader, trust: Trust | None = None) -> tuple[SignatureInfo, ...]:
    """Check all signatures of a file.

    Args:
        reader: of the file; of an encrypted one, what its keys open is checked.
        trust: what says whose keys they are; without it none is trusted.

    Raises:
        PgiAuthenticationError: one is forged, or one was taken out. Changed content is no error here.
        PgiFormatError: one breaks a rule of FORMAT.md.
        PgiError: the file is damaged, or needs what is not here.
    """
    encrypted = reader.header.image.encrypted
    records = records_of(reader)
    signatures = signatures_in(records, reader.limits, encrypted=encrypted)
    if not signatures:
        return ()
    require_extra("The file is signed; to check that")
    checks = []
    for number, signature in enumerate(signatures):
        spki = _check_statement(signature, signatures[:number])
        found = salts_of(reader, signature)
        salts, claims = (None, None) if found is None else found
        if salts is not None and not same(salts.commitment, signature.statement.salts):
            raise PgiAuthenticationError(f"The salts of the signature by {_key(signature)} were changed.")
        checks.append(_Check(signature, spki, salts, claims))
    stamps = stamps_in(records, signatures, reader.limits)
    _compare(reader, checks)
    return _judged(reader, checks, trust, stamps)


def _check_statement(signature: Signature, before: Sequence[Signature]) -> bytes:
    """What can be told of a signature from its record and those before it.

    Returns:
        The signer's public key.

    Raises:
        PgiAuthenticationError: it is forged, or one before it was taken out.
        PgiFormatError: its key is none.
    """
    statement = signature.statement
    spki = check_signer(
        statement, signature.raw_statement, signature.signature, signature.key, signature.certificates
    )
    if not same(signature.suite.digest(LOCATORS, signature.locators), statement.locators):
        raise PgiAuthenticationError(f"The hashes of the signature by {_key(signature)} were changed.")
    if [each.id for each in before] != list(statement.previous):
        raise PgiAuthenticationError(
            f"The signatures before that by {_key(signature)} are not those that it names."
        )
    return spki


def _compare(reader: PgiReader, checks: Sequence[_Check]) -> None:
    fields = reader.fields.to_bytes()
    for check in checks:
        if check.signature.statement.fields != fields:
            check.changed.append("A.2 fields")
    for leaf in leaves_of(reader, None):
        for check in checks:
            check.compare(leaf)
    for check in checks:
        check.compare_roots()


def _judged(
    reader: PgiReader, checks: Sequence[_Check], trust: Trust | None, stamps: Sequence[Stamp]
) -> tuple[SignatureInfo, ...]:
    infos: list[SignatureInfo] = []
    named: set[bytes] = set()
    for check in reversed(checks):
        signature = check.signature
        if check.changed:
            state = SUPERSEDED if signature.id in named else BROKEN
        else:
            state = LOCKED if check.salts is None else HOLDS
        if state != BROKEN:
            named |= set(signature.statement.previous)
        infos.append(_info(reader, check, state, trust, stamps))
    return tuple(reversed(infos))


def _info(
    reader: PgiReader, check: _Check, state: str, trust: Trust | None, stamps: Sequence[Stamp]
) -> SignatureInfo:
    signature, statement = check.signature, check.signature.statement
    stamped = None
    if trust is None:
        reason = "nobody said whom to trust"
    else:
        stamped = _stamped(signature, trust, stamps)
        reason = trust.why_not(check.spki, signature.certificates, stamped)
    info = SignatureInfo(
        id=signature.id.hex(),
        key_id=signature.key_id.hex(),
        algorithm=statement.algorithm,
        state=state,
        trusted=not reason,
        reason=reason,
        subject=subject_of(signature.certificates[0]) if signature.certificates else "",
        time_ms=statement.time,
        stamped_ms=None if stamped is None else round(stamped.timestamp() * 1000),
        changed=tuple(check.changed),
        unchecked=sum(statement.counts) - check.seen if state != BROKEN else 0,
        previous=tuple(each.hex() for each in statement.previous),
        revocation_checked=None if trust is None or reason else trust.checks_revocation(check.spki),
    )
    if state != HOLDS or check.claims is None:
        return info
    claims = Claims.parse(check.claims, reader.limits)
    model = next((leaf.content for leaf in leaves_of(reader, None) if leaf.kind == LeafKind.MODEL), None)
    return replace(
        info,
        model=model[:-1].hex() if model else None,
        renderers=tuple((level, digest.hex()) for level, digest in claims.renderers),
        original=claims.original.hex() or None,
        frame=claims.frame,
        watermark=_watermark(reader),
    )


def _stamped(signature: Signature, trust: Trust, stamps: Sequence[Stamp]) -> datetime | None:
    """The earliest time that a trusted authority states for a signature."""
    times = [stamp.time(trust) for stamp in stamps if stamp.signature is signature]
    return min((time for time in times if time is not None), default=None)


def _watermark(reader: PgiReader) -> str | None:
    steps = reader.extension.get(ExtensionKey.PREPROCESS, [])
    assert isinstance(steps, list)
    ids = [step.partition(" ")[2] for step in steps if step.startswith("watermark ")]
    return ids[-1] if ids else None


def _key(signature: Signature) -> str:
    return f"key {signature.key_id.hex()}"
