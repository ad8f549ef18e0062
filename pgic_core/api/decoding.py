"""``.pgi`` files to pixels and facts, in one call each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..options import DecodeOptions, thread_count
from .file import PgiFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..container.source import SourceLike
    from ..limits import Limits
    from ..options import Level, OnDamage, Progress, Window
    from .file import Decoded
    from .info import FileInfo

__all__ = ["decode", "decode_many", "decode_with_mask", "inspect", "open_file", "verify"]


def open_file(source: SourceLike, *, limits: Limits | None = None) -> PgiFile:
    """Open a file and keep it parsed; see :class:`PgiFile`, which is a context manager."""
    return PgiFile(source, limits=limits)


def decode(
    source: SourceLike,
    *,
    level: Level = "fast",
    window: Window | None = None,
    on_damage: OnDamage = "raise",
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Decode the picture of a file, or a part of it.

    Args:
        source: a path, bytes, or a binary file object.
        level: as for :meth:`PgiFile.decode`, like all that follow.
        window: x, y, width, height in pixels.
        on_damage: "raise" or "conceal".
        threads: 1 or more.
        limits: what the file may ask for.
        progress: called with the share done.

    Returns:
        (H, W) for grey, else (H, W, C).

    Raises:
        PgiError: as :class:`PgiFile` and :meth:`PgiFile.decode`.
    """
    return _decoded(source, DecodeOptions(level, window, on_damage, threads, progress), limits)


def decode_with_mask(
    source: SourceLike,
    *,
    level: Level = "fast",
    window: Window | None = None,
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Decoded:
    """As :func:`decode` with ``on_damage="conceal"``, and the mask of what was concealed."""
    with PgiFile(source, limits=limits) as file:
        return file.decode_with_mask(level=level, window=window, threads=threads, progress=progress)


def decode_many(
    sources: Sequence[SourceLike],
    *,
    level: Level = "fast",
    on_damage: OnDamage = "raise",
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> list[NDArray[Any]]:
    """Decode several files, as many at a time as there are threads.

    Args:
        sources: paths, bytes or file objects.
        level: for all, as for :meth:`PgiFile.decode`, like all that follow.
        on_damage: "raise" or "conceal".
        threads: for all together.
        limits: of each file.
        progress: called after each file with the share done.

    Returns:
        One array for each file, in order.

    Raises:
        PgiError: the first error of a file; no further one is begun.
    """
    workers = min(thread_count(threads), len(sources)) or 1
    each = max(1, thread_count(threads) // workers)
    options = DecodeOptions(level, None, on_damage, each)
    arrays = []
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pgic-file")
    try:
        for array in pool.map(lambda source: _decoded(source, options, limits), sources):
            arrays.append(array)
            if progress is not None:
                progress(len(arrays) / len(sources))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return arrays


def inspect(source: SourceLike, *, limits: Limits | None = None) -> FileInfo:
    """What there is to know about a file without decoding its pixels.

    Args:
        source: a path, bytes, or a binary file object.
        limits: what the file may ask for.

    Raises:
        PgiError: as :class:`PgiFile`.
    """
    with PgiFile(source, limits=limits) as file:
        return file.info()


def verify(source: SourceLike, *, limits: Limits | None = None) -> None:
    """Check every byte of a file, and that every tile decodes (A-6.3.2a).

    Args:
        source: a path, bytes, or a binary file object.
        limits: what the file may ask for.

    Raises:
        PgiFormatError: something is damaged; the message says what.
        PgiError: as :meth:`PgiFile.verify`.
    """
    with PgiFile(source, limits=limits) as file:
        file.verify()


def _decoded(source: SourceLike, options: DecodeOptions, limits: Limits | None) -> NDArray[Any]:
    with PgiFile(source, limits=limits) as file:
        return file.decode_with(options)[0].to_array()
