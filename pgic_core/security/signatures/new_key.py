"""New keys for signing files, as PEM."""

from __future__ import annotations

import base64
import textwrap

from ...ed25519_keys import write_pair
from ...errors import PgiOptionError
from ..cipher_suites import require_extra
from ..key_wrapping import SCHEMES
from ..sm2 import sm2_pkcs8, sm2_spki
from .algorithms import ALGORITHMS, SM2, key_id_of_spki, spki_of

__all__ = ["make_signing_key"]


def make_signing_key(algorithm: str, path: str) -> str:
    """Make a key: ``path`` holds the private one, for its owner alone; ``path.pub`` the public one.

    Args:
        algorithm: "ed25519", "ecdsa-p256", "ml-dsa-65" or "sm2".
        path: of the private key.

    Returns:
        The id of the key, in hex.

    Raises:
        PgiOptionError: there is no such algorithm.
        PgiInputError: one of the files is there, or cannot be written.
        PgiUnsupportedError: the extra "security" is missing.
    """
    if algorithm not in ALGORITHMS:
        raise PgiOptionError(f"The algorithm must be one of {', '.join(ALGORITHMS)}, not {algorithm!r}.")
    require_extra("To make keys")
    private, spki = _new(algorithm)
    write_pair(path, _pem("PRIVATE KEY", private), _pem("PUBLIC KEY", spki))
    return key_id_of_spki(spki, algorithm).hex()


def _new(algorithm: str) -> tuple[bytes, bytes]:
    """PKCS 8 and SubjectPublicKeyInfo of a new key, DER."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

    if algorithm == SM2:
        secret = SCHEMES[SM2].generate()
        return sm2_pkcs8(secret), sm2_spki(secret)
    key: ed25519.Ed25519PrivateKey | mldsa.MLDSA65PrivateKey | ec.EllipticCurvePrivateKey
    if algorithm == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif algorithm == "ml-dsa-65":
        key = mldsa.MLDSA65PrivateKey.generate()
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, spki_of(key.public_key())


def _pem(label: str, der: bytes) -> bytes:
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
