"""What the command says of losses: a line for each file, the summary, --strict; --frame; decode's output."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from click.testing import CliRunner, Result
from PIL import Image

import pgic_core
from pgic_core.cli import app

from ..api.foreign_files import CASES, png16, samples
from ..api.photos import GREY, PHOTO, exif_bytes, photo_file


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pgic(*arguments: Any, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="pgic")
    assert result.exit_code == status, result.output
    return result


def files() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def folder() -> None:
    Path("in").mkdir()
    for name in ("anim.gif", "stereo.mpo", "comment.jpg"):
        shutil.copy(CASES / name, "in")
    Path("in/stereo.mpo").rename("in/stereo.jpg")


def test_each_file_has_one_line_and_the_summary_counts_them() -> None:
    folder()
    said = pgic("encode", "in", "-o", "out").stderr.splitlines()
    assert said.count("pgic: in/stereo.jpg has 2 frames; the first is coded.") == 1
    assert sum("anim.gif" in line for line in said) == 1
    assert "3 of 3 files done, 2 with warnings" in said
    assert not any("comment.jpg" in line for line in said)


def test_strict_makes_it_an_error() -> None:
    folder()
    said = pgic("encode", "in", "-o", "out", "--strict", status=1).stderr
    assert "1 of 3 files done" in said
    assert "in/stereo.jpg: With --strict nothing may be lost: it has 2 frames; the first is coded." in said
    assert [name for name in files() if name.startswith("out")] == ["out/comment.pgi"]
    pgic("encode", "in/anim.gif", "out/anim.pgi")
    said = pgic("decode", "out/comment.pgi", "x.webp", "--strict", status=1).stderr
    assert "comments" in said
    assert "x.webp" not in files()
    pgic("decode", "out/comment.pgi", "x.jpg", "--strict")


def test_quiet_says_nothing_of_it() -> None:
    folder()
    assert pgic("encode", "in", "-o", "out", "--quiet").stderr == ""


def test_another_frame_is_coded() -> None:
    pgic("encode", CASES / "multi.tif", "x.pgi", "--frame", 2, "--lossless")
    with Image.open(CASES / "multi.tif") as image:
        image.seek(1)
        np.testing.assert_array_equal(pgic_core.decode("x.pgi"), np.asarray(image))
    said = pgic("encode", CASES / "multi.tif", "x.pgi", "--frame", 4, status=1).stderr
    assert "has 3 frames, so there is no frame 4" in said


@pytest.mark.parametrize(
    ("suffix", "kind", "module", "package"),
    [(".heic", "HEIF", "pillow_heif", "pillow-heif"), (".jxl", "JXL", "pillow_jxl", "pillow-jxl-plugin")],
)
def test_photos_that_another_package_reads(
    suffix: str, kind: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: HEIC in a folder: read where the package is there, else counted."""
    plugin = pytest.importorskip(module)
    if module == "pillow_heif":
        plugin.register_heif_opener()
    Path("in").mkdir()
    for name in ("a", "b"):
        Path(f"in/{name}{suffix}").write_bytes(photo_file(kind))
    Path("in/c.png").write_bytes(photo_file("PNG", GREY))
    assert "3 of 3 files done" in pgic("encode", "in", "-o", "out").stderr
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    said = pgic("encode", "in", "-o", "out2").stderr
    assert "pgic: 2 " + f"{suffix} files passed over: install {package} to read {suffix}" in said
    assert [name for name in files() if name.startswith("out2")] == ["out2/c.pgi"]
    said = pgic("encode", f"in/a{suffix}", "-o", "out3", status=1).stderr
    assert f"install {package}" in said
    Path("in/c.png").unlink()
    assert f"install {package}" in pgic("encode", "in", status=2).stderr


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_there_and_back(suffix: str) -> None:
    pixels = samples((20, 30, 3), np.uint16)
    Path("deep.png").write_bytes(png16(pixels))
    pgic("encode", "deep.png", "deep.pgi", "--strict")
    pgic("decode", "deep.pgi", f"back.{suffix}", "--strict")
    data = Path(f"back.{suffix}").read_bytes()
    if suffix == "tif":
        back = tifffile.imread(io.BytesIO(data))
    else:
        back = np.vstack([np.frombuffer(row, np.uint16) for row in png.Reader(bytes=data).read()[2]])
    np.testing.assert_array_equal(back.reshape(pixels.shape), pixels)


def test_16_bits_as_ppm_are_written_strip_by_strip() -> None:
    pixels = samples((20, 30, 3), np.uint16)
    pgic_core.encode_to("deep.pgi", pixels)
    pgic("decode", "deep.pgi", "deep.ppm")
    pgic("encode", "deep.ppm", "again.pgi", "--strict")
    np.testing.assert_array_equal(pgic_core.decode("again.pgi"), pixels)


def test_strip_leaves_pixels_that_are_upright() -> None:
    Path("photo.jpg").write_bytes(photo_file(exif=exif_bytes(orientation=6), comment=b"phase B"))
    pgic("encode", "photo.jpg", "photo.pgi")
    said = pgic("decode", "photo.pgi", "bare.jpg", "--strip").stderr
    assert "turned upright" in said
    with Image.open("bare.jpg") as image:
        assert image.size == (120, 160)
        assert not image.getexif()
        assert "comment" not in image.info
    pgic("encode", "photo.jpg", "bare.pgi", "--strip")
    assert pgic_core.open_file("bare.pgi").side_data == pgic_core.SideData()


def test_a_name_without_a_suffix_is_never_an_input() -> None:
    """Kind: pgic decode a.pgi out."""
    pgic_core.encode_to("a.pgi", PHOTO)
    said = pgic("decode", "a.pgi", "out", status=2).stderr
    assert "What kind of file is out to be? Name it out.png" in " ".join(said.split())
    assert files() == ["a.pgi"]
    assert "What kind" in pgic("decode", "a.pgi", "out.xyz", status=2).stderr
    pgic("decode", "a.pgi", "new/")
    Path("old").mkdir()
    pgic("decode", "a.pgi", "old", "--format", "jpg")
    assert files() == ["a.pgi", "new/a.png", "old/a.jpg"]


def test_the_last_of_several_names_is_the_folder_to_write() -> None:
    for name in ("a", "b"):
        pgic_core.encode_to(f"{name}.pgi", GREY)
    pgic("decode", "a.pgi", "b.pgi", "out")
    pgic("decode", "*.pgi", "glob")
    Path("in").mkdir()
    Path("a.pgi").rename("in/a.pgi")
    pgic("decode", "in", "folder")
    assert files() == [
        "b.pgi",
        "folder/a.png",
        "glob/a.png",
        "glob/b.png",
        "in/a.pgi",
        "out/a.png",
        "out/b.png",
    ]
    Path("in2").mkdir()
    shutil.copy("in/a.pgi", "in2")
    assert "read or written" in pgic("decode", "in", "in2", status=2).stderr
    pgic("decode", "b.pgi", "in2")  # a file into a folder
    assert "in2/b.png" in files()
    pgic("decode", "in/a.pgi", "b.pgi", "-f")  # both are read
    assert {"in/a.png", "b.png"} <= set(files())
    assert "cannot go into one output" in pgic("decode", "in/a.pgi", "b.pgi", "x.png", status=2).stderr


def test_what_stands_beside_the_pixels_is_shown_and_can_be_removed() -> None:
    shutil.copy(CASES / "png_named.jpg", "a.png")
    shutil.copy(CASES / "text_utf8.jpg", "b.jpg")
    shutil.copy(CASES / "comment.jpg", "c.jpg")
    pgic("encode", "a.png", "b.jpg", "c.jpg")
    assert "text          Title: panel 7" in pgic("info", "a.pgi").stdout
    assert "beside        iptc, 34 bytes" in pgic("info", "b.pgi").stdout
    assert "comment       tower 12, phase B" in pgic("info", "c.pgi").stdout
    assert '"tower 12, phase B"' in pgic("info", "c.pgi", "--json").stdout
    pgic("meta", "set", "c.pgi", "--unset", "side-data")
    assert pgic_core.inspect("c.pgi").side_data == pgic_core.SideData()
