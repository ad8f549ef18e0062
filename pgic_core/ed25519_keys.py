"""Ed25519 keys in PEM files, for audit logs and model folders."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import TYPE_CHECKING, Any

from .errors import PgiInputError, PgiUnsupportedError
from .small_files import MOST_KEY, read_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["Signer", "is_signature_of", "key_id_of", "load_public_key", "make_key", "write_pair"]


class Signer:
    """Signs with a private key.

    Args:
        path: of an Ed25519 private key in PEM (PKCS 8), not encrypted.

    Raises:
        PgiInputError: it cannot be read, or is no such key.
        PgiUnsupportedError: the package ``cryptography`` is not installed.
    """

    def __init__(self, path: str) -> None:
        ed25519, serialization = _cryptography()
        try:
            key = serialization.load_pem_private_key(read_bytes(path, "key", MOST_KEY), None)
        except (ValueError, TypeError) as error:
            raise PgiInputError(f"{path} is not a private key in PEM without a passphrase.") from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise PgiInputError(f"{path} is not an Ed25519 key.")
        self._key: Ed25519PrivateKey = key
        self.key_id = key_id_of(key.public_key())

    def sign(self, message: bytes) -> str:
        """The signature of a message, in base64."""
        return base64.b64encode(self._key.sign(message)).decode()


def make_key(path: str) -> str:
    """Make an Ed25519 key: ``path`` holds the private one, for its owner alone; ``path.pub`` the public one.

    Returns:
        Its ``key_id``.

    Raises:
        PgiInputError: one of the files is there, or cannot be written.
        PgiUnsupportedError: the package ``cryptography`` is not installed.
    """
    ed25519, serialization = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_pair(path, private, public)
    return key_id_of(key.public_key())


def write_pair(path: str, private: bytes, public: bytes) -> None:
    """Write a private key to ``path``, for its owner alone, and the public one to ``path.pub``.

    Raises:
        PgiInputError: one of the files is there, or cannot be written.
    """
    for name, data, mode in ((path, private, 0o600), (f"{path}.pub", public, 0o644)):
        try:
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
        except OSError as error:
            raise PgiInputError(error.errno, f"The key cannot be written: {error.strerror}", name) from error


def load_public_key(path: str) -> Ed25519PublicKey:
    """Read an Ed25519 public key in PEM.

    Raises:
        PgiInputError: it cannot be read, or is no such key.
        PgiUnsupportedError: the package ``cryptography`` is not installed.
    """
    ed25519, serialization = _cryptography()
    try:
        found = serialization.load_pem_public_key(read_bytes(path, "key", MOST_KEY))
    except ValueError as error:
        raise PgiInputError(f"{path} is not a public key in PEM.") from error
    if not isinstance(found, ed25519.Ed25519PublicKey):
        raise PgiInputError(f"{path} is not an Ed25519 key.")
    key: Ed25519PublicKey = found
    return key


def key_id_of(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of SubjectPublicKeyInfo, DER; signatures of files use it too."""
    _, serialization = _cryptography()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()[:16]


def is_signature_of(key: Ed25519PublicKey, signature: str, message: bytes) -> bool:
    """Whether a signature, in base64, is that of a key for a message."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise PgiUnsupportedError(
            "Signatures need the package cryptography: pip install 'pgic[security]'."
        ) from error
    return ed25519, serialization
