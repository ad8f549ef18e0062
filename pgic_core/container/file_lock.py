"""Opening a file so that no other writer of this software changes it meanwhile."""

from __future__ import annotations

import os
from typing import IO

from ..errors import PgiInputError
from .atomic_writing import plain_errors

__all__ = ["open_locked"]


def open_locked(name: str) -> IO[bytes]:
    """Open a file for reading and writing, locked against other writers, where the system has locks.

    Args:
        name: of a file that is there.

    Returns:
        The file; closing it lets go of the lock.

    Raises:
        PgiInputError: it cannot be written, or another writer has it open.
    """
    with plain_errors(name):
        file = open(name, "r+b", buffering=0)  # noqa: SIM115 - closed by the caller
    try:
        import fcntl
    except ImportError:  # Windows
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise PgiInputError(f"{name} is open in another writer.") from None
    except OSError:  # a file system without locks
        return file
    with plain_errors(name):
        found, there = os.fstat(file.fileno()), os.stat(name)
    if (found.st_dev, found.st_ino) != (there.st_dev, there.st_ino):  # replaced meanwhile
        file.close()
        return open_locked(name)
    return file
