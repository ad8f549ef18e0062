"""The commands that make sequences and take them apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pgic_core
from pgic_core import PgiFile
from pgic_core.cli import app

from .conftest import FRAMES
from .scenes import HEIGHT, WIDTH, frame, psnr

if TYPE_CHECKING:
    from pathlib import Path


def pgic(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [str(each) for each in arguments], prog_name="pgic")
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cam")
    for number in range(3):
        Image.fromarray(frame(number)).save(folder / f"{number}.jpg", quality=95)
    return sorted(folder.iterdir())


def test_photos_become_a_sequence_that_grows(photos: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "site.pgi"
    done = pgic("encode", "--sequence", photos[0].parent, "-o", path, "-q", 60, "--duration", 40, "-v")
    assert "0.jpg" in done.output
    assert "frame 0, key frame" in done.output
    assert "frame 2, change frame" in done.output
    assert "frame 3, change frame" in pgic("append", path, photos[0]).output
    with PgiFile(path) as file:
        assert file.durations == [40, 40, 40, None]
        assert file.frame(3).info().quality == 60
        assert psnr(file.frame(3).decode(), frame(0)) > 34
    pgic("verify", path)
    assert "sound, all 4 frames" in pgic("verify", path).output
    path.write_bytes(path.read_bytes() + b"unfinished")
    assert "behind them 10 bytes of one that was not finished" in pgic("verify", path).output
    assert "10 bytes of a frame that was not finished" in pgic("info", path).output
    pgic("append", path, *photos, "--lossless", "--key-distance", 1, "--protect", "5%")
    with PgiFile(path) as file:
        assert file.n_frames == 7
        assert file.unfinished_bytes == 0
        assert file.frame(-1).info().codec == "lossless"


def test_a_bad_photo_does_not_end_the_others(photos: list[Path], tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.fromarray(frame(0)[:50]).save(small)
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    path = tmp_path / "site.pgi"
    done = pgic(
        "encode", "--sequence", photos[0], small, tmp_path / "no.jpg", photos[1], "-o", path, "-e", 1, code=1
    )
    assert "2 of 4 failed" in done.output
    assert "same height: 200 pixels, not 50 pixels" in done.output
    assert pgic_core.inspect(path).sequence.frames == 2  # type: ignore[union-attr]
    before = path.read_bytes()
    pgic("append", path, small, code=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "--sequence", "{0}", "{1}"],
        ["encode", "--sequence", "{0}", "-o", "-"],
        ["encode", "--duration", 5, "{0}"],
        ["encode", "--sequence", "--frame", 2, "{0}", "-o", "x.pgi"],
        ["decode", "{site}", "--frames", ":"],
        ["decode", "{site}", "--frames", "0:2", "--frame", 1, "-o", "x"],
        ["decode", "{site}", "--frames", "9:", "-o", "x"],
        ["decode", "{site}", "--frames", "3", "-o", "x"],
        ["split", "{site}", "--frames", "5:4", "-o", "x"],
        ["decode", "{site}", "--frames", "0:2", "-o", "x.png"],
        ["decode", "{site}", "--frame", "1:3", "x.png"],
        ["info", "{site}", "--show-changes", "x.png"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_what_cannot_be_asked_for(arguments: list[object], photos: list[Path], site: Path) -> None:
    filled = [str(each).format(*photos, site=site) for each in arguments]
    assert "Error" in pgic(*filled, code=2).output


def test_errors_name_the_file(photos: list[Path], site: Path, tmp_path: Path) -> None:
    for arguments in (["append", photos[0], photos[1]], ["split", photos[0], "-o", tmp_path / "x"]):
        assert f"{photos[0]}: This is not a .pgi file" in pgic(*arguments, code=1).output
    assert f"{tmp_path / 'no.pgi'}: The file" in pgic("split", tmp_path / "no.pgi", "-o", "x", code=1).output
    for command in (["encode", "--sequence", "-o"], ["append"]):
        output = pgic(*command, tmp_path / "no" / "x.pgi", *photos, code=1).output
        assert output.count("because the folder does not exist") == 1  # before any photo is coded
    assert "(--frames takes A:B)" in pgic("meta", "show", site, "--frame", "1:2", code=2).output
    output = pgic("info", "--changes", "--frame", 99, site, code=1).output
    assert output.strip().endswith("There is no frame 99: the file has 5, 0 to 4.")
    assert "frame 4" not in output


def test_frames_are_decoded(site: Path, tmp_path: Path) -> None:
    pgic("decode", site, tmp_path / "one.png", "--frame", 3)
    with PgiFile(site) as file:
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "one.png")), file.frame(3).decode())
    assert "has 5 frames; the first is decoded" in pgic("decode", site, tmp_path / "first.png").output
    pgic("decode", site, "--frames", "1:3", "-o", tmp_path / "some", "--format", "npy", "--scale", 2)
    assert sorted(each.name for each in (tmp_path / "some").iterdir()) == ["site-0001.npy", "site-0002.npy"]
    assert np.load(tmp_path / "some" / "site-0001.npy").shape == (HEIGHT // 2, WIDTH // 2, 3)
    pgic("decode", site, "--frames", "1:3", "-o", tmp_path / "some", "--format", "npy", code=1)
    assert "no frame 5" in pgic("decode", site, tmp_path / "x.png", "--frame", FRAMES, code=1).output


def test_a_sequence_is_split(site: Path, tmp_path: Path) -> None:
    pgic("split", site, "-o", tmp_path / "frames")
    made = sorted((tmp_path / "frames").iterdir())
    assert [each.name for each in made] == [f"site-{n:04}.pgi" for n in range(FRAMES)]
    with PgiFile(site) as file:
        for number, path in enumerate(made):
            with PgiFile(path) as still:
                assert not still.is_sequence
                assert still.metadata == file.frame(number).metadata
                np.testing.assert_array_equal(still.decode(), file.frame(number).decode())
                still.verify()


def test_what_changed_is_said_and_drawn(site: Path, tmp_path: Path) -> None:
    lines = pgic("info", "--changes", site).output.splitlines()
    assert lines[1].split() == ["frame", "0", "key", "frame"]
    assert lines[2].startswith("  frame 1")
    assert "of 20 blocks changed" in lines[2]
    assert len(lines) == 1 + FRAMES
    shown = json.loads(pgic("info", "--changes", "--json", "--frame", 2, site).stdout)
    (facts,) = shown["changes"]
    assert facts["frame"] == 2
    assert facts["reference"] == 1
    assert facts["changed_blocks"] == np.count_nonzero(facts["map"])
    grid = pgic("info", "--changes", "--frame", 2, site).output.splitlines()[2:]
    assert [line.split() for line in grid] == [[str(v or ".") for v in row] for row in facts["map"]]
    pgic("info", "--frame", 2, "--show-changes", tmp_path / "x.png", site)
    drawn = np.asarray(Image.open(tmp_path / "x.png").convert("L")).astype(int)
    with PgiFile(site) as file:
        plain = np.asarray(Image.fromarray(file.frame(2).decode()).convert("L")).astype(int)
    assert drawn[140:].mean() < 0.5 * plain[140:].mean()
    assert drawn[84:116, 94:126].mean() > 0.95 * plain[84:116, 94:126].mean()


def test_facts_of_a_frame(site: Path) -> None:
    assert (
        "sequence      5 frames, 1 of them key frames, key distance 64, 0.510 s" in pgic("info", site).output
    )
    facts = json.loads(pgic("info", "--json", "--frame", -1, site).stdout)
    assert facts["sequence"] is None
    assert facts["metadata"]["timestamp_ms"] == 1_700_000_000_004
    assert json.loads(pgic("info", "--json", site).stdout)["sequence"]["frames"] == FRAMES
