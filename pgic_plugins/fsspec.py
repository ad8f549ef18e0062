"""``.pgi`` files where fsspec finds them: object stores, web servers, archives.

::

    from pgic_plugins.fsspec import open_url

    with open_url("s3://flights/tower.pgi") as file:
        window = file.decode(window=(0, 0, 512, 512))       # reads its tiles alone
        preview = file.decode(level="preview")              # reads a prefix

:func:`pgic_core.open_file` takes fsspec's file objects as well; this opens them so that little is read. A
``.pgi`` file has its index at the beginning and its tiles in one piece each: reading ahead helps with the
index and wastes bytes after it, so blocks of 64 KiB are read and kept, where fsspec by itself reads 5 MB.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import fsspec

from pgic_core.api import open_file
from pgic_core.errors import PgiInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgic_core.api import PgiFile
    from pgic_core.limits import Limits
    from pgic_core.security.keyring import KeysLike

__all__ = ["open_url"]

_BLOCK_BYTES = 1 << 16
_CACHE = {"block_size": _BLOCK_BYTES, "cache_type": "blockcache"}


@contextmanager
def open_url(
    url: str, *, limits: Limits | None = None, keys: KeysLike | None = None, **storage_options: Any
) -> Iterator[PgiFile]:
    """Open a file by its URL.

    Args:
        url: as fsspec takes it, with protocols chained by ``::``.
        limits: what the file may ask for.
        keys: of an encrypted file, as of :func:`pgic_core.open_file`.
        storage_options: of the file system, such as keys.

    Yields:
        The open file.

    Raises:
        PgiInputError: fsspec cannot open it.
        PgiError: as :class:`pgic_core.PgiFile`.
    """
    try:
        system, path = fsspec.core.url_to_fs(url, **storage_options)
        remote = system.open(path, "rb", **_CACHE)
    except (OSError, ValueError, ImportError) as error:
        raise PgiInputError(f"{url} cannot be opened: {error}") from error
    with remote, open_file(remote, limits=limits, keys=keys) as file:
        yield file
