"""Keys that sign, with the certificates that say whose they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...errors import PgiFormatError, PgiInputError, PgiOptionError
from ..cipher_suites import require_extra
from ..sm2 import sign_sm2, sm2_private_key, sm2_spki
from .algorithms import (
    ALGORITHMS,
    SM2,
    algorithm_of,
    check_public_key,
    key_id_of_spki,
    signed_message,
    spki_of,
    spki_of_certificate,
)
from .pem import first_block, read_pem

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate

__all__ = ["SigningKey"]

_MOST_CERTIFICATES = 8


class SigningKey:
    """A private key that signs, with the certificates that say whose it is. ``repr`` does not show the key.

    Args:
        key: path of a private key in PEM (PKCS 8), not encrypted: Ed25519, P-256, ML-DSA-65 or SM2.
        certificates: path of its certificates in PEM, that of the key first, or None.

    Raises:
        PgiInputError: a file cannot be read, or holds something else.
        PgiOptionError: the first certificate is that of another key.
        PgiUnsupportedError: the extra "security" is missing.
    """

    __slots__ = ("_sign", "algorithm", "certificates", "spki")

    _sign: Callable[[bytes], bytes]
    algorithm: str
    spki: bytes
    certificates: tuple[bytes, ...]

    def __init__(
        self, key: str | os.PathLike[str], certificates: str | os.PathLike[str] | None = None
    ) -> None:
        require_extra("To sign files")
        self.algorithm, self.spki, self._sign = _loaded(read_pem(key), os.fspath(key))
        self.certificates = () if certificates is None else _certificates(certificates, self.spki)

    @classmethod
    def of_module(
        cls,
        algorithm: str,
        public: bytes,
        sign: Callable[[bytes], bytes],
        certificates: str | os.PathLike[str] | None = None,
    ) -> SigningKey:
        """A key that never leaves a certified module (SDF, GM/T 0018), a token or a key service.

        Args:
            algorithm: "ed25519", "ecdsa-p256", "ml-dsa-65" or "sm2".
            public: the public key, SubjectPublicKeyInfo in DER.
            sign: gets the message, and returns its signature: of "ecdsa-p256" with SHA-256 and in DER, of
                "sm2" with SM3, the identity 1234567812345678 and in DER. Its errors pass through.
            certificates: as of :class:`SigningKey`.

        Raises:
            PgiOptionError: ``public`` is no key of the algorithm, or the first certificate is another's.
            PgiInputError: ``certificates`` cannot be read.
            PgiUnsupportedError: the extra "security" is missing.
        """
        require_extra("To sign files")
        if algorithm not in ALGORITHMS:
            raise PgiOptionError(f"The algorithm must be one of {', '.join(ALGORITHMS)}, not {algorithm!r}.")
        try:
            check_public_key(public, algorithm)
        except PgiFormatError as error:
            raise PgiOptionError(f"The public key is none of {algorithm}.") from error
        made = cls.__new__(cls)
        made.algorithm, made.spki, made._sign = algorithm, public, sign
        made.certificates = () if certificates is None else _certificates(certificates, public)
        return made

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm!r}, id {self.key_id.hex()})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A private key cannot be pickled; name its file instead.")

    @property
    def key_id(self) -> bytes:
        """8 bytes."""
        return key_id_of_spki(self.spki, self.algorithm)

    def sign(self, statement: bytes) -> bytes:
        """The signature of a statement."""
        return self._sign(signed_message(statement))

    def sign_message(self, message: bytes) -> bytes:
        """The signature of a message of another format than ours, such as C2PA."""
        return self._sign(message)


def _loaded(data: bytes, name: str) -> tuple[str, bytes, Callable[[bytes], bytes]]:
    """Algorithm, public key and what signs with the private key in PEM."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        if private := sm2_private_key(first_block(data, b"PRIVATE KEY")):
            return SM2, sm2_spki(private), lambda message: sign_sm2(private, message)
        key: Any = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise PgiInputError(
            f"{name} is no private key in PEM without a passphrase; 'pgic keygen --kind ed25519' makes one."
        ) from error
    except UnsupportedAlgorithm:
        key = None
    algorithm = None if key is None else algorithm_of(key.public_key())
    if algorithm is None:
        raise PgiInputError(f"{name} is no key of {', '.join(ALGORITHMS)}.")
    if algorithm != "ecdsa-p256":
        return algorithm, spki_of(key.public_key()), key.sign
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    return algorithm, spki_of(key.public_key()), lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))


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
