"""Whose key signed: chains of X.509 certificates, or public keys that a reader trusts by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...errors import PgiInputError
from ..cipher_suites import require_extra
from ..sm2 import is_sm2_key, sm2_key_of_certificate
from .algorithms import spki_of, spki_of_certificate
from .pem import blocks, read_pem
from .revocation import read_lists, revocation_fault
from .sm2_chain import sm2_chain

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from cryptography.x509 import Certificate, CertificateRevocationList

__all__ = ["Trust", "is_of_sm2", "key_of_certificate", "subject_of"]

_KEY_FILE = b"pgic-"  # the start of a line in a file of 'pgic keygen NAME'
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
        lists: of revoked certificates; without any, revocation is not checked.
    """

    roots: tuple[Certificate, ...]
    keys: frozenset[bytes]
    lists: tuple[CertificateRevocationList, ...] = ()

    @classmethod
    def from_pem(cls, path: str | os.PathLike[str], lists: Iterable[str | os.PathLike[str]] = ()) -> Trust:
        """Read certificates and public keys.

        Args:
            path: of a file with both or either, in PEM.
            lists: paths of lists of revoked certificates.

        Raises:
            PgiInputError: a file cannot be read, or holds neither.
            PgiUnsupportedError: the extra "security" is missing.
        """
        require_extra("To check signatures")
        from cryptography import x509

        roots: list[Certificate] = []
        keys: set[bytes] = set()
        data = read_pem(path)
        try:
            for label, der in blocks(data):
                if label == b"CERTIFICATE":
                    roots.append(x509.load_der_x509_certificate(der))
                elif label == b"PUBLIC KEY":
                    keys.add(_public_key(der))
        except _broken() as error:
            raise PgiInputError(f"{path} has a certificate or key that cannot be read.") from error
        if not roots and not keys:
            hint = " It is a key for encryption; 'pgic keygen --kind ed25519' makes keys that sign."
            known = hint if _KEY_FILE in data else ""
            raise PgiInputError(f"{path} holds neither certificates nor public keys in PEM.{known}")
        return cls(tuple(roots), frozenset(keys), read_lists(lists))

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
            return self._chain_fault(certificates, at or datetime.now(UTC)) or _leaf_fault(certificates[0])
        except _broken():
            return "its certificate cannot be read"

    def checks_revocation(self, spki: bytes) -> bool | None:
        """Whether lists speak of the certificates of a key; None of a key that is trusted by itself."""
        return None if spki in self.keys else bool(self.lists)

    def _chain_fault(self, certificates: Sequence[bytes], at: datetime) -> str:
        from cryptography import x509

        chain: Sequence[Certificate]
        loaded = [x509.load_der_x509_certificate(each) for each in certificates]
        if is_of_sm2(loaded[0]):
            chain, reason = sm2_chain(loaded, [root for root in self.roots if is_of_sm2(root)], at)
        else:
            chain, reason = _chain(loaded, [root for root in self.roots if not is_of_sm2(root)], at)
        if reason:
            return f"its certificate does not lead to a trusted root ({reason})"
        return revocation_fault(chain, self.lists, at) if self.lists else ""


def is_of_sm2(certificate: Certificate) -> bool:
    """Whether a certificate is for a key of SM2."""
    return sm2_key_of_certificate(certificate) is not None


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


def _public_key(der: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return der if is_sm2_key(der) else spki_of(serialization.load_der_public_key(der))


def _chain(
    certificates: Sequence[Certificate], roots: Sequence[Certificate], at: datetime
) -> tuple[Sequence[Certificate], str]:
    """The chain with its root, and why it is none (RFC 5280)."""
    from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

    if not roots:
        return [], "no root is of its kind"
    verifier = (
        PolicyBuilder()
        .store(Store(list(roots)))
        .time(at)
        .extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
        )
        .build_client_verifier()
    )
    try:
        return verifier.verify(certificates[0], list(certificates[1:])).chain, ""
    except VerificationError as error:
        return [], str(error).partition("\n")[0].removeprefix("validation failed: ")


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


def key_of_certificate(certificate: bytes) -> bytes | None:
    """SubjectPublicKeyInfo of a certificate's key; None where it cannot be read, or is of an unknown kind."""
    from cryptography import x509

    try:
        return spki_of_certificate(x509.load_der_x509_certificate(certificate))
    except _broken():
        return None
