"""Small files that others wrote, keys, JSON, ``.npy`` and ``.npz``: the one place that reads them.

Such a file may be anything: endless, no JSON at all, nested ten thousand deep, infinite numbers, an array
that announces a terabyte, an archive that unpacks to one. Each ends in a :class:`.PgiInputError`.
"""

from __future__ import annotations

import json
import math
import os
import stat
import zipfile
from typing import IO, TYPE_CHECKING, Any, NoReturn

from .errors import PgiInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_JSON", "MOST_KEY", "parse_json", "read_arrays", "read_bytes", "read_json"]

MOST_JSON = 16 << 20
"""Bytes of a JSON file that is not a whole dataset; in memory it takes up to thirty times as much."""

MOST_KEY = 1 << 16
"""Bytes of a file with one key or a passphrase."""

_ZIP_START = b"PK\x03\x04"
# Feature maps that are mostly zero shrink to a hundredth.
_FREE_BYTES = 64 << 20
_BYTES_PER_BYTE = 256


def read_bytes(path: str | os.PathLike[str], kind: str, most_bytes: int) -> bytes:
    """All bytes of a small file. It may be a pipe, so that a key need not lie on a disk.

    Args:
        path: of the file.
        kind: what it should be, for the message, such as "key".
        most_bytes: that it may have.

    Raises:
        PgiInputError: it cannot be read, or is larger.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise PgiInputError(error.errno, f"The {kind} cannot be read: {error.strerror}", name) from error
    if len(data) > most_bytes:
        raise PgiInputError(f"{name} is too large for a {kind}: it has more than {most_bytes:,} bytes.")
    return data


def read_json(path: str | os.PathLike[str], kind: str = "JSON", most_bytes: int | None = MOST_JSON) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        kind: what it should be, for the message.
        most_bytes: that it may have; None for any number.

    Raises:
        PgiInputError: it cannot be read, is no regular file, too large, or no JSON.
    """
    name = os.fspath(path)
    try:
        with _opened(name) as file:
            data = file.read(-1 if most_bytes is None else most_bytes + 1)
    except OSError as error:
        raise PgiInputError(f"{name} cannot be read as {kind}: {error.strerror or error}.") from error
    if most_bytes is not None and len(data) > most_bytes:
        raise PgiInputError(f"{name} is larger than {most_bytes:,} bytes.")
    return parse_json(data, name, kind)


def parse_json(data: bytes | str, name: str, kind: str = "JSON") -> Any:
    """JSON text as objects. Unlike Python's own reader it refuses infinities and NaN, which JSON has not.

    Args:
        data: UTF-8, UTF-16 or UTF-32 bytes, or text.
        name: of the file, for the message.
        kind: what it should be, likewise.

    Raises:
        PgiInputError: it is no JSON.
    """
    try:
        return json.loads(data, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise PgiInputError(f"{name} cannot be read as {kind}: it is nested too deep.") from None
    except (ValueError, MemoryError) as error:
        raise PgiInputError(f"{name} cannot be read as {kind}: {error}.") from error


def read_arrays(path: str | os.PathLike[str]) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array of an ``.npy`` file, or the arrays of an ``.npz`` file by name. Pickles are never loaded.

    No array is made before its size was held against the bytes that are there.

    Raises:
        PgiInputError: it cannot be read, is no regular file, damaged, or unpacks to far more than it holds.
    """
    name = os.fspath(path)
    try:
        with _opened(name) as file:
            start = file.read(len(_ZIP_START))
            file.seek(0)
            size = os.fstat(file.fileno()).st_size
            return _archive(file, size) if start == _ZIP_START else _array(file, size)
    except OSError as error:
        raise PgiInputError(f"{name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # zipfile, zlib and NumPy's parser of headers raise a dozen kinds
        reason = str(error) or type(error).__name__
        raise PgiInputError(f"{name} is not a readable .npy or .npz file: {reason}.") from error


def _opened(name: str) -> IO[bytes]:
    # Opening a pipe waits for whoever writes to it, perhaps for ever.
    if not stat.S_ISREG(os.stat(name).st_mode):
        raise OSError("it is not a regular file")
    return open(name, "rb")


def _archive(file: IO[bytes], size: int) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > _FREE_BYTES + _BYTES_PER_BYTE * size:
            raise ValueError("it unpacks to more than its bytes can hold")
        for entry in entries:
            with archive.open(entry) as stream:
                arrays[entry.filename.removesuffix(".npy")] = _array(stream, entry.file_size)
    return arrays


def _array(stream: IO[bytes], size: int) -> NDArray[Any]:
    """The array that a stream of so many bytes holds from its position on."""
    import numpy as np

    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"its version {version[0]}.{version[1]} is not supported")
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize > size - stream.tell():
        raise ValueError(f"it announces an array of {dtype} {shape}, and has too few bytes")
    array = np.empty(math.prod(shape), dtype)
    room = array.data.cast("B") if array.nbytes else memoryview(b"")
    while room:
        piece = stream.read(min(len(room), 1 << 24))
        if not piece:
            raise ValueError("it ends too early")
        room[: len(piece)] = piece
        room = room[len(piece) :]
    stream.read(1)  # at its end an archive checks the CRC32
    return array.reshape(shape, order="F" if by_column else "C")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value
