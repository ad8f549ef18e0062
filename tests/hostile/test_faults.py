"""What can go wrong around a file: nothing half-written, a sentence of ours, and the other files go on."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pgic_core
from pgic_core.errors import PgiChecksumError, PgiInputError, PgiTruncatedError

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = [sys.executable, "-m", "pgic_core"]
GREY = skimage.data.camera()[:200, :300]
FILE = pgic_core.encode(GREY)
NOISE = np.random.default_rng(0).integers(0, 256, (600, 600), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, check=False, **options)


def few_bytes() -> None:
    """In the child: the disk is full after 50,000 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "--lossless", "noise.png", "out.pgi"],
        ["decode", "noise.pgi", "out.npy"],
        ["decode", "noise.pgi", "out.png"],
        ["meta", "set", "--device-id", "x", "out.pgi"],
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_a_disk_that_fills_up_leaves_the_old_file(arguments: list[str]) -> None:
    Image.fromarray(NOISE).save("noise.png")
    pgic_core.encode_to("noise.pgi", NOISE, effort=1)
    out = Path(arguments[-1])
    out.write_bytes(Path("noise.pgi").read_bytes())
    before = out.read_bytes()
    names = sorted(os.listdir())
    done = run(*arguments, preexec_fn=few_bytes)
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr
    assert out.read_bytes() == before
    assert sorted(os.listdir()) == names


def test_a_full_device() -> None:
    Path("a.pgi").write_bytes(FILE)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "decode", "a.pgi", "-"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    with pytest.raises(PgiInputError) as caught:
        pgic_core.encode_to("/dev/full", GREY)
    assert caught.value.errno == errno.ENOSPC


def test_inputs_that_cannot_be_read() -> None:
    Path("folder").mkdir()
    Path("loop.pgi").symlink_to("loop.pgi")
    Path("dangling.pgi").symlink_to("nowhere")
    # Reading the first page of one's own memory fails, whoever asks: what a broken disk looks like.
    for name in (
        "folder",
        "loop.pgi",
        "dangling.pgi",
        "missing.pgi",
        "a.pgi/b",
        "x" * 5000,
        "/proc/self/mem",
    ):
        with pytest.raises(PgiInputError):
            pgic_core.decode(name)
        with pytest.raises(PgiInputError):
            pgic_core.set_metadata(name, dpi=None)
    Path("sound.pgi").write_bytes(FILE)
    done = run("verify", "loop.pgi", "sound.pgi", "/proc/self/mem", "missing.pgi")
    assert done.returncode == 1
    assert b"1 of 4 files are sound" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_file_that_shrinks_or_goes_while_it_is_open() -> None:
    path = Path("a.pgi")
    path.write_bytes(FILE)
    with pgic_core.open_file(path) as file:
        path.unlink()
        np.testing.assert_array_equal(file.decode(), GREY)
    path.write_bytes(FILE)
    with pgic_core.open_file(path) as file:
        os.truncate(path, len(FILE) // 2)
        with pytest.raises(PgiTruncatedError):
            file.decode()
    path.write_bytes(FILE)
    with pgic_core.open_file(path) as file:
        path.write_bytes(FILE[:-500] + bytes(500))
        with pytest.raises(PgiChecksumError):
            file.decode()


def test_a_folder_that_takes_no_files() -> None:
    Image.fromarray(GREY).save("a.png")
    for out in ("/proc/a.pgi", "a.png/b.pgi", "missing/b.pgi"):
        with pytest.raises(PgiInputError, match="cannot be written"):
            pgic_core.encode_to(out, GREY)
    done = run("encode", "a.png", "/proc/a.pgi")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert os.listdir() == ["a.png"]


def test_chinese_and_very_long_paths() -> None:
    folder = Path.cwd()
    for _ in range(8):
        folder /= "巡检" * 40
    folder.mkdir(parents=True)
    photo, coded, back = (folder / f"变电站 绝缘子.{suffix}" for suffix in ("png", "pgi", "npy"))
    Image.fromarray(GREY).save(photo)
    assert run("encode", str(photo), str(coded)).returncode == 0
    assert run("decode", str(coded), str(back)).returncode == 0
    assert run("meta", "set", "--device-id", "无人机", str(coded)).returncode == 0
    np.testing.assert_array_equal(np.load(back), GREY)
    assert pgic_core.inspect(coded).metadata.device_id == "无人机"


def test_symbolic_links_stay_links() -> None:
    Path("real").mkdir()
    Path("real/a.pgi").write_bytes(FILE)
    Path("link.pgi").symlink_to("real/a.pgi")
    pgic_core.set_metadata("link.pgi", metadata={"device_id": "x"})
    assert Path("link.pgi").is_symlink()
    assert pgic_core.inspect("real/a.pgi").metadata.device_id == "x"
    assert run("decode", "link.pgi", "out.npy").returncode == 0
    Path("out link.npy").symlink_to("real/out.npy")
    assert run("decode", "link.pgi", "out link.npy").returncode == 0
    assert Path("out link.npy").is_symlink()
    np.testing.assert_array_equal(np.load("real/out.npy"), GREY)


def test_writers_to_one_name_leave_one_whole_file() -> None:
    pictures = [np.full((40, 50), grey, np.uint8) for grey in range(8)]
    pgic_core.encode_to("a.pgi", pictures[0])
    stop = threading.Event()
    wrong: list[object] = []

    def write(picture: np.ndarray[Any, Any]) -> None:
        for _ in range(10):
            pgic_core.encode_to("a.pgi", picture, threads=1)

    def read() -> None:
        while not stop.is_set():
            seen = pgic_core.decode("a.pgi", threads=1)
            if seen.min() != seen.max():
                wrong.append(seen)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=write, args=(picture,)) for picture in pictures]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    assert not wrong
    assert os.listdir() == ["a.pgi"]
    pgic_core.verify("a.pgi")


def stopped(arguments: list[str], ready: Callable[[int], bool]) -> subprocess.CompletedProcess[bytes]:
    """A command that gets Ctrl-C as soon as ``ready``."""
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE)
    while process.poll() is None and not ready(process.pid):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, None, errors)


def test_ctrl_c_in_the_middle_of_a_streamed_picture_leaves_nothing() -> None:
    tall = np.tile(skimage.data.camera(), (20, 6))  # 31 megapixels in strips of 512 rows
    pgic_core.encode_to("tall.pgi", tall, effort=1)
    done = stopped(["decode", "tall.pgi", "out.npy"], lambda _: any(Path().glob(".pgic-*.tmp")))
    assert done.returncode == 130
    assert b"Traceback" not in done.stderr
    assert os.listdir() == ["tall.pgi"]


def test_ctrl_c_while_a_large_picture_is_coded_leaves_the_old_file() -> None:
    large = np.tile(skimage.data.astronaut(), (9, 9, 1))
    Image.fromarray(large).save("large.bmp")
    Path("large.pgi").write_bytes(b"old")

    def at_work(pid: int) -> bool:
        """Whether it has used more processor time than it takes to start, and less than to end."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 2.2

    done = stopped(["encode", "large.bmp", "large.pgi", "--threads", "1"], at_work)
    assert done.returncode == 130
    assert Path("large.pgi").read_bytes() == b"old"
    assert sorted(os.listdir()) == ["large.bmp", "large.pgi"]
