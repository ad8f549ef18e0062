"""The two families of algorithms, each behind the same few functions (FORMAT.md, section 9.3).

Suite 1 is AES-256-GCM with SHA-256 (A-6.5.3a); suite 2 is SM4-GCM with SM3 (A-9.1.2b). Both come from
``cryptography``. Plain bytes are handed out only after the tag was checked.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import PgiAuthenticationError, PgiUnsupportedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

__all__ = ["INTERNATIONAL", "NATIONAL", "TAG_BYTES", "Aead", "Suite", "find_suite", "require_extra", "same"]

INTERNATIONAL, NATIONAL = 1, 2
TAG_BYTES = 16
_NONCE = struct.Struct("<I8x")


class Aead(Protocol):
    """Authenticated encryption with one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Ciphertext, then tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The plain bytes; raises ``InvalidTag``."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A family of algorithms. They are loaded when they are first needed.

    Attributes:
        number: in the envelope.
        algorithm: in the security mark.
        key_bytes: of the AEAD.
    """

    number: int
    algorithm: str
    key_bytes: int

    def _aead(self, key: bytes) -> Aead:
        if self.number == NATIONAL:
            return _Sm4Gcm(key)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(key)

    def _hash(self) -> HashAlgorithm:
        from cryptography.hazmat.primitives import hashes

        return hashes.SM3() if self.number == NATIONAL else hashes.SHA256()

    def seal(self, key: bytes, index: int, data: bytes, associated: bytes) -> bytes:
        """Encrypt one message.

        Args:
            key: of the AEAD; never used for another message of this index.
            index: of the message; the nonce.
            data: plain bytes.
            associated: what is authenticated with it.
        """
        return self._aead(key).encrypt(_NONCE.pack(index), data, associated)

    def open(self, key: bytes, index: int, data: bytes, associated: bytes, what: str) -> bytes:
        """Decrypt one message.

        Args:
            key: of the AEAD.
            index: of the message.
            data: ciphertext and tag.
            associated: what is authenticated with it.
            what: the message, for errors.

        Raises:
            PgiAuthenticationError: it is not what was encrypted under this key, index and associated data.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._aead(key).decrypt(_NONCE.pack(index), data, associated)
        except (InvalidTag, ValueError) as error:
            raise PgiAuthenticationError(f"{what} was changed after it was encrypted.") from error

    def expand(self, key: bytes, info: bytes, length: int = 32) -> bytes:
        """HKDF-Expand (RFC 5869)."""
        from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

        return HKDFExpand(self._hash(), length, info).derive(key)

    def derive(self, key: bytes, salt: bytes, info: bytes) -> bytes:
        """HKDF (RFC 5869), a key of the AEAD."""
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(self._hash(), self.key_bytes, salt, info).derive(key)

    def digest(self, *pieces: bytes) -> bytes:
        """The hash of pieces one after another, 32 bytes."""
        if self.number == INTERNATIONAL:
            return hashlib.sha256(b"".join(pieces)).digest()
        from cryptography.hazmat.primitives.hashes import Hash

        context = Hash(self._hash())
        for piece in pieces:
            context.update(piece)
        return context.finalize()

    def mac(self, key: bytes, data: bytes) -> bytes:
        """HMAC (RFC 2104), 32 bytes."""
        from cryptography.hazmat.primitives.hmac import HMAC

        context = HMAC(key, self._hash())
        context.update(data)
        return context.finalize()


class _Sm4Gcm:
    """SM4-GCM (RFC 8998), which ``cryptography`` offers as a cipher only."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import algorithms

        self._algorithm = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, modes

        cipher = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        cipher.authenticate_additional_data(associated_data)
        return cipher.update(data) + cipher.finalize() + cipher.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, modes

        if len(data) < TAG_BYTES:
            raise ValueError("There is no tag.")
        tag = data[-TAG_BYTES:]
        cipher = Cipher(self._algorithm, modes.GCM(nonce, tag)).decryptor()
        cipher.authenticate_additional_data(associated_data)
        # Nobody sees these bytes unless finalize() finds the tag right.
        plain = cipher.update(data[:-TAG_BYTES])
        return plain + cipher.finalize()


_SUITES = {
    INTERNATIONAL: Suite(INTERNATIONAL, "AES-256-GCM", 32),
    NATIONAL: Suite(NATIONAL, "SM4-GCM", 16),
}


def find_suite(number: int) -> Suite:
    """The suite of this number.

    Raises:
        PgiUnsupportedError: there is none.
    """
    if number not in _SUITES:
        raise PgiUnsupportedError(f"The file is encrypted by the unknown suite {number}.")
    return _SUITES[number]


def require_extra(why: str = "The file is encrypted; to open or make such files") -> None:
    """Raise unless the algorithms are installed.

    Args:
        why: the start of the message.

    Raises:
        PgiUnsupportedError: they are not; the message names the extra.
    """
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise PgiUnsupportedError(
            f"{why}, install the extra 'security': pip install 'pgic[security]'."
        ) from error


def same(first: bytes, second: bytes) -> bool:
    """Whether secrets or what follows from them are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(first, second)
