"""How a key is wrapped for each kind of public key (FORMAT.md, section 9.5)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Protocol

from ..errors import PgiAuthenticationError, PgiOptionError, PgiUnsupportedError
from .cipher_suites import INTERNATIONAL, NATIONAL, find_suite, require_extra
from .sm2 import POINT, PRIVATE_BYTES, PUBLIC_BYTES, load_sm2

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.hpke import (
        KEM,
        MLKEM768X25519PrivateKey,
        MLKEM768X25519PublicKey,
        Suite,
    )

__all__ = ["SCHEMES", "Scheme", "find_scheme", "unwrap_sm2"]

_WRONG_KEY = "The key that is wrapped for this recipient was changed, or taken from another file."
_X25519, _MLKEM_PUBLIC, _MLKEM_SEED = 32, 1184, 64
_SM2_WRAPPED = 1 + 64 + 32 + 16  # C1 with its leading byte, C3, and C2 of a key of SM4


class Scheme(Protocol):
    """A kind of recipient with a key pair.

    Attributes:
        suite: number of the suite that it belongs to.
    """

    suite: int

    def generate(self) -> bytes:
        """A new private key."""

    def public_of(self, private: bytes) -> bytes:
        """The public key that belongs to a private one; raises PgiOptionError."""

    def check_public(self, public: bytes) -> None:
        """Raises PgiOptionError unless these bytes can be a public key."""

    def wrap(self, public: bytes, key: bytes, info: bytes) -> bytes:
        """A key for the owner of ``public``, bound to ``info``."""

    def unwrap(self, private: bytes, data: bytes, info: bytes) -> bytes:
        """The key again; raises PgiAuthenticationError."""


def _hpke(kem: KEM) -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, Suite

    return Suite(kem, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _check_size(data: bytes, size: int) -> None:
    if len(data) != size:
        raise PgiOptionError(f"The key has {len(data)} bytes where its kind has {size}.")


class _X25519Scheme:
    """HPKE with X25519."""

    suite = INTERNATIONAL

    def generate(self) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        return X25519PrivateKey.generate().private_bytes_raw()

    def public_of(self, private: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        _check_size(private, _X25519)
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    def check_public(self, public: bytes) -> None:
        _check_size(public, _X25519)

    def wrap(self, public: bytes, key: bytes, info: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.hpke import KEM

        try:
            return _hpke(KEM.X25519).encrypt(key, X25519PublicKey.from_public_bytes(public), info)
        except ValueError as error:  # a point of small order
            raise PgiOptionError(
                "The public key cannot be used: it is not a valid point of X25519."
            ) from error

    def unwrap(self, private: bytes, data: bytes, info: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.hpke import KEM

        try:
            return _hpke(KEM.X25519).decrypt(data, X25519PrivateKey.from_private_bytes(private), info)
        except (InvalidTag, ValueError) as error:
            raise PgiAuthenticationError(_WRONG_KEY) from error


class _HybridScheme:
    """HPKE with X-Wing: safe as long as one of ML-KEM-768 and X25519 is."""

    suite = INTERNATIONAL

    def generate(self) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        return (
            MLKEM768PrivateKey.generate().private_bytes_raw()
            + X25519PrivateKey.generate().private_bytes_raw()
        )

    def public_of(self, private: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        _check_size(private, _MLKEM_SEED + _X25519)
        first = MLKEM768PrivateKey.from_seed_bytes(private[:_MLKEM_SEED]).public_key().public_bytes_raw()
        second = X25519PrivateKey.from_private_bytes(private[_MLKEM_SEED:]).public_key().public_bytes_raw()
        return first + second

    def check_public(self, public: bytes) -> None:
        _check_size(public, _MLKEM_PUBLIC + _X25519)

    def wrap(self, public: bytes, key: bytes, info: bytes) -> bytes:
        from cryptography.hazmat.primitives.hpke import KEM

        try:
            return _hpke(KEM.MLKEM768_X25519).encrypt(key, self._public(public), info)
        except ValueError as error:
            raise PgiOptionError(
                "The public key cannot be used: it is none of ML-KEM-768 and X25519."
            ) from error

    def unwrap(self, private: bytes, data: bytes, info: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.hpke import KEM

        try:
            return _hpke(KEM.MLKEM768_X25519).decrypt(data, self._private(private), info)
        except (InvalidTag, ValueError) as error:
            raise PgiAuthenticationError(_WRONG_KEY) from error

    @staticmethod
    def _public(public: bytes) -> MLKEM768X25519PublicKey:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]),
        )

    @staticmethod
    def _private(private: bytes) -> MLKEM768X25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

        return MLKEM768X25519PrivateKey(
            MLKEM768PrivateKey.from_seed_bytes(private[:_MLKEM_SEED]),
            X25519PrivateKey.from_private_bytes(private[_MLKEM_SEED:]),
        )


class _Sm2Scheme:
    """SM2 encryption of a key of SM4-GCM, by ``gmalg``: pure Python, and so not in constant time."""

    suite = NATIONAL

    def generate(self) -> bytes:
        return bytes(load_sm2().generate_keypair()[0]).rjust(PRIVATE_BYTES, b"\0")

    def public_of(self, private: bytes) -> bytes:
        _check_size(private, PRIVATE_BYTES)
        try:
            return bytes(load_sm2(private).generate_pk(private))[-PUBLIC_BYTES:]
        except Exception as error:  # gmalg has no base of its errors
            raise PgiOptionError("The private key is none of SM2.") from error

    def check_public(self, public: bytes) -> None:
        _check_size(public, PUBLIC_BYTES)
        if not load_sm2().verify_pk(POINT + public):
            raise PgiOptionError("The public key cannot be used: it is not a point of the curve of SM2.")

    def wrap(self, public: bytes, key: bytes, info: bytes) -> bytes:
        suite = find_suite(NATIONAL)
        outer = secrets.token_bytes(suite.key_bytes)
        return bytes(load_sm2(public=POINT + public).encrypt(outer)) + suite.seal(outer, 0, key, info)

    def unwrap(self, private: bytes, data: bytes, info: bytes) -> bytes:
        def decrypt(cipher: bytes) -> bytes:
            try:
                return bytes(load_sm2(private).decrypt(cipher))
            except Exception as error:  # gmalg has no base of its errors
                raise PgiAuthenticationError(_WRONG_KEY) from error

        return unwrap_sm2(decrypt, data, info)


def unwrap_sm2(decrypt: Callable[[bytes], bytes], data: bytes, info: bytes) -> bytes:
    """A key that was wrapped by SM2.

    Args:
        decrypt: SM2 decryption (GB/T 32918.4) of C1 C3 C2, C1 with its leading 04.
        data: the wrapped key.
        info: what it is bound to.

    Raises:
        PgiAuthenticationError: it was not wrapped for this key and ``info``.
    """
    outer, suite = decrypt(data[:_SM2_WRAPPED]), find_suite(NATIONAL)
    if len(outer) != suite.key_bytes:
        raise PgiAuthenticationError(_WRONG_KEY)
    return suite.open(outer, 0, data[_SM2_WRAPPED:], info, "The key that is wrapped for this recipient")


SCHEMES: dict[str, Scheme] = {
    "x25519": _X25519Scheme(),
    "mlkem768-x25519": _HybridScheme(),
    "sm2": _Sm2Scheme(),
}
"""By kind, as key files and envelopes name it."""


def find_scheme(kind: str) -> Scheme:
    """The scheme of a kind of key.

    Raises:
        PgiUnsupportedError: it is not known here, or the extra "security" is missing.
    """
    if kind not in SCHEMES:
        raise PgiUnsupportedError(f"Keys of the kind {kind!r} are not known here.")
    require_extra()
    return SCHEMES[kind]
