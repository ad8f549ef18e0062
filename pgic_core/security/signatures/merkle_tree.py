"""The Merkle tree over the leaf hashes of a tier (FORMAT.md, section 9.9; RFC 9162, 2.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..cipher_suites import Suite

__all__ = [
    "HASH_BYTES",
    "LOCATORS",
    "LOCATOR_BYTES",
    "locators_of",
    "path_of_leaf",
    "root_of",
    "root_of_path",
]

HASH_BYTES = 32
LOCATORS = b"pgi locators\0"
"""What stands before them where they are hashed."""
LOCATOR_BYTES = 8
"""Of a leaf hash, stored to tell which leaf was changed."""


def locators_of(tiers: Iterable[Sequence[bytes]]) -> bytes:
    """The locators of leaf hashes, tier by tier."""
    return b"".join(leaf[:LOCATOR_BYTES] for leaves in tiers for leaf in leaves)


def root_of(suite: Suite, leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes.

    Args:
        suite: whose hash it is.
        leaves: of 32 bytes; of none the root is empty.
    """
    if len(leaves) < 2:
        return b"".join(leaves)
    left = _left(len(leaves))
    return _node(suite, root_of(suite, leaves[:left]), root_of(suite, leaves[left:]))


def path_of_leaf(suite: Suite, leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the path of a leaf, the lowest first."""
    if len(leaves) == 1:
        return []
    left = _left(len(leaves))
    if index < left:
        return [*path_of_leaf(suite, leaves[:left], index), root_of(suite, leaves[left:])]
    return [*path_of_leaf(suite, leaves[left:], index - left), root_of(suite, leaves[:left])]


def root_of_path(suite: Suite, leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and the hashes beside its path lead to; None if they are too many or too few.

    Args:
        suite: whose hash it is.
        leaf: its hash.
        index: of the leaf in its tier, below ``count``.
        count: of the leaves of the tier.
        path: as of :func:`path_of_leaf`.
    """
    if count == 1:
        return None if path else leaf
    if not path:
        return None
    left = _left(count)
    if index < left:
        below = root_of_path(suite, leaf, index, left, path[:-1])
        return None if below is None else _node(suite, below, path[-1])
    below = root_of_path(suite, leaf, index - left, count - left, path[:-1])
    return None if below is None else _node(suite, path[-1], below)


def _left(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _node(suite: Suite, left: bytes, right: bytes) -> bytes:
    return suite.digest(b"pgi node\0", left, right)
