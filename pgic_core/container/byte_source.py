"""Where the bytes of a file come from: a path, bytes, a file object, or a stream that cannot seek."""

from __future__ import annotations

import io
import os
import stat
import threading
from abc import abstractmethod
from typing import IO, TYPE_CHECKING, Any, cast

from ..closing_on_exit import Closing
from ..errors import PgiFormatError, PgiInputError, PgiOptionError, PgiTruncatedError
from ..limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from typing import TypeAlias

    from ..limits import Limits

__all__ = ["ByteSource", "PartSource", "SourceLike", "open_source"]

if TYPE_CHECKING:
    SourceLike: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | ByteSource"
else:
    SourceLike = object

_STREAM_CHUNK = 1 << 20


class ByteSource(Closing):
    """Bytes that can be read at any offset, counted from where the ``.pgi`` file starts.

    Reading is safe from several threads. Use it as a context manager, or call :meth:`close`.

    Attributes:
        name: of the file, for messages.
    """

    name: str = "The file"

    @abstractmethod
    def read_up_to(self, offset: int, length: int) -> bytes:
        """Read at most ``length`` bytes; fewer only where the bytes end.

        Args:
            offset: first byte, 0 or more.
            length: number of bytes, 0 or more.

        Raises:
            PgiInputError: the system refuses to read.
            PgiLimitError: a stream would have to be buffered beyond ``limits.stream_bytes``.
        """

    @abstractmethod
    def size(self) -> int | None:
        """Number of bytes, or None while a stream has not ended."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Read exactly ``length`` bytes.

        Args:
            offset: first byte, 0 or more.
            length: number of bytes, 0 or more.

        Raises:
            PgiFormatError: ``offset`` or ``length`` is negative.
            PgiTruncatedError: the bytes end before ``offset + length``.
            PgiInputError: the system refuses to read.
            PgiLimitError: as :meth:`read_up_to`.
        """
        if offset < 0 or length < 0:
            raise PgiFormatError(f"Bytes at offset {offset} of length {length} cannot exist.")
        size = self.size()
        # Asked first, so that a forged length is refused without allocating it.
        data = b"" if size is not None and offset + length > size else self.read_up_to(offset, length)
        if len(data) < length:
            raise PgiTruncatedError(
                f"The file ends too early: {length:,} bytes are needed at offset {offset:,}"
                + (f", but it has {size:,} bytes." if size is not None else ".")
            )
        return data

    def close(self) -> None:
        """Let go of what this source opened itself; a file object that was handed in stays open."""


def open_source(obj: SourceLike, limits: Limits = DEFAULT_LIMITS) -> ByteSource:
    """Make a :class:`ByteSource` from whatever holds the bytes.

    Args:
        obj: a path; bytes, bytearray or memoryview; a binary file object (its present position is where
            the file starts); a binary stream that cannot seek, which is read only as far as needed;
            or a ByteSource, which is returned as it is.
        limits: ``stream_bytes`` bounds what is buffered of a stream.

    Raises:
        PgiInputError: a path cannot be opened (``errno`` and ``filename`` are set).
        PgiOptionError: ``obj`` is none of these.
    """
    if isinstance(obj, ByteSource):
        return obj
    if isinstance(obj, (str, os.PathLike)):
        return _open_path(os.fspath(obj), limits)
    if hasattr(obj, "read"):
        return _open_file_object(cast("IO[bytes]", obj), limits)
    try:
        view = memoryview(obj)
    except TypeError:
        raise PgiOptionError(
            f"A .pgi file is read from a path, bytes or a binary file object, not from {type(obj).__name__}."
        ) from None
    return _MemorySource(view)


def _open_path(path: str | bytes, limits: Limits) -> ByteSource:
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - owned and closed by the source
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return _FileSource(file, base=0, owned=True)
    except OSError as error:
        raise _input_error(error, "The file cannot be opened", path) from error
    except ValueError as error:  # a NUL in the name, or letters the file system cannot spell
        raise PgiInputError(f"The file name {path!r} cannot be used: {error}.") from error
    return _StreamSource(file, limits, owned=True)


def _open_file_object(file: IO[bytes], limits: Limits) -> ByteSource:
    if isinstance(file, io.TextIOBase):
        raise PgiOptionError("The file object is in text mode; open it in binary mode ('rb').")
    try:
        seekable = file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek")
        if seekable:
            return _FileSource(file, base=file.tell(), owned=False)
    except OSError:
        pass  # it says that it can seek but cannot: read it as a stream
    except ValueError as error:
        raise PgiInputError(f"The file object cannot be read: {error}.") from error
    return _StreamSource(file, limits, owned=False)


class PartSource(ByteSource):
    """A part of another source, which stays open when this one is closed.

    Args:
        whole: where the bytes are.
        start: first byte of the part.
        length: bytes of the part, of which fewer may be there.
    """

    def __init__(self, whole: ByteSource, start: int, length: int) -> None:
        self._whole = whole
        self._start = start
        self._length = length
        self.name = whole.name

    def read_up_to(self, offset: int, length: int) -> bytes:
        """As :meth:`ByteSource.read_up_to`."""
        return self._whole.read_up_to(self._start + offset, max(0, min(length, self._length - offset)))

    def size(self) -> int | None:
        """Bytes that are there; None while the other source has not ended."""
        size = self._whole.size()
        return None if size is None else max(0, min(self._length, size - self._start))


class _MemorySource(ByteSource):
    def __init__(self, view: memoryview) -> None:
        self._view = view.cast("B") if view.contiguous else memoryview(view.tobytes())

    def read_up_to(self, offset: int, length: int) -> bytes:
        return bytes(self._view[offset : offset + length])

    def size(self) -> int:
        return self._view.nbytes


class _FileSource(ByteSource):
    """A file that can seek. The position of a file object that was handed in moves."""

    def __init__(self, file: Any, base: int, owned: bool) -> None:
        self._file = file
        self._base = base
        self._owned = owned
        self._lock = threading.Lock()
        path = getattr(file, "name", None)
        if isinstance(path, (str, bytes, os.PathLike)):
            self.name = os.fsdecode(path)
        self._size: int = max(0, file.seek(0, os.SEEK_END) - base)
        file.seek(base)

    def read_up_to(self, offset: int, length: int) -> bytes:
        length = min(length, max(0, self._size - offset))
        pieces: list[bytes] = []
        try:
            while length > 0:
                piece = self._read_some(self._base + offset, length)
                if not piece:
                    break
                pieces.append(piece)
                offset += len(piece)
                length -= len(piece)
        except OSError as error:
            raise _input_error(error, "The file cannot be read", getattr(self._file, "name", None)) from error
        except ValueError as error:
            raise PgiInputError(f"The file cannot be read: {error}.") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_some(self, position: int, length: int) -> bytes:
        # A file that was opened here may be shared with forked processes, and so would be its position.
        if self._owned and hasattr(os, "pread"):
            return os.pread(self._file.fileno(), length, position)
        with self._lock:
            self._file.seek(position)
            return _as_bytes(self._file.read(length))

    def size(self) -> int:
        return self._size

    def close(self) -> None:
        if self._owned:
            self._file.close()


class _StreamSource(ByteSource):
    """A stream that cannot seek: what was read is kept, and nothing is read before it is needed."""

    def __init__(self, file: Any, limits: Limits, owned: bool) -> None:
        self._file = file
        self._limits = limits
        self._owned = owned
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._ended = False

    def read_up_to(self, offset: int, length: int) -> bytes:
        end = offset + length
        with self._lock:
            while len(self._buffer) < end and not self._ended:
                wanted = min(end - len(self._buffer), _STREAM_CHUNK)
                self._limits.check("stream_bytes", len(self._buffer) + wanted, "The stream")
                try:
                    piece = _as_bytes(self._file.read(wanted))
                except OSError as error:
                    raise _input_error(error, "The stream cannot be read", None) from error
                except ValueError as error:
                    raise PgiInputError(f"The stream cannot be read: {error}.") from error
                self._buffer += piece
                self._ended = not piece
            return bytes(memoryview(self._buffer)[offset:end])

    def size(self) -> int | None:
        return len(self._buffer) if self._ended else None

    def close(self) -> None:
        if self._owned:
            self._file.close()


def _as_bytes(piece: object) -> bytes:
    if isinstance(piece, bytes):
        return piece
    if piece is None:
        raise PgiInputError("The stream has no bytes ready; give a blocking stream.")
    raise PgiInputError(f"The file object gives {type(piece).__name__} where bytes are needed.")


def _input_error(error: OSError, what: str, path: Any) -> PgiInputError:
    """The same error with a sentence, and with ``errno`` and ``filename`` kept."""
    if isinstance(error, PgiInputError):
        return error
    return PgiInputError(error.errno, f"{what}: {error.strerror or error}", path or error.filename)
