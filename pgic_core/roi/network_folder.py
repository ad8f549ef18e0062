"""Folders of the networks of this room: their manifests, and one sentence for whatever is wrong in one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import PgiInputError, PgiModelError
from ..small_files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["sound_manifest"]


@contextmanager
def sound_manifest(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The manifest ``name`` of a folder, whose entries are read in the ``with`` statement.

    Raises:
        PgiModelError: it cannot be read, or an entry is missing or of the wrong kind.
    """
    try:
        yield read_json(folder / name)
    except (PgiInputError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise PgiModelError(f"The model folder {folder.name} has no sound {name}: {error!r}.") from error
