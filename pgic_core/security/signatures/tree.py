"""The Merkle tree over leaf hashes (FORMAT.md, section 9.9; RFC 9162, 2.1.1)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HASH_BYTES", "path_of_leaf", "root_of", "root_of_path"]

HASH_BYTES = 32


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes.

    Args:
        leaves: one or more, of 32 bytes.
    """
    if len(leaves) == 1:
        return leaves[0]
    left = _left(len(leaves))
    return _node(root_of(leaves[:left]), root_of(leaves[left:]))


def path_of_leaf(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the path of a leaf, the lowest first."""
    if len(leaves) == 1:
        return []
    left = _left(len(leaves))
    if index < left:
        return [*path_of_leaf(leaves[:left], index), root_of(leaves[left:])]
    return [*path_of_leaf(leaves[left:], index - left), root_of(leaves[:left])]


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and the hashes beside its path lead to; None if they are too many or too few.

    Args:
        leaf: its hash.
        index: of the leaf, below ``count``.
        count: of all leaves.
        path: as of :func:`path_of_leaf`.
    """
    if count == 1:
        return None if path else leaf
    if not path:
        return None
    left = _left(count)
    if index < left:
        below = root_of_path(leaf, index, left, path[:-1])
        return None if below is None else _node(below, path[-1])
    below = root_of_path(leaf, index - left, count - left, path[:-1])
    return None if below is None else _node(path[-1], below)


def _left(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"pgi node\0" + left + right).digest()
