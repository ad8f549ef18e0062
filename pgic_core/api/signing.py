"""Signing files (A-6.5.3b, c); :meth:`.PgiFile.verify` says what signatures prove."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from ..audit import audited
from ..audit.logged_facts import path_of
from ..container import PgiReader, atomic_write
from ..errors import PgiAuthenticationError, PgiInputError, PgiKeyError, PgiOptionError
from ..limits import Limits
from ..security.reader_unlocking import open_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..security.keyring import KeysLike
    from ..security.signatures import SigningKey
    from ..security.signatures.window_proof import ProvenWindow

__all__ = ["add_timestamp", "check_proof", "sign", "timestamp_request"]

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
    from ..security.signatures.signature_making import signed

    digest = b"" if original is None else _digest_of(original)
    with (
        audited("edit", file=path_of(path), what="sign"),
        open_reader(path, limits or Limits.from_environment(), keys) as reader,
    ):
        if reader.header.image.encrypted and reader.sealed is None:
            _ = reader.payload_length  # says why
            raise PgiKeyError("The file is encrypted.")
        atomic_write(path, signed(reader, key, original=digest))


def timestamp_request(path: str | os.PathLike[str], *, limits: Limits | None = None) -> bytes:
    """The request (RFC 3161) to an authority for a time stamp on the newest signature of a file, DER.

    Args:
        path: the file; an encrypted one needs no key.
        limits: what it may ask for.

    Raises:
        PgiOptionError: the file is not signed.
        PgiError: as :func:`add_timestamp`.
    """
    from ..security.envelope_opening import records_of
    from ..security.signatures.signature_record import signatures_in
    from ..security.signatures.time_stamps import request_for

    with PgiReader(path, limits or Limits.from_environment()) as reader:
        reader.require_picture()
        encrypted = reader.header.image.encrypted
        found = signatures_in(records_of(reader), reader.limits, encrypted=encrypted)
        if not found:
            raise PgiOptionError("The file is not signed; sign it first.")
        return request_for(found[-1])


def add_timestamp(path: str | os.PathLike[str], response: bytes, *, limits: Limits | None = None) -> None:
    """Put the time stamp of an authority into a file, in place; all but the security block is copied.

    Args:
        path: the file; an encrypted one needs no key.
        response: what the authority answered to :func:`timestamp_request`, DER.
        limits: what the file may ask for.

    Raises:
        PgiInputError: the response is no time stamp on a signature of the file; or a file cannot be read or
            written.
        PgiFormatError: the file is damaged.
        PgiUnsupportedError: a later version wrote it, or the extra "security" is missing.
    """
    from ..security.signatures.signature_making import stamped

    with (
        audited("edit", file=path_of(path), what="timestamp"),
        PgiReader(path, limits or Limits.from_environment()) as reader,
    ):
        reader.require_picture()
        atomic_write(path, stamped(reader, response))


def check_proof(
    proof: bytes,
    *,
    trust: str | os.PathLike[str] | None = None,
    crls: Sequence[str | os.PathLike[str]] = (),
    limits: Limits | None = None,
) -> ProvenWindow:
    """Check a proof that :meth:`.PgiFile.prove` made.

    Args:
        proof: its bytes.
        trust: file of certificates or public keys in PEM; then one of their owners must have signed.
        crls: files with lists of revoked certificates, as of :meth:`.PgiFile.check_signatures`.
        limits: what the proof may ask for.

    Returns:
        The parts that were signed, and by which key; without ``trust`` that is not who signed.

    Raises:
        PgiAuthenticationError: it proves nothing, or not that somebody who is trusted signed.
        PgiFormatError: it is no proof.
        PgiInputError: ``trust`` or a list cannot be read.
        PgiUnsupportedError: the extra "security" is missing.
    """
    from ..security.cipher_suites import require_extra
    from ..security.signatures.signer_trust import Trust
    from ..security.signatures.window_proof import check_proof as check

    require_extra("To check signatures")
    roots = None if trust is None else Trust.from_pem(trust, crls)
    found = check(proof, roots, limits or Limits.from_environment())
    if roots is not None and not found.trusted:
        raise PgiAuthenticationError(
            f"The proof is signed by key {found.key_id}, not trusted: {found.reason}."
        )
    return found


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
