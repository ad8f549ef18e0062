"""Chains of certificates with keys of SM2 (GM/T 0015), which ``cryptography`` parses but does not check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..sm2 import is_sm2_signature, sm2_key_of_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

__all__ = ["sm2_chain"]

_SM2_WITH_SM3 = "1.2.156.10197.1.501"


def sm2_chain(
    certificates: Sequence[Certificate], roots: Sequence[Certificate], at: datetime
) -> tuple[list[Certificate], str]:
    """Check a chain by the rules of FORMAT.md, section 9.9.

    Args:
        certificates: each signed by the next.
        roots: that are trusted.
        at: for when.

    Returns:
        The chain with its root, and why it is none; that is empty if it is one.

    Raises:
        ValueError: the extensions of a certificate cannot be read.
    """
    for above, certificate in enumerate(certificates):
        if fault := _own_fault(certificate, above, at):
            return [], fault
        for root in roots:
            if _signed_by(certificate, root):
                fault = _own_fault(root, above + 1, at)
                return [*certificates[: above + 1], root], fault
        if above + 1 < len(certificates) and not _signed_by(certificate, certificates[above + 1]):
            return [], "a certificate is not signed by the next"
    return [], "no trusted root signed it"


def _own_fault(certificate: Certificate, below: int, at: datetime) -> str:
    """What is wrong with a certificate that has so many below it."""
    from cryptography import x509

    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return "a certificate is not valid at this time"
    known = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)
    constraints = usage = None
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, known):
            return "a certificate has a critical extension that is not known here"
        if isinstance(extension.value, x509.BasicConstraints):
            constraints = extension.value
        if isinstance(extension.value, x509.KeyUsage):
            usage = extension.value
    if not below:
        return ""
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return "a certificate was signed by one that is of no authority"
    if constraints.path_length is not None and below - 1 > constraints.path_length:
        return "the chain is longer than an authority allows"
    return ""


def _signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    spki = sm2_key_of_certificate(issuer)
    if spki is None or certificate.signature_algorithm_oid.dotted_string != _SM2_WITH_SM3:
        return False
    return is_sm2_signature(spki, certificate.signature, certificate.tbs_certificate_bytes)
