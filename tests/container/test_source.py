"""The same file from a path, bytes, a file object and a stream that cannot seek."""

from __future__ import annotations

import errno
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pgic_core.container import Metadata, PgiReader, build_file, open_source
from pgic_core.errors import PgiFormatError, PgiInputError, PgiLimitError, PgiOptionError, PgiTruncatedError
from pgic_core.limits import Limits

from .forge import FIELDS, PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = build_file(FIELDS, PAYLOAD, metadata=Metadata(5, "UAV-7"), extension={"acme.x": [1, 2]})


class Stream(io.RawIOBase):
    """Cannot seek, and gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int = 7) -> None:
        self.rest = data
        self.step = step

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = min(self.step, size) if size >= 0 else len(self.rest)
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece


class Seekless:
    """The least that a stream can be: one method."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


def placed(data: bytes) -> io.BytesIO:
    """A file object that stands behind something else."""
    file = io.BytesIO(b"something else" + data)
    file.seek(14)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "photo.pgi"
    path.write_bytes(FILE)
    return path


SOURCES: dict[str, Callable[[Path], object]] = {
    "path": lambda path: path,
    "text path": str,
    "bytes": lambda path: FILE,
    "bytearray": lambda path: bytearray(FILE),
    "memoryview": lambda path: memoryview(FILE),
    "strided memoryview": lambda path: memoryview(bytes(b for byte in FILE for b in (byte, 0)))[::2],
    "uint32 memoryview": lambda path: memoryview(FILE + bytes(-len(FILE) % 4)).cast("I"),
    "file": lambda path: path.open("rb"),
    "raw file": lambda path: path.open("rb", buffering=0),
    "BytesIO": lambda path: io.BytesIO(FILE),
    "file object in the middle": lambda path: placed(FILE),
    "stream": lambda path: Stream(FILE),
    "object with read() alone": lambda path: Seekless(FILE),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same(kind: str, path: Path) -> None:
    if kind == "uint32 memoryview" and len(FILE) % 4:
        with pytest.raises(PgiFormatError, match="follow the last block"):
            PgiReader(SOURCES[kind](path))
        return
    with PgiReader(SOURCES[kind](path)) as reader:
        assert reader.fields == FIELDS
        assert reader.metadata == Metadata(5, "UAV-7")
        assert reader.extension == {"acme.x": [1, 2]}
        assert reader.read_payload(100, 50) == PAYLOAD[100:150]
        assert reader.read_payload(0, 50) == PAYLOAD[:50]
        reader.verify()
        assert reader.complete


def test_pipe_is_read_without_waiting_for_its_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, FILE[:-1])
    with os.fdopen(reading, "rb", buffering=0) as file:
        reader = PgiReader(file)
        assert reader.metadata.device_id == "UAV-7"
        assert reader.read_payload(0, 10) == PAYLOAD[:10]
        assert reader.complete is None
        os.write(writing, FILE[-1:])
        os.close(writing)
        reader.verify()
        assert reader.complete


def test_fifo_path_is_read_as_a_stream(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(FILE))
    writer.start()
    with PgiReader(fifo) as reader, PgiReader(FILE) as whole:
        reader.verify()
        assert reader.complete
        assert reader.metadata == whole.metadata
    writer.join()


def test_stream_is_read_no_further_than_needed() -> None:
    stream = Stream(FILE)
    reader = PgiReader(stream)
    assert len(stream.rest) == len(PAYLOAD)
    reader.read_payload(0, 100)
    assert len(stream.rest) == len(PAYLOAD) - 100


def test_stream_is_buffered_up_to_its_limit() -> None:
    limits = Limits(stream_bytes=len(FILE) - 1)
    reader = PgiReader(Stream(FILE), limits)
    with pytest.raises(PgiLimitError, match="stream_bytes"):
        reader.verify()


def test_bytes_after_the_file_are_found_in_a_stream_by_verify() -> None:
    reader = PgiReader(Stream(FILE + b"x"))
    with pytest.raises(PgiFormatError, match="follow the last block"):
        reader.verify()


def test_stream_that_ends_early() -> None:
    with pytest.raises(PgiTruncatedError):
        PgiReader(Stream(FILE[:50]))
    reader = PgiReader(Stream(FILE[:-1]))
    with pytest.raises(PgiTruncatedError, match="image data block"):
        reader.verify()
    assert reader.complete is False


def test_missing_path_keeps_errno_and_name(tmp_path: Path) -> None:
    with pytest.raises(PgiInputError) as caught:
        PgiReader(tmp_path / "没有.pgi")
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(tmp_path / "没有.pgi")
    assert isinstance(caught.value, OSError)


def test_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(PgiInputError) as caught:
        PgiReader(tmp_path)
    assert caught.value.errno == errno.EISDIR


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\ud800"])
def test_impossible_names(name: str) -> None:
    with pytest.raises(PgiInputError):
        PgiReader(name)


def test_text_mode_and_foreign_objects_are_refused(path: Path) -> None:
    with path.open(encoding="latin-1") as file, pytest.raises(PgiOptionError, match="binary"):
        PgiReader(file)
    for wrong in (None, 5, [FILE], object()):
        with pytest.raises(PgiOptionError, match="path, bytes or"):
            PgiReader(wrong)


def test_file_objects_that_misbehave() -> None:
    class Texts:
        def read(self, size: int) -> str:
            return "x" * size

    class Nothing:
        def read(self, size: int) -> None:
            return None

    class Failing:
        def read(self, size: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    for wrong in (Texts(), Nothing()):
        with pytest.raises(PgiInputError):
            PgiReader(wrong)
    with pytest.raises(PgiInputError) as caught:
        PgiReader(Failing())
    assert caught.value.errno == errno.EIO


def test_closing(path: Path) -> None:
    reader = PgiReader(path)
    reader.close()
    with pytest.raises(PgiInputError):
        reader.read_payload(0, 1)
    with path.open("rb") as file:
        PgiReader(file).close()
        assert not file.closed
    file.close()
    with pytest.raises(PgiInputError):
        PgiReader(file)


def test_a_refused_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "no.pgi"
    path.write_bytes(b"no")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(PgiFormatError):
            PgiReader(path)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_threads_share_one_reader(path: Path) -> None:
    for source in (path, path.open("rb"), Stream(FILE)):
        with PgiReader(source) as reader, ThreadPoolExecutor(8) as pool:
            pieces = list(pool.map(lambda at, reader=reader: reader.read_payload(at, 1), range(len(PAYLOAD))))
        assert b"".join(pieces) == PAYLOAD


def test_negative_ranges_are_refused() -> None:
    with pytest.raises(PgiFormatError):
        open_source(FILE).read_at(-1, 5)
    with pytest.raises(PgiFormatError):
        open_source(FILE).read_at(0, -5)
    with pytest.raises(PgiTruncatedError):
        open_source(FILE).read_at(0, 2**62)
