"""Reading the CBOR maps of signatures: records, statements, claims, proofs (FORMAT.md, section 9.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cbor2

from ...container.cbor_checking import scan
from ...errors import PgiFormatError
from .merkle_tree import HASH_BYTES

if TYPE_CHECKING:
    from ...limits import Limits

__all__ = ["is_hash", "read_map", "take", "take_bytes", "wrong"]


def read_map(data: bytes, limits: Limits) -> dict[str, Any]:
    """A CBOR map under the rules of FORMAT.md, section 7, but for its keys.

    Raises:
        PgiFormatError: it is none.
    """
    try:
        scan(data, limits)
        content = cbor2.loads(data)
    except (PgiFormatError, cbor2.CBORDecodeError, ValueError, RecursionError) as error:
        raise PgiFormatError("A signature of the file cannot be read.") from error
    if not isinstance(content, dict):
        raise PgiFormatError("A signature of the file cannot be read.")
    return content


def take(content: dict[str, Any], name: str, kind: type) -> Any:
    """Take a value of a type out of a map.

    Raises:
        PgiFormatError: it is missing, or of another type.
    """
    value = content.pop(name, None)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise wrong(name)
    return value


def take_bytes(content: dict[str, Any], name: str, size: int | None = None) -> bytes:
    """Take a byte string out of a map, of this size or of any but 0.

    Raises:
        PgiFormatError: it is missing, or of another size.
    """
    value: bytes = take(content, name, bytes)
    if not value or (size is not None and len(value) != size):
        raise wrong(name)
    return value


def wrong(name: str) -> PgiFormatError:
    """The error of a value that cannot be."""
    return PgiFormatError(f"A signature of the file has a {name!r} that it cannot have.")


def is_hash(item: object) -> bool:
    """Whether this can be a hash."""
    return isinstance(item, bytes) and len(item) == HASH_BYTES
