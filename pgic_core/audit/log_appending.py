"""Appending to the log: one writer at a time, on the disk before it returns (AUDIT.md)."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import secrets
import socket
import stat
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from ..errors import PgiFormatError, PgiInputError
from ..folders import sync_folder
from .log_line import MOST_BYTES, NO_HASH, Line, made_line, parse_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["MOST_LOG_BYTES", "append", "files_of", "log_id"]

MOST_LOG_BYTES = 64 << 20
"""A log is rotated when it has this size."""

_TAIL = 2 * MOST_BYTES
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class _End:
    """Where a log goes on.

    Attributes:
        seq: of the next line.
        hash: of the last one.
        torn: bytes that an interrupted writer left, not ended by LF.
        size: bytes of the file.
    """

    seq: int
    hash: str
    torn: bytes = b""
    size: int = 0


def append(
    path: str,
    event: str,
    facts: Mapping[str, object],
    *,
    most_bytes: int = MOST_LOG_BYTES,
    also: Callable[[int, str], Mapping[str, object] | None] | None = None,
) -> int:
    """Append a line, and return its number once it is on the disk.

    Args:
        path: of the log, which is made where it is missing.
        event: what happened.
        facts: about it.
        most_bytes: size at which the log is rotated.
        also: is given number and hash of the line; what it returns become the facts of a checkpoint that
            follows at once.

    Raises:
        PgiInputError: the log cannot be written.
        PgiFormatError: the log's end cannot be read, so that nothing can follow it.
    """
    try:
        with _locked(path):
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise PgiInputError(f"The audit log {path} is not a regular file.")
                end = _end_of(handle, path)
                if end.size >= most_bytes:
                    end = _write(handle, end, "rotate", {})
                    os.close(handle)
                    handle = -1
                    handle = _rotated(path)
                if end.seq == 0 or _is_empty(handle):
                    end = _write(handle, end, "start", {"log": log_id(path)})
                    sync_folder(os.path.dirname(path) or ".")
                end = _write(handle, end, event, facts)
                number = end.seq - 1
                checkpoint = also(number, end.hash) if also is not None else None
                if checkpoint is not None:
                    _write(handle, end, "checkpoint", checkpoint)
            finally:
                if handle >= 0:
                    os.close(handle)
    except OSError as error:
        if isinstance(error, PgiInputError):
            raise
        reason = error.strerror or error
        raise PgiInputError(error.errno, f"The audit log cannot be written: {reason}", path) from error
    return number


def files_of(path: str) -> list[str]:
    """The files of a log that are there, oldest first."""
    folder, name = os.path.split(path)
    pattern = re.compile(re.escape(name) + r"\.\d{6}")
    try:
        old = sorted(each for each in os.listdir(folder or ".") if pattern.fullmatch(each))
    except OSError:
        old = []
    found = [os.path.join(folder, each) for each in old]
    return [*found, path] if os.path.exists(path) else found


def _end_of(handle: int, path: str) -> _End:
    size = os.fstat(handle).st_size
    if size == 0:
        older = [each for each in files_of(path) if each != path]
        if not older:
            return _End(0, NO_HASH)
        with open(older[-1], "rb") as file:
            end = _end_of(file.fileno(), older[-1])
        return _End(end.seq, end.hash)
    os.lseek(handle, max(size - _TAIL, 0), os.SEEK_SET)
    tail = _read(handle, _TAIL)
    body, _, fragment = tail.rpartition(b"\n")
    last = _last_line(body, needs_sound=bool(fragment))
    if last is None and size <= _TAIL and b"\n" not in tail:
        return _End(0, NO_HASH, fragment, size)  # stopped within its very first line
    if last is None:
        raise PgiFormatError(f"The end of the audit log {path} is damaged; nothing can be added to it.")
    line, after = last
    torn = after + fragment if fragment else b""
    return _End(line.seq + 1, line.hash, torn, size)


def _last_line(body: bytes, *, needs_sound: bool) -> tuple[Line, bytes] | None:
    """The last line that can be followed, and the bytes after it."""
    lines = body.split(b"\n")
    for index in range(len(lines) - 1, -1, -1):
        line = parse_line(lines[index])
        if line is not None and (line.sound or not needs_sound):
            return line, b"".join(each + b"\n" for each in lines[index + 1 :])
    return None


def _write(handle: int, end: _End, event: str, facts: Mapping[str, object]) -> _End:
    """Append a line and wait until it is on the disk; where the log goes on then."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    members: dict[str, object] = {"time": moment, "event": event, **_who(), "pid": os.getpid()}
    members |= {name: value for name, value in facts.items() if name not in ("seq", "prev", "hash", *members)}
    if end.torn:
        members["torn"] = hashlib.sha256(end.torn).hexdigest()
    data, digest = made_line(end.seq, end.hash, members)
    rest = memoryview(b"\n" + data if end.torn else data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)
    return _End(end.seq + 1, digest, size=end.size + len(data))


def _rotated(path: str) -> int:
    """Put the full log aside; the new one, opened."""
    numbers = [int(each[-6:]) for each in files_of(path) if each != path]
    os.rename(path, f"{path}.{max(numbers, default=0) + 1:06d}")
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)


def _is_empty(handle: int) -> bool:
    return os.fstat(handle).st_size == 0


def log_id(path: str) -> str:
    """The id of a log: that of its older files, else a new one."""
    for each in files_of(path):
        with open(each, "rb") as file:
            line = parse_line(file.readline(MOST_BYTES + 1).removesuffix(b"\n"))
        if line is not None and line.event == "start" and line.text("log"):
            return line.text("log")
    return secrets.token_hex(16)


def _read(handle: int, length: int) -> bytes:
    pieces = []
    while length > 0 and (piece := os.read(handle, length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


@lru_cache(maxsize=1)
def _who() -> dict[str, object]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a number without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "?"
    return {"user": user, "host": socket.gethostname()}


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold the log's lock; it is freed when the process ends, however that is."""
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
                    break
                except OSError:  # after ten seconds; it waits on
                    continue
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
