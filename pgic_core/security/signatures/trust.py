"""Whose key signed: chains of X.509 certificates, or public keys that a reader trusts by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import PgiInputError
from ..suites import require_extra
from .algorithms import read_pem, spki_of, spki_of_certificate

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

__all__ = ["Trust", "is_of_key", "subject_of"]

_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)
_PURPOSES = {
    "1.3.6.1.5.5.7.3.36": "documentSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "2.5.29.37.0": "anyExtendedKeyUsage",
}


@dataclass(frozen=True)
class Trust:
    """What a reader trusts.

    Attributes:
        roots: certificates.
        keys: public keys, as SubjectPublicKeyInfo.
    """

    roots: tuple[Certificate, ...]
    keys: frozenset[bytes]

    @classmethod
    def from_pem(cls, path: str | os.PathLike[str]) -> Trust:
        """Read certificates and public keys.

        Raises:
            PgiInputError: the file cannot be read, or holds neither.
            PgiUnsupportedError: the extra "security" is missing.
        """
        require_extra("To check signatures")
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        roots: list[Certificate] = []
        keys: set[bytes] = set()
        for found in _BLOCK.finditer(read_pem(path)):
            try:
                if found[1] == b"CERTIFICATE":
                    roots.append(x509.load_pem_x509_certificate(found[0]))
                elif found[1] == b"PUBLIC KEY":
                    keys.add(spki_of(serialization.load_pem_public_key(found[0])))
            except _broken() as error:
                raise PgiInputError(f"{path} has a certificate or key that cannot be read.") from error
        if not roots and not keys:
            raise PgiInputError(f"{path} holds neither certificates nor public keys in PEM.")
        return cls(tuple(roots), frozenset(keys))

    def why_not(self, spki: bytes, certificates: Sequence[bytes], at: datetime | None = None) -> str:
        """Why a key is not trusted; empty if it is.

        Args:
            spki: of the key.
            certificates: the key's first, DER; perhaps none.
            at: for when; now if not given.
        """
        if spki in self.keys:
            return ""
        if not certificates:
            return "its key is none of those that are trusted, and it has no certificate"
        if not self.roots:
            return "its key is none of those that are trusted"
        try:
            return _chain_fault(self.roots, certificates, at) or _leaf_fault(certificates[0])
        except _broken():
            return "its certificate cannot be read"


def subject_of(certificate: bytes) -> str:
    """The name in a certificate, as RFC 4514 writes it; empty if it cannot be read."""
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except _broken():
        return ""


def _broken() -> tuple[type[Exception], ...]:
    """What reading a certificate raises that is none, or breaks RFC 5280."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    kinds = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
    return (ValueError, TypeError, UnsupportedAlgorithm, *kinds)


def _chain_fault(roots: Sequence[Certificate], certificates: Sequence[bytes], at: datetime | None) -> str:
    from cryptography import x509
    from cryptography.x509.verification import (
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    try:
        leaf, *chain = (x509.load_der_x509_certificate(each) for each in certificates)
        builder = PolicyBuilder().store(Store(list(roots)))
        if at is not None:
            builder = builder.time(at)
        verifier = builder.extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
        ).build_client_verifier()
        verifier.verify(leaf, chain)
    except VerificationError as error:
        reason = str(error).partition("\n")[0].removeprefix("validation failed: ")
        return f"its certificate does not lead to a trusted root ({reason})"
    return ""


def _leaf_fault(data: bytes) -> str:
    """The rules of FORMAT.md for the certificate of a signer."""
    from cryptography import x509

    extensions = x509.load_der_x509_certificate(data).extensions
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            return "its certificate is that of an authority, which signs certificates and not files"
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:
            return "its certificate is not for signatures"
        if isinstance(value, x509.ExtendedKeyUsage) and not any(
            purpose.dotted_string in _PURPOSES for purpose in value
        ):
            return "its certificate is for other purposes than signing documents"
    return ""


def is_of_key(certificate: bytes, spki: bytes) -> bool:
    """Whether a certificate is that of a key."""
    from cryptography import x509

    try:
        return spki_of_certificate(x509.load_der_x509_certificate(certificate)) == spki
    except _broken():
        return False
