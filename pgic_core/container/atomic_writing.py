"""Writing a file so that a crash leaves either the old one or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

from ..errors import PgiInputError
from ..folders import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

__all__ = ["atomic_file", "atomic_write", "plain_errors"]

_REASONS = {
    errno.EACCES: "permission is denied",
    errno.EEXIST: "it exists already",
    errno.EDQUOT: "the disk quota is used up",
    errno.EISDIR: "it is a folder",
    errno.ELOOP: "its symbolic links run in a circle",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOENT: "the folder does not exist",
    errno.ENOSPC: "the disk is full",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
}


def atomic_write(
    path: str | os.PathLike[str],
    chunks: bytes | bytearray | memoryview | Iterable[bytes | memoryview],
    *,
    replace: bool = True,
) -> None:
    """Write a file in one step: temporary file in the same folder, fsync, rename, fsync of the folder.

    What replaces a file has its permission bits and, as far as the system allows, its owner, group and
    extended attributes (access control lists among them); until it is complete, nobody but this user can
    read it. A symbolic link stays and its target is replaced. Whatever goes wrong, KeyboardInterrupt and
    errors from ``chunks`` included, the old file is left as it was and the temporary file is removed (only a
    killed process leaves one behind, named ``.pgic-*.tmp``). Of several writers to one name, the last wins
    as a whole. A device or pipe cannot be renamed over and is written to directly.

    Args:
        path: the file to make or replace.
        chunks: its content, in one or several pieces.
        replace: whether a file that is there may be replaced; if not, one that someone else makes before
            this one is complete stays, too.

    Raises:
        PgiInputError: the file cannot be written, or is there and must not be replaced; ``errno`` and
            ``filename`` say more.
    """
    if isinstance(chunks, (bytes, bytearray, memoryview)):
        chunks = (memoryview(chunks),)
    name = os.fspath(path)
    old = _replaceable(name, replace)
    if old is not None and not stat.S_ISREG(old.st_mode):
        _write_directly(name, chunks)
        return
    with _renamed(os.path.realpath(name), name, old, replace) as handle:
        _write_all(handle, name, chunks)


def _write_directly(name: str, chunks: Iterable[bytes | memoryview]) -> None:
    with plain_errors(name):
        handle = os.open(name, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    try:
        _write_all(handle, name, chunks)
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], *, replace: bool = True) -> Iterator[BinaryIO]:
    """As :func:`atomic_write`, of a file that is not written from its beginning to its end.

    Args:
        path: the file to make or replace.
        replace: as for :func:`atomic_write`.

    Yields:
        An empty file to read and write. It gets its name when the block ends, unless that raises.

    Raises:
        PgiInputError: as :func:`atomic_write`; also if something else than a file is there.
    """
    name = os.fspath(path)
    old = _replaceable(name, replace)
    if old is not None and not stat.S_ISREG(old.st_mode):
        raise PgiInputError(errno.ESPIPE, "This is written to a file, not to a pipe or device", name)
    with _renamed(os.path.realpath(name), name, old, replace) as handle:
        file = open(handle, "r+b", closefd=False)  # noqa: SIM115 - closing it must not hide an error
        try:
            yield file
            with plain_errors(name):
                file.flush()
        finally:
            with contextlib.suppress(OSError):
                file.close()


def _replaceable(name: str, replace: bool) -> os.stat_result | None:
    """What is there already, if it may be replaced; None if nothing is."""
    with plain_errors(name):
        try:
            old = os.stat(name)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(name, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if stat.S_ISREG(old.st_mode) and not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return old


@contextlib.contextmanager
def _renamed(target: str, name: str, old: os.stat_result | None, replace: bool) -> Iterator[int]:
    """A new file beside ``target``, which takes its name when the block ends; ``name`` is for messages."""
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".pgic-{secrets.token_hex(8)}.tmp")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        # Inside, since an interrupt may come between the file's making and the next line.
        with plain_errors(name):
            # 0o666 lets the kernel apply the umask, as for any new file. One that takes the place of another
            # may hold what only its owner was to see.
            handle = os.open(temporary, flags, 0o666 if old is None else 0o600)
        try:
            yield handle
            with plain_errors(name):
                os.fsync(handle)
        finally:
            os.close(handle)
        with plain_errors(name):
            if old is not None:
                _copy_attributes(target, old, temporary)
            if replace:
                os.replace(temporary, target)
            else:
                _put_if_absent(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    # Not every system can open or sync a folder; the file itself is complete either way.
    with contextlib.suppress(OSError):
        sync_folder(folder)


def _copy_attributes(source: str, old: os.stat_result, target: str) -> None:
    """Owner, group, extended attributes and permission bits, as far as this user may set them."""
    if hasattr(os, "chown"):
        for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
            with contextlib.suppress(OSError):
                os.chown(target, owner, group)
    mode = stat.S_IMODE(old.st_mode)
    if os.stat(target).st_gid != old.st_gid:
        mode &= ~stat.S_IRWXG  # what one group was allowed is not for another
    # After the owner, since a change of owner takes some bits away.
    os.chmod(target, mode)
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(source):
                with contextlib.suppress(OSError):
                    os.setxattr(target, name, os.getxattr(source, name))


def _put_if_absent(temporary: str, target: str) -> None:
    """Give a complete file its name unless that is taken."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the name is taken first, then replaced
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            os.replace(temporary, target)
        except BaseException:
            os.unlink(target)
            raise
        return
    os.unlink(temporary)


def _write_all(handle: int, name: str, chunks: Iterable[bytes | memoryview]) -> None:
    # Errors of the iterable itself pass through as they are.
    for chunk in chunks:
        view = memoryview(chunk).cast("B")
        with plain_errors(name):
            while view:
                view = view[os.write(handle, view) :]


@contextlib.contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """Errors of the system as PgiInputError, in a sentence.

    Args:
        name: of the file that is written.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise PgiInputError(error.errno, f"The file cannot be written, because {reason}", name) from error
    except ValueError as error:  # a NUL in the name, or letters the file system cannot spell
        raise PgiInputError(f"The file name {name!r} cannot be used: {error}.") from error
