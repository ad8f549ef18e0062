"""Pipes, links and devices where files are looked for, and names that lead elsewhere."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pgic_core
from pgic_core.errors import PgiInputError
from pgic_core.folders import file_inside, files_below
from tests.attacks.running import command, python

GREY = np.arange(64 * 48, dtype=np.uint32).astype(np.uint8).reshape(48, 64)
FILE = pgic_core.encode(GREY)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verb", ["encode", "decode", "verify", "info", "meta show"])
def test_a_pipe_in_a_folder_is_left_out_and_named(verb: str) -> None:
    Path("in/deep").mkdir(parents=True)
    for name in ("in/a.pgi", "in/a.jpg", "in/deep/b.pgi"):
        os.mkfifo(name)
    os.symlink("/dev/zero", "in/zero.png")
    os.symlink("/dev/zero", "in/zero.pgi")
    Path("in/sound.pgi").write_bytes(FILE)
    Image.fromarray(GREY).save("in/photo.png")
    named = ["in"] if verb != "verify" else ["in/*.pgi", "in/deep/*.pgi"]  # a pattern names no file either
    done = command(*verb.split(), *named).check(0)
    left_out = {b"in/a.jpg", b"in/zero.png"} if verb == "encode" else {b"in/a.pgi", b"in/deep/b.pgi"}
    for name in left_out:
        assert name + b" is not a regular file, and is left out" in done.stderr


def test_links_in_a_circle_end() -> None:
    """Twelve folders that link to one another have 12! ways through them."""
    for number in range(12):
        Path(f"in/{number}").mkdir(parents=True)
        Path(f"in/{number}/{number}.pgi").write_bytes(FILE)
    for number in range(12):
        for other in range(12):
            os.symlink(f"../{other}", f"in/{number}/to {other}")
    assert len(list(files_below("in", {".pgi"}, follow_links=True))) == 12
    assert len(list(files_below("in", {".pgi"}))) == 12
    done = command("verify", "in").check(0)
    assert b"12 of 12 files are sound" in done.stderr


def test_datasets_with_links_in_a_circle_end() -> None:
    pytest.importorskip("torchvision")
    from pgic_plugins.torchvision import PgiDetection, PgiFolder

    for number in range(9):
        Path(f"in/{number}").mkdir(parents=True)
        Path(f"in/{number}/{number}.pgi").write_bytes(FILE)
        os.mkfifo(f"in/{number}/pipe.pgi")
    for number in range(9):
        for other in range(9):
            os.symlink(f"../{other}", f"in/{number}/to {other}")
    assert len(PgiFolder("in")) == 81  # a class may show what another does, once
    assert len(PgiDetection("in")) == 9


def test_a_folder_that_lies_very_deep() -> None:
    here = Path.cwd()
    for _ in range(900):
        os.mkdir("d")
        os.chdir("d")
    Path("a.pgi").write_bytes(FILE)
    os.chdir(here)
    assert len(list(files_below(".", {".pgi"}))) == 1


def test_pipes_are_inputs_where_they_are_named() -> None:
    Image.fromarray(GREY).save("a.png")
    shell = f"{sys.executable} -m pgic_core "
    for line in (
        "encode <(cat a.png) x.pgi",
        "encode /dev/stdin x.pgi < a.png",
        "cat a.png | PGIC encode /dev/stdin x.pgi",
        "cat a.png | PGIC encode /dev/stdin > x.pgi",
        "cat a.png | PGIC encode - x.pgi",
        "mkfifo p; (cat a.png > p &) ; PGIC encode p x.pgi",
    ):
        script = line.replace("PGIC", shell) if "PGIC" in line else shell + line
        subprocess.run(["bash", "-c", script], check=True, capture_output=True, timeout=60)
        np.testing.assert_array_equal(pgic_core.decode("x.pgi"), GREY)
        Path("x.pgi").unlink()
    Path("a.pgi").write_bytes(FILE)
    for line in (
        "decode <(cat a.pgi) x.npy",
        "cat a.pgi | PGIC decode /dev/stdin x.npy",
        "cat a.pgi | PGIC decode - x.npy",
        "cat a.pgi | PGIC verify /dev/stdin",
        "cat a.pgi | PGIC info --json - > x.json",
    ):
        script = line.replace("PGIC", shell) if "PGIC" in line else shell + line
        subprocess.run(["bash", "-c", script], check=True, capture_output=True, timeout=60)
    np.testing.assert_array_equal(np.load("x.npy"), GREY)
    assert json.loads(Path("x.json").read_bytes())["file_bytes"] == len(FILE)


def test_standard_input_takes_the_memory_that_comes() -> None:
    idle = command("--version")
    for arguments in (["info", "-"], ["encode", "-", "-"], ["verify", "-"]):
        done = command(*arguments, stdin=FILE if arguments[0] != "encode" else b"nothing")
        assert done.status == (1 if arguments[0] == "encode" else 0)
        assert done.megabytes < idle.megabytes + 100
    done = python(
        """
        import resource, sys
        sys.argv = ["pgic", "info", "-"]
        resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))
        from pgic_core.cli import main
        main()
        """,
        stdin=FILE,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ).check(0)
    assert b"lossless" in done.stdout


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "a/" * 3000])
@pytest.mark.parametrize("verb", ["encode", "info"])
def test_names_that_are_none(verb: str, name: str) -> None:
    if "\0" in name:  # no process can be given one; Python callers can
        with pytest.raises(PgiInputError):
            pgic_core.decode(name)
        return
    done = command(verb, name)
    assert done.check(done.status).status in (1, 2)
    assert done.stderr


@pytest.mark.parametrize(
    "name", ["../outside.pgi", "/etc/passwd", "a/../../x", "", "..", "link/x.pgi", "loop/x", "\0"]
)
def test_a_list_of_files_stays_below_its_folder(name: str) -> None:
    Path("root/a").mkdir(parents=True)
    os.symlink("..", "root/link")
    os.symlink("loop", "root/loop")
    with pytest.raises(PgiInputError, match="leads out of the folder"):
        file_inside("root", name)


def test_a_list_of_files_may_name_links_to_files() -> None:
    Path("root/a").mkdir(parents=True)
    Path("store.pgi").write_bytes(FILE)
    os.symlink("../../store.pgi", "root/a/x.pgi")
    assert file_inside("root", "a/x.pgi") == Path("root/a/x.pgi")
    assert file_inside("root", "./a//x.pgi").read_bytes() == FILE


@pytest.mark.parametrize(
    "change",
    [
        {"file_name": "../secret.jpg"},
        {"file_name": "/etc/hostname"},
        {"file_name": 5},
        {"id": float("inf")},
        {"id": 1e300},
        {"id": 10**30},
        {"id": None},
    ],
    ids=str,
)
def test_coco_files_that_lie(change: dict[str, object]) -> None:
    pytest.importorskip("torchvision")
    from pgic_plugins.torchvision import PgiDetection

    Path("root").mkdir()
    Path("secret.pgi").write_bytes(FILE)
    image = {"id": 1, "file_name": "a.jpg"} | change
    coco = {"images": [image], "categories": [{"id": 1, "name": "x"}], "annotations": []}
    Path("coco.json").write_text(json.dumps(coco))
    with pytest.raises(PgiInputError):
        PgiDetection("root", "coco.json")


def test_a_photo_is_never_handed_to_another_program() -> None:
    """An EPS, under any name and from any pipe: Pillow would start Ghostscript on it."""
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n"
    Path("bin").mkdir()
    Path("bin/gs").write_text("#!/bin/sh\ntouch started\nexit 1\n")
    Path("bin/gs").chmod(0o755)
    env = {"PATH": f"{Path('bin').resolve()}{os.pathsep}{os.environ['PATH']}"}
    for name in ("photo.jpg", "photo.eps", "photo"):
        Path(name).write_bytes(eps)
    # The trap works: Pillow asked without a list of formats does start it.
    Path("a.eps").write_bytes(eps)
    python("from PIL import Image; import sys; Image.open(sys.argv[1]).load()", "a.eps", env=env)
    assert Path("started").exists()
    Path("started").unlink()
    for name in ("photo.jpg", "photo.eps", "photo"):
        command("encode", name, "x.pgi", env=env).check(1)
    command("encode", "-", "x.pgi", stdin=eps, env=env).check(1)
    command("bench", "rd", "photo.jpg", env=env)
    assert not Path("started").exists()
    assert not Path("x.pgi").exists()


@pytest.mark.parametrize("option", ["--exact", "--roi"])
def test_hundreds_of_thousands_of_regions(option: str) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)).save("photo.png")
    Path("boxes.json").write_text(json.dumps([[0, 0, 9, 9]] * 200_000))
    done = command("encode", "--codec", "learned", option, "boxes.json", "photo.png", "out.pgi").check(1)
    assert b"more than 4,096 regions" in done.stderr


def test_a_device_never_ends() -> None:
    done = command("encode", "/dev/zero", "out.pgi").check(1)
    assert b"This is a device, not a file or a pipe." in done.stderr


def test_a_jpeg_of_thousands_of_scans() -> None:
    """Each empty scan of a few bytes costs a walk over 67 megapixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG", progressive=True)
    jpeg = buffer.getvalue()
    at = jpeg.index(b"\xff\xda")
    head = jpeg[:at].replace(b"\xff\xc2\0\x11\x08\0\x40\0\x40", b"\xff\xc2\0\x11\x08\x20\0\x20\0")
    scan = jpeg[at : at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")] + b"\0"
    Path("scans.jpg").write_bytes(head + 30_000 * scan + b"\xff\xd9")
    done = command("encode", "scans.jpg", "out.pgi").check(1)
    assert b"has more than 200 scans" in done.stderr


def test_bytes_that_look_like_scans_are_no_scans() -> None:
    """A thermal camera's payload may hold any bytes, and so may what lies behind the picture."""
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "JPEG", progressive=True)
    jpeg = buffer.getvalue()
    raw = 500 * b"\xff\xda"
    segment = b"\xff\xe3" + (len(raw) + 2).to_bytes(2, "big") + raw
    Path("thermal.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:] + raw)
    command("encode", "thermal.jpg", "out.pgi").check(0)
