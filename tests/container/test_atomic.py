"""A writer that is stopped, in whatever way, leaves the old file or the new one."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pgic_core.container import atomic_write
from pgic_core.errors import PgiInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob(".pgic-*"))


@pytest.mark.parametrize(
    "kind", [bytes, bytearray, memoryview, lambda data: [data[:1], data[1:]], lambda data: iter([data])]
)
def test_content_arrives(kind: Callable[[bytes], Any], tmp_path: Path) -> None:
    for content in (b"", b"abc"):
        atomic_write(tmp_path / "a.pgi", kind(content))
        assert (tmp_path / "a.pgi").read_bytes() == content
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["变电站巡检 图像.pgi", "x" * 255, "图" * 85, "with\nline end", ".hidden", "-q"],
    ids=["chinese", "255 bytes", "255 bytes of chinese", "line end", "hidden", "option"],
)
def test_any_name_that_the_file_system_takes(name: str, tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(8):  # a path of over 2,000 bytes
        folder /= "变" * 85
    folder.mkdir(parents=True)
    for content in (b"old", b"new"):
        atomic_write(folder / name, content)
        assert (folder / name).read_bytes() == content
    assert os.listdir(folder) == [name]


def test_relative_name_without_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atomic_write("a.pgi", b"new")
    assert (tmp_path / "a.pgi").read_bytes() == b"new"


def test_new_file_follows_the_umask_and_an_old_one_keeps_its_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    old = os.umask(0o027)
    try:
        atomic_write(path, b"1")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    atomic_write(path, b"2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_symbolic_link_stays_and_its_target_changes(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "a.pgi", tmp_path / "link.pgi"
    link.symlink_to("elsewhere/a.pgi")
    for content in (b"made through a dangling link", b"replaced"):
        atomic_write(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert not target.is_symlink()
    assert leftovers(tmp_path) == leftovers(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, MemoryError, RuntimeError, OSError])
def test_whatever_stops_the_writer_leaves_the_old_file(stop: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(b"old")

    def pieces() -> Iterator[bytes]:
        yield b"new" * 100_000
        raise stop

    with pytest.raises(stop) as caught:
        atomic_write(path, pieces())
    assert type(caught.value) is stop
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.pgi"]


KILLED = """
    import sys, time
    from pgic_core.container import atomic_write

    def pieces():
        for number in range(1000):
            yield b"new" * 10_000
            if number == int(sys.argv[2]):
                print("now", flush=True)
                time.sleep(60)

    atomic_write(sys.argv[1], pieces())
"""


@pytest.mark.parametrize("piece", [0, 500])
def test_killed_writer_leaves_the_old_file(piece: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path), str(piece)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"


REPEATING = """
    import sys
    from pgic_core.container import atomic_write

    print("now", flush=True)
    while True:
        for letter in (b"a", b"b"):
            atomic_write(sys.argv[1], [letter * 50_000] * 10)
"""


def test_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(b"a" * 500_000)
    whole = {b"a" * 500_000, b"b" * 500_000}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(REPEATING), str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(200):
            assert path.read_bytes() in whole
        process.kill()
    assert path.read_bytes() in whole


def test_concurrent_writers_to_one_name(tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    contents = [bytes([number]) * 100_000 for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: atomic_write(path, [content[:50_000], content[50_000:]]), contents))
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["a.pgi"]


def refused(path: object, content: object = b"x") -> PgiInputError:
    with pytest.raises(PgiInputError) as caught:
        atomic_write(path, content)
    assert isinstance(caught.value, OSError)
    assert caught.value.filename in (None, os.fspath(path))
    return caught.value


def test_names_and_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "loop").symlink_to("loop")
    assert refused(tmp_path / "missing" / "a.pgi").errno == errno.ENOENT
    assert refused(tmp_path / "folder").errno == errno.EISDIR
    assert refused(tmp_path / "file" / "a.pgi").errno == errno.ENOTDIR
    assert refused(tmp_path / "loop").errno == errno.ELOOP
    assert refused(tmp_path / ("x" * 256)).errno == errno.ENAMETOOLONG
    assert "the name is too long" in str(refused(tmp_path / ("图" * 86)))
    assert refused("x/" * 3000).errno == errno.ENAMETOOLONG
    refused(str(tmp_path / "a\0b"))
    refused(str(tmp_path / "\ud800"))
    refused("")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "loop"]


def test_disk_full() -> None:
    error = refused("/dev/full", [b"x" * 100_000])
    assert error.errno == errno.ENOSPC
    assert "the disk is full" in str(error)


def test_disk_that_fills_up_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    # A bound on the size of files stands for the full disk: the write itself fails half-way.
    path = tmp_path / "a.pgi"
    path.write_bytes(b"old")
    script = """
        import resource, signal, sys
        from pgic_core.container import atomic_write
        from pgic_core.errors import PgiInputError

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            atomic_write(sys.argv[1], [b"x" * 600] * 10)
        except PgiInputError as error:
            print(error.errno)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == str(errno.EFBIG)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.pgi"]


def test_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the system's refusal is played: the same call, the same error.
    real = os.open

    def read_only(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    error = refused(tmp_path / "a.pgi")
    assert error.errno == errno.EROFS
    assert "the file system is read-only" in str(error)


def test_system_file_system_is_refused() -> None:
    assert refused("/proc/a.pgi").errno in (errno.ENOENT, errno.EACCES, errno.EROFS, errno.EPERM)


def test_device_and_pipe_are_written_to_directly(tmp_path: Path) -> None:
    atomic_write(os.devnull, b"x")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with ThreadPoolExecutor(1) as pool:
        content = pool.submit(fifo.read_bytes)
        atomic_write(fifo, [b"new", b"er"])
        assert content.result() == b"newer"
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_standard_output_whose_reader_went_away() -> None:
    script = """
        from pgic_core.container import atomic_write
        from pgic_core.errors import PgiInputError

        try:
            atomic_write("/dev/stdout", [b"x" * 100_000] * 100)
        except PgiInputError as error:
            raise SystemExit(error.errno)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(10) == b"x" * 10
        process.stdout.close()
        assert process.wait() == errno.EPIPE
