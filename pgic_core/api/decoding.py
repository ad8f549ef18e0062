"""Decoding ``.pgi`` files to pixels and facts, in one call each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, overload

from ..errors import PgiOptionError
from ..options import DecodeOptions, thread_count
from .pgi_file import PgiFile

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..container.byte_source import SourceLike
    from ..limits import Limits
    from ..options import Level, OnDamage, Progress, Window
    from ..roi import RegionsLike
    from ..security.keyring import KeysLike
    from ..security.signatures import SignatureInfo
    from .file_info import FileInfo
    from .pgi_file_pixels import Decoded

__all__ = ["decode", "decode_many", "decode_with_mask", "inspect", "open_file", "verify"]


def open_file(source: SourceLike, *, limits: Limits | None = None, keys: KeysLike | None = None) -> PgiFile:
    """Open a ``.pgi`` file without decoding it; see :class:`PgiFile`, which is a context manager."""
    return PgiFile(source, limits=limits, keys=keys)


@overload
def decode(
    source: SourceLike,
    *,
    level: Level = ...,
    scale: int = ...,
    window: Window | None = ...,
    regions: RegionsLike | None = ...,
    on_damage: OnDamage = ...,
    threads: int | None = ...,
    limits: Limits | None = ...,
    progress: Progress | None = ...,
    keys: KeysLike | None = ...,
    frame: int = ...,
) -> NDArray[Any]: ...
@overload
def decode(
    source: SourceLike,
    *,
    windows: Sequence[Window],
    level: Level = ...,
    scale: int = ...,
    regions: RegionsLike | None = ...,
    on_damage: OnDamage = ...,
    threads: int | None = ...,
    limits: Limits | None = ...,
    keys: KeysLike | None = ...,
    frame: int = ...,
) -> list[NDArray[Any]]: ...
def decode(
    source: SourceLike,
    *,
    level: Level = "fast",
    scale: int = 1,
    window: Window | None = None,
    windows: Sequence[Window] | None = None,
    regions: RegionsLike | None = None,
    on_damage: OnDamage = "raise",
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    keys: KeysLike | None = None,
    frame: int = 0,
) -> NDArray[Any] | list[NDArray[Any]]:
    """Decode the picture of a file, or a part of it.

    Args:
        source: a path, bytes, or a binary file object.
        level: "preview", "fast", "fine", "adaptive", "perceptual" or "recognition" (see
            :meth:`PgiFile.decode`).
        scale: 1, 2, 4 or 8, by which each side is smaller.
        window: x, y, width, height in pixels of the stored picture; all of it by default.
        windows: several such instead. What they have in common is decoded once, so that windows that overlap
            cost little more than the picture.
        regions: with "adaptive", what to decode as "fine".
        on_damage: "raise", or "conceal" to fill damaged tiles.
        threads: 1 or more; ``PGIC_THREADS`` or all processors by default.
        limits: what the file may ask for.
        progress: called with the fraction done, 0 to 1.
        keys: for an encrypted file, as of :class:`PgiFile`.
        frame: of a sequence, from 0, or from the end with a minus.

    Returns:
        (H, W) for grey, else (H, W, C), in the sample type of the file; a list of such for ``windows``.

    Raises:
        PgiError: as :class:`PgiFile` and :meth:`PgiFile.decode`.
    """
    options = DecodeOptions(level, window, on_damage, threads, progress, scale, regions)
    if windows is not None:
        if window is not None or progress is not None:
            raise PgiOptionError("windows goes with neither window nor progress.")
        with PgiFile(source, limits=limits, keys=keys) as file:
            pictures = file.frame(frame).decode_windows_with(options, windows)
            return [picture.to_array() for picture in pictures]
    return _decoded(source, options, limits, keys, frame)


def decode_with_mask(
    source: SourceLike,
    *,
    level: Level = "fast",
    scale: int = 1,
    window: Window | None = None,
    regions: RegionsLike | None = None,
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    keys: KeysLike | None = None,
) -> Decoded:
    """Decode like :func:`decode` with ``on_damage="conceal"``, and return the mask of filled pixels."""
    with PgiFile(source, limits=limits, keys=keys) as file:
        return file.decode_with_mask(
            level=level, scale=scale, window=window, regions=regions, threads=threads, progress=progress
        )


def decode_many(
    sources: Sequence[SourceLike],
    *,
    level: Level = "fast",
    scale: int = 1,
    on_damage: OnDamage = "raise",
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    keys: KeysLike | None = None,
) -> list[NDArray[Any]]:
    """Decode several files, as many at a time as there are threads.

    Args:
        sources: paths, bytes or file objects.
        level: for all files (see :meth:`PgiFile.decode`).
        scale: likewise.
        on_damage: "raise" or "conceal".
        threads: for all together.
        limits: of each file.
        progress: called after each file with the fraction done.
        keys: for encrypted files, as of :class:`PgiFile`.

    Returns:
        One array for each file, in order.

    Raises:
        PgiError: the first error of any file; no further file is started.
    """
    workers = min(thread_count(threads), len(sources)) or 1
    each = max(1, thread_count(threads) // workers)
    options = DecodeOptions(level, None, on_damage, each, scale=scale)
    arrays = []
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pgic-file")
    try:
        for array in pool.map(lambda source: _decoded(source, options, limits, keys), sources):
            arrays.append(array)
            if progress is not None:
                progress(len(arrays) / len(sources))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return arrays


def inspect(source: SourceLike, *, limits: Limits | None = None, keys: KeysLike | None = None) -> FileInfo:
    """Return what a file says about itself, without decoding pixels.

    Args:
        source: a path, bytes, or a binary file object.
        limits: what the file may ask for.
        keys: for an encrypted file, as of :class:`PgiFile`.

    Returns:
        Size, codec, model, regions, blocks, metadata and annotations.

    Raises:
        PgiError: as :class:`PgiFile`.
    """
    with PgiFile(source, limits=limits, keys=keys) as file:
        return file.info()


def verify(
    source: SourceLike,
    *,
    limits: Limits | None = None,
    keys: KeysLike | None = None,
    trust: str | os.PathLike[str] | None = None,
    crls: Sequence[str | os.PathLike[str]] = (),
) -> tuple[SignatureInfo, ...]:
    """Check every byte of a file, that every tile decodes (A-6.3.2a), and signatures.

    Args:
        source: a path, bytes, or a binary file object.
        limits: what the file may ask for.
        keys: for an encrypted file, as of :class:`PgiFile`; what they do not open is checked by CRC32 and
            SHA-256.
        trust: file of certificates or public keys in PEM; then one of their owners must have signed the file
            as it is.
        crls: files with lists of revoked certificates, as of :meth:`PgiFile.check_signatures`.

    Returns:
        What each signature proves; without ``trust`` that is not who signed.

    Raises:
        PgiFormatError: something is damaged; the message says what.
        PgiError: as :meth:`PgiFile.verify`.
    """
    with PgiFile(source, limits=limits, keys=keys) as file:
        return file.verify(trust, crls)


def _decoded(
    source: SourceLike,
    options: DecodeOptions,
    limits: Limits | None,
    keys: KeysLike | None,
    frame: int = 0,
) -> NDArray[Any]:
    with PgiFile(source, limits=limits, keys=keys) as file:
        return file.frame(frame).decode_with(options)[0].to_array()
