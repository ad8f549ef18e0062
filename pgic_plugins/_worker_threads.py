"""How many threads a plugin takes: one in the worker of a DataLoader, which is told without imports."""

from __future__ import annotations

import sys

__all__ = ["threads_in_worker"]


def threads_in_worker(threads: int | None = None) -> int | None:
    """The threads asked for; if none were, 1 in a worker process of a torch DataLoader.

    Workers that each took all processors would only take them from each other.
    """
    data = sys.modules.get("torch.utils.data")  # a worker has imported it
    info = getattr(data, "get_worker_info", None)
    return 1 if threads is None and info is not None and info() is not None else threads
