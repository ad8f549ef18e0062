"""Signed checkpoints of the log, and heads of it to keep elsewhere (AUDIT.md)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..container import atomic_write
from ..data_files import read_json
from ..errors import PgiInputError, PgiUnsupportedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["Head", "Signer", "is_signed_by", "key_id_of", "load_public_key", "make_key", "read_head"]

_MOST_KEY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Head:
    """The newest checkpoint of a log, small enough to keep anywhere.

    Attributes:
        log: id of the log.
        seq: number of a line.
        hash: hash of that line.
        key_id: of the key that signed.
        signature: base64.
    """

    log: str
    seq: int
    hash: str
    key_id: str
    signature: str

    def write(self, path: str) -> None:
        """Write the head to a file in one step.

        Raises:
            PgiInputError: it cannot be written.
        """
        atomic_write(
            path, (json.dumps({name: getattr(self, name) for name in self.__slots__}) + "\n").encode()
        )


class Signer:
    """Signs checkpoints.

    Args:
        path: of an Ed25519 private key in PEM (PKCS 8), not encrypted.

    Raises:
        PgiInputError: it cannot be read, or is no such key.
        PgiUnsupportedError: the package ``cryptography`` is not installed.
    """

    def __init__(self, path: str) -> None:
        ed25519, serialization = _cryptography()
        try:
            key = serialization.load_pem_private_key(_read(path), None)
        except (ValueError, TypeError) as error:
            raise PgiInputError(f"{path} is no private key in PEM without a passphrase.") from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise PgiInputError(f"{path} is no Ed25519 key.")
        self._key: Ed25519PrivateKey = key
        self.key_id = key_id_of(key.public_key())

    def sign(self, log: str, seq: int, digest: str) -> Head:
        """Sign number and hash of a line."""
        signature = self._key.sign(_message(log, seq, digest))
        return Head(log, seq, digest, self.key_id, base64.b64encode(signature).decode())


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
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(private)
    except OSError as error:
        raise PgiInputError(error.errno, f"The key cannot be written: {error.strerror}", path) from error
    atomic_write(f"{path}.pub", public, replace=False)
    return key_id_of(key.public_key())


def load_public_key(path: str) -> Ed25519PublicKey:
    """Read an Ed25519 public key in PEM.

    Raises:
        PgiInputError: it cannot be read, or is no such key.
        PgiUnsupportedError: the package ``cryptography`` is not installed.
    """
    ed25519, serialization = _cryptography()
    try:
        found = serialization.load_pem_public_key(_read(path))
    except ValueError as error:
        raise PgiInputError(f"{path} is no public key in PEM.") from error
    if not isinstance(found, ed25519.Ed25519PublicKey):
        raise PgiInputError(f"{path} is no Ed25519 key.")
    key: Ed25519PublicKey = found
    return key


def key_id_of(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of the public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def is_signed_by(key: Ed25519PublicKey, head: Head) -> bool:
    """Whether the signature of a head is that of a key."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(head.signature, validate=True), _message(head.log, head.seq, head.hash))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def read_head(path: str) -> Head:
    """Read a head.

    Raises:
        PgiInputError: it cannot be read, or is no head.
    """
    value = read_json(path, most_bytes=_MOST_KEY_BYTES)
    kinds = {"log": str, "seq": int, "hash": str, "key_id": str, "signature": str}
    if not isinstance(value, dict) or any(
        not isinstance(value.get(name), kind) for name, kind in kinds.items()
    ):
        raise PgiInputError(f"{path} is no head of an audit log.")
    return Head(**{name: value[name] for name in kinds})


def _message(log: str, seq: int, digest: str) -> bytes:
    return f"pgic audit checkpoint 1\n{log}\n{seq}\n{digest}\n".encode("ascii", "backslashreplace")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST_KEY_BYTES)
    except OSError as error:
        raise PgiInputError(error.errno, f"The key cannot be read: {error.strerror}", path) from error


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise PgiUnsupportedError(
            "Signed checkpoints need the package cryptography: pip install 'pgic[trust]'."
        ) from error
    return ed25519, serialization
