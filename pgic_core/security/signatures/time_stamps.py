"""Time stamps of third parties on signatures (RFC 3161; FORMAT.md, section 9.9)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cbor2

from ...errors import PgiAuthenticationError, PgiFormatError, PgiInputError, PgiUnsupportedError
from ..cipher_suites import same
from ..security_block import Record, RecordKind
from .cbor_fields import read_map, take_bytes
from .merkle_tree import HASH_BYTES
from .signer_trust import is_of_sm2

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ...limits import Limits
    from .signature_record import Signature
    from .signer_trust import Trust

__all__ = ["Stamp", "request_for", "stamp_record", "stamps_in"]

_GRANTED = (0, 1)
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp.

    Attributes:
        signature: that it is on.
        response: of the authority, DER.
    """

    signature: Signature
    response: bytes = field(repr=False)

    def time(self, trust: Trust) -> datetime | None:
        """The time that a trusted authority states; None if none of the roots leads to it."""
        from rfc3161_client import VerificationError, VerifierBuilder

        response = _decoded(self.response)
        roots = [root for root in trust.roots if not is_of_sm2(root)]
        if not roots:
            return None
        try:
            VerifierBuilder(roots=roots).build().verify_message(response, self.signature.stamped_message)
        except (VerificationError, ValueError):
            return None
        stated: datetime = response.tst_info.gen_time
        return stated


def request_for(signature: Signature) -> bytes:
    """The request to send to an authority, DER.

    Raises:
        PgiUnsupportedError: the extra "security" is missing.
    """
    _require_client()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder(data=signature.stamped_message, hash_algorithm=HashAlgorithm.SHA256)
    request: bytes = builder.build().as_bytes()
    return request


def stamp_record(signatures: Sequence[Signature], response: bytes) -> Record:
    """The record of a time stamp, on the signature of these that it is of.

    Raises:
        PgiInputError: the response is none, was not granted, or is of something else.
        PgiUnsupportedError: the extra "security" is missing.
    """
    _require_client()
    for signature in signatures:
        try:
            _check_imprint(Stamp(signature, response))
        except PgiFormatError:
            continue
        content = {"signature": signature.id, "response": response}
        return Record(RecordKind.TIME_STAMP, cbor2.dumps(content, canonical=True))
    raise PgiInputError("The response is no time stamp on a signature of this file.")


def stamps_in(records: Sequence[Record], signatures: Sequence[Signature], limits: Limits) -> list[Stamp]:
    """The time stamps of a security block, each on one of its signatures.

    Raises:
        PgiFormatError: one breaks a rule of FORMAT.md, or is on no signature of the file.
        PgiAuthenticationError: one is of something else than it says.
        PgiUnsupportedError: the extra "security" is missing.
    """
    found = []
    for record in records:
        if record.kind != RecordKind.TIME_STAMP:
            continue
        content = read_map(record.data, limits)
        name, response = take_bytes(content, "signature", HASH_BYTES), take_bytes(content, "response")
        signature = next((each for each in signatures if each.id == name), None)
        if content or signature is None:
            raise PgiFormatError("A time stamp of the file is on no signature of it.")
        _require_client()
        stamp = Stamp(signature, response)
        _check_imprint(stamp)
        found.append(stamp)
    return found


def _check_imprint(stamp: Stamp) -> None:
    """Check that a stamp is on its signature. Who made it is not checked.

    Raises:
        PgiAuthenticationError: it is on something else.
        PgiFormatError: it is no time stamp.
    """
    imprint = _decoded(stamp.response).tst_info.message_imprint
    digest = hashlib.sha256(stamp.signature.stamped_message).digest()
    if imprint.hash_algorithm.dotted_string != _SHA256 or not same(bytes(imprint.message), digest):
        raise PgiAuthenticationError("A time stamp of the file is on something else than a signature of it.")


def _decoded(response: bytes) -> Any:
    from rfc3161_client import decode_timestamp_response

    try:
        decoded = decode_timestamp_response(response)
        if decoded.status in _GRANTED:
            _ = decoded.tst_info
            return decoded
    except ValueError as error:
        raise PgiFormatError("A time stamp of the file cannot be read.") from error
    raise PgiFormatError("A time stamp of the file was not granted.")


def _require_client() -> None:
    try:
        import rfc3161_client  # noqa: F401
    except ImportError as error:
        raise PgiUnsupportedError(
            "Time stamps need the extra 'security': pip install 'pgic[security]'."
        ) from error
