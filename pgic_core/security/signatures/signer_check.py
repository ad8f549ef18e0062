"""Whether a key made a signature of a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import PgiAuthenticationError, PgiFormatError
from ..cipher_suites import same
from .algorithms import is_signature, key_id_of_spki
from .signer_trust import key_of_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .signed_statement import Statement

__all__ = ["check_signer", "signer_key"]


def signer_key(key: bytes, certificates: Sequence[bytes]) -> bytes:
    """The public key of a signer, SubjectPublicKeyInfo: that of the first certificate, if there is one.

    Args:
        key: as a record has it beside no certificates.
        certificates: DER.

    Raises:
        PgiFormatError: the certificate is none, or of a kind of key that is not known here.
    """
    if not certificates:
        return key
    found = key_of_certificate(certificates[0])
    if found is None:
        raise PgiFormatError("The certificate of a signature cannot be read.")
    return found


def check_signer(
    statement: Statement, raw: bytes, signature: bytes, key: bytes, certificates: Sequence[bytes]
) -> bytes:
    """Check that a key made a signature, and that the statement names this key and its certificate.

    Args:
        statement: what ``raw`` says.
        raw: the bytes that are signed.
        signature: of ``raw``.
        key: as of :func:`signer_key`, likewise the next.
        certificates: the key's first.

    Returns:
        The public key, SubjectPublicKeyInfo.

    Raises:
        PgiAuthenticationError: that is not so.
        PgiFormatError: the key is none, or not of the algorithm.
    """
    spki = signer_key(key, certificates)
    digest = statement.suite.digest
    name = key_id_of_spki(spki, statement.algorithm).hex()
    forged = PgiAuthenticationError(f"The signature by key {name} is forged, or was damaged.")
    if not same(digest(spki), statement.key):
        raise forged
    certificate = certificates[0] if certificates else b""
    if bool(certificate) != bool(statement.certificate):
        raise forged
    if certificate and not same(digest(certificate), statement.certificate):
        raise forged
    if not is_signature(spki, statement.algorithm, signature, raw):
        raise forged
    return spki
