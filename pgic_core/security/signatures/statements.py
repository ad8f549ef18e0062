"""Whether a key made a signature of a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import PgiAuthenticationError
from ..suites import same
from .algorithms import is_signature, key_id_of_spki
from .trust import is_of_key

if TYPE_CHECKING:
    from .record import Statement

__all__ = ["check_signer"]


def check_signer(
    statement: Statement, raw: bytes, signature: bytes, spki: bytes, certificates: tuple[bytes, ...]
) -> None:
    """Check that a key made a signature, and that the statement names this key and its certificate.

    Args:
        statement: what ``raw`` says.
        raw: the bytes that are signed.
        signature: of ``raw``.
        spki: the public key.
        certificates: the key's first.

    Raises:
        PgiAuthenticationError: that is not so.
        PgiFormatError: the key is none, or not of the algorithm.
    """
    digest = statement.suite.digest
    name = key_id_of_spki(spki, statement.algorithm).hex()
    forged = PgiAuthenticationError(f"The signature by key {name} is forged, or was damaged.")
    if not same(digest(spki), statement.key):
        raise forged
    certificate = certificates[0] if certificates else b""
    if bool(certificate) != bool(statement.certificate):
        raise forged
    if certificate and (
        not same(digest(certificate), statement.certificate) or not is_of_key(certificate, spki)
    ):
        raise forged
    if not is_signature(spki, statement.algorithm, signature, raw):
        raise forged
