"""What is appended takes over from the last frame, and what a newcomer gets wrong is said in one sentence."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import pgic_core
from pgic_core import PgiFile, PgiInputError, PgiOptionError, PgiWarning, SequenceWriter
from pgic_core.folders import natural

from .scenes import frame
from .test_commands import pgic

if TYPE_CHECKING:
    from pathlib import Path


def info(path: Path, number: int = -1) -> Any:
    with PgiFile(path) as file:
        return file.frame(number).info()


def test_what_follows_a_lossless_frame_is_lossless(tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    pgic_core.append(path, frame(0), lossless=True)
    with pytest.warns(PgiWarning, match="Frame 0 is stored losslessly, and so is what is appended"):
        pgic_core.append(path, frame(1))
    assert info(path).codec == "lossless"
    pgic_core.append(path, frame(2), quality=70, effort=1)
    pgic_core.append(path, frame(3), effort=1)
    assert info(path).quality == 70


def test_the_quality_is_that_of_the_last_lossy_frame(tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    grey = frame(1)[:, :, 0].copy()
    pgic_core.append(path, frame(0), quality=72, effort=1)
    pgic_core.append(path, grey)
    assert info(path).codec == "lossless"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pgic_core.append(path, frame(2), effort=1)
        assert info(path).quality == 72
        pgic_core.append(tmp_path / "grey.pgi", grey)
        pgic_core.append(tmp_path / "grey.pgi", grey)


def test_a_frame_without_parity_behind_one_with_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    pgic_core.append(path, frame(0), quality=50, effort=1, protect=0.1)
    pgic_core.append(path, frame(1), effort=1, protect=0.1)
    with pytest.warns(
        PgiWarning, match=r"^Frame 2 has no parity, though the frame before it has \(--protect"
    ):
        pgic_core.append(path, frame(2), effort=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pgic_core.append(path, frame(3), effort=1)


def test_names_are_sorted_with_digits_as_numbers(tmp_path: Path) -> None:
    names = ["10.jpg", "2.jpg", "a.jpg", "a10b2.jpg", "a2b10.jpg", "02.jpg", "١.jpg"]
    assert sorted(names, key=natural) == [
        "02.jpg", "2.jpg", "10.jpg", "a2b10.jpg", "a10b2.jpg", "a.jpg", "١.jpg",
    ]  # fmt: skip
    folder = tmp_path / "cam"
    folder.mkdir()
    for number, name in enumerate(("2.png", "10.png")):
        Image.fromarray(np.full((16, 16), number, np.uint8)).save(folder / name)
    path = tmp_path / "site.pgi"
    said = pgic("append", path, folder).output
    assert f"{path} did not exist; a new sequence was started.\n" in said
    assert "2 of 2 photos appended; the file has " in said
    pgic("encode", "--sequence", f"{folder}/*.png", "-o", tmp_path / "other.pgi")
    for made in (path, tmp_path / "other.pgi"):
        with PgiFile(made) as file:
            assert [int(each.decode()[0, 0]) for each in file.frames()] == [0, 1]
    assert "did not exist" not in pgic("append", path, folder).output


@pytest.mark.parametrize("picture", ["0.jpg", b"\xff\xd8"])
def test_a_path_is_no_picture(picture: Any, tmp_path: Path) -> None:
    said = r"^A picture is a numpy array or a Pillow image, not .*; open it with PIL.Image.open first\.$"
    with pytest.raises(PgiOptionError, match=said):
        pgic_core.append(tmp_path / "site.pgi", picture)
    with pytest.raises(PgiOptionError, match=said):
        pgic_core.encode(picture)
    assert not (tmp_path / "site.pgi").exists()


def test_misuse_of_writers_and_numbers_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    grey = np.zeros((16, 16), np.uint8)
    with SequenceWriter(path) as writer:
        writer.append(grey)
        with pytest.raises(PgiInputError) as found:
            SequenceWriter.open(path)
        assert str(found.value) == f"{path} is open in another writer."
    with pytest.raises(PgiOptionError, match=r"^The sequence is closed\.$"):
        writer.append(grey)
    with PgiFile(path) as file, pytest.raises(PgiOptionError, match=r"is an integer, not 0\.5"):
        file.frame(0.5)  # type: ignore[arg-type]
