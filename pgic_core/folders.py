"""Folders: which regular files lie below one, whatever links there are, and making changes to one last."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import PgiInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = ["file_inside", "files_below", "natural", "sync_folder"]


def files_below(
    folder: str | os.PathLike[str],
    suffixes: Collection[str] | None,
    *,
    hidden: bool = False,
    follow_links: bool = False,
    left_out: Callable[[str], None] | None = None,
    order: Callable[[str], Any] | None = None,
) -> Iterator[str]:
    """Paths of the files in a folder and then of those in the folders below it, sorted by name.

    A pipe, a device or a socket is never among them: opening one could wait for ever. A link to a file
    counts as that file.

    Args:
        folder: where to look.
        suffixes: of the files wanted, lower case, with the dot; None for all files.
        hidden: take names that start with a dot too.
        follow_links: go into folders that are symbolic links too. No folder is gone through twice, so that
            links in a circle end.
        left_out: is told the path of each thing with a wanted suffix that is no file, and of each folder that
            cannot be read.
        order: what names are sorted by, such as :func:`natural`; None for the names themselves.
    """
    tell = left_out or (lambda path: None)
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder)]
    while waiting:
        here = waiting.pop()
        try:
            status = os.stat(here)
            names = sorted(os.listdir(here), key=order)
        except OSError:
            tell(here)
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        folders = []
        for name in names if hidden else [name for name in names if not name.startswith(".")]:
            path = os.path.join(here, name)
            mode = _mode(path)
            if stat.S_ISDIR(mode):
                if follow_links or not os.path.islink(path):
                    folders.append(path)
            elif suffixes is None or os.path.splitext(name)[1].lower() in suffixes:
                if stat.S_ISREG(mode):
                    yield path
                else:
                    tell(path)
        waiting += reversed(folders)


def natural(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """A key that sorts names with their digits as numbers: ``2.jpg`` comes before ``10.jpg``."""
    parts = re.findall("[0-9]+|[^0-9]+", name)
    return [(True, 0, part) if not part.isdecimal() else (False, int(part), "") for part in parts], name


def file_inside(folder: str | os.PathLike[str], name: str) -> Path:
    """The path of a file that a list names, which must lie below the list's folder.

    Args:
        folder: where names start.
        name: relative, of a file there or in a folder below. The file itself may be a link to elsewhere, as
            stores of large files make them; a folder on the way to it may not lead out.

    Raises:
        PgiInputError: the name is empty, absolute, or leads out of the folder.
    """
    root = Path(folder)
    try:
        parent = (root / name).parent.resolve()
        inside = bool(Path(name).name) and parent.is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL, or links in a circle
        inside = False
    if not inside or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise PgiInputError(f"The file name {name!r} leads out of the folder {root}.")
    return root / name


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:  # a link that leads nowhere, or in a circle
        return 0


def sync_folder(folder: str) -> None:
    """Have what a folder lists reach the disk, where the system can do that.

    Raises:
        OSError: the system can, but refuses.
    """
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
