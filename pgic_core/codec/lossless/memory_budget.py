"""Memory that tiles take while they are decoded, counted over all threads of the process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """Lets threads work only as far as their memory is allowed together; the others wait.

    A single thread may always work, however much it needs: its own need is bounded by other limits.
    """

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            # A forked child has none of its parent's threads, which would have given theirs back.
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._changed = Condition()
        self._taken = 0

    @contextmanager
    def of(self, size: int, limit: int) -> Iterator[None]:
        """Wait until ``size`` more bytes stay within the limit, and hold them for the block.

        Args:
            size: bytes that the block takes at worst.
            limit: bytes that all blocks may take together.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + size <= limit)
            self._taken += size
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size
                self._changed.notify_all()
