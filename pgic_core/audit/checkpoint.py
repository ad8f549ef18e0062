"""Signed checkpoints of the log, and heads of it to keep elsewhere (AUDIT.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..container import atomic_write
from ..ed25519_keys import is_signature_of
from ..errors import PgiInputError
from ..small_files import read_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from ..ed25519_keys import Signer

__all__ = ["Head", "is_signed_by", "read_head", "sign_head"]

_MOST_BYTES = 65_536


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
        members = {name: getattr(self, name) for name in self.__slots__}
        atomic_write(path, (json.dumps(members) + "\n").encode())


def sign_head(signer: Signer, log: str, seq: int, digest: str) -> Head:
    """Sign number and hash of a line."""
    return Head(log, seq, digest, signer.key_id, signer.sign(_message(log, seq, digest)))


def is_signed_by(key: Ed25519PublicKey, head: Head) -> bool:
    """Whether the signature of a head is that of a key."""
    return is_signature_of(key, head.signature, _message(head.log, head.seq, head.hash))


def read_head(path: str) -> Head:
    """Read a head.

    Raises:
        PgiInputError: it cannot be read, or is no head.
    """
    value = read_json(path, most_bytes=_MOST_BYTES)
    kinds = {"log": str, "seq": int, "hash": str, "key_id": str, "signature": str}
    sound = isinstance(value, dict) and all(isinstance(value.get(name), kind) for name, kind in kinds.items())
    if not sound:
        raise PgiInputError(f"{path} is not the head of an audit log.")
    return Head(**{name: value[name] for name in kinds})


def _message(log: str, seq: int, digest: str) -> bytes:
    return f"pgic audit checkpoint 1\n{log}\n{seq}\n{digest}\n".encode("ascii", "backslashreplace")
