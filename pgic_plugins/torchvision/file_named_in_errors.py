"""Errors of a dataset's file name the file: an epoch has thousands."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pgic_core.errors import PgiError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["named_error", "naming"]


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Have errors of pgic that come out of the block begin with the file's name, where it has one.

    Args:
        source: a path, or a file object that knows its name; of anything else errors go on as they are.
    """
    try:
        yield
    except PgiError as error:
        name = _name(source)
        if name is None or name in str(error):
            raise
        raise named_error(error, name).with_traceback(error.__traceback__) from error.__cause__


def named_error(error: PgiError, name: str) -> PgiError:
    """An error of the same class whose message begins with a name; it can be pickled like the other."""
    return type(error)(f"{name}: {error}")


def _name(source: Any) -> str | None:
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else None
