"""``pgic encode`` and ``pgic decode``: files, folders, patterns, streams, and what goes wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pgic_core
from pgic_core.cli import app

from ..api.photos import GREY, PHOTO, RGBA, XMP, exif_bytes, photo_file


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(photo_file())


def pgic(*arguments: Any, status: int = 0, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, prog_name="pgic")
    assert result.exit_code == status, result.output
    return result


def pixels(name: str) -> Any:
    with Image.open(name) as image:
        return np.asarray(image)


def size(name: str) -> tuple[int, int]:
    with Image.open(name) as image:
        return image.size


def files() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def folder_of_photos() -> None:
    Path("in/a/b").mkdir(parents=True)
    Path("in/.hidden").mkdir()
    Path("in/one.png").write_bytes(photo_file("PNG", GREY))
    Path("in/a/two.TIF").write_bytes(photo_file("TIFF", GREY))
    Path("in/a/b/three.jpg").write_bytes(photo_file("JPEG", GREY))
    for other in ("in/notes.txt", "in/.dot.png", "in/.hidden/four.png"):
        Path(other).write_bytes(photo_file("PNG", GREY))


def test_a_photo_there_and_back() -> None:
    said = pgic("encode", "photo.jpg", "photo.pgi")
    assert "photo.jpg -> photo.pgi" in said.stderr
    assert said.stdout == ""
    pgic("decode", "photo.pgi", "out.png")
    decoded = pixels("out.png")
    np.testing.assert_array_equal(decoded, pgic_core.decode("photo.pgi"))
    assert files() == ["out.png", "photo.jpg", "photo.pgi"]


@pytest.mark.parametrize("kind", ["png", "jpg", "tiff", "webp", "avif", "bmp", "npy"])
def test_decode_writes_what_the_suffix_says(kind: str) -> None:
    pgic("encode", "photo.jpg", "photo.pgi")
    pgic("decode", "photo.pgi", f"out.{kind}")
    exact = pgic_core.decode("photo.pgi").astype(int)
    decoded = np.load("out.npy") if kind == "npy" else pixels(f"out.{kind}")
    tolerance = {"jpg": 3, "avif": 6}.get(kind, 0)
    assert np.abs(decoded - exact).mean() <= tolerance


@pytest.mark.parametrize("kind", ["jpg", "png", "tiff", "webp", "avif"])
def test_profiles_are_handed_on(kind: str) -> None:
    from PIL import ImageCms

    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = exif_bytes(orientation=3)[6:]  # as some cameras' files bring it: without its prefix
    pgic_core.encode_to("photo.pgi", GREY, exif=exif, icc_profile=icc, xmp=XMP, dpi=(300, 300))
    pgic("decode", "photo.pgi", f"out.{kind}")
    with Image.open(f"out.{kind}") as image:
        assert image.getexif()[0x010F] == "DJI"
        assert image.getexif().get_ifd(0x8825)[1] == "N"
        assert image.info["icc_profile"] == icc
        if kind in ("jpg", "png", "tiff"):
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        image.load()
        assert image.info["xmp"] == XMP
    pgic("decode", "photo.pgi", "part.png", "--window", 10, 20, 30, 40)
    with Image.open("part.png") as part:
        assert part.size == (30, 40)
        assert "dpi" not in part.info


def test_sixteen_bit_and_float() -> None:
    deep = GREY.astype(np.uint16) * 200
    Path("deep.png").write_bytes(photo_file("PNG", deep))
    pgic("encode", "deep.png", "--image-type", "infrared")
    pgic("decode", "deep.pgi", "-o", "back.png")
    np.testing.assert_array_equal(pixels("back.png"), deep)
    pgic_core.encode_to("float.pgi", np.dstack([GREY, GREY, GREY]).astype(np.float32))
    assert "npy" in pgic("decode", "float.pgi", "x.png", status=1).stderr
    pgic("decode", "float.pgi", "x.npy")
    assert np.load("x.npy").dtype == np.float32


def test_a_format_that_cannot_hold_the_picture() -> None:
    pgic_core.encode_to("alpha.pgi", RGBA)
    assert "RGBA" in pgic("decode", "alpha.pgi", "out.jpg", status=1).stderr
    assert "out.jpg" not in files()


def test_rate_options() -> None:
    source = Path("photo.jpg").stat().st_size
    for arguments, limit in (
        (["--max-bytes", 3000], 3000),
        (["--ratio", 3], source / 3),
        (["--bpp", 1.2], 1.2 * 120 * 160 / 8),
    ):
        pgic("encode", "photo.jpg", "x.pgi", *arguments)
        assert 0.8 * limit < Path("x.pgi").stat().st_size <= limit
    pgic("encode", "photo.jpg", "x.pgi", "-q", 30, "-e", 1)
    assert pgic_core.inspect("x.pgi").quality == 30
    pgic("encode", "photo.jpg", "x.pgi", "--lossless")
    np.testing.assert_array_equal(pgic_core.decode("x.pgi"), pixels("photo.jpg"))
    pgic("encode", "photo.jpg", "x.pgi", "--min-psnr", 33)


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode"],
        ["encode", "photo.jpg", "-q", "101"],
        ["encode", "photo.jpg", "-q", "9", "--lossless"],
        ["encode", "photo.jpg", "--bpp", "0"],
        ["encode", "photo.jpg", "photo.jpg", "-o", "x.pgi"],
        ["encode", "photo.jpg", "photo.jpg", "x.pgi", "-o", "-"],
        ["encode", "photo.jpg", "-f", "--skip-existing"],
        ["encode", "empty"],
        ["decode", "x.pgi", "--level", "finest"],
        ["decode", "x.pgi", "--window", "1", "2", "3"],
        ["decode", "x.pgi", "out.png", "--format", "jpg"],
        ["info", "empty"],
        ["verify", "empty"],
        ["meta", "set", "x.pgi"],
        ["meta", "set", "x.pgi", "--param", "iso"],
        ["meta", "annotate", "x.pgi"],
        ["meta", "annotate", "x.pgi", "--from", "missing.json"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    Path("empty").mkdir()
    before = files()
    pgic(*arguments, status=2)
    assert files() == before


def test_wrong_threads_of_the_environment_are_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGIC_THREADS", "many")
    assert "PGIC_THREADS" in pgic("encode", "photo.jpg", status=2).stderr


def test_a_folder_keeps_its_tree() -> None:
    folder_of_photos()
    said = pgic("encode", "in", "-o", "out", "-j", 2, "-v")
    assert [name for name in files() if name.startswith("out")] == [
        "out/a/b/three.pgi",
        "out/a/two.pgi",
        "out/one.pgi",
    ]
    assert "3 of 3 files done" in said.stderr
    assert "in/a/two.TIF -> out/a/two.pgi" in said.stderr
    pgic("decode", "out", "-o", "back", "--format", "jpg", "--quiet")
    assert [name for name in files() if name.startswith("back")] == [
        "back/a/b/three.jpg",
        "back/a/two.jpg",
        "back/one.jpg",
    ]


def test_a_folder_without_output_is_coded_in_place() -> None:
    folder_of_photos()
    pgic("encode", "in")
    assert {"in/one.pgi", "in/a/two.pgi", "in/a/b/three.pgi"} <= set(files())


def test_patterns() -> None:
    folder_of_photos()
    pgic("encode", "in/**/t*", "-o", "out")
    assert [name for name in files() if name.startswith("out")] == ["out/three.pgi", "out/two.pgi"]
    assert "no*.jpg" in pgic("encode", "no*.jpg", "-o", "out", status=1).stderr
    Path("odd[1].png").write_bytes(photo_file("PNG", GREY))
    pgic("encode", "odd[1].png")
    assert "odd[1].pgi" in files()


def test_a_bad_file_does_not_stop_the_others() -> None:
    folder_of_photos()
    Path("in/a/bad.jpg").write_bytes(b"nothing")
    Path("in/cut.png").write_bytes(photo_file("PNG", GREY)[:3000])
    said = pgic("encode", "in", "missing.jpg", "-o", "out", status=1)
    assert "3 of 6 files done" in said.stderr
    for line in (
        "3 of 6 failed:",
        "in/a/bad.jpg: This is not a picture",
        "in/cut.png: The picture cannot be read",
    ):
        assert line in said.stderr
    assert "missing.jpg: No such file" in said.stderr
    assert len([name for name in files() if name.startswith("out")]) == 3
    Path("out/one.pgi").write_bytes(Path("out/one.pgi").read_bytes()[:-1])
    for command in (["decode", "out", "-o", "back"], ["verify", "out"], ["info", "out", "--json"]):
        said = pgic(*command, status=0 if command[0] == "info" else 1)
    assert "2 of 3 files are sound" in pgic("verify", "out", status=1).stderr
    assert len([name for name in files() if name.startswith("back")]) == 2


def test_what_is_overwritten() -> None:
    Path("photo.pgi").write_bytes(b"old")
    said = pgic("encode", "photo.jpg", status=1)
    assert "photo.pgi exists already" in said.stderr
    pgic("encode", "photo.jpg", "--skip-existing")
    assert Path("photo.pgi").read_bytes() == b"old"
    pgic("encode", "photo.jpg", "-f")
    coded = Path("photo.pgi").read_bytes()
    assert coded.startswith(b"\x89PGI")
    Path("photo.pgi").write_bytes(b"old")
    pgic("encode", "photo.jpg", "photo.pgi")  # a name that was typed
    assert Path("photo.pgi").read_bytes() == coded
    assert "input itself" in pgic("encode", "photo.pgi", "photo.pgi", status=1).stderr
    assert Path("photo.pgi").read_bytes() == coded


def test_two_inputs_for_one_output() -> None:
    Path("photo.png").write_bytes(photo_file("PNG", GREY))
    said = pgic("encode", "photo.jpg", "photo.png", "-o", "out", status=1)
    assert "photo.png: out/photo.pgi is already made from photo.jpg" in said.stderr
    assert pgic_core.inspect("out/photo.pgi").channels == "rgb"


def test_a_failure_leaves_the_old_file() -> None:
    Path("x.pgi").write_bytes(b"old")
    pgic("encode", "photo.jpg", "x.pgi", "--max-bytes", 100, status=1)
    pgic("encode", "photo.jpg", "missing/x.pgi", status=1)
    assert Path("x.pgi").read_bytes() == b"old"
    assert files() == ["photo.jpg", "x.pgi"]


def test_streams() -> None:
    coded = pgic("encode", "-", "-", "--lossless", stdin=photo_file("PNG")).stdout_bytes
    np.testing.assert_array_equal(pgic_core.decode(coded), PHOTO)
    shown = pgic("decode", "-", "-", "--format", "webp", stdin=coded).stdout_bytes
    with Image.open(io.BytesIO(shown)) as image:
        assert image.format == "WEBP"
        np.testing.assert_array_equal(np.asarray(image), PHOTO)
    pgic("decode", "-", "x.png", stdin=coded)
    assert pixels("x.png").shape == PHOTO.shape
    pgic("verify", "-", stdin=coded)
    assert "160 x 120" in pgic("info", "-", stdin=coded).stdout
    # Without an output name, what comes in from a stream goes out to one.
    assert pgic("encode", "-", "--lossless", stdin=photo_file("PNG")).stdout_bytes == coded


def test_levels_and_windows() -> None:
    pgic("encode", "photo.jpg", "photo.pgi")
    pgic("decode", "photo.pgi", "small.png", "--level", "preview")
    assert size("small.png") == (20, 15)
    pgic("decode", "photo.pgi", "part.png", "--window", 100, 50, 60, 70)
    whole = pgic_core.decode("photo.pgi").astype(int)
    assert np.abs(pixels("part.png") - whole[50:120, 100:160]).max() <= 1
    assert "window" in pgic("decode", "photo.pgi", "x.png", "--window", 100, 50, 61, 70, status=1).stderr


def test_damage_is_concealed_on_request() -> None:
    pgic("encode", "photo.jpg", "photo.pgi")
    data = bytearray(Path("photo.pgi").read_bytes())
    data[-9] ^= 1
    Path("photo.pgi").write_bytes(data)
    pgic("decode", "photo.pgi", "out.png", status=1)
    said = pgic("decode", "photo.pgi", "out.png", "--conceal")
    assert "damaged" in said.stderr
    assert size("out.png") == (160, 120)


def test_strip_leaves_nothing_private() -> None:
    Path("photo.jpg").write_bytes(photo_file(exif=exif_bytes(), xmp=XMP, dpi=(300, 300)))
    pgic("encode", "photo.jpg", "kept.pgi")
    assert pgic_core.inspect("kept.pgi").metadata.location is not None
    pgic("encode", "photo.jpg", "bare.pgi", "--strip")
    facts = pgic_core.inspect("bare.pgi")
    assert [block.name for block in facts.blocks] == ["image data block"]


def test_orientation_is_kept_and_not_applied() -> None:
    Path("photo.jpg").write_bytes(photo_file(exif=exif_bytes(orientation=6)))
    pgic("encode", "photo.jpg", "photo.pgi")
    assert (pgic_core.inspect("photo.pgi").width, pgic_core.inspect("photo.pgi").orientation) == (160, 6)
    pgic("decode", "photo.pgi", "out.jpg")
    with Image.open("out.jpg") as image:
        assert (image.size, image.getexif()[0x0112]) == ((160, 120), 6)


def test_odd_names_do_not_stop_the_report() -> None:
    names = ("ph\udcffoto.png", "new\nline.png")  # the first is not UTF-8
    for name in names:
        Path(name).write_bytes(photo_file("PNG", GREY))
    said = pgic("encode", *names, "-o", "out", "-v")
    assert "new\\nline.png" in said.stderr
    assert "2 of 2 files done" in said.stderr
