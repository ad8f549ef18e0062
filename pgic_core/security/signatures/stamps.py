"""Time stamps of third parties on signatures (RFC 3161; FORMAT.md, section 9.9)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cbor2

from ...errors import PgiAuthenticationError, PgiFormatError, PgiInputError, PgiUnsupportedError
from ..envelope import Record, RecordKind
from .record import read_map, take_bytes
from .tree import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ...limits import Limits
    from .record import Signature
    from .trust import Trust

__all__ = ["Stamp", "check_imprint", "request_for", "stamp_record", "stamped_message", "stamps_in"]

_GRANTED = (0, 1)
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp.

    Attributes:
        signature: id of the signature that it is on.
        response: of the authority, DER.
    """

    signature: bytes
    response: bytes = field(repr=False)

    def time(self, message: bytes, trust: Trust) -> datetime | None:
        """The time that a trusted authority states; None if none of the roots leads to it.

        Args:
            message: that was stamped.
            trust: roots of authorities.
        """
        from rfc3161_client import VerificationError, VerifierBuilder

        response = _decoded(self.response)
        if not trust.roots:
            return None
        try:
            VerifierBuilder(roots=list(trust.roots)).build().verify_message(response, message)
        except (VerificationError, ValueError):
            return None
        stated: datetime = response.tst_info.gen_time
        return stated


def stamped_message(signature: Signature) -> bytes:
    """What is stamped of a signature; its SHA-256 is the signature's id."""
    return b"pgi signature id\0" + signature.raw_statement + signature.signature


def request_for(signature: Signature) -> bytes:
    """The request to send to an authority, DER.

    Raises:
        PgiUnsupportedError: the extra "security" is missing.
    """
    _require_client()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder(data=stamped_message(signature), hash_algorithm=HashAlgorithm.SHA256)
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
        stamp = Stamp(signature.id, response)
        try:
            check_imprint(stamp)
        except PgiFormatError:
            continue
        content = {"signature": stamp.signature, "response": response}
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
        stamp = Stamp(take_bytes(content, "signature", HASH_BYTES), take_bytes(content, "response"))
        if content or stamp.signature not in [each.id for each in signatures]:
            raise PgiFormatError("A time stamp of the file is on no signature of it.")
        _require_client()
        check_imprint(stamp)
        found.append(stamp)
    return found


def check_imprint(stamp: Stamp) -> None:
    """Check that a stamp is on its signature. Who made it is not checked.

    Raises:
        PgiAuthenticationError: it is on something else.
        PgiFormatError: it is no time stamp.
    """
    imprint = _decoded(stamp.response).tst_info.message_imprint
    same = hmac.compare_digest(bytes(imprint.message), stamp.signature)
    if imprint.hash_algorithm.dotted_string != _SHA256 or not same:
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
