"""What the signature records of a file say of themselves, nothing of it checked."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import PgiFormatError, PgiUnsupportedError
from ..envelope_opening import records_of
from ..security_block import RecordKind
from .cbor_fields import read_map, take_bytes
from .signature_record import Signature
from .signer_trust import subject_of

if TYPE_CHECKING:
    from ...container import PgiReader

__all__ = ["StatedSignature", "stated_signatures"]


@dataclass(frozen=True, slots=True)
class StatedSignature:
    """A signature as its record states it. Anyone can write such a record; ``verify`` checks it.

    Attributes:
        algorithm: "ed25519", "ecdsa-p256", "ml-dsa-65", "sm2", or "unknown" of one that is not known here.
        id: of the signature, in hex; empty where it cannot be told, as for what follows.
        key_id: of the key, in hex.
        subject: name in the certificate.
        time_ms: UTC milliseconds by the signer's clock, or None.
        stamps: number of time stamps on it; None where it cannot be told: the id of a signature with SM2
            takes SM3, which comes with the extra "security".
    """

    algorithm: str
    id: str = ""
    key_id: str = ""
    subject: str = ""
    time_ms: int | None = None
    stamps: int | None = 0

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it, with a reminder."""
        return {name: getattr(self, name) for name in self.__slots__} | {"verified": False}


def stated_signatures(reader: PgiReader) -> tuple[StatedSignature, ...]:
    """The signatures of a file, encrypted or not; it takes no key.

    Raises:
        PgiFormatError: a record breaks a rule of FORMAT.md, section 9.9.
        PgiError: as :func:`~pgic_core.security.envelope_opening.records_of`.
    """
    records = records_of(reader)
    stamped = []
    for record in records:
        if record.kind == RecordKind.TIME_STAMP:
            stamped.append(take_bytes(read_map(record.data, reader.limits), "signature"))
    found = []
    for record in records:
        if record.kind != RecordKind.SIGNATURE:
            continue
        try:
            signature = Signature.parse(record.data, reader.limits)
            found.append(_stated(signature, stamped))
        except PgiFormatError:
            raise
        except PgiUnsupportedError:
            found.append(StatedSignature("unknown"))
    return tuple(found)


def _stated(signature: Signature, stamped: list[bytes]) -> StatedSignature:
    """What a signature states; ``stamped`` are the ids that time stamps name."""
    subject, name = "", b""
    with contextlib.suppress(ImportError):  # without the extra, certificates are not read, nor SM3 computed
        name = signature.id
        if signature.certificates:
            subject = subject_of(signature.certificates[0])
    stamps = stamped.count(name) if name else None
    statement = signature.statement
    return StatedSignature(
        statement.algorithm, name.hex(), signature.key_id.hex(), subject, statement.time, stamps
    )
