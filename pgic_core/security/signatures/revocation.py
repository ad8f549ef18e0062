"""Whether certificates were revoked, by lists that a reader is given (RFC 5280, 5; FORMAT.md, 9.9)."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from ...errors import PgiInputError
from ..sm2 import is_sm2_signature, sm2_key_of_certificate
from .pem import blocks, read_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate, CertificateRevocationList

__all__ = ["read_lists", "revocation_fault"]


def read_lists(paths: Iterable[str | os.PathLike[str]]) -> tuple[CertificateRevocationList, ...]:
    """Lists of revoked certificates from files, each one list in DER or several in PEM.

    Raises:
        PgiInputError: a file cannot be read, or holds none.
    """
    from cryptography import x509

    lists = []
    for path in paths:
        data = read_pem(path)
        try:
            found = [der for label, der in blocks(data) if label == b"X509 CRL"] or [data]
            lists += [x509.load_der_x509_crl(der) for der in found]
        except ValueError as error:
            raise PgiInputError(f"{os.fspath(path)} holds no list of revoked certificates.") from error
    return tuple(lists)


def revocation_fault(
    chain: Sequence[Certificate], lists: Sequence[CertificateRevocationList], at: datetime
) -> str:
    """Why a chain is not trusted; empty if no list that counts names one of its certificates.

    Args:
        chain: the signer's certificate first, the root last.
        lists: those that the reader has.
        at: for when.
    """
    for certificate, issuer in itertools.pairwise(chain):
        own = [each for each in lists if each.issuer == issuer.subject and _is_of(each, issuer)]
        current = [each for each in own if _counts(each, certificate, at)]
        who = certificate.subject.rfc4514_string()
        if not current:
            return f"no current list of its issuer says that the certificate {who} was not revoked"
        for each in current:
            entry = each.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None and entry.revocation_date_utc <= at:
                return f"the certificate {who} was revoked"
    return ""


def _is_of(found: CertificateRevocationList, issuer: Certificate) -> bool:
    """Whether the issuer signed a list."""
    from cryptography.exceptions import UnsupportedAlgorithm

    if spki := sm2_key_of_certificate(issuer):
        return is_sm2_signature(spki, found.signature, found.tbs_certlist_bytes)
    try:
        return found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _counts(found: CertificateRevocationList, certificate: Certificate, at: datetime) -> bool:
    """Whether a list is complete, was not out of date then, and was made before the certificate ended."""
    # What is critical makes it a list of changes, or of some certificates only.
    if any(extension.critical for extension in found.extensions):
        return False
    end = found.next_update_utc
    return end is not None and end >= at and found.last_update_utc <= certificate.not_valid_after_utc
