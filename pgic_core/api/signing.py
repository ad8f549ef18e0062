"""Signing files (A-6.5.3b, c); :meth:`.PgiFile.verify` says what signatures prove."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from ..audit import audited
from ..audit.facts import path_of
from ..container import atomic_write
from ..errors import PgiInputError, PgiKeyError
from ..limits import Limits
from ..security.access import open_reader

if TYPE_CHECKING:
    from ..security.keyring import KeysLike
    from ..security.signatures import SigningKey

__all__ = ["sign"]

_CHUNK = 1 << 20


def sign(
    path: str | os.PathLike[str],
    key: SigningKey,
    *,
    original: str | os.PathLike[str] | None = None,
    keys: KeysLike | None = None,
    limits: Limits | None = None,
) -> None:
    """Sign a file in place; its picture and metadata are copied byte for byte.

    A file that is signed gets one more signature, which names those before it.

    Args:
        path: the file.
        key: that signs.
        original: the camera's file, whose SHA-256 is signed too.
        keys: for an encrypted file, as of :class:`.PgiFile`; they must open it in full.
        limits: what the file may ask for.

    Raises:
        PgiKeyError: the file is encrypted, and the keys do not open it in full.
        PgiFormatError: it is damaged.
        PgiUnsupportedError: a later version wrote it.
        PgiLimitError: it has too many signatures.
        PgiInputError: a file cannot be read or written.
    """
    # Not imported for those who do not sign.
    from ..security.signatures.making import signed

    digest = b"" if original is None else _digest_of(original)
    with (
        audited("edit", file=path_of(path), what="sign"),
        open_reader(path, limits or Limits.from_environment(), keys) as reader,
    ):
        if reader.header.image.encrypted and reader.sealed is None:
            _ = reader.payload_length  # says why
            raise PgiKeyError("The file is encrypted.")
        atomic_write(path, signed(reader, key, original=digest))


def _digest_of(path: str | os.PathLike[str]) -> bytes:
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_CHUNK):
                sha.update(piece)
    except OSError as error:
        raise PgiInputError(
            error.errno, f"The original cannot be read: {error.strerror}", os.fspath(path)
        ) from error
    return sha.digest()
