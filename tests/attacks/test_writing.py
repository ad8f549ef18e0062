"""What a writer may do to the files of others: nothing but replace them by a whole file."""

from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import pgic_core
import pgic_plugins.pillow  # noqa: F401 - registers the format
from pgic_core.container import atomic_write
from pgic_core.errors import PgiInputError
from tests.attacks.running import command

if TYPE_CHECKING:
    from collections.abc import Iterator

GREY = np.arange(64 * 48, dtype=np.uint32).astype(np.uint8).reshape(48, 64)
IMAGE = Image.fromarray(GREY)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_private_file_is_never_readable_by_others() -> None:
    Path("a.pgi").write_bytes(b"old")
    Path("a.pgi").chmod(0o600)
    seen = []

    def pieces() -> Iterator[bytes]:
        yield b"secret"
        seen.extend(mode(path) for path in Path().glob(".pgic-*.tmp"))

    umask = os.umask(0)
    try:
        atomic_write("a.pgi", pieces())
    finally:
        os.umask(umask)
    assert seen == [0o600]
    assert mode("a.pgi") == 0o600
    Path("a.pgi").chmod(0o664)
    atomic_write("a.pgi", b"new")
    assert mode("a.pgi") == 0o664


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_owner_and_group_stay() -> None:
    Path("a.pgi").write_bytes(b"old")
    os.chown("a.pgi", 1234, 4321)
    Path("a.pgi").chmod(0o4750)
    atomic_write("a.pgi", b"new")
    found = os.stat("a.pgi")
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o4750)


def test_bits_of_a_group_that_cannot_be_kept_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may set any group, so the refusal is played: the same call, the same error."""
    Path("a.pgi").write_bytes(b"old")
    Path("a.pgi").chmod(0o664)
    real = os.stat

    def other_group(path: object, **options: object) -> os.stat_result:
        found = real(path, **options)  # type: ignore[arg-type]
        if os.fspath(path).endswith(".tmp"):  # type: ignore[arg-type]
            found = os.stat_result((*found[:5], found.st_gid + 1, *found[6:]))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", other_group)
        atomic_write("a.pgi", b"new")
    assert mode("a.pgi") == 0o604


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="this system has no extended attributes")
def test_extended_attributes_stay() -> None:
    Path("a.pgi").write_bytes(b"old")
    try:
        os.setxattr("a.pgi", "user.origin", b"drone 7")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    atomic_write("a.pgi", b"new")
    assert os.getxattr("a.pgi", "user.origin") == b"drone 7"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_made_meanwhile_stays(links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:  # as on a memory card

        def refused(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "link", refused)

    def pieces() -> Iterator[bytes]:
        yield b"ours"
        Path("a.pgi").write_bytes(b"theirs")

    with pytest.raises(PgiInputError, match="it exists already"):
        atomic_write("a.pgi", pieces(), replace=False)
    assert Path("a.pgi").read_bytes() == b"theirs"
    with pytest.raises(PgiInputError, match="it exists already"):
        atomic_write("a.pgi", b"ours", replace=False)
    Path("a.pgi").unlink()
    atomic_write("a.pgi", b"ours", replace=False)
    assert Path("a.pgi").read_bytes() == b"ours"
    assert os.listdir() == ["a.pgi"]


def test_a_run_leaves_a_file_that_appears_while_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from pgic_core.cli import app
    from pgic_core.cli import encode as module

    IMAGE.save("a.png")
    real = module.open_photo

    def slow(*given: object, **options: object) -> object:
        Path("a.pgi").write_bytes(b"theirs")
        return real(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "open_photo", slow)
    for arguments, status in (
        (["a.png"], 1),
        (["a.png", "a.pgi", "--skip-existing"], 1),
        (["-f", "a.png"], 0),
    ):
        Path("a.pgi").unlink(missing_ok=True)
        done = CliRunner().invoke(app, ["encode", *arguments])
        assert done.exit_code == status, done.output
        assert (Path("a.pgi").read_bytes() == b"theirs") is (status == 1)


def test_pillow_saves_all_or_nothing() -> None:
    pgic_core.encode_to("a.pgi", GREY)
    old = Path("a.pgi").read_bytes()
    for name in ("a.pgi", Path("a.pgi"), b"a.pgi"):
        with pytest.raises(ValueError, match="quality"):
            IMAGE.save(name, quality=500)
        with pytest.raises(ValueError, match="quality"):
            IMAGE.save(name, "pgi", quality=500)
        assert Path("a.pgi").read_bytes() == old
    with pytest.raises(ValueError, match="quality"):
        IMAGE.save("new.pgi", quality=500)
    assert os.listdir() == ["a.pgi"]
    with Image.open("a.pgi") as image:  # over the file that it is read from, not decoded yet
        image.save("a.pgi", lossless=True)
    np.testing.assert_array_equal(pgic_core.decode("a.pgi"), GREY)
    IMAGE.save("other.name", format="PGI")
    np.testing.assert_array_equal(pgic_core.decode("other.name"), GREY)
    IMAGE.save("a.png")  # and other formats go their way
    out = io.BytesIO()
    IMAGE.save(out, "PGI")
    np.testing.assert_array_equal(pgic_core.decode(out.getvalue()), GREY)


def test_pillow_saves_into_a_pipe() -> None:
    os.mkfifo("pipe.pgi")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(Path("pipe.pgi").read_bytes()))
    reader.start()
    IMAGE.save("pipe.pgi")
    reader.join()
    np.testing.assert_array_equal(pgic_core.decode(found[0]), GREY)


def test_keep_time() -> None:
    IMAGE.save("a.png")
    os.utime("a.png", ns=(1_600_000_000_000_000_000, 1_500_000_000_123_456_789))
    command("encode", "a.png", "--keep-time").check(0)
    assert os.stat("a.pgi").st_mtime_ns == 1_500_000_000_123_456_789
    command("decode", "a.pgi", "b.npy", "--keep-time").check(0)
    assert os.stat("b.npy").st_mtime_ns == 1_500_000_000_123_456_789
    command("encode", "-", "c.pgi", "--keep-time", stdin=Path("a.png").read_bytes()).check(0)
    command("encode", "a.png", "d.pgi").check(0)
    assert os.stat("d.pgi").st_mtime_ns > 1_700_000_000_000_000_000


def test_a_drawing_that_cannot_be_made_leaves_the_old_one() -> None:
    Image.fromarray(np.dstack([GREY] * 3)).save("a.png")
    Path("roi.json").write_text("[[8, 8, 16, 16]]")
    Path("old.xyz").write_bytes(b"old")
    drawing_of = ("--codec", "learned", "--roi", "roi.json", "--show-roi")
    command("encode", "a.png", *drawing_of, "old.xyz").check(1)
    assert Path("old.xyz").read_bytes() == b"old"
    command("encode", "a.png", "-f", *drawing_of, "kept.png").check(0)
    with Image.open("kept.png", formats=["PNG"]) as drawing:
        assert drawing.size == (64, 48)
