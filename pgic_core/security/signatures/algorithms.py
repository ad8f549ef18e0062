"""Algorithms of signatures, public keys, and what checks signatures: Ed25519, ECDSA P-256, ML-DSA-65, SM2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import PgiFormatError, PgiUnsupportedError
from ..cipher_suites import INTERNATIONAL, NATIONAL, find_suite
from ..sm2 import is_sm2_key, is_sm2_signature, sm2_key_of_certificate

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from ..cipher_suites import Suite

__all__ = [
    "ALGORITHMS",
    "KEY_ID_BYTES",
    "SM2",
    "algorithm_of",
    "check_public_key",
    "is_signature",
    "key_id_of_spki",
    "signed_message",
    "spki_of",
    "spki_of_certificate",
    "suite_of_algorithm",
    "unknown_algorithm",
]

SM2 = "sm2"
ALGORITHMS = ("ed25519", "ecdsa-p256", "ml-dsa-65", SM2)
KEY_ID_BYTES = 8
_DOMAIN = b"pgi signature\0"


def suite_of_algorithm(algorithm: str) -> Suite:
    """The suite whose hash goes with an algorithm of signatures."""
    return find_suite(NATIONAL if algorithm == SM2 else INTERNATIONAL)


def key_id_of_spki(spki: bytes, algorithm: str) -> bytes:
    """The 8 bytes by which signatures name a key."""
    return suite_of_algorithm(algorithm).digest(spki)[:KEY_ID_BYTES]


def signed_message(statement: bytes) -> bytes:
    """The bytes that a key signs for a statement."""
    return _DOMAIN + statement


def spki_of(key: Any) -> bytes:
    """SubjectPublicKeyInfo of a public key of ``cryptography``, DER."""
    from cryptography.hazmat.primitives import serialization

    data: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return data


def algorithm_of(key: Any) -> str | None:
    """The algorithm of a public key of ``cryptography``; None of a kind that does not sign files."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, mldsa.MLDSA65PublicKey):
        return "ml-dsa-65"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ecdsa-p256"
    return None


def check_public_key(spki: bytes, algorithm: str) -> None:
    """Check a public key.

    Args:
        spki: SubjectPublicKeyInfo, DER.
        algorithm: that it must be of.

    Raises:
        PgiFormatError: it is no such key.
    """
    _public_key(spki, algorithm)


def is_signature(spki: bytes, algorithm: str, signature: bytes, statement: bytes) -> bool:
    """Whether a key made this signature of a statement.

    Raises:
        PgiFormatError: as :func:`check_public_key`.
    """
    from cryptography.exceptions import InvalidSignature

    key, message = _public_key(spki, algorithm), signed_message(statement)
    if algorithm == SM2:
        return is_sm2_signature(spki, signature, message)
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


def spki_of_certificate(certificate: Certificate) -> bytes | None:
    """SubjectPublicKeyInfo of a certificate's key; None of a kind that is not known here."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return spki_of(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return sm2_key_of_certificate(certificate)


def unknown_algorithm(name: str) -> PgiUnsupportedError:
    """The error of a signature by another algorithm."""
    return PgiUnsupportedError(f"The file is signed by the unknown algorithm {name!r}.")


def _public_key(spki: bytes, algorithm: str) -> Any:
    """The key as ``cryptography`` has it; None of SM2."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    wrong = PgiFormatError("A signature names a public key that is not of its algorithm.")
    if algorithm == SM2:
        if not is_sm2_key(spki):
            raise wrong
        return None
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PgiFormatError("A signature names a public key that is none.") from error
    if algorithm_of(key) != algorithm or spki_of(key) != spki:
        raise wrong
    return key
