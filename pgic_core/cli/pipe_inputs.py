"""Pipes as inputs: standard input, and what a path like ``/dev/stdin`` or ``/dev/fd/63`` leads to."""

from __future__ import annotations

import os
import stat
import sys
from typing import IO

from ..errors import PgiInputError
from ..limits import Limits

__all__ = ["read_stream", "stdin_stream"]

_CHUNK = 1 << 20


def stdin_stream() -> IO[bytes]:
    """Standard input, for what reads only as much as it needs.

    Raises:
        PgiInputError: it is a terminal, or closed.
    """
    if sys.stdin is None:
        raise PgiInputError("There is no standard input.")
    if sys.stdin.isatty():
        raise PgiInputError("Standard input is a terminal; give a file, or put one in with '<'.")
    return sys.stdin.buffer


def read_stream(stream: IO[bytes], what: str) -> bytes:
    """All that a pipe gives, in memory that grows with it.

    Args:
        stream: binary.
        what: its name, for the message.

    Raises:
        PgiInputError: it cannot be read, or is a device such as ``/dev/zero``, which never ends.
        PgiLimitError: there is more than ``stream_bytes``.
    """
    limits = Limits.from_environment()
    data = bytearray()
    while piece := stream.read(_CHUNK):
        if not data and _is_device(stream):
            raise PgiInputError("This is a device, not a file or a pipe.")
        data += piece
        limits.check("stream_bytes", len(data), what)
    return bytes(data)


def _is_device(stream: IO[bytes]) -> bool:
    try:
        return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no file of the system's
        return False
