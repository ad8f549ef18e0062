"""``cv2`` with ``.pgi`` files, beside OpenCV's own reading of the same pixels as PNG and JPEG."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

import pgic_core
import pgic_plugins.opencv
from pgic_core.errors import PgiWarning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL import Image

ROTATED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%c\0\0\0\0\0\0\0"
FLAGS = {
    name: getattr(cv2, name)
    for name in (
        "IMREAD_UNCHANGED",
        "IMREAD_GRAYSCALE",
        "IMREAD_COLOR",
        "IMREAD_COLOR_RGB",
        "IMREAD_ANYDEPTH",
        "IMREAD_ANYCOLOR",
        "IMREAD_IGNORE_ORIENTATION",
    )
}
FLAGS["any"] = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
FLAGS["colour of any depth"] = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    pgic_plugins.opencv.install()
    yield
    pgic_plugins.opencv.uninstall()


def pictures(photo: Image.Image) -> dict[str, np.ndarray[Any, Any]]:
    colours = np.asarray(photo)
    wide = colours.astype(np.uint16) * 257 - (colours > 8).astype(np.uint16)
    return {
        "grey": colours[:, :, 1],
        "colours": colours,
        "opacity": np.dstack([colours, colours[:, :, :1]]),
        "grey 16": wide[:, :, 1],
        "colours 16": wide,
    }


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("kind", ["grey", "colours", "opacity", "grey 16", "colours 16"])
def test_flags_mean_what_they_mean_for_png(photo: Image.Image, tmp_path: Path, kind: str, flags: int) -> None:
    pixels = pictures(photo)[kind]
    path, png = tmp_path / "a.pgi", str(tmp_path / "a.png")
    path.write_bytes(pgic_core.encode(pixels, lossless=True))
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(pixels.shape[-1] if pixels.ndim == 3 else 0)
    assert cv2.imwrite(png, pixels if order is None else np.ascontiguousarray(pixels[:, :, order]))
    wanted = cv2.imread(png, flags)
    for found in (
        cv2.imread(str(path), flags),
        cv2.imdecode(np.fromfile(path, np.uint8), flags),
        cv2.imdecode(np.fromfile(path, np.uint8).reshape(1, -1), flags=flags),
    ):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        # Both round grey from colours, each in its own way.
        most = 300 if wanted.dtype == np.uint16 else 1
        assert np.abs(found.astype(np.int64) - wanted).max() <= (most if wanted.ndim == 2 else 0)
        assert found.flags.c_contiguous
        assert found.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_jpeg_is(photo: Image.Image, tmp_path: Path, orientation: int) -> None:
    exif = ROTATED % orientation
    path, jpeg = tmp_path / "a.pgi", str(tmp_path / "a.jpg")
    photo.save(jpeg, quality=100, subsampling=0, exif=exif)
    pgic_core.encode_to(path, photo, lossless=True, exif=exif)
    for flags in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
        found, wanted = cv2.imread(str(path), flags), cv2.imread(jpeg, flags)
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_reduced_pictures_have_the_size_of_reduced_jpeg(
    photo: Image.Image, tmp_path: Path, factor: int
) -> None:
    path, jpeg = str(tmp_path / "a.pgi"), str(tmp_path / "a.jpg")
    photo.save(jpeg, quality=95)
    pgic_core.encode_to(path, photo)
    for kind in ("COLOR", "GRAYSCALE"):
        flags = getattr(cv2, f"IMREAD_REDUCED_{kind}_{factor}")
        found, wanted = cv2.imread(path, flags), cv2.imread(jpeg, flags)
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).mean() < 8


def test_other_files_and_calls_are_opencvs(photo: Image.Image, tmp_path: Path) -> None:
    png, path = str(tmp_path / "a.png"), str(tmp_path / "a.pgi")
    photo.save(png)
    pgic_core.encode_to(path, photo, lossless=True)
    assert np.array_equal(cv2.imread(png), cv2.imread(path))
    assert cv2.imread(str(tmp_path / "absent.pgi")) is None
    assert cv2.imdecode(np.zeros(9, np.uint8), cv2.IMREAD_COLOR) is None
    assert cv2.haveImageReader(path)
    assert cv2.haveImageReader(png)
    assert not cv2.haveImageReader(str(tmp_path))
    target = np.zeros((203, 301, 3), np.uint8)
    assert cv2.imread(path, target) is target
    assert target.any()
    with pytest.raises(cv2.error):
        cv2.imread()


def test_damage_gives_none_and_says_why(photo: Image.Image, tmp_path: Path) -> None:
    data = bytearray(pgic_core.encode(photo))
    data[-30] ^= 1
    path = tmp_path / "a.pgi"
    path.write_bytes(data)
    with pytest.warns(PgiWarning, match=r"a\.pgi: .*damaged"):
        assert cv2.imread(str(path)) is None
    with pytest.warns(PgiWarning, match="float32 need IMREAD_ANYDEPTH"):
        assert cv2.imdecode(
            np.frombuffer(pgic_core.encode(np.zeros((9, 9), np.float32)), np.uint8), cv2.IMREAD_COLOR
        ) is None  # fmt: skip


def test_uninstalling_leaves_opencv_as_it_was(tmp_path: Path, photo: Image.Image) -> None:
    path = tmp_path / "a.pgi"
    pgic_core.encode_to(path, photo, lossless=True)
    pgic_plugins.opencv.install()
    assert cv2.imread(str(path)) is not None
    assert os.environ["PGIC_INSTALL"] == "opencv"
    pgic_plugins.opencv.uninstall()
    assert cv2.imread(str(path)) is None
    assert "built-in" in repr(cv2.imread)
    assert "PGIC_INSTALL" not in os.environ


def test_processes_that_start_anew_have_it_too(tmp_path: Path, photo: Image.Image) -> None:
    path = tmp_path / "a.pgi"
    pgic_core.encode_to(path, photo, lossless=True)
    # As the start-up hook begins in an installed package.
    code = (
        "from pgic_plugins import _autoload; _autoload.install(); import sys, cv2; "
        "assert 'numpy' in sys.modules and 'pgic_plugins.opencv' not in sys.modules; "
        f"print(cv2.imread({str(path)!r}).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(203, 301, 3)", done.stderr
    without = {**os.environ, "PGIC_INSTALL": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=without
    )
    assert "NoneType" in done.stderr
