"""Files of keys, certificates and lists of revoked ones in PEM (RFC 7468)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from ...small_files import read_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = ["blocks", "first_block", "read_pem"]

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_MOST_BYTES = 1 << 20


def read_pem(path: str | os.PathLike[str]) -> bytes:
    """A file with keys or certificates.

    Raises:
        PgiInputError: it cannot be read, or is too large for one.
    """
    return read_bytes(path, "key or certificate", _MOST_BYTES)


def blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Label and DER of each block.

    Raises:
        ValueError: one is no base64.
    """
    for found in _BLOCK.finditer(data):
        try:
            yield found[1], base64.b64decode(b"".join(found[2].split()), validate=True)
        except binascii.Error as error:
            raise ValueError("A block of PEM is no base64.") from error


def first_block(data: bytes, label: bytes) -> bytes:
    """DER of the first block of a label; empty where there is none.

    Raises:
        ValueError: as :func:`blocks`.
    """
    return next((der for found, der in blocks(data) if found == label), b"")
