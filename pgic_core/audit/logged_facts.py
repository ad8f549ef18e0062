"""Facts of a file that the audit log records."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..container import ByteSource, PgiReader
from . import VARIABLE

if TYPE_CHECKING:
    from ..options import DecodeOptions

__all__ = ["facts_of", "facts_of_coded", "facts_of_options", "path_of"]


def path_of(source: object) -> str | None:
    """The absolute path of what is opened; None if it has none."""
    if isinstance(source, ByteSource):
        named = source.name
        return os.path.abspath(named) if named != ByteSource.name else None
    path = source if isinstance(source, (str, os.PathLike)) else None
    for name in ("filename", "name"):  # of a Pillow image, of a file
        path = path or getattr(source, name, None)
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else None


def facts_of(reader: PgiReader) -> dict[str, object]:
    """Path and picture of an open file; nothing where nothing is logged."""
    if not os.environ.get(VARIABLE):
        return {}
    return {"file": path_of(reader.source), "picture": reader.header.image.sha256.hex()}


def facts_of_coded(data: bytes) -> dict[str, object]:
    """Picture and size of a file that was made; nothing where nothing is logged."""
    if not os.environ.get(VARIABLE):
        return {}
    with PgiReader(data) as reader:
        return {"picture": reader.header.image.sha256.hex(), "bytes": len(data)}


def facts_of_options(options: DecodeOptions) -> dict[str, Any]:
    """What of a picture is decoded."""
    return {"level": options.level, "window": options.window}
