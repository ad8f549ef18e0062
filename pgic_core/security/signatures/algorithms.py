"""Keys that sign, and what checks their signatures: Ed25519, ECDSA P-256, ML-DSA-65."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from ...data_files import read_bytes
from ...errors import PgiFormatError, PgiInputError, PgiOptionError, PgiUnsupportedError
from ..suites import require_extra

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = [
    "ALGORITHMS",
    "SigningKey",
    "is_signature",
    "key_id_of_spki",
    "public_key_of",
    "read_pem",
    "spki_of",
    "spki_of_certificate",
    "unknown_algorithm",
]

ALGORITHMS = ("ed25519", "ecdsa-p256", "ml-dsa-65")
_MOST_BYTES = 1 << 20
_MOST_CERTIFICATES = 8
_DOMAIN = b"pgi signature\0"


class SigningKey:
    """A private key that signs, with the certificates that say whose it is. ``repr`` does not show the key.

    Args:
        key: path of a private key in PEM (PKCS 8), not encrypted: Ed25519, P-256 or ML-DSA-65.
        certificates: path of its certificates in PEM, that of the key first, or None.

    Raises:
        PgiInputError: a file cannot be read, or holds something else.
        PgiOptionError: the first certificate is that of another key.
        PgiUnsupportedError: the extra "security" is missing.
    """

    __slots__ = ("_key", "algorithm", "certificates", "spki")

    def __init__(
        self, key: str | os.PathLike[str], certificates: str | os.PathLike[str] | None = None
    ) -> None:
        require_extra("To sign files")
        from cryptography.hazmat.primitives import serialization

        try:
            self._key: Any = serialization.load_pem_private_key(read_pem(key), None)
        except (ValueError, TypeError) as error:
            raise PgiInputError(f"{os.fspath(key)} is no private key in PEM without a passphrase.") from error
        algorithm = _algorithm_of(self._key.public_key())
        if algorithm is None:
            raise PgiInputError(f"{os.fspath(key)} is no key of {', '.join(ALGORITHMS)}.")
        self.algorithm: str = algorithm
        self.spki = spki_of(self._key.public_key())
        self.certificates: tuple[bytes, ...] = ()
        if certificates is not None:
            self.certificates = _certificates(certificates, self.spki)

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm!r}, id {self.key_id.hex()})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A private key cannot be pickled; name its file instead.")

    @property
    def key_id(self) -> bytes:
        """8 bytes."""
        return key_id_of_spki(self.spki)

    def sign(self, statement: bytes) -> bytes:
        """The signature of a statement."""
        message = _DOMAIN + statement
        if self.algorithm == "ecdsa-p256":
            from cryptography.hazmat.primitives import hashes
            from cryptography.hazmat.primitives.asymmetric import ec

            signature: bytes = self._key.sign(message, ec.ECDSA(hashes.SHA256()))
        else:
            signature = self._key.sign(message)
        return signature


def key_id_of_spki(spki: bytes) -> bytes:
    """The 8 bytes by which signatures name a key."""
    return hashlib.sha256(spki).digest()[:8]


def spki_of(key: Any) -> bytes:
    """SubjectPublicKeyInfo of a public key, DER."""
    from cryptography.hazmat.primitives import serialization

    data: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return data


def public_key_of(spki: bytes, algorithm: str) -> Any:
    """A public key.

    Args:
        spki: SubjectPublicKeyInfo, DER.
        algorithm: that it must be of.

    Raises:
        PgiFormatError: it is no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PgiFormatError("A signature names a public key that is none.") from error
    if _algorithm_of(key) != algorithm or spki_of(key) != spki:
        raise PgiFormatError("A signature names a public key that is not of its algorithm.")
    return key


def is_signature(key: Any, algorithm: str, signature: bytes, statement: bytes) -> bool:
    """Whether a key made this signature of a statement."""
    from cryptography.exceptions import InvalidSignature

    message = _DOMAIN + statement
    try:
        if algorithm == "ecdsa-p256":
            from cryptography.hazmat.primitives import hashes
            from cryptography.hazmat.primitives.asymmetric import ec

            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_pem(path: str | os.PathLike[str]) -> bytes:
    """A file with keys or certificates.

    Raises:
        PgiInputError: it cannot be read, or is too large for one.
    """
    return read_bytes(path, "key or certificate", _MOST_BYTES)


def _algorithm_of(key: Any) -> str | None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, mldsa.MLDSA65PublicKey):
        return "ml-dsa-65"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ecdsa-p256"
    return None


def _certificates(path: str | os.PathLike[str], spki: bytes) -> tuple[bytes, ...]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found: list[Certificate] = x509.load_pem_x509_certificates(read_pem(path))
    except ValueError as error:
        raise PgiInputError(f"{os.fspath(path)} holds no certificates in PEM.") from error
    if len(found) > _MOST_CERTIFICATES:
        raise PgiOptionError(f"A signature has at most {_MOST_CERTIFICATES} certificates, not {len(found)}.")
    if spki_of_certificate(found[0]) != spki:
        raise PgiOptionError(f"The first certificate in {os.fspath(path)} is not that of the key.")
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found)


def spki_of_certificate(certificate: Certificate) -> bytes | None:
    """SubjectPublicKeyInfo of a certificate's key; None of a kind that is not known here."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return spki_of(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def unknown_algorithm(name: str) -> PgiUnsupportedError:
    """The error of a signature by another algorithm."""
    return PgiUnsupportedError(f"The file is signed by the unknown algorithm {name!r}.")
