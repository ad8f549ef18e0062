"""Logging as the environment says: which file, whether to go on where it fails, when to sign."""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from ..errors import PgiError, PgiOptionError, PgiWarning
from .checkpoint import sign_head
from .log_appending import MOST_LOG_BYTES, append, log_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..ed25519_keys import Signer
    from .checkpoint import Head

__all__ = ["checkpoint", "record"]

_FAIL = "PGIC_AUDIT_FAIL"
_KEY = "PGIC_AUDIT_KEY"
_HEAD = "PGIC_AUDIT_HEAD"
_MOST = "PGIC_AUDIT_MAX_BYTES"
# Lines between checkpoints: what a forger could make anew, where no head is kept.
_EVERY = 256


def record(path: str, event: str, facts: Mapping[str, object]) -> None:
    """Append an event; a checkpoint follows each 256th line if ``PGIC_AUDIT_KEY`` names a key.

    Args:
        path: of the log.
        event: as for :func:`pgic_core.audit.note`.
        facts: likewise.

    Warns:
        PgiWarning: it cannot be logged, and ``PGIC_AUDIT_FAIL`` is ``open``.

    Raises:
        PgiError: it cannot be logged.
    """
    fail = os.environ.get(_FAIL, "closed")
    if fail not in ("open", "closed"):
        raise PgiOptionError(f"{_FAIL} must be 'open' or 'closed', not {fail!r}.")
    try:
        _record(path, event, facts)
    except PgiError as error:
        if fail == "closed":
            raise
        warnings.warn(PgiWarning(f"The event '{event}' is not in the audit log: {error}"), stacklevel=2)


def checkpoint(path: str, key: str, head: str | None = None) -> Head:
    """Sign the end of a log.

    Args:
        path: of the log.
        key: path of an Ed25519 private key.
        head: where to write the head too.

    Raises:
        PgiError: log or head cannot be written, or the key not read.
    """
    signed: list[Head] = []

    def also(seq: int, digest: str) -> Mapping[str, object]:
        signed.append(sign_head(_signer(key), log_id(path), seq, digest))
        return {"key_id": signed[0].key_id, "signature": signed[0].signature}

    # A line of its own, since only lines that are there can be signed.
    append(path, "sign", {}, most_bytes=_most_bytes(), also=also)
    if head is not None:
        signed[0].write(head)
    return signed[0]


def _record(path: str, event: str, facts: Mapping[str, object]) -> None:
    key = os.environ.get(_KEY)
    heads: list[Head] = []

    def also(seq: int, digest: str) -> Mapping[str, object] | None:
        if key is None or seq % _EVERY < _EVERY - 2:
            return None
        heads.append(sign_head(_signer(key), log_id(path), seq, digest))
        return {"key_id": heads[0].key_id, "signature": heads[0].signature}

    append(path, event, facts, most_bytes=_most_bytes(), also=also if key else None)
    if heads and (target := os.environ.get(_HEAD)):
        heads[0].write(target)


@lru_cache(maxsize=4)
def _signer(path: str) -> Signer:
    from ..ed25519_keys import Signer

    return Signer(path)


def _most_bytes() -> int:
    text = os.environ.get(_MOST)
    if text is None:
        return MOST_LOG_BYTES
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= 65_536):
        raise PgiOptionError(f"{_MOST} must be a whole number from 65536, not {text!r}.")
    return int(text)
